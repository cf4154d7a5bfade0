"""Which timeline reasons become Kubernetes Events: an explicit table.

``events`` looks reasons up here. People and alerts filter Events by reason, so a line is only ever
added. Samples, notes and starts of rounds are left to the timeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["ANNOUNCED", "EventKind"]


@dataclass(frozen=True, slots=True)
class EventKind:
    """The fixed parts of an Event."""

    action: str
    """One word for what the operator was doing."""
    type: str = "Normal"


def _warning(action: str) -> EventKind:
    return EventKind(action, "Warning")


ANNOUNCED: Final[Mapping[str, EventKind]] = {
    "IncidentDeclared": EventKind("Declare"),
    "IncidentAcknowledged": EventKind("Acknowledge"),
    "CommandTransferred": EventKind("Command"),
    "SeverityRaised": _warning("Classify"),
    "SeverityLowered": EventKind("Classify"),
    "ConfigurationProblem": _warning("Configure"),
    "DiagnosisStepFinished": _warning("Diagnose"),
    "DiagnosisStalled": _warning("Diagnose"),
    "NothingToOffer": _warning("Propose"),
    "ProposalOffered": EventKind("Propose"),
    "ProposalRejected": EventKind("Propose"),
    "ProposalBlocked": _warning("Propose"),
    "ProposalUnblocked": EventKind("Propose"),
    "ProposalExpired": _warning("Propose"),
    "ProposalSuperseded": EventKind("Propose"),
    "RequestRefused": _warning("Request"),
    "ApprovalsUnguarded": _warning("Guard"),
    "ApprovalsGuarded": EventKind("Guard"),
    "ApprovalGranted": EventKind("Approve"),
    "RemediationStarted": EventKind("Remediate"),
    "RemediationApplied": EventKind("Remediate"),
    "RemediationRefused": _warning("Remediate"),
    "RemediationSuperseded": _warning("Remediate"),
    "RemediationFailed": _warning("Remediate"),
    "RemediationLost": _warning("Remediate"),
    "RemediationReverted": _warning("Remediate"),
    "RemediationStopped": _warning("Remediate"),
    "RevertStarted": _warning("Remediate"),
    "RevertCompleted": EventKind("Remediate"),
    "TargetChanged": _warning("Diagnose"),
    "RolloutCompleted": EventKind("Remediate"),
    "VerificationPassed": EventKind("Verify"),
    "VerificationConfirmed": EventKind("Verify"),
    "VerificationFailed": _warning("Verify"),
    "VerificationTimedOut": _warning("Verify"),
    "RelapseDetected": _warning("Monitor"),
    "ResolvedByPeople": EventKind("Resolve"),
    "IncidentResolved": EventKind("Resolve"),
    "IncidentReopened": _warning("Reopen"),
    "IncidentDismissed": EventKind("Close"),
    "IncidentMerged": EventKind("Close"),
    "IncidentClosed": EventKind("Close"),
    "UpdatePosted": EventKind("Update"),
    "ExternalUpdatePosted": EventKind("Update"),
    "ExternalTextWithheld": _warning("Update"),
    "DeliveryFailed": _warning("Deliver"),
    "DeliveryRestored": EventKind("Deliver"),
    "DeliveryAbandoned": _warning("Deliver"),
    "RoleUnfilled": _warning("Escalate"),
    "EscalationRaised": _warning("Escalate"),
    "PostmortemDrafted": EventKind("Review"),
    "PostmortemOverdue": _warning("Review"),
    "PostmortemLost": _warning("Review"),
    "PostmortemCompleted": EventKind("Review"),
}
