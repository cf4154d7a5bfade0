"""Everything of an Incident that is due by the clock, whatever its phase: one place that asks.

Updates inside and outside, escalations, roles, and what became of notices.
"""

from __future__ import annotations

from datetime import datetime

from ...api.incident import IncidentStatus
from ..case import Case
from ..communication import internal_updates, outbox, public_updates
from ..evolve import Draft
from . import escalation, roles

__all__ = ["struck", "wakes_at"]


def struck(case: Case, draft: Draft) -> Draft:
    """Do all that is due now; the same draft where nothing is."""
    draft = outbox.settled(case, draft)
    if draft.status.phase.over:
        return draft
    draft = public_updates.withheld(case, escalation.raised(case, draft))
    case = case.seeing(draft.status)
    if _is_due(case, roles.next_at(draft)):
        draft = roles.reminded(case, draft)
    if internal_updates.is_due(case, draft):
        draft = internal_updates.post(case, draft)
    return public_updates.post(case, draft) if public_updates.is_due(case, draft) else draft


def wakes_at(case: Case, status: IncidentStatus) -> list[datetime]:
    """Give the times at which something is due, if nothing happens before."""
    draft = Draft(status, case.now)
    times = [outbox.give_up_at(status)]
    if not status.phase.over:
        times += [
            internal_updates.due_at(draft),
            public_updates.due_at(case, draft),
            escalation.next_at(case, draft),
            roles.next_at(draft),
        ]
    return [time for time in times if time is not None]


def _is_due(case: Case, at: datetime | None) -> bool:
    return at is not None and case.now >= at
