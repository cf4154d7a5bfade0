"""The label that ends the watch over an Incident: when it is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from ...api.common import Phase
from ...api.incident import IncidentStatus
from ..case import Case

__all__ = ["label_due", "left_at"]


def left_at(status: IncidentStatus, reopen_within: timedelta) -> datetime | None:
    """Say when an ended Incident is labelled and watched no more: until then it can be reopened."""
    closed = status.milestones.closed_at if status.milestones else None
    if status.phase is Phase.CLOSED or closed is None:
        return closed
    return closed + reopen_within


def label_due(case: Case) -> bool:
    """Whether it is time for the label: nothing is on its way, and nothing can be reopened."""
    status = case.status
    if status.outbox or not status.phase.ended:
        return False
    due = left_at(status, case.limits.reopen_within)
    # Without a moment it is over at once only where nothing can be reopened.
    return case.now >= due if due else status.phase is Phase.CLOSED
