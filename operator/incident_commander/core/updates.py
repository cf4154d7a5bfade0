"""Updates: the first soon after the declaration, then by cadence, in the fixed form.

Where a person has not spoken by the time that the next one is due, the operator says what it
knows. Only internal updates so far: they stand in the timeline and in an Event. Whether one is
overdue follows from timestamps alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ..api.base import format_duration
from ..api.common import Phase
from ..api.incident import Impact, Updates
from .case import Case
from .evolve import MAX_MESSAGE, OPERATOR, Draft
from .wording import cut, sentence

__all__ = ["again", "due_at", "ended", "first_due", "is_due", "post", "resolved", "sooner"]

_OVER: Final = frozenset({Phase.RESOLVED, Phase.CLOSED, Phase.DISMISSED, Phase.MERGED})
_MINUTE: Final = timedelta(minutes=1)
_UNKNOWN: Final = "not known yet, we are investigating"
_STATES: Final = {
    Phase.DECLARED: "Investigating",
    Phase.DIAGNOSING: "Investigating",
    Phase.INVESTIGATING: "Investigating",
    Phase.AWAITING_APPROVAL: "A fix is proposed and waits for a decision",
    Phase.REMEDIATING: "A fix is being applied",
    Phase.VERIFYING: "A fix is applied and being checked",
    Phase.MONITORING: "A fix is in place and being watched",
}


def first_due(case: Case, draft: Draft) -> Draft:
    """Start the clock of a new Incident."""
    created = case.incident.metadata.creation_timestamp or case.now
    due = created + case.policy.first_update_within
    return draft.set(updates=Updates(next_due_at=due))


def again(case: Case, draft: Draft) -> Draft:
    """Start the clock of an Incident that was over and is not."""
    due = case.now + case.policy.first_update_within
    known = draft.status.updates or Updates()
    return draft.set(updates=known.model_copy(update={"next_due_at": due}))


def sooner(case: Case, draft: Draft) -> Draft:
    """Bring the next update forward where a raised severity asks for more of them."""
    known = draft.status.updates
    policy = draft.status.policy
    if known is None or known.next_due_at is None or policy is None:
        return draft
    due = min(known.next_due_at, (known.last_at or case.now) + policy.update_every)
    return draft.set(updates=known.model_copy(update={"next_due_at": max(due, case.now)}))


def due_at(draft: Draft) -> datetime | None:
    """Give the time of the next update, while one is due at all."""
    updates = draft.status.updates
    return updates.next_due_at if updates and draft.status.phase not in _OVER else None


def is_due(case: Case, draft: Draft) -> bool:
    """Whether nobody has spoken, and it is time."""
    due = due_at(draft)
    return due is not None and case.now >= due


def post(case: Case, draft: Draft, actions: str = "", *, actor: str = OPERATOR) -> Draft:
    """Post an internal update; ``actions``: what a person says is being done."""
    updates = draft.status.updates or Updates()
    every = case.policy.update_every
    due = case.now + every
    if updates.count or actions:
        text = _update(case, draft, actions, due)
    else:
        text = _first(case, _in_words(every))
    sent = Updates(last_at=case.now, next_due_at=due, count=updates.count + 1)
    return draft.add("UpdatePosted", cut(text, MAX_MESSAGE), actor=actor, changes={"updates": sent})


def ended(case: Case, draft: Draft, text: str) -> Draft:
    """Post the last update where somebody was told before; none is due after it."""
    updates = draft.status.updates or Updates()
    if not updates.count:
        return draft.set(updates=updates.model_copy(update={"next_due_at": None}))
    return _last(case, draft, text)


def resolved(case: Case, draft: Draft, summary: str, minutes: int) -> Draft:
    """Post the final update, in its fixed words."""
    review = " Follow-up review will be scheduled." if draft.status.postmortem else ""
    text = f"Resolved. {sentence(cut(summary, 300))} Duration: {minutes} minutes.{review}"
    return _last(case, draft, text)


def _last(case: Case, draft: Draft, text: str) -> Draft:
    updates = draft.status.updates or Updates()
    last = Updates(last_at=case.now, next_due_at=None, count=updates.count + 1)
    return draft.add("UpdatePosted", cut(text, MAX_MESSAGE), changes={"updates": last})


def _first(case: Case, cadence: str) -> str:
    impact = case.incident.spec.impact or Impact()
    symptom = impact.symptom or case.incident.spec.title
    return (
        f"We are aware of {_plain(symptom)}. Impact: {_plain(impact.summary or _UNKNOWN)}. "
        f"Investigating. Next update in {cadence}.{_war_room(case)}"
    )


def _update(case: Case, draft: Draft, actions: str, due: datetime) -> str:
    impact = case.incident.spec.impact or Impact()
    parts = (
        f"STATUS: {_STATES.get(draft.status.phase, str(draft.status.phase))}",
        f"IMPACT: {_plain(cut(impact.summary or impact.symptom or _UNKNOWN, 120))}",
        f"ACTIONS: {_plain(cut(actions or _actions(draft), 220))}",
        f"NEXT UPDATE: {due:%H:%M} UTC",
    )
    return " | ".join(parts) + _war_room(case)


def _actions(draft: Draft) -> str:
    status = draft.status
    if status.phase is Phase.AWAITING_APPROVAL:
        open_ = status.open_proposals
        return open_[0].summary if open_ else "Diagnosing"
    proposal = status.proposal(status.approval.proposal) if status.approval else None
    if proposal is not None:
        return proposal.summary
    if status.monitoring is not None:
        return f"Watching until {status.monitoring.until:%H:%M} UTC"
    return "Still investigating"


def _in_words(time: timedelta) -> str:
    """Say ``30 minutes``, ``2 hours``, ``1 day``; what is uneven as Go writes it."""
    for unit, name in (
        (timedelta(days=1), "day"),
        (timedelta(hours=1), "hour"),
        (_MINUTE, "minute"),
    ):
        count, rest = divmod(time, unit)
        if count and not rest:
            return f"{count} {name}{'s' if count > 1 else ''}"
    return format_duration(time)


def _war_room(case: Case) -> str:
    room = case.incident.spec.war_room
    return f" War room: {cut(room, 100)}" if room else ""


def _plain(text: str) -> str:
    """Leave out what would break the form: its separators, and a second full stop."""
    return sentence(" ".join(text.replace("|", "/").split())).rstrip(".")
