"""One Incident with all that a decision about it may know. The input of ``required`` and ``decide``.

The shell fills it; nothing here reads a clock or talks to anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from ..api.common import Phase, Severity
from ..api.incident import Incident, IncidentStatus, MadeChange, PinnedPolicy
from ..api.policy import ResponsePolicy, ResponsePolicySpec
from ..api.runbook import (
    DiagnosisStep,
    PodStatusCheck,
    RolloutHistoryCheck,
    Runbook,
    VerificationSpec,
)
from ..checks.base import Subject
from ..observed.needs import Facts, ProofNeed, TargetNeeds
from ..observed.workloads import Delivery, IncidentRef, Outcome, Workload, digest

__all__ = ["BUILT_IN_STEPS", "Case", "Library", "Limits", "Neighbour"]

BUILT_IN_STEPS = (
    DiagnosisStep(name="pods", pod_status=PodStatusCheck()),
    DiagnosisStep(name="rollout", rollout_history=RolloutHistoryCheck()),
)
"""What is always worth knowing: the diagnosis where no Runbook matches."""


class Library(Protocol):
    """Runbooks and ResponsePolicies as last seen; looking one up is no I/O."""

    def runbooks(self, namespace: str) -> Sequence[Runbook]:
        """Usable ones in that namespace."""

    def runbook(self, namespace: str, name: str) -> Runbook | None:
        """One, usable or not."""

    def policy(self, namespace: str, name: str) -> ResponsePolicy | None:
        """One."""

    def unreadable(self, namespace: str) -> Collection[str]:
        """Name those there that are nothing this version can read, as ``Runbook NAME``."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Times and sizes that no policy sets."""

    operator_namespace: str = "incident-commander"
    evidence_ttl: timedelta = timedelta(minutes=2)
    """Older evidence is asked again before acting."""
    rollout_poll: timedelta = timedelta(seconds=5)
    """Look at a rollout this often, should its events be late."""
    retry: timedelta = timedelta(seconds=10)
    """Look again this often at what is missing or cannot be reached."""
    page_at: int = 64
    """Make a TimelinePage when the object holds this many entries."""
    reopen_within: timedelta = timedelta(hours=24)
    """A Dismissed or Merged Incident can be reopened for so long; then it is labelled `closed`."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another Incident of the same target, as this process last saw it; it may have ended."""

    name: str
    phase: Phase
    acting: str = ""
    """Id of the proposal that it carries out or verifies now; empty where none."""
    changed_at: tuple[datetime, ...] = ()
    """When it changed its target, whichever that was then."""
    changes: tuple[MadeChange, ...] = ()
    """What it changed, and of which workload."""

    @classmethod
    def of(cls, incident: Incident) -> Neighbour:
        """Sum an Incident up."""
        status = incident.status
        busy = status.phase in {Phase.REMEDIATING, Phase.VERIFYING} and status.execution is not None
        acting = status.execution.proposal if busy and status.execution else ""
        times, changes = tuple(status.changed_at), tuple(status.changes)
        return cls(incident.metadata.name, status.phase, acting, times, changes)


@dataclass(frozen=True, slots=True)
class Case:
    """An Incident as just read, and the world as far as it is known without asking."""

    incident: Incident
    library: Library
    now: datetime
    limits: Limits = field(default_factory=Limits)
    result: Outcome | None = None
    """What came of the write to the target, in this process; None after a restart."""
    untried: bool = False
    """Whether nothing can have been done yet for the intent in the status: it was written in this
    very look at the Incident, and whatever was sent for it failed its tests."""
    guard_fingerprint: str | None = None
    """Fingerprint of the admission guard as watched; None where that is not known."""
    guard_since: datetime | None = None
    """Since when this process has watched that guard without a change; None: not known."""
    deliveries: Sequence[Delivery] = ()
    """What came of the notices in the outbox, as far as this process knows."""
    neighbours: Sequence[Neighbour] = ()
    """Other Incidents of the same target: all open ones, and ended ones that changed it lately."""
    seed: str = ""
    """At least 256 random bits, drawn by the shell for this one decision. Kept nowhere."""

    def drawn(self, *purpose: str, digits: int) -> str:
        """Give so many hexadecimal digits that nobody can foresee: the same for the same purpose.

        Raises
        ------
        ValueError
            If the shell gave no seed: a number that can be foreseen is worse than none.
        """
        if not self.seed:
            raise ValueError("nothing can be drawn: this case has no seed")
        return digest([self.seed, *purpose])[:digits]

    def seeing(self, status: IncidentStatus) -> Case:
        """Give the same case with a status in the making."""
        return replace(self, incident=self.incident.model_copy(update={"status": status}))

    def changes_of(self, uid: str) -> Sequence[tuple[str, MadeChange]]:
        """Tell the changes of a workload that approvals led to, with the Incidents' names.

        From the statuses of Incidents alone, which nobody but the operator writes.
        """
        mine = [(self.incident.metadata.name, change) for change in self.status.changes]
        theirs = [(other.name, change) for other in self.neighbours for change in other.changes]
        about = [(name, c) for name, c in (*mine, *theirs) if c.target.uid == uid]
        found = {(name, c.proposal, c.at): (name, c) for name, c in about}
        return list(found.values())

    @property
    def status(self) -> IncidentStatus:
        """Its status."""
        return self.incident.status

    @property
    def subject(self) -> Subject:
        """The Incident as checks see it."""
        return Subject(self.incident)

    @property
    def target(self) -> TargetNeeds:
        """The usual questions about its target."""
        return self.subject.needs

    @property
    def proof(self) -> ProofNeed:
        """The question whether the guard stands."""
        meta = self.incident.metadata
        return ProofNeed(IncidentRef(meta.namespace, meta.name, meta.uid))

    @property
    def runbook(self) -> Runbook | None:
        """The Runbook that is pinned in the status, as it is now."""
        ref = self.status.runbook
        return self.library.runbook(ref.namespace, ref.name) if ref else None

    @property
    def steps(self) -> Sequence[DiagnosisStep]:
        """The diagnosis steps in force."""
        return self.runbook.spec.diagnosis if self.runbook else BUILT_IN_STEPS

    @property
    def policy(self) -> PinnedPolicy:
        """The policy values in force."""
        return self.status.policy or pin_policy(self)

    @property
    def interval(self) -> timedelta:
        """Time between two samples."""
        if self.status.verification is not None:
            return self.status.verification.plan.interval
        spec = self.runbook.spec.verification if self.runbook else VerificationSpec()
        return spec.interval

    def where(self, workload: Workload) -> str:
        """Say which workload, for messages."""
        return f"{workload.kind} {workload.name}"


def pin_policy(case: Case) -> PinnedPolicy:
    """Choose the ResponsePolicy and copy the values that this Incident runs under, to its end.

    ``policyRef``, else ``default`` in the namespace, else ``default`` beside the operator, else
    the built-in values. The choice is made once: afterwards only the severity can change.
    """
    severity = case.status.severity or case.incident.spec.severity
    if (pinned := case.status.policy) is not None:
        origin = (pinned.name, pinned.namespace, pinned.generation)
        return _for_severity(origin, pinned.whole, severity)
    spec, meta = case.incident.spec, case.incident.metadata
    name = spec.policy_ref.name if spec.policy_ref else "default"
    found = case.library.policy(meta.namespace, name) or case.library.policy(
        case.limits.operator_namespace, name
    )
    if found is None:
        return _for_severity(
            (name, case.limits.operator_namespace, 0), ResponsePolicySpec(), severity
        )
    origin = (name, found.metadata.namespace, found.metadata.generation)
    return _for_severity(origin, found.spec.differing(), severity)


def _for_severity(
    origin: tuple[str, str, int], values: ResponsePolicySpec, severity: Severity
) -> PinnedPolicy:
    rules, (name, namespace, generation) = values.rules_for(severity), origin
    return PinnedPolicy(
        name=name,
        namespace=namespace,
        generation=generation,
        spec=None if values == ResponsePolicySpec() else values,
        monitor_for=rules.monitor_for,
        first_update_within=rules.first_update_within,
        update_every=rules.cadence,
        rules_off=[str(r.name) for r in values.rules if not r.enabled],
        expire_after=values.approvals.expire_after,
        cooldown=values.approvals.cooldown,
        max_attempts=values.approvals.max_attempts,
        window=values.approvals.window,
        rediagnose_every=values.rediagnose_every,
        postmortem=str(rules.postmortem_need),
        postmortem_within=rules.postmortem_within,
    )


def answered(facts: Facts, *needs: object) -> bool:
    """Whether every one of these needs has an answer."""
    return all(need in facts for need in needs)
