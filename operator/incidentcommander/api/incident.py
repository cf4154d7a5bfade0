"""The Incident: what somebody declares (``spec``) and what stands written of it (``status``).

The CEL rules beside the fields are enforced by the API server; they are the ones of the contract.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from pydantic import ConfigDict, Field, field_serializer, field_validator, model_validator

from .base import (
    LINES,
    ONE_LINE,
    ApiModel,
    Command,
    Duration,
    HttpUrl,
    Message,
    Name,
    Person,
    Timestamp,
    User,
)
from .common import (
    Condition,
    Confidence,
    GuardVerdict,
    NameRef,
    ObjectMeta,
    ObjectRef,
    OnFailure,
    Phase,
    ProposalState,
    Risk,
    Severity,
    TargetKind,
    TargetRef,
    Verdict,
)
from .notices import ChannelName, ChannelState, Notice
from .policy import EscalationTrigger, ResponsePolicySpec, Role

__all__ = [
    "FREE_PHASES",
    "MAX_COMMANDS",
    "MAX_ENTRY_TEXT",
    "MAX_ISSUED",
    "MAX_PAGES",
    "MAX_SPEAKERS",
    "Alert",
    "Approval",
    "Diagnosis",
    "Display",
    "Durations",
    "Escalated",
    "Evidence",
    "Execution",
    "ExecutionState",
    "Finding",
    "GuardFinding",
    "GuardStatus",
    "Handled",
    "Impact",
    "Incident",
    "IncidentSpec",
    "IncidentStatus",
    "MadeChange",
    "Milestones",
    "Monitoring",
    "PageRef",
    "PinnedPolicy",
    "PostmortemRef",
    "Proposal",
    "ProposalTarget",
    "Response",
    "Roles",
    "RunbookRef",
    "Sample",
    "TimelineEntry",
    "TimelineRoom",
    "Updates",
    "Verification",
    "VerificationPlan",
]

from datetime import timedelta
from enum import StrEnum

MAX_ENTRIES: Final = 128
MAX_PAGES: Final = 384
MAX_SPEAKERS: Final = 16
MAX_PROPOSALS: Final = 8
MAX_FINDINGS: Final = 24
MAX_GUARDS: Final = 12
MAX_NOTICES: Final = 24
MAX_COMMANDS: Final = 4
MAX_ISSUED: Final = 2048
"""More than are offered while one of them can be approved: nobody pastes an older one."""

StepName = Annotated[str, Field(max_length=63)]
ProposalId = Annotated[str, Field(max_length=64)]
Digest = Annotated[str, Field(max_length=64, pattern=r"^([0-9a-f]{64})?$")]
Text256 = Annotated[str, Field(max_length=256)]
Words256 = Annotated[str, Field(max_length=256, json_schema_extra=LINES)]
Text1000 = Annotated[str, Field(max_length=1000)]


class Roles(ApiModel):
    """Who does what; values are Kubernetes user names."""

    commander: Person | None = Field(
        default=None, description="Incident commander: decides. Approvals are theirs alone."
    )
    tech_lead: Person | None = Field(
        default=None, description="Leads the investigation and the fix."
    )
    comms: Person | None = Field(default=None, description="Speaks to stakeholders and customers.")
    scribe: Person | None = Field(default=None, description="Keeps the record.")


class Impact(ApiModel):
    """What users feel. Never a cause."""

    symptom: Words256 | None = Field(
        default=None,
        description="What outsiders may read; never a cause. Changed after creation by the "
        "commander, comms or a holder of the verb approve.",
    )
    summary: Words256 | None = Field(
        default=None,
        description="Who is affected and how: the IMPACT part of updates. Changed as symptom is.",
    )
    users_affected_percent: Annotated[int, Field(ge=0, le=100)] | None = Field(
        default=None, description="Share of users affected, 0 to 100."
    )
    customer_reported: bool = Field(default=False, description="Customers told us, not a monitor.")
    paying_accounts: bool = Field(default=False, description="Paying accounts are affected.")
    data_integrity: bool = Field(default=False, description="Data may be lost or wrong.")
    security_breach: bool = Field(default=False, description="Somebody may have got in.")


class Alert(ApiModel):
    """The alert that declared this Incident; set by intake at creation, never changed."""

    name: Annotated[str, Field(min_length=1, max_length=253)] = Field(description="alertname.")
    labels: Annotated[dict[str, Annotated[str, Field(max_length=512)]], Field(max_length=64)] = (
        Field(default_factory=dict, description="Labels of the alert.")
    )
    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=2048)]], Field(max_length=32)
    ] = Field(default_factory=dict, description="Annotations of the alert.")
    fingerprint: Annotated[str, Field(max_length=128)] | None = Field(
        default=None, description="Fingerprint that Alertmanager gave."
    )
    group_key: Annotated[str, Field(max_length=2048)] | None = Field(
        default=None, description="Key of the alert group."
    )
    starts_at: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="When the alert began to fire (RFC 3339)."
    )


class IncidentSpec(ApiModel):
    """What people say about the incident."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                {
                    "rule": "self.drill == oldSelf.drill",
                    "message": "drill is immutable: declare a new Incident",
                    "fieldPath": ".drill",
                },
                {
                    "rule": "has(self.alert) == has(oldSelf.alert) && "
                    "(!has(self.alert) || self.alert == oldSelf.alert)",
                    "message": "alert is set by intake when the Incident is created and can be "
                    "neither added, changed nor removed later",
                    "fieldPath": ".alert",
                },
            ]
        }
    }

    title: Annotated[
        str, Field(min_length=1, max_length=120, pattern=r"\S", json_schema_extra=ONE_LINE)
    ] = Field(description="One line that says what is broken; internal.")
    severity: Severity = Field(
        default=Severity.SEV2,
        description="SEV1 (critical) to SEV4 (low). If unsure, take the higher one.",
    )
    target: TargetRef = Field(
        description="The workload that is suspected. Fixed outside of the phases Declared, "
        "Diagnosing, Investigating and AwaitingApproval: what was approved concerns it to the end."
    )
    runbook_ref: NameRef | None = Field(
        default=None,
        description="Runbook to follow, in this namespace or else beside the operator. "
        "Default: the best match.",
    )
    policy_ref: NameRef | None = Field(
        default=None,
        description="ResponsePolicy to run under. Default: `default` in this namespace, else "
        "beside the operator. Its values are copied when the Incident is declared: from then on "
        "it is fixed.",
    )
    started_at: Timestamp | None = Field(
        default=None,
        description="When the impact began, read once, when the Incident is declared. Default: the "
        "alert's start, else creation.",
    )
    roles: Roles | None = Field(
        default=None,
        description="Who does what. commander names the first commander only; later ones use the "
        "take-command request. Once there is a commander, only the commander or a holder of the verb "
        "approve changes roles; commander and comms are given after creation by no other at all.",
    )
    war_room: HttpUrl | None = Field(
        default=None,
        description="URL of the one place for all communication; it stands in every internal "
        "update. Once there is a commander, changed by the commander or a holder of the verb approve.",
    )
    impact: Impact | None = Field(default=None, description="What users feel.")
    alert: Alert | None = Field(
        default=None, description="The alert behind this Incident (set by intake)."
    )
    drill: bool = Field(default=False, description="A drill: real actions, apart in all figures.")
    duplicate_of: NameRef | None = Field(
        default=None,
        description="Another Incident of this namespace that this one is merged into: it ends as "
        "Merged. After creation it is a decision as dismiss is: it needs the verb approve, and the "
        "commander where there is one, is made alone, and is refused while a proposal is Approved or "
        "Executing. Reopened, it is out of force until it names another one.",
    )
    related_to: Annotated[list[ObjectRef], Field(max_length=8)] = Field(
        default_factory=list,
        description="Earlier Incidents of the same trouble: words for people, nothing follows.",
    )


class Evidence(ApiModel):
    """What exactly was asked and what was answered."""

    query: Message | None = Field(default=None, description="The exact PromQL query or API call.")
    value: Text256 | None = Field(default=None, description="What was seen, with its unit.")
    threshold: Text256 | None = Field(default=None, description="What it was held against.")
    verdict: Verdict | None = Field(default=None, description="What follows from it.")
    resource_version: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="resourceVersion of the object that was read."
    )


MAX_ENTRY_TEXT: Final = 1400
_ENTRY_TEXT: Final = " + ".join(
    [
        "self.reason.size() + self.actor.size() + self.message.size()",
        *(f"(has(self.{name}) ? self.{name}.size() : 0)" for name in ("step", "proposal")),
        *(
            f"(has(self.evidence) && has(self.evidence.{name}) ? self.evidence.{name}.size() : 0)"
            for name in ("query", "value", "threshold", "resourceVersion")
        ),
    ]
)


class TimelineEntry(ApiModel):
    """One step of the incident. Once written, the API server refuses any change to it."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                {
                    "rule": f"{_ENTRY_TEXT} <= {MAX_ENTRY_TEXT}",
                    "message": f"the texts of an entry have at most {MAX_ENTRY_TEXT} characters "
                    "together",
                }
            ]
        }
    }

    seq: Annotated[int, Field(ge=0)] = Field(
        description="Number of the entry, from 0 without gaps."
    )
    at: Timestamp = Field(description="When it was written.")
    phase: Phase = Field(description="Phase after this step.")
    reason: Annotated[str, Field(max_length=64, pattern=r"^[A-Z][A-Za-z0-9]*$")] = Field(
        description="What happened: one past-tense CamelCase word."
    )
    actor: User = Field(description="A user name, `operator` or `kubernetes`.")
    message: Message = Field(description="What was seen, the threshold, what happens next.")
    step: StepName | None = Field(default=None, description="Diagnosis step it is about.")
    proposal: ProposalId | None = Field(default=None, description="Proposal it is about.")
    event_time: Timestamp | None = Field(
        default=None, description="When it happened, where that was earlier."
    )
    evidence: Evidence | None = Field(default=None, description="What was asked and answered.")


class Finding(ApiModel):
    """The verdict of one diagnosis step."""

    step: StepName = Field(description="Name of the step in the Runbook.")
    check: Annotated[str, Field(max_length=32)] = Field(description="Kind of the check.")
    verdict: Verdict = Field(description="Passed, Failed, Inconclusive or Error.")
    reason: Annotated[str, Field(max_length=64)] = Field(description="One CamelCase word.")
    message: Message = Field(description="What it means, in one sentence.")
    evidence: Evidence | None = Field(default=None, description="What was asked and answered.")
    since: Timestamp | None = Field(
        default=None, description="When the trouble, or for a rollout the release, began."
    )
    at: Timestamp = Field(description="When it was judged.")
    baseline: float | None = Field(
        default=None,
        description="For errorRate: the share of failing requests that was normal, as measured at "
        "diagnosis. Verification holds against it.",
    )


class Diagnosis(ApiModel):
    """The current round of diagnosis."""

    round: Annotated[int, Field(ge=0)] = Field(default=0, description="Rounds so far.")
    started_at: Timestamp | None = Field(default=None, description="Start of this round.")
    finished_at: Timestamp | None = Field(default=None, description="End of this round.")
    again_at: Timestamp | None = Field(
        default=None,
        description="When to look again: queries looked back to before the running release.",
    )
    template_hash: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Hash of the pod template that was running then."
    )
    findings: Annotated[list[Finding], Field(max_length=MAX_FINDINGS)] = Field(
        default_factory=list, description="One per step of the Runbook."
    )


_GUARD_COMMAND: Final = 384
"""What a command with names of the usual length never needs: guards are most of a large status."""


class GuardFinding(ApiModel):
    """What one guard says of a proposal."""

    name: Annotated[str, Field(max_length=63)] = Field(description="Name of the guard.")
    verdict: GuardVerdict = Field(description="Clear, Warn or Block.")
    message: Message = Field(description="What was seen, and how to clear it.")
    commands: Annotated[
        list[Annotated[str, Field(max_length=_GUARD_COMMAND)]], Field(max_length=2)
    ] = Field(
        default_factory=list,
        description="The commands of the message, each to be copied whole; nothing else is one.",
    )
    until: Timestamp | None = Field(
        default=None, description="When it is over by itself, where that is known."
    )

    @field_validator("commands", mode="before")
    @classmethod
    def _short_ones(cls, commands: list[str]) -> list[str]:
        """Leave a monstrous one out: the proposal has its own, and nothing is bricked by the other."""
        return [command for command in commands if len(command) <= _GUARD_COMMAND]


class ProposalTarget(ApiModel):
    """Exactly which workload a proposal changes."""

    kind: TargetKind = Field(description="Kind of the workload.")
    name: Name = Field(description="Name of the workload.")
    uid: Annotated[str, Field(max_length=64)] = Field(
        description="Its uid; another object of the same name is another workload."
    )

    @property
    def ref(self) -> TargetRef:
        """Its kind and name."""
        return TargetRef(kind=self.kind, name=self.name)


class VerificationPlan(ApiModel):
    """How a remediation is verified; copied from the Runbook when it was proposed."""

    timeout: Duration = Field(description="Longest time for rollout and checks.")
    interval: Duration = Field(description="Time between two samples.")
    successes: Annotated[int, Field(ge=1, le=100)] = Field(
        description="Good samples in a row needed."
    )
    failures: Annotated[int, Field(ge=1, le=100)] = Field(
        description="Bad ones in a row that end it."
    )
    checks: Annotated[list[StepName], Field(max_length=16)] = Field(
        default_factory=list, description="Diagnosis steps that must pass; rollout and pods always."
    )
    checks_digest: Annotated[str, Field(max_length=64)] = Field(
        default="",
        description="Hash over these steps as they were; others, under the same names, do not count.",
    )


class Proposal(ApiModel):
    """One remediation, absolute and frozen, that a person can approve by its id."""

    id: ProposalId = Field(
        description="What an approval names: drawn at random, and never given to another plan."
    )
    digest: Digest = Field(
        default="",
        description="SHA-256 over all that is approved: Incident, attempt, action and parameters, "
        "the whole change that is sent, what it depends on, verification, onFailure, guard.",
    )
    remediation: Annotated[str, Field(max_length=40)] = Field(description="Name in the Runbook.")
    action: Annotated[str, Field(max_length=32)] = Field(
        description="What is done: rolloutUndo, rolloutRestart, scale …"
    )
    parameters: Annotated[
        dict[str, Annotated[str, Field(max_length=512)]], Field(max_length=16)
    ] = Field(default_factory=dict, description="The action's absolute parameters.")
    depends_on: Annotated[
        dict[str, Annotated[str, Field(max_length=256)]], Field(max_length=10)
    ] = Field(
        default_factory=dict,
        description="What the plan depends on; when any of it changes, the proposal is void.",
    )
    state: ProposalState = Field(description="Where the proposal stands.")
    recommended: bool = Field(default=False, description="The operator's first choice.")
    confidence: Confidence = Field(description="Whether its `when` was proven.")
    risk: Risk = Field(description="Low, Medium or High.")
    summary: Message = Field(description="What will be done, in one line.")
    reason: Message = Field(description="Why it is offered.")
    target: ProposalTarget = Field(description="The workload that it changes.")
    diff: Annotated[str, Field(max_length=8192)] = Field(
        default="", description="Unified diff from a server-side dry run."
    )
    command: Command = Field(description="The same by plain kubectl.")
    approve_command: Command = Field(
        description="The command that approves this proposal: copy, paste, done. Empty for a "
        "revert that was approved along with what it reverts."
    )
    guards: Annotated[list[GuardFinding], Field(max_length=MAX_GUARDS)] = Field(
        default_factory=list, description="What speaks against it."
    )
    verification: VerificationPlan = Field(description="How success is proven.")
    on_failure: OnFailure = Field(
        default=OnFailure.ESCALATE, description="What follows a failed verification."
    )
    expires_at: Timestamp = Field(description="Not approvable after this.")
    revert_of: ProposalId | None = Field(
        default=None, description="The proposal that this one reverts."
    )

    @property
    def approved_along(self) -> bool:
        """Whether it is a revert that needs no approval of its own."""
        return self.revert_of is not None and not self.approve_command

    @property
    def blocked(self) -> bool:
        """Whether a guard forbids its approval."""
        return any(g.verdict is GuardVerdict.BLOCK for g in self.guards)


class Approval(ApiModel):
    """Who approved what."""

    proposal: ProposalId = Field(description="Id of the approved proposal.")
    digest: Digest = Field(
        default="", description="Its digest: it is computed again before anything is changed."
    )
    by: User = Field(description="The person, as the API server stamped it.")
    at: Timestamp = Field(description="When the approval was taken.")


class ExecutionState(StrEnum):
    """How far the approved change has come."""

    INTENT = "Intent"
    APPLIED = "Applied"
    COMPLETE = "Complete"
    NOT_APPLIED = "NotApplied"


class Execution(ApiModel):
    """The approved change: written before it is made, completed after it."""

    proposal: ProposalId = Field(description="Id of the proposal.")
    state: ExecutionState = Field(description="Intent, Applied, Complete or NotApplied.")
    target_uid: Annotated[str, Field(max_length=64)] = Field(description="uid of the target.")
    target_generation: Annotated[int, Field(ge=0)] = Field(
        description="Generation that the patch tests."
    )
    nonce: Annotated[str, Field(max_length=64, pattern="^[0-9a-f]*$")] = Field(
        default="",
        description="Drawn with the intent: the marker on the target is `<proposal>.<nonce>`.",
    )
    autoscaler_uid: Annotated[str, Field(max_length=64)] = Field(
        default="", description="uid of the HPA that is changed; empty where none is."
    )
    autoscaler_version: Annotated[str, Field(max_length=64)] = Field(
        default="", description="resourceVersion of that HPA, which the patch tests."
    )
    retries: Annotated[int, Field(ge=0)] = Field(
        default=0, description="How often the target moved before the change could be made."
    )
    started_at: Timestamp = Field(description="When the intent was written.")
    applied_at: Timestamp | None = Field(default=None, description="When the change was made.")
    applied_generation: int | None = Field(default=None, description="Generation that it made.")
    completed_at: Timestamp | None = Field(default=None, description="When the rollout was done.")
    deadline: Timestamp | None = Field(default=None, description="When waiting ends.")
    deleting: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=8)] = Field(
        default_factory=list, description="uids of the pods whose deletion was begun."
    )
    deleted: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=8)] = Field(
        default_factory=list, description="uids of those that are gone, or were left alone."
    )
    restarted_at: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="For a restart: the value of the annotation."
    )
    progress: Message | None = Field(
        default=None, description="As `kubectl rollout status` says it."
    )


class MadeChange(ApiModel):
    """A change that an approval led to: what cooldown and window are reckoned from."""

    at: Timestamp = Field(description="When it was made.")
    proposal: ProposalId = Field(description="Id of the proposal.")
    action: Annotated[str, Field(max_length=32)] = Field(description="What was done.")
    target: ProposalTarget = Field(description="The workload that it was made for.")
    left: Annotated[str, Field(max_length=64)] = Field(
        default="", description="For a rollback: hash of the pod template that it left."
    )


class Sample(ApiModel):
    """One look at all verification checks."""

    at: Timestamp = Field(description="When.")
    verdict: Verdict = Field(description="The worst of the checks.")
    message: Message = Field(description="What was seen.")


class Verification(ApiModel):
    """Proof that it is good again: ``successes`` samples in a row."""

    started_at: Timestamp = Field(description="When verification began.")
    deadline: Timestamp = Field(description="When it ends without an answer.")
    next_at: Timestamp | None = Field(default=None, description="Time of the next sample.")
    successes: int = Field(default=0, ge=0, description="Good samples in a row.")
    failures: int = Field(default=0, ge=0, description="Bad samples in a row.")
    plan: VerificationPlan = Field(description="What is checked, and how often.")
    last: Sample | None = Field(default=None, description="The newest sample.")


class Monitoring(ApiModel):
    """The watch after the fix."""

    started_at: Timestamp = Field(description="When the fix was confirmed.")
    until: Timestamp = Field(description="When it ends, if all stays good.")
    next_at: Timestamp | None = Field(default=None, description="Time of the next sample.")
    good: int = Field(default=0, ge=0, description="Good samples so far.")
    failures: int = Field(default=0, ge=0, description="Bad samples in a row.")
    last: Sample | None = Field(default=None, description="The newest sample.")


class SeverityBasis(ApiModel):
    """What the effective severity rests on, so that only what is new raises it."""

    asked: Severity = Field(description="spec.severity, as last seen.")
    facts: Annotated[list[Annotated[str, Field(max_length=32)]], Field(max_length=16)] = Field(
        default_factory=list, description="Rules whose facts were seen."
    )
    first_percent: Annotated[int, Field(ge=0, le=100)] | None = Field(
        default=None, description="The first figure of users affected."
    )
    doublings: Annotated[int, Field(ge=0, le=7)] = Field(
        default=0, description="How often that has doubled since."
    )


class RootCause(ApiModel):
    """What people found the cause to be. Internal: no outsider reads it."""

    text: Message = Field(description="In a person's words.")
    by: User = Field(description="Who said so.")
    at: Timestamp = Field(description="When.")


class Updates(ApiModel):
    """When stakeholders were told, and when they must be told next."""

    last_at: Timestamp | None = Field(default=None, description="Time of the last update.")
    next_due_at: Timestamp | None = Field(default=None, description="When the next one is due.")
    count: int = Field(default=0, ge=0, description="Updates so far.")
    external: int = Field(default=0, ge=0, description="Updates to outsiders so far.")
    external_due_at: Timestamp | None = Field(
        default=None, description="When outsiders are to hear the next one."
    )
    told: Annotated[list[ChannelName], Field(max_length=8)] = Field(
        default_factory=list, description="Channels that were told: they get the last words, too."
    )
    withheld: Annotated[list[Text256], Field(max_length=4)] = Field(
        default_factory=list,
        description="Words of spec.impact that outsiders do not get, since they speculate.",
    )


class Milestones(ApiModel):
    """The moments that durations are computed from."""

    started_at: Timestamp | None = Field(default=None, description="Impact began.")
    detected_at: Timestamp | None = Field(
        default=None, description="An alert fired or a person saw it."
    )
    declared_at: Timestamp | None = Field(default=None, description="The Incident was created.")
    acknowledged_at: Timestamp | None = Field(default=None, description="A person took it.")
    diagnosed_at: Timestamp | None = Field(default=None, description="The first round finished.")
    proposed_at: Timestamp | None = Field(default=None, description="First proposal offered.")
    approved_at: Timestamp | None = Field(default=None, description="Last approval granted.")
    remediated_at: Timestamp | None = Field(default=None, description="Last rollout complete.")
    mitigated_at: Timestamp | None = Field(default=None, description="Verified: impact over.")
    resolved_at: Timestamp | None = Field(default=None, description="Watched long enough.")
    closed_at: Timestamp | None = Field(default=None, description="Ended.")


class Durations(ApiModel):
    """Seconds between milestones."""

    detect: int | None = Field(default=None, description="detectedAt - startedAt, seconds.")
    acknowledge: int | None = Field(
        default=None, description="acknowledgedAt - detectedAt, seconds."
    )
    mitigate: int | None = Field(default=None, description="mitigatedAt - startedAt, seconds.")
    resolve: int | None = Field(default=None, description="resolvedAt - startedAt, seconds.")


class RunbookRef(ApiModel):
    """The Runbook that is followed, pinned."""

    name: Name = Field(description="Name of the Runbook.")
    namespace: Annotated[str, Field(max_length=63)] = Field(description="Its namespace.")
    uid: Annotated[str, Field(max_length=64)] = Field(description="Its uid.")
    generation: int = Field(description="Generation that was read.")


class PinnedPolicy(ApiModel):
    """The ResponsePolicy in force, with the values that this Incident runs under."""

    name: Name = Field(description="Name of the ResponsePolicy.")
    namespace: Annotated[str, Field(max_length=63)] = Field(description="Its namespace.")
    generation: int = Field(description="Generation that was read; 0: built-in values.")
    monitor_for: Duration = Field(description="How long a fix is watched.")
    first_update_within: Duration = Field(
        default=timedelta(minutes=5), description="When the first update is due."
    )
    update_every: Duration = Field(
        default=timedelta(minutes=30), description="Time between two updates."
    )
    rules_off: Annotated[list[Annotated[str, Field(max_length=32)]], Field(max_length=16)] = Field(
        default_factory=list, description="Severity rules that are switched off."
    )
    expire_after: Duration = Field(description="How long a proposal can be approved.")
    cooldown: Duration = Field(description="Least time between two actions on a target.")
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        description="Remediations per Incident."
    )
    window: Duration = Field(
        default=timedelta(hours=1),
        description="Time within which a target gets no more remediations than that.",
    )
    rediagnose_every: Duration = Field(description="Time between rounds while people investigate.")
    postmortem: Annotated[str, Field(max_length=16)] = Field(
        description="Required, OnRollback or None, for this severity."
    )
    postmortem_within: Duration = Field(
        default=timedelta(hours=48), description="When the Postmortem is due after resolution."
    )
    spec: ResponsePolicySpec | None = Field(
        default=None,
        description="The policy as it was when this Incident was declared, as far as it differs "
        "from the built-in values: the Incident runs under it to its end.",
    )

    @field_serializer("spec")
    def _only_what_differs(self, spec: ResponsePolicySpec | None) -> Any:
        if spec is None:
            return None
        return spec.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @property
    def whole(self) -> ResponsePolicySpec:
        """All of the policy."""
        return self.spec or ResponsePolicySpec()


class Response(ApiModel):
    """When somebody is to be there."""

    due_at: Timestamp = Field(description="When it is to be acknowledged and the roles are taken.")
    roles: Annotated[list[Role], Field(max_length=4)] = Field(
        default_factory=list, description="Roles that somebody is to have by then."
    )
    reminded: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Roles that were missing when people were reminded."
    )


class Escalated(ApiModel):
    """Somebody was told that something had not happened in time."""

    trigger: EscalationTrigger = Field(description="What had not happened.")
    to: Annotated[str, Field(max_length=63)] = Field(description="Who was told.")
    severity: Severity = Field(description="The severity then.")
    since: Timestamp = Field(description="Since when it was awaited.")
    at: Timestamp = Field(description="When they were told.")


class PostmortemRef(ApiModel):
    """The Postmortem that is owed."""

    name: Name | None = Field(default=None, description="Name of the Postmortem.")
    due_at: Timestamp | None = Field(default=None, description="When it is due.")
    told_at: Timestamp | None = Field(
        default=None, description="When the channels were told that it is drafted and due."
    )
    overdue_at: Timestamp | None = Field(
        default=None, description="When it was found overdue; said once."
    )
    guard: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="Fingerprint of the guard under which it was last seen not Final. Final under "
        "another guard may have been set by anybody.",
    )
    doubted_at: Timestamp | None = Field(
        default=None, description="When it was found Final and not believed; said once."
    )


class GuardStatus(ApiModel):
    """The admission policies that keep approvals honest, as last seen."""

    fingerprint: Annotated[str, Field(max_length=64)] = Field(
        default="", description="Hash over uid and generation of every policy and binding."
    )
    proven: bool = Field(default=False, description="A forged approval was just refused.")
    message: Message = Field(default="", description="What the proof saw.")
    at: Timestamp | None = Field(default=None, description="When it was proven.")


class Handled(ApiModel):
    """Which requests were recorded, so that a crash neither loses nor repeats one."""

    seq: int = Field(default=0, ge=0, description="Rises with every batch of requests taken.")
    keys: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=32)] = Field(
        default_factory=list, description="Keys of the last batch, to be removed."
    )
    guard: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="Fingerprint of the guard under which this Incident was last seen without a "
        "request. One that is found under another guard may be anybody's.",
    )
    doubted: Annotated[list[Annotated[str, Field(max_length=96)]], Field(max_length=8)] = Field(
        default_factory=list,
        description="What spec said of target, Runbook and each role when nobody could vouch for who had "
        "written it, as `field=digest`: it is not taken up as long as it stands like that.",
    )
    keeps: TargetRef | None = Field(
        default=None,
        description="The workload that it goes on to be about, while another one in spec is not taken up.",
    )
    spec_waits: bool = Field(
        default=False,
        description="Whether target, Runbook and roles of spec wait for the guard to be proven.",
    )


class Speaker(ApiModel):
    """How much a person has said within the hour that is counted."""

    by: User = Field(description="Who; empty: all who are not counted one by one.")
    since: Timestamp = Field(description="When the hour began.")
    entries: int = Field(default=0, ge=0, description="What was recorded, in entries.")
    ignored: int = Field(default=0, ge=0, description="Requests that were too many.")


class TimelineRoom(StrEnum):
    """What is still written to a timeline that has nearly all the pages that it may have."""

    NO_NOTES = "NoNotes"
    """Everything but the words of people; decisions are taken."""
    DECIDING = "Deciding"
    """Moves between phases, decisions, changes of the target."""
    ENDING = "Ending"
    """What ends the Incident."""


class PageRef(ApiModel):
    """A TimelinePage that holds older entries."""

    name: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="Name of the TimelinePage."
    )
    from_seq: int = Field(ge=0, description="First entry on it.")
    to_seq: int = Field(ge=0, description="Last entry on it.")
    sha256: Annotated[str, Field(max_length=64)] = Field(description="Hash over its entries.")


class Display(ApiModel):
    """Texts for printer columns."""

    target: Annotated[str, Field(max_length=300)] = Field(default="", description="Kind/name.")
    proposal: ProposalId | None = Field(default=None, description="The recommended open proposal.")
    next_update: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="When the next update is due, as `08:45 UTC`."
    )


_TIMELINE_CONTIGUOUS: Final = (
    "self.size()==0 || (self[self.size()-1].seq-self[0].seq==self.size()-1 && "
    "self.all(v, v.seq>=self[0].seq && v.seq-self[0].seq<self.size() && "
    "self[v.seq-self[0].seq].seq==v.seq))"
)
_TIMELINE_APPEND_ONLY: Final = (
    "oldSelf.size()==0 || (self.size()>0 && self[0].seq>=oldSelf[0].seq && "
    "self[self.size()-1].seq>=oldSelf[oldSelf.size()-1].seq && "
    "oldSelf.all(v, v.seq<self[0].seq || (v.seq-self[0].seq<self.size() && "
    "self[v.seq-self[0].seq]==v)))"
)
_PAGES_CONTIGUOUS: Final = (
    "self.all(i, v, v.fromSeq == (i == 0 ? 0 : self[i-1].toSeq + 1) && v.toSeq >= v.fromSeq)"
)
_PAGES_GROW: Final = "self.size() >= oldSelf.size() && oldSelf.all(i, v, self[i] == v)"


_COMMITTED: Final = (
    "!has(oldSelf.status.proposals) || "
    "!oldSelf.status.proposals.exists(p, p.state in ['Approved', 'Executing'])"
)


FREE_PHASES: Final = (
    Phase.DECLARED,
    Phase.DIAGNOSING,
    Phase.INVESTIGATING,
    Phase.AWAITING_APPROVAL,
)
"""Phases in which ``spec.target`` says what the Incident is about."""
_RETARGETABLE: Final = (
    f"((!has(oldSelf.status.phase) || oldSelf.status.phase in {[str(p) for p in FREE_PHASES]}) && "
    f"({_COMMITTED}))"
)


def _same(field: str) -> str:
    """Give the rule that an optional field of spec is as it was."""
    return (
        f"has(self.spec.{field}) == has(oldSelf.spec.{field}) && "
        f"(!has(self.spec.{field}) || self.spec.{field} == oldSelf.spec.{field})"
    )


class IncidentStatus(ApiModel):
    """What the operator knows and did. Only the operator writes it."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                {
                    "rule": "!has(oldSelf.timeline) || has(self.timeline)",
                    "message": "the timeline cannot be removed",
                    "fieldPath": ".timeline",
                },
                {
                    "rule": "!has(oldSelf.timelinePages) || has(self.timelinePages)",
                    "message": "timelinePages cannot be removed",
                    "fieldPath": ".timelinePages",
                },
                {
                    "rule": "!has(self.timeline) || self.timeline.size() == 0 || "
                    "self.timeline[0].seq == (has(self.timelinePages) && "
                    "self.timelinePages.size() > 0 ? "
                    "self.timelinePages[self.timelinePages.size()-1].toSeq + 1 : 0)",
                    "message": "the timeline begins where its last page ends",
                    "fieldPath": ".timeline",
                },
            ]
        }
    }

    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation of the spec that this status is about."
    )
    phase: Phase = Field(default=Phase.DECLARED, description="Where the Incident stands.")
    severity: Severity | None = Field(default=None, description="Effective severity.")
    severity_basis: SeverityBasis | None = Field(
        default=None, description="What the severity rests on."
    )
    unmerged_from: Name | None = Field(
        default=None,
        description="The Incident that this one was merged into before it was reopened, or whose "
        "merge nobody is known to have asked for: as long as spec.duplicateOf names that one, it is "
        "out of force.",
    )
    root_cause: RootCause | None = Field(default=None, description="What people found.")
    summary: Annotated[str, Field(max_length=1024)] = Field(
        default="", description="What is known, what happens next, the command to type."
    )
    commands: Annotated[list[Command], Field(max_length=MAX_COMMANDS)] = Field(
        default_factory=list,
        description="The commands of the summary, each to be copied whole; nothing else is one.",
    )
    conditions: Annotated[list[Condition], Field(max_length=24)] = Field(
        default_factory=list,
        description="Observations, derived from the rest of the status.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
    display: Display | None = Field(default=None, description="Texts for printer columns.")
    roles: Roles | None = Field(default=None, description="Effective roles.")
    runbook: RunbookRef | None = Field(default=None, description="The Runbook being followed.")
    policy: PinnedPolicy | None = Field(default=None, description="The ResponsePolicy in force.")
    stalled: Message | None = Field(
        default=None, description="What keeps the Incident from going on, by field path."
    )
    target: ProposalTarget | None = Field(
        default=None,
        description="The workload that was approved for, or that people fixed: what is carried "
        "out, verified, watched and taken back concerns this one, whatever spec says.",
    )
    attempt: Annotated[int, Field(ge=0)] = Field(
        default=1, description="Number of the current attempt at a remediation."
    )
    rejected: Annotated[list[Text256], Field(max_length=32)] = Field(
        default_factory=list,
        description="Remediations (with their parameters) that were rejected or did not work.",
    )
    requested: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=16)] = Field(
        default_factory=list, description="Remediations that somebody asked for by `propose`."
    )
    take_back: ProposalId | None = Field(
        default=None, description="The remediation whose revert is to be proposed next."
    )
    fought_by: Annotated[list[Text256], Field(max_length=8)] = Field(
        default_factory=list,
        description="Field managers that took a remediation of this Incident back.",
    )
    remediations: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Changes of the target made for this Incident so far."
    )
    changed_at: Annotated[list[Timestamp], Field(max_length=16)] = Field(
        default_factory=list, description="When the newest of these changes were made."
    )
    changes: Annotated[list[MadeChange], Field(max_length=16)] = Field(
        default_factory=list,
        description="The newest of these changes, reverts included: what they were, and of which "
        "workload.",
    )
    failing_templates: Annotated[
        list[Annotated[str, Field(max_length=64)]], Field(max_length=16)
    ] = Field(
        default_factory=list,
        description="Hashes of the pod templates seen failing in this Incident.",
    )
    known_revisions: Annotated[
        dict[str, Annotated[str, Field(max_length=64)]], Field(max_length=24)
    ] = Field(
        default_factory=dict,
        description="By uid of a revision, the hash of its pod template when it was first seen.",
    )
    diagnosis: Diagnosis | None = Field(default=None, description="The current diagnosis.")
    proposals: Annotated[list[Proposal], Field(max_length=MAX_PROPOSALS)] = Field(
        default_factory=list, description="What could be done, each with its id."
    )
    issued: Annotated[
        list[Annotated[str, Field(max_length=8, pattern="^[0-9a-f]{8}$")]],
        Field(max_length=MAX_ISSUED),
    ] = Field(
        default_factory=list,
        description="The digits of the ids of all proposals so far: none are given twice.",
    )
    approval: Approval | None = Field(default=None, description="The last approval.")
    execution: Execution | None = Field(default=None, description="The approved change.")
    verification: Verification | None = Field(default=None, description="Proof of success.")
    monitoring: Monitoring | None = Field(default=None, description="The watch after the fix.")
    updates: Updates | None = Field(default=None, description="Updates to stakeholders.")
    response: Response | None = Field(default=None, description="When somebody is to be there.")
    waiting_since: Timestamp | None = Field(
        default=None, description="Since when a decision about a proposal is awaited."
    )
    escalations: Annotated[list[Escalated], Field(max_length=24)] = Field(
        default_factory=list, description="Who was told of what had not happened in time."
    )
    outbox: Annotated[list[Notice], Field(max_length=MAX_NOTICES)] = Field(
        default_factory=list, description="Notices that not every channel has taken yet."
    )
    channels: Annotated[list[ChannelState], Field(max_length=8)] = Field(
        default_factory=list, description="How the channels do."
    )
    milestones: Milestones | None = Field(default=None, description="Moments that count.")
    durations: Durations | None = Field(default=None, description="Seconds between them.")
    postmortem: PostmortemRef | None = Field(default=None, description="The Postmortem owed.")
    guard: GuardStatus | None = Field(default=None, description="State of the admission guard.")
    handled: Handled | None = Field(default=None, description="Requests taken.")
    timeline: Annotated[list[TimelineEntry], Field(max_length=MAX_ENTRIES)] = Field(
        default_factory=list,
        description="The newest entries of the timeline; append-only.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["seq"],
            "x-kubernetes-validations": [
                {"rule": _TIMELINE_CONTIGUOUS, "message": "seq must count up without gaps"},
                {
                    "rule": _TIMELINE_APPEND_ONLY,
                    "message": "the timeline is append-only: entries are neither changed, "
                    "re-ordered nor removed (only paged)",
                },
            ],
        },
    )
    timeline_room: TimelineRoom | None = Field(
        default=None,
        description="What is still written to the timeline when it is nearly full. NoNotes: no "
        "words of people, but their decisions; Deciding: decisions, changes and moves between "
        "phases; Ending: what ends the Incident.",
    )
    speakers: Annotated[list[Speaker], Field(max_length=MAX_SPEAKERS + 1)] = Field(
        default_factory=list,
        description="How much each person has said within the hour: what is too much is not "
        "recorded.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["by"],
        },
    )
    timeline_pages: Annotated[list[PageRef], Field(max_length=MAX_PAGES)] = Field(
        default_factory=list,
        description="TimelinePages with the older entries.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["fromSeq"],
            "x-kubernetes-validations": [
                {
                    "rule": _PAGES_CONTIGUOUS,
                    "message": "the first page begins at 0, each other one where the one before "
                    "ends",
                },
                {
                    "rule": _PAGES_GROW,
                    "message": "pages are only added, at the end: they are neither changed nor "
                    "removed",
                },
            ],
        },
    )

    @model_validator(mode="before")
    @classmethod
    def _absent_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value

    def proposal(self, proposal_id: str) -> Proposal | None:
        """Find a proposal of this Incident by its id."""
        return next((p for p in self.proposals if p.id == proposal_id), None)

    @property
    def bound(self) -> ProposalTarget | None:
        """The workload that an approval or a fix is about, to its end; None where spec says it."""
        if self.phase in FREE_PHASES:
            return None
        if self.target is not None:
            return self.target
        named = self.approval or self.execution
        proposal = self.proposal(named.proposal) if named else None
        return proposal.target if proposal else None

    @property
    def acknowledged(self) -> bool:
        """Whether somebody has said that they are on it."""
        return self.milestones is not None and self.milestones.acknowledged_at is not None

    @property
    def open_proposals(self) -> list[Proposal]:
        """Those that wait for a decision."""
        return [p for p in self.proposals if p.state is ProposalState.PROPOSED]

    def entries_of(self, reason: str) -> list[TimelineEntry]:
        """All entries still in the object with that reason."""
        return [e for e in self.timeline if e.reason == reason]


class Incident(ApiModel):
    """Something is broken in production, and people lead its repair."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                {
                    "rule": "self.metadata.name.size() <= 63",
                    "message": "metadata.name must have at most 63 characters: pages and Events "
                    "add to it",
                    "fieldPath": ".metadata.name",
                },
                {
                    "rule": "!has(oldSelf.status) || has(self.status)",
                    "message": "status cannot be removed",
                    "fieldPath": ".status",
                },
                {
                    "rule": "self.spec.target == oldSelf.spec.target || "
                    f"!has(oldSelf.status) || {_RETARGETABLE}",
                    "message": "spec.target is fixed in this phase: what was approved or fixed is "
                    "verified on this workload to the end; wait until the phase is Diagnosing or "
                    "Investigating, or declare another Incident for the other workload",
                    "fieldPath": ".spec.target",
                },
                {
                    "rule": "!has(self.spec.duplicateOf) || (has(oldSelf.spec.duplicateOf) && "
                    "self.spec.duplicateOf == oldSelf.spec.duplicateOf) || "
                    f"!has(oldSelf.status) || {_COMMITTED}",
                    "message": "spec.duplicateOf is refused while a proposal is Approved or "
                    "Executing: wait for its outcome, or reject it",
                    "fieldPath": ".spec.duplicateOf",
                },
                {
                    "rule": "!has(self.spec.duplicateOf) || "
                    "self.spec.duplicateOf.name != self.metadata.name",
                    "message": "spec.duplicateOf must name another Incident",
                    "fieldPath": ".spec.duplicateOf",
                },
                {
                    "rule": "self.spec == oldSelf.spec || !has(oldSelf.status) || "
                    "!has(oldSelf.status.phase) || "
                    "!(oldSelf.status.phase in ['Closed', 'Dismissed', 'Merged'])",
                    "message": "spec is frozen: this Incident has ended; declare a new one that "
                    "links it",
                    "fieldPath": ".spec",
                },
                {
                    "rule": f"({_same('policyRef')}) || !has(oldSelf.status) || "
                    "!has(oldSelf.status.policy) || oldSelf.status.policy.generation == 0",
                    "message": "spec.policyRef is read once, when the Incident is declared: its "
                    "values are in force to the end, see status.policy",
                    "fieldPath": ".spec.policyRef",
                },
            ]
        }
    }

    metadata: ObjectMeta
    spec: IncidentSpec
    status: IncidentStatus = Field(default_factory=IncidentStatus)

    @property
    def target(self) -> TargetRef:
        """The workload that it is about now: the approved proposal's, else what was taken up of ``spec``."""
        bound, handled = self.status.bound, self.status.handled
        if bound:
            return bound.ref
        return (handled.keeps if handled else None) or self.spec.target
