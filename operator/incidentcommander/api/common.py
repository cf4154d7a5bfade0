"""Shapes that several kinds share: closed sets, references, conditions, object metadata."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import override

from .base import ApiModel, Name, ShortText, Timestamp

__all__ = [
    "Condition",
    "ConditionStatus",
    "Confidence",
    "GuardVerdict",
    "NameRef",
    "ObjectMeta",
    "OnFailure",
    "Phase",
    "ProposalState",
    "Risk",
    "Severity",
    "TargetKind",
    "TargetRef",
    "Verdict",
]


class Severity(StrEnum):
    """How bad it is; SEV1 is the worst."""

    SEV1 = "SEV1"
    SEV2 = "SEV2"
    SEV3 = "SEV3"
    SEV4 = "SEV4"


class TargetKind(StrEnum):
    """The kinds of workload that an Incident can be about (all ``apps/v1``)."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"


class Phase(StrEnum):
    """Where an Incident stands; ``core/evolve.py`` says which may follow which."""

    DECLARED = "Declared"
    DIAGNOSING = "Diagnosing"
    INVESTIGATING = "Investigating"
    AWAITING_APPROVAL = "AwaitingApproval"
    REMEDIATING = "Remediating"
    VERIFYING = "Verifying"
    MONITORING = "Monitoring"
    RESOLVED = "Resolved"
    CLOSED = "Closed"
    DISMISSED = "Dismissed"
    MERGED = "Merged"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to such an Incident (``spec`` is frozen)."""
        return self in {Phase.CLOSED, Phase.DISMISSED, Phase.MERGED}

    @property
    def over(self) -> bool:
        """Whether the trouble is over, so that nobody waits for news of it."""
        return self is Phase.RESOLVED or self.ended


class Verdict(StrEnum):
    """What a check says. ``Inconclusive`` and ``Error`` are never good and never bad."""

    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"


class Risk(StrEnum):
    """How much a remediation can hurt, in the words of the Runbook's author."""

    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


class OnFailure(StrEnum):
    """What follows when an applied remediation is judged ``Failed``."""

    ESCALATE = "Escalate"
    REVERT = "Revert"


class Confidence(StrEnum):
    """Whether a remediation's ``when`` was proven by this diagnosis."""

    PROVEN = "Proven"
    UNPROVEN = "Unproven"
    REQUESTED = "Requested"


class GuardVerdict(StrEnum):
    """What a guard says of a proposal; ``Block`` cannot be approved."""

    CLEAR = "Clear"
    WARN = "Warn"
    BLOCK = "Block"


class ProposalState(StrEnum):
    """The life of a proposal."""

    PROPOSED = "Proposed"
    APPROVED = "Approved"
    EXECUTING = "Executing"
    APPLIED = "Applied"
    VERIFIED = "Verified"
    FAILED = "Failed"
    REJECTED = "Rejected"
    EXPIRED = "Expired"
    SUPERSEDED = "Superseded"

    @property
    def committed(self) -> bool:
        """Whether a person's approval of it is being carried out."""
        return self in {ProposalState.APPROVED, ProposalState.EXECUTING}


class TargetRef(ApiModel):
    """A workload in the Incident's namespace."""

    kind: TargetKind = Field(description="Kind of the workload (apps/v1).")
    name: Name = Field(description="Name of the workload, in the Incident's namespace.")

    @override
    def __str__(self) -> str:
        """Give ``Deployment/checkout``."""
        return f"{self.kind}/{self.name}"


class NameRef(ApiModel):
    """A reference to an object of a fixed kind by its name."""

    name: Name = Field(description="Name of the object.")


class ObjectRef(ApiModel):
    """A reference to an object of a fixed kind by its name, in any namespace."""

    namespace: Annotated[str, Field(max_length=63)] | None = Field(
        default=None, description="Its namespace. Default: the same one."
    )
    name: Name = Field(description="Name of the object.")


class ConditionStatus(StrEnum):
    """As in metav1.Condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One observation of an object's state, shaped as metav1.Condition."""

    type: ShortText = Field(description="Kind of the condition, unique in the list.")
    status: ConditionStatus = Field(description="Whether it holds: True, False or Unknown.")
    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation of the object that this was derived from."
    )
    last_transition_time: Timestamp = Field(description="When the status last changed.")
    reason: Annotated[str, Field(min_length=1, max_length=120)] = Field(
        description="One CamelCase word that says why."
    )
    message: Annotated[str, Field(max_length=1024)] = Field(
        description="The same for people: what was seen and what to do."
    )


class ObjectMeta(ApiModel):
    """The part of an object's metadata that the operator reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Timestamp | None = None
    deletion_timestamp: Timestamp | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: list[dict[str, Any]] = Field(default_factory=list)
    managed_fields: list[dict[str, Any]] = Field(default_factory=list)
