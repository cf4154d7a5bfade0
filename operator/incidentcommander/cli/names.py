"""Names of the contract that the plugin needs, without the models that define them.

``tests/cli`` holds them against the models.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "APPROVAL_VERDICTS",
    "BEING_APPLIED",
    "CLOSED_LABEL",
    "COMMAND",
    "ENDED",
    "FROZEN",
    "GROUP",
    "GUARD_LABEL",
    "GUARD_POLICIES",
    "KINDS",
    "MARKER_POLICY",
    "REFUSALS",
    "SEVERITIES",
    "STAMP_POLICY",
    "TARGET_KINDS",
]

COMMAND: Final = "kubectl incident"
GROUP: Final = "incidentcommander.dev"
CLOSED_LABEL: Final = f"{GROUP}/closed"
GUARD_LABEL: Final = f"{GROUP}/guard"

ENDED: Final = frozenset({"Resolved", "Closed", "Dismissed", "Merged"})
"""Phases in which nobody is to be told anything more."""
FROZEN: Final = frozenset({"Closed", "Dismissed", "Merged"})
"""Phases that ``list`` leaves out."""
BEING_APPLIED: Final = frozenset({"Approved", "Executing", "Applied"})
"""States of a proposal that can still be stopped."""

SEVERITIES: Final = ("SEV1", "SEV2", "SEV3", "SEV4")
TARGET_KINDS: Final = {
    "deployment": "Deployment",
    "deployments": "Deployment",
    "deploy": "Deployment",
    "statefulset": "StatefulSet",
    "statefulsets": "StatefulSet",
    "sts": "StatefulSet",
    "daemonset": "DaemonSet",
    "daemonsets": "DaemonSet",
    "ds": "DaemonSet",
}
"""What people write before the slash of a target, and the kind that they mean."""
KINDS: Final = ("incidents", "runbooks", "timelinepages", "responsepolicies", "postmortems")
"""Kinds without which nothing works, in the plural."""

GUARD_POLICIES: Final = tuple(
    f"incident-commander-{part}"
    for part in (
        "requests",
        "fields",
        "status",
        "marker",
        "revisions",
        "deletion",
        "pages",
        "postmortems",
        "reports",
    )
)
MARKER_POLICY: Final = "incident-commander-marker"
"""A second line: where it cannot be judged, writes to workloads go on."""
STAMP_POLICY: Final = "incident-commander-stamp"

REFUSALS: Final = frozenset(
    {
        "RequestRefused",
        "RemediationSuperseded",
        "RemediationRefused",
        "RemediationFailed",
        "RemediationLost",
    }
)
"""Reasons by which the timeline says that what was asked for was not done."""
APPROVAL_VERDICTS: Final = REFUSALS | {"RemediationApplied", "RemediationStopped"}
"""Reasons that tell what became of an approval."""
