"""Internal updates: the first soon after the declaration, then by cadence, in the fixed form.

Where a person has not spoken by the time that the next one is due, the operator says what it
knows. Whether one is overdue follows from timestamps alone. Outsiders: ``outside.py``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ...api.common import Phase
from ...api.incident import Evidence, Impact, Updates
from ...api.notices import Audience, NoticeKind
from ..case import Case
from ..evolve import MAX_MESSAGE, OPERATOR, Draft
from ..wording import cut, in_words, moment, phrase, sentence
from . import outbox, public_updates
from .templates import UNKNOWN, InternalFacts, written

__all__ = [
    "due_at",
    "ended",
    "facts",
    "is_due",
    "post",
    "resolved",
    "sooner",
    "start_clock",
    "tell",
]

_INSIDE: Final = (Audience.INTERNAL, Audience.EXECUTIVE)
_STATES: Final = {
    Phase.DECLARED: "Investigating",
    Phase.DIAGNOSING: "Investigating",
    Phase.INVESTIGATING: "Investigating",
    Phase.AWAITING_APPROVAL: "Investigating",
    Phase.REMEDIATING: "A fix is being applied",
    Phase.VERIFYING: "A fix is applied and being checked",
    Phase.MONITORING: "A fix is in place and being watched",
    Phase.DISMISSED: "Closed as a false alarm",
}


# --- the clock -----------------------------------------------------------------------------------


def start_clock(case: Case, draft: Draft, since: datetime) -> Draft:
    """Start the clock of an Incident that is new, or that was over and is not."""
    due = since + case.policy.first_update_within
    known = draft.status.updates or Updates()
    return draft.set(updates=known.model_copy(update={"next_due_at": due}))


def sooner(case: Case, draft: Draft) -> Draft:
    """Bring the next update forward where a raised severity asks for more of them.

    Outsiders hear again with the next internal one, whatever they were promised before.
    """
    known = draft.status.updates
    policy = draft.status.policy
    if known is None or known.next_due_at is None or policy is None:
        return draft
    due = min(known.next_due_at, (known.last_at or case.now) + policy.update_every)
    due = max(due, case.now)
    outside_due = min(known.external_due_at, due) if known.external_due_at else None
    sooner = {"next_due_at": due, "external_due_at": outside_due}
    return draft.set(updates=known.model_copy(update=sooner))


def due_at(draft: Draft) -> datetime | None:
    """Give the time of the next update, while one is due at all."""
    updates = draft.status.updates
    return updates.next_due_at if updates and not draft.status.phase.over else None


def is_due(case: Case, draft: Draft) -> bool:
    """Whether nobody has spoken, and it is time."""
    due = due_at(draft)
    return due is not None and case.now >= due


# --- the words -----------------------------------------------------------------------------------


def post(case: Case, draft: Draft, actions: str = "", *, actor: str = OPERATOR) -> Draft:
    """Post an internal update; ``actions``: what a person says is being done."""
    updates = draft.status.updates or Updates()
    due = case.now + case.policy.update_every
    kind = NoticeKind.UPDATE if updates.count or actions else NoticeKind.FIRST
    known = facts(
        case,
        draft,
        actions=phrase(cut(actions or _actions(draft), 220)),
        next_update=moment(due, case.now),
    )
    return tell(case, draft, kind, known, actor=actor, next_due_at=due)


def ended(case: Case, draft: Draft, text: str) -> Draft:
    """Post the last update where somebody was told before; none is due after it."""
    updates = draft.status.updates or Updates()
    if not updates.count:
        none_due = {"next_due_at": None, "external_due_at": None}
        return draft.set(updates=updates.model_copy(update=none_due))
    known = facts(case, draft, actions=sentence(text), minutes=_minutes(case, draft))
    return _last(case, draft, known)


def resolved(case: Case, draft: Draft, summary: str) -> Draft:
    """Post the final update, in its fixed words."""
    review = "Follow-up review will be scheduled." if draft.status.postmortem else ""
    minutes = _minutes(case, draft)
    known = facts(
        case, draft, actions=sentence(cut(summary, 300)), minutes=minutes, follow_up=review
    )
    return _last(case, draft, known)


def _last(case: Case, draft: Draft, known: InternalFacts) -> Draft:
    draft = public_updates.ended(case, draft, known.minutes, known.follow_up)
    return tell(case, draft, NoticeKind.RESOLVED, known, next_due_at=None)


def _minutes(case: Case, draft: Draft) -> str:
    started = draft.status.milestones.started_at if draft.status.milestones else None
    return str(round((case.now - started).total_seconds() / 60)) if started else "0"


def tell(
    case: Case,
    draft: Draft,
    kind: NoticeKind,
    known: InternalFacts,
    *,
    next_due_at: datetime | None,
    actor: str = OPERATOR,
) -> Draft:
    """Write an internal update down, and put it into the outbox."""
    spec, told = case.policy.whole, list[str]()
    (_, text), problem = written(spec, Audience.INTERNAL, kind, known)
    for audience in _INSIDE:
        words, _ = written(spec, audience, kind, known)
        names = outbox.recipients(case, draft, audience, kind)
        draft = outbox.add(case, draft, kind, audience, words, names)
        told += names
    updates = draft.status.updates or Updates()
    sent = updates.model_copy(
        update={
            "last_at": case.now,
            "next_due_at": next_due_at,
            "count": updates.count + 1,
            "told": list(dict.fromkeys([*updates.told, *told]))[-8:],
        }
    )
    return draft.add(
        "UpdatePosted",
        cut(text, MAX_MESSAGE),
        actor=actor,
        changes={"updates": sent},
        evidence=sent_to(told, problem),
    )


def sent_to(channels: list[str], problem: str | None = None) -> Evidence | None:
    """Say which channels a notice goes to, and what was wrong with the policy's words for it."""
    said = [f"sent to: {', '.join(channels)}" if channels else "", problem or ""]
    value = cut("; ".join(part for part in said if part), 256)
    return Evidence(value=value) if value else None


def facts(case: Case, draft: Draft, **more: str) -> InternalFacts:
    """Gather what the words of a notice can name."""
    spec, status, meta = case.incident.spec, draft.status, case.incident.metadata
    impact = spec.impact or Impact()
    return InternalFacts(
        id=meta.uid[:8],
        name=meta.name,
        namespace=meta.namespace,
        title=spec.title,
        severity=str(status.severity or spec.severity),
        target=str(case.seeing(status).incident.target),
        commander=(status.roles.commander if status.roles else None) or "nobody",
        symptom=phrase(impact.symptom or spec.title),
        impact=phrase(cut(impact.summary or impact.symptom or UNKNOWN, 120)),
        status=_state(draft),
        cadence=in_words(case.policy.update_every),
        summary=status.summary,
        war_room=cut(spec.war_room or "", 100),
        drill="DRILL: " if spec.drill else "",
        **more,
    )


def _state(draft: Draft) -> str:
    status = draft.status
    free = [p for p in status.open_proposals if not p.blocked]
    if status.phase is Phase.AWAITING_APPROVAL and free:
        if any(p.recommended for p in free):
            return "A fix is proposed and waits for a decision"
        return "What could help is offered, not proven, and waits for a decision"
    return _STATES.get(status.phase, str(status.phase))


def _actions(draft: Draft) -> str:
    status = draft.status
    if status.phase is Phase.AWAITING_APPROVAL:
        free = [p for p in status.open_proposals if not p.blocked]
        first = next((p for p in free if p.recommended), free[0] if free else None)
        return first.summary if first else "Still investigating"
    proposal = status.proposal(status.approval.proposal) if status.approval else None
    if proposal is not None:
        return proposal.summary
    if status.monitoring is not None:
        return f"Watching until {status.monitoring.until:%H:%M} UTC"
    return "Still investigating"
