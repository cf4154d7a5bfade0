"""Room in the timeline: it is bounded, people may fill it, and an Incident can be ended all the same.

``status.timelinePages`` is a list of at most ``MAX_PAGES``. While its end comes near, first the words
of people are not taken any more, then what comes again and again is not written, at last only what
ends the Incident is. ``evolve`` asks it for each entry. It drops no change of the status, ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..api.common import Phase
from ..api.incident import MAX_ENTRIES, MAX_PAGES, IncidentStatus, TimelineRoom

__all__ = ["CROWDED", "kept", "pages_left", "room"]

CROWDED: Final = "TimelineCrowded"
"""The reason of the entry that says that room runs out."""
_STAGES: Final[Mapping[TimelineRoom, int]] = {
    TimelineRoom.ENDING: 4,
    TimelineRoom.DECIDING: 32,
    TimelineRoom.NO_NOTES: 64,
}
"""From which number of pages left each begins."""
_LAST: Final = 4
"""Entries for the very end: dismissed or closed, and what led there."""

_DECIDING: Final = frozenset(
    {
        *("SeverityRaised", "SeverityLowered", "CommandTransferred", "RolesChanged"),
        *("ApprovalGranted", "ProposalRejected", "RemediationStopped", "RemediationStarted"),
        *("RemediationApplied", "RemediationFailed", "RemediationSuperseded", "RemediationRefused"),
        *("RemediationReverted", "RevertStarted", "RevertCompleted", "RolloutCompleted"),
        *("PodDeletionStarted", "PodDeleted", "VerificationConfirmed", "VerificationPassed"),
        *("IncidentResolved", "ResolvedByPeople", "PostmortemDrafted", "PostmortemLost"),
        *("PostmortemCompleted", "PostmortemUnproven", "PostmortemOverdue", "IncidentClosed"),
    }
)
"""What is written, beside moves between phases, when little room is left."""
_ROUNDS: Final = frozenset({Phase.DIAGNOSING, Phase.INVESTIGATING, Phase.AWAITING_APPROVAL})
"""Phases that come again without anybody's decision."""
_ROUNDABOUT: Final = frozenset({"RolesChanged", "SeverityRaised", "PostmortemLost"})
"""What comes again as often as anybody edits something."""


def pages_left(status: IncidentStatus) -> int:
    """Say how many pages can still be listed."""
    return MAX_PAGES - len(status.timeline_pages)


def room(status: IncidentStatus) -> TimelineRoom | None:
    """Say what is still written; None: everything."""
    left = pages_left(status)
    return next((stage for stage, below in _STAGES.items() if left <= below), None)


def kept(status: IncidentStatus, reason: str, phase: Phase) -> bool:
    """Whether an entry of that reason is written, and with that phase after it."""
    stage = room(status)
    if len(status.timeline) >= MAX_ENTRIES:
        # Too much at once: a status that cannot be stored would lose all of it, and what follows.
        return False
    if pages_left(status) <= 0 and len(status.timeline) >= MAX_ENTRIES - _LAST:
        return phase.ended
    if stage is None or stage is TimelineRoom.NO_NOTES or reason == CROWDED:
        return True
    moved = phase is not status.phase
    if stage is TimelineRoom.DECIDING:
        return moved or reason in _DECIDING
    if reason in _ROUNDABOUT:
        return False
    return reason in _DECIDING or (moved and phase not in _ROUNDS)
