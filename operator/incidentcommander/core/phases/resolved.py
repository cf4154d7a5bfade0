"""Resolved: on the way to Closed, until the Postmortem that is owed is Final."""

from __future__ import annotations

from datetime import datetime

from ...api.common import Phase
from ...api.incident import IncidentStatus, PostmortemRef
from ...api.notices import Audience, NoticeKind
from ...api.postmortem import Postmortem, PostmortemState
from ...observed.needs import Facts, PostmortemNeed, ProofNeed
from ...observed.workloads import GuardProof, Missing, Unavailable
from ..case import Case
from ..communication import outbox
from ..communication.internal_updates import facts
from ..communication.templates import written
from ..evolve import Draft
from ..postmortem.owed import owned_by
from ..wording import edit_postmortem

__all__ = ["decide", "needs", "wakes_at"]


def needs(case: Case, facts: Facts) -> frozenset[PostmortemNeed | ProofNeed]:
    """Ask for the Postmortem that is known by name, and for proof of the guard that vouches for it."""
    owed = case.status.postmortem
    if owed is None or owed.name is None:
        return frozenset()
    need = PostmortemNeed(case.incident.metadata.namespace, owed.name)
    found = facts.postmortem(need)
    if not isinstance(found, Postmortem):
        return frozenset({need})
    # Where it was drafted before the policies were seen, as right after a start, it is noted now.
    moved = owed.guard is None or case.guard_fingerprint not in {None, owed.guard}
    return frozenset({need, case.proof} if moved or _done(found) else {need})


def decide(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Close what owes nothing more; say once that the Postmortem is due, and overdue."""
    draft = _due(case, draft)
    owed = draft.status.postmortem
    if owed is None:
        return _closed(case, draft, "Nothing more is owed.")
    if owed.name is None:
        return _overdue(case, draft, owed)
    postmortem = facts.postmortem(PostmortemNeed(case.incident.metadata.namespace, owed.name))
    if lost := _lost(case, owed, postmortem):
        gone = owed.model_copy(update={"name": None, "guard": None, "doubted_at": None})
        return draft.set(postmortem=gone).add("PostmortemLost", lost)
    if isinstance(postmortem, Postmortem):
        proof = facts.proof(case.proof)
        proven = proof.fingerprint if isinstance(proof, GuardProof) and proof.proven else None
        if not _done(postmortem):
            draft = _seen_open(draft, owed, proven)
        elif proven is not None and proven == owed.guard:
            return _completed(case, draft, postmortem)
        elif isinstance(proof, GuardProof):
            draft = _doubted(draft, owed, postmortem)
    return _overdue(case, draft, draft.status.postmortem or owed)


def _seen_open(draft: Draft, owed: PostmortemRef, proven: str | None) -> Draft:
    """Note under which guard it was not Final yet: what comes after is by who may."""
    if proven is None or (proven == owed.guard and owed.doubted_at is None):
        return draft
    return draft.set(postmortem=owed.model_copy(update={"guard": proven, "doubted_at": None}))


def _doubted(draft: Draft, owed: PostmortemRef, postmortem: Postmortem) -> Draft:
    """Say once that it is Final by nobody knows whom."""
    if owed.doubted_at is not None:
        return draft
    name = postmortem.metadata.name
    edit = edit_postmortem(postmortem.metadata.namespace, name)
    return draft.add(
        "PostmortemUnproven",
        f"Postmortem {name} is Final, but the guard was away, changed or not proven since it was seen "
        "open: who set it is not known, and the Incident is not closed by it. Whoever may approve "
        f"reads it, sets spec.state to Review and then to Final: {edit}",
        changes={"postmortem": owed.model_copy(update={"doubted_at": draft.now})},
    )


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


def wakes_at(case: Case, status: IncidentStatus) -> datetime | None:
    """Say when it becomes overdue."""
    del case
    owed = status.postmortem
    return owed.due_at if owed and owed.overdue_at is None else None
