"""The Runbook: how a service is diagnosed, what may be done about it, and how that is verified."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final

from pydantic import ConfigDict, Field

from .base import (
    LINES,
    ONE_LINE,
    PATTERN_MESSAGE,
    ApiModel,
    Duration,
    HttpUrl,
    Name,
    Timestamp,
    at_least_a_second,
)
from .common import Condition, ObjectMeta, OnFailure, Risk, Severity, TargetKind, Verdict

__all__ = [
    "AutoscaleAction",
    "AutoscalerCheck",
    "Baseline",
    "DependencyCheck",
    "Detection",
    "DiagnosisStep",
    "ErrorRateCheck",
    "EventsCheck",
    "FalsePositiveCheck",
    "ManualAction",
    "Match",
    "PodStatusCheck",
    "PromQLCheck",
    "QuickReference",
    "RecentChangesCheck",
    "Remediation",
    "RolloutHistoryCheck",
    "RolloutRestartAction",
    "RolloutUndoAction",
    "Runbook",
    "RunbookSpec",
    "RunbookStatus",
    "ScaleAction",
    "VerificationSpec",
    "When",
]

_LABEL_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_LABEL_WORDS: Final[dict[str, Any]] = {
    PATTERN_MESSAGE: "lower-case letters, digits and '-', such as error-rate"
}

StepName = Annotated[
    str,
    Field(min_length=1, max_length=63, pattern=_LABEL_PATTERN, json_schema_extra=_LABEL_WORDS),
]
RemediationName = Annotated[
    str,
    Field(min_length=1, max_length=40, pattern=_LABEL_PATTERN, json_schema_extra=_LABEL_WORDS),
]
_ShortLine = Annotated[str, Field(max_length=120, json_schema_extra=ONE_LINE)]
LabelValue = Annotated[str, Field(max_length=1024)]
Link = Annotated[str, Field(max_length=2048, json_schema_extra=ONE_LINE)]
QueryText = Annotated[str, Field(min_length=1, max_length=2048, json_schema_extra=LINES)]


def _exactly_one(*names: str) -> dict[str, Any]:
    listed = ", ".join(f"has(self.{name})" for name in names)
    return {
        "rule": f"[{listed}].filter(x, x).size() == 1",
        "message": "exactly one of these must be set: " + ", ".join(names),
    }


class QuickReference(ApiModel):
    """What the person on call looks up first."""

    service: _ShortLine = Field(default="", description="Service name and repository.")
    owner_team: _ShortLine = Field(default="", description="Owning team and its channel.")
    on_call: Link = Field(default="", description="Link to the schedule.")
    dashboards: Annotated[list[Link], Field(max_length=16)] = Field(
        default_factory=list, description="Links to dashboards."
    )
    links: Annotated[list[Link], Field(max_length=16)] = Field(
        default_factory=list, description="Other links."
    )


class Match(ApiModel):
    """Which Incidents this Runbook is for, where none is named. All given parts must match."""

    priority: Annotated[int, Field(ge=-1000, le=1000)] = Field(
        default=0, description="The highest wins; then the most specific, then the name."
    )
    target_kinds: Annotated[list[TargetKind], Field(max_length=3)] = Field(
        default_factory=list, description="Kinds of target; empty: any."
    )
    target_selector: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=16)
    ] = Field(default_factory=dict, description="Labels that the target must have.")
    alert_names: Annotated[list[Annotated[str, Field(max_length=253)]], Field(max_length=64)] = (
        Field(default_factory=list, description="Names of alerts; empty: any, or none.")
    )
    alert_labels: Annotated[dict[str, LabelValue], Field(max_length=16)] = Field(
        default_factory=dict, description="Labels that the alert must have."
    )
    severities: Annotated[list[Severity], Field(max_length=4)] = Field(
        default_factory=list, description="Severities; empty: any."
    )


class PodStatusCheck(ApiModel):
    """Waiting and termination reasons, restarts and readiness of the target's pods."""

    max_restarts: Annotated[int, Field(ge=0, le=10000)] = Field(
        default=5, description="More restarts of one container than this is a failure."
    )


class RolloutHistoryCheck(ApiModel):
    """When the running release began and what differs from the one before."""

    within: Duration = Field(
        default=timedelta(hours=1), description="A release younger than this is recent."
    )


class Baseline(ApiModel):
    """The same query in the past, to compare with."""

    offset: Duration = Field(default=timedelta(hours=1), description="How long ago.")
    max_ratio: Annotated[float, Field(gt=0)] = Field(
        default=3.0, description="Failed above this many times the baseline."
    )


class ErrorRateCheck(ApiModel):
    """The share of failing requests."""

    errors: QueryText = Field(description="PromQL for failing requests per second (template).")
    total: QueryText = Field(description="PromQL for all requests per second (template).")
    max: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.05, description="Failed above this share (0.05 is 5 %)."
    )
    baseline: Baseline | None = Field(default=None, description="Compare with the past, too.")
    min_requests: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="Fewer requests per second than this cannot be judged."
    )


class PromQLCheck(ApiModel):
    """One number held against a limit."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {"x-kubernetes-validations": [_exactly_one("max", "min")]}
    }

    query: QueryText = Field(description="PromQL that gives one number (template).")
    max: float | None = Field(default=None, description="Failed above this.")
    min: float | None = Field(default=None, description="Failed below this.")


class AutoscalerCheck(ApiModel):
    """Whether the target's autoscaler is at its maximum or cannot compute."""


class EventsCheck(ApiModel):
    """Warning events about the target and its pods."""

    within: Duration = Field(default=timedelta(minutes=30), description="How far to look back.")


class RecentChangesCheck(ApiModel):
    """Changes of configuration that the target depends on."""

    within: Duration = Field(default=timedelta(hours=1), description="How far to look back.")


class DependencyCheck(ApiModel):
    """The health of something that the target needs."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                _exactly_one("kind", "promQL", "url"),
                {
                    "rule": "has(self.kind) == has(self.name)",
                    "message": "kind and name go together",
                },
            ]
        }
    }

    kind: TargetKind | None = Field(default=None, description="Kind of another workload here.")
    name: Name | None = Field(default=None, description="Name of that workload.")
    prom_ql: PromQLCheck | None = Field(
        default=None, alias="promQL", description="A query with a limit."
    )
    url: HttpUrl | None = Field(default=None, description="A link for people.")


_CHECKS: Final = (
    "podStatus",
    "rolloutHistory",
    "errorRate",
    "promQL",
    "autoscaler",
    "events",
    "recentChanges",
    "dependency",
)


class DiagnosisStep(ApiModel):
    """One named question; exactly one kind of check."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {"x-kubernetes-validations": [_exactly_one(*_CHECKS)]}
    }

    name: StepName = Field(description="Name of the step, unique in the Runbook.")
    pod_status: PodStatusCheck | None = Field(default=None, description="Look at the pods.")
    rollout_history: RolloutHistoryCheck | None = Field(
        default=None, description="Look at the releases."
    )
    error_rate: ErrorRateCheck | None = Field(
        default=None, description="Ask Prometheus for the share of failing requests."
    )
    prom_ql: PromQLCheck | None = Field(
        default=None, alias="promQL", description="Ask Prometheus for one number."
    )
    autoscaler: AutoscalerCheck | None = Field(default=None, description="Look at the HPA.")
    events: EventsCheck | None = Field(default=None, description="Look at warning events.")
    recent_changes: RecentChangesCheck | None = Field(
        default=None, description="Look at changed configuration."
    )
    dependency: DependencyCheck | None = Field(default=None, description="Look at a dependency.")

    @property
    def kind(self) -> str:
        """The name of the check that is set, as written in YAML."""
        return next(iter(k for k in _CHECKS if self.check_of(k) is not None), "")

    def check_of(self, kind: str) -> ApiModel | None:
        """The parameters of the check of that kind, if this step is of that kind."""
        field = {"promQL": "prom_ql"}.get(kind) or _snake(kind)
        value: ApiModel | None = getattr(self, field)
        return value


class FalsePositiveCheck(ApiModel):
    """A question whose good answer suggests a false alarm."""

    name: StepName = Field(description="Name of the check.")
    prom_ql: PromQLCheck = Field(alias="promQL", description="A query with a limit.")


class Detection(ApiModel):
    """How this failure looks from outside."""

    symptoms: Annotated[str, Field(max_length=4096, json_schema_extra=LINES)] = Field(
        default="", description="What users and metrics look like."
    )
    false_positive_checks: Annotated[list[FalsePositiveCheck], Field(max_length=8)] = Field(
        default_factory=list,
        description="All Passed: a dismissal is suggested (and never done).",
    )


class When(ApiModel):
    """A condition on a finding. Given parts must be equal."""

    step: StepName = Field(description="Name of a diagnosis step.")
    verdict: Verdict | None = Field(default=None, description="The finding's verdict.")
    reason: Annotated[str, Field(max_length=64, json_schema_extra=ONE_LINE)] | None = Field(
        default=None, description="The finding's reason."
    )


class RolloutUndoAction(ApiModel):
    """As `kubectl rollout undo`, to the previous release that differs."""

    to_revision: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Pin this revision instead."
    )


class RolloutRestartAction(ApiModel):
    """As `kubectl rollout restart`."""


class ScaleAction(ApiModel):
    """As `kubectl scale`."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                _exactly_one("replicas", "by"),
                {
                    "rule": "!has(self.min) || !has(self.max) || self.min <= self.max",
                    "message": "min must not be above max",
                },
            ]
        }
    }

    replicas: Annotated[int, Field(ge=0, le=10000)] | None = Field(
        default=None, description="The number wanted."
    )
    by: Annotated[int, Field(ge=-1000, le=1000)] | None = Field(
        default=None, description="So many more (or, negative, fewer) than now."
    )
    min: Annotated[int, Field(ge=0, le=10000)] | None = Field(
        default=None, description="Never fewer."
    )
    max: Annotated[int, Field(ge=0, le=10000)] | None = Field(
        default=None, description="Never more."
    )


class AutoscaleAction(ApiModel):
    """Create or change the HorizontalPodAutoscaler."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                {
                    "rule": "self.minReplicas <= self.maxReplicas",
                    "message": "minReplicas must not be above maxReplicas",
                }
            ]
        }
    }

    min_replicas: Annotated[int, Field(ge=1, le=10000)] = Field(default=1, description="Least.")
    max_replicas: Annotated[int, Field(ge=1, le=10000)] = Field(description="Most.")
    cpu_utilization: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="Wanted CPU use, percent of the request."
    )
    memory_utilization: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="Wanted memory use, percent of the request."
    )


class ManualAction(ApiModel):
    """Something that people do; approved like any other, ended by `confirm`."""

    instructions: Annotated[str, Field(min_length=1, max_length=4096, json_schema_extra=LINES)] = (
        Field(description="What to do, step by step.")
    )


_ACTIONS: Final = ("rolloutUndo", "rolloutRestart", "scale", "autoscale", "manual")


class Remediation(ApiModel):
    """One way out; exactly one kind of action."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {"x-kubernetes-validations": [_exactly_one(*_ACTIONS)]}
    }

    name: RemediationName = Field(description="Name of the remediation, unique in the Runbook.")
    risk: Risk = Field(default=Risk.MEDIUM, description="How much it can hurt.")
    when: Annotated[list[When], Field(max_length=8)] = Field(
        default_factory=list,
        description="Offered when all of these hold. Empty: always offered, never recommended.",
    )
    rollout_undo: RolloutUndoAction | None = Field(default=None, description="Roll back.")
    rollout_restart: RolloutRestartAction | None = Field(default=None, description="Restart.")
    scale: ScaleAction | None = Field(default=None, description="Change the number of replicas.")
    autoscale: AutoscaleAction | None = Field(default=None, description="Create or change the HPA.")
    manual: ManualAction | None = Field(default=None, description="People do it.")
    on_failure: OnFailure = Field(
        default=OnFailure.ESCALATE,
        description="Revert: undo this change if it is judged Failed (part of the approval; never "
        "for rolloutUndo).",
    )

    @property
    def action(self) -> str:
        """The name of the action that is set, as written in YAML."""
        return next(iter(k for k in _ACTIONS if getattr(self, _snake(k)) is not None), "")

    @property
    def parameters(self) -> ApiModel | None:
        """The parameters of that action."""
        value: ApiModel | None = getattr(self, _snake(self.action)) if self.action else None
        return value


class VerificationSpec(ApiModel):
    """How success is proven after any remediation of this Runbook."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {"x-kubernetes-validations": at_least_a_second("timeout", "interval")}
    }

    timeout: Duration = Field(
        default=timedelta(minutes=10), description="Longest time for rollout and checks."
    )
    interval: Duration = Field(
        default=timedelta(seconds=30), description="Time between two samples."
    )
    successes: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Good samples in a row that prove it."
    )
    failures: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Bad samples in a row that refute it."
    )
    checks: Annotated[list[StepName], Field(max_length=16)] = Field(
        default_factory=list,
        description="Names of diagnosis steps that must pass. The rollout and the pods always.",
    )


_NAMED_ONCE: Final[dict[str, Any]] = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
}


class RunbookSpec(ApiModel):
    """How a kind of failure is handled."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.verification) || !has(self.verification.checks) || "
                    "self.verification.checks.all(c, has(self.diagnosis) && "
                    "self.diagnosis.exists(d, d.name == c))",
                    "message": "verification.checks must name diagnosis steps of this Runbook",
                    "fieldPath": ".verification.checks",
                },
                {
                    "rule": "!has(self.remediation) || self.remediation.all(r, !has(r.when) || "
                    "r.when.all(w, has(self.diagnosis) && "
                    "self.diagnosis.exists(d, d.name == w.step)))",
                    "message": "remediation[].when[].step must name a diagnosis step of this "
                    "Runbook",
                    "fieldPath": ".remediation",
                },
            ]
        }
    }

    title: Annotated[str, Field(min_length=1, max_length=120, json_schema_extra=ONE_LINE)] = Field(
        description="The failure scenario."
    )
    quick_reference: QuickReference | None = Field(
        default=None, description="What the person on call looks up first."
    )
    match: Match | None = Field(
        default=None, description="Which Incidents it is for. Absent: only by runbookRef."
    )
    detection: Detection | None = Field(default=None, description="How the failure looks.")
    diagnosis: Annotated[list[DiagnosisStep], Field(min_length=1, max_length=16)] = Field(
        description="Steps, run side by side.", json_schema_extra=_NAMED_ONCE
    )
    remediation: Annotated[list[Remediation], Field(max_length=8)] = Field(
        default_factory=list,
        description="Ways out, in order of preference.",
        json_schema_extra=_NAMED_ONCE,
    )
    verification: VerificationSpec = Field(
        default_factory=VerificationSpec, description="How success is proven."
    )
    test_every: Duration | None = Field(
        default=None, description="A drill is owed this often (2160h is a quarter)."
    )

    def step(self, name: str) -> DiagnosisStep | None:
        """Find a diagnosis step by its name."""
        return next((s for s in self.diagnosis if s.name == name), None)


class RunbookStatus(ApiModel):
    """Whether the Runbook can be used."""

    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation that was judged."
    )
    conditions: Annotated[list[Condition], Field(max_length=8)] = Field(
        default_factory=list,
        description="Ready: it can be used; else the message names the field.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
    last_drill: Timestamp | None = Field(default=None, description="When it was last drilled.")


class Runbook(ApiModel):
    """How a kind of failure is diagnosed, remedied and verified."""

    metadata: ObjectMeta
    spec: RunbookSpec
    status: RunbookStatus = Field(default_factory=RunbookStatus)


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
