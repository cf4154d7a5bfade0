"""From Resolved to Closed: the Postmortem that is owed, until it is Final.

``decide`` calls it in phase Resolved. The shell creates the Postmortem (``draft_due``, ``drafted``):
first the object, then the record of it, so that a crash in between repeats nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ..api.common import Phase
from ..api.incident import Incident, IncidentStatus, PostmortemRef
from ..api.notices import Audience, NoticeKind
from ..api.postmortem import Postmortem, PostmortemState
from ..questions import Facts, PostmortemNeed
from ..values import Missing, Unavailable
from . import outbox
from .case import Case
from .conditions import derive
from .evolve import Draft
from .letters import written
from .updates import facts
from .wording import edit_postmortem

__all__ = ["decide", "draft_due", "drafted", "left_at", "needs", "owned_by", "wakes_at"]

_REOPENED_WITHIN: Final = timedelta(hours=24)


def needs(case: Case) -> frozenset[PostmortemNeed]:
    """Ask for the Postmortem, where one is known by name."""
    owed = case.status.postmortem
    if owed is None or owed.name is None:
        return frozenset()
    return frozenset({PostmortemNeed(case.incident.metadata.namespace, owed.name)})


def decide(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Close what owes nothing more; say once that the Postmortem is due, and overdue."""
    draft = _due(case, draft)
    owed = draft.status.postmortem
    if owed is None:
        return _closed(case, draft, "Nothing more is owed.")
    found = [facts.postmortem(need) for need in needs(case)]
    for postmortem in found:
        if lost := _lost(case, owed, postmortem):
            return draft.set(postmortem=owed.model_copy(update={"name": None})).add(
                "PostmortemLost", lost
            )
        if isinstance(postmortem, Postmortem) and _done(postmortem):
            return _completed(case, draft, postmortem)
    return _overdue(case, draft, owed)


def _lost(case: Case, owed: PostmortemRef, found: Postmortem | Missing | Unavailable) -> str:
    """Say why what is under that name is not what was drafted; empty where it is."""
    if isinstance(found, Missing):
        return f"Postmortem {owed.name} was deleted: it is drafted anew."
    if isinstance(found, Postmortem) and not owned_by(found, case.incident.metadata.uid):
        return (
            f"Postmortem {owed.name} is another one now, neither drafted nor adopted here: it is left "
            "alone, and the one that is owed is drafted anew."
        )
    return ""


def owned_by(postmortem: Postmortem, incident_uid: str) -> bool:
    """Whether the operator drafted or adopted it for that Incident.

    The mark is an ownerReference: the guard lets nobody else write one.
    """
    owners = postmortem.metadata.owner_references
    return any(o.get("kind") == "Incident" and o.get("uid") == incident_uid for o in owners)


def _done(postmortem: Postmortem) -> bool:
    spec = postmortem.spec
    return spec.state is PostmortemState.FINAL and spec.follow_up_review_at is not None


def _completed(case: Case, draft: Draft, postmortem: Postmortem) -> Draft:
    spec = postmortem.spec
    still_open = sum(item.status != "Done" for item in spec.action_items)
    draft = draft.add(
        "PostmortemCompleted",
        f"Postmortem {postmortem.metadata.name} is Final; {still_open} of {len(spec.action_items)} "
        "action items are open and tracked on.",
    )
    review = f"{spec.follow_up_review_at:%Y-%m-%d %H:%M} UTC"
    return _closed(case, draft, f"Follow-up review scheduled. It takes place {review}.")


def _closed(case: Case, draft: Draft, message: str) -> Draft:
    return draft.milestone(closed_at=case.now).add("IncidentClosed", message, phase=Phase.CLOSED)


def _due(case: Case, draft: Draft) -> Draft:
    """Tell the channels, once, that there is a draft, and when it is due."""
    owed = draft.status.postmortem
    if owed is None or owed.name is None or owed.told_at is not None:
        return draft
    told = _told(case, draft, owed.model_copy(update={"told_at": case.now}))
    return told if told.status.outbox != draft.status.outbox else draft


def _told(case: Case, draft: Draft, owed: PostmortemRef) -> Draft:
    """Put a notice about the Postmortem into the outbox."""
    due = f"{owed.due_at:%Y-%m-%d %H:%M} UTC" if owed.due_at else "once it is complete"
    if owed.overdue_at is not None:
        due = f"{due}, so it is overdue"
    known = facts(case, draft, postmortem=owed.name or case.incident.metadata.name, due=due)
    spec, kind = case.policy.whole, NoticeKind.POSTMORTEM_DUE
    for audience in (Audience.INTERNAL, Audience.EXECUTIVE):
        words, _ = written(spec, audience, kind, known)
        names = [c.name for c in outbox.channels_for(case, draft, audience)]
        draft = outbox.add(case, draft, kind, audience, words, names)
    return draft.set(postmortem=owed)


def _overdue(case: Case, draft: Draft, owed: PostmortemRef) -> Draft:
    if owed.due_at is None or owed.overdue_at is not None or case.now < owed.due_at:
        return draft
    named = f"Postmortem {owed.name}" if owed.name else "The Postmortem"
    late = owed.model_copy(update={"overdue_at": case.now})
    return _told(case, draft, late).add(
        "PostmortemOverdue",
        f"{named} was due {owed.due_at:%Y-%m-%d %H:%M} UTC and is not Final: the incident is not over "
        "until it is.",
    )


def wakes_at(status: IncidentStatus) -> datetime | None:
    """Say when it becomes overdue."""
    owed = status.postmortem
    return owed.due_at if owed and owed.overdue_at is None else None


def left_at(status: IncidentStatus) -> datetime | None:
    """Say when an ended Incident is labelled and watched no more: until then it can be reopened."""
    closed = status.milestones.closed_at if status.milestones else None
    if status.phase is Phase.CLOSED or closed is None:
        return closed
    return closed + _REOPENED_WITHIN


def draft_due(incident: Incident) -> bool:
    """Whether a Postmortem is owed and none is known yet."""
    owed = incident.status.postmortem
    return incident.status.phase is Phase.RESOLVED and owed is not None and owed.name is None


def drafted(incident: Incident, name: str, how: str, now: datetime) -> IncidentStatus:
    """Record the Postmortem that was drafted or found."""
    owed = incident.status.postmortem or PostmortemRef()
    due = f" It is due {owed.due_at:%Y-%m-%d %H:%M} UTC." if owed.due_at else ""
    edit = edit_postmortem(incident.metadata.namespace, name)
    draft = Draft(incident.status, now).add(
        "PostmortemDrafted",
        f"Postmortem {name}: {how}.{due} Complete it and set spec.state to Final: {edit}",
        changes={"postmortem": owed.model_copy(update={"name": name})},
    )
    return derive(incident, draft.status, now)
