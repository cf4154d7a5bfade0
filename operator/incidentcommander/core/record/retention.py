"""How long an ended Incident is kept: by the policy that it ran under, and never while work is open."""

from __future__ import annotations

from datetime import datetime

from ...api.incident import Incident
from ...api.postmortem import ActionStatus, Postmortem, PostmortemState

__all__ = ["kept_until", "still_needed"]


def kept_until(incident: Incident) -> datetime | None:
    """Give the time from which it may be deleted; None: it is kept for ever."""
    status = incident.status
    keep = status.policy.whole.retention if status.policy else None
    closed = status.milestones.closed_at if status.milestones else None
    return closed + keep if status.phase.ended and keep is not None and closed else None


def still_needed(postmortem: Postmortem) -> str | None:
    """Say what keeps a Postmortem, and its Incident with it; None where nothing does."""
    spec = postmortem.spec
    if spec.state is not PostmortemState.FINAL:
        return f"its Postmortem is {spec.state}"
    left = [item.id for item in spec.action_items if item.status is not ActionStatus.DONE]
    return f"action items are open: {', '.join(left)}" if left else None
