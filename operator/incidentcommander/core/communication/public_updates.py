"""What outsiders are told: from facts that have no field for a cause, a title or a name.

The operator tells them first once ``spec.impact.symptom`` says what they may read and the policy
has a channel for them, and by the same cadence from then on; a person's ``update-external`` words
come first. Words that speculate, lead elsewhere or ask for secrets are held back. Drills have no
outsiders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ...api.common import Phase
from ...api.incident import Impact, Updates
from ...api.notices import Audience, NoticeKind
from ...cleaning import clean
from ..case import Case
from ..evolve import MAX_MESSAGE, OPERATOR, Draft
from ..wording import cut, in_words, moment, one_line, phrase, sentence
from . import outbox
from .links import leading_elsewhere
from .speculation import speculative
from .templates import UNKNOWN, PublicFacts, written

__all__ = ["due_at", "ended", "is_due", "offence", "post", "withheld"]

_TELLING: Final = 8
"""Characters from which on a title says more than any sentence about the trouble does."""
_STATES: Final = {
    Phase.REMEDIATING: ("Fixing", "A fix is being applied"),
    Phase.VERIFYING: ("Fixing", "A fix is being checked"),
    Phase.MONITORING: ("Monitoring", "A fix is in place and we are watching it"),
}
_ENDS: Final = {
    Phase.DISMISSED: ("Closed", "What we reported was a false alarm"),
    Phase.MERGED: ("Closed", "It is part of another incident, of which we report apart"),
}
_INVESTIGATING: Final = ("Investigating", "We are investigating")


def due_at(case: Case, draft: Draft) -> datetime | None:
    """Give the time at which outsiders are to be told something; None where nothing is due."""
    updates = draft.status.updates
    if updates is None or draft.status.phase.over or not _can_be_told(case, draft):
        return None
    # The first goes out with the first internal one, or as soon as the symptom is known.
    return updates.external_due_at if updates.external else (updates.last_at or None)


def is_due(case: Case, draft: Draft) -> bool:
    """Whether it is time to tell outsiders something."""
    due = due_at(case, draft)
    return due is not None and case.now >= due


def _can_be_told(case: Case, draft: Draft) -> bool:
    return bool(
        _public(case, draft, "symptom") and outbox.channels_for(case, draft, Audience.EXTERNAL)
    )


def post(case: Case, draft: Draft, actions: str = "", *, actor: str = OPERATOR) -> Draft:
    """Tell outsiders; ``actions``: a person's words, in which ``offence`` found nothing."""
    updates = draft.status.updates or Updates()
    kind = NoticeKind.UPDATE if updates.external or actions else NoticeKind.FIRST
    due = case.now + case.policy.update_every
    state, doing = _STATES.get(draft.status.phase, _INVESTIGATING)
    known = PublicFacts(
        id=_id(case),
        symptom=_public(case, draft, "symptom") or "a problem with the service",
        impact=_public(case, draft, "summary") or _public(case, draft, "symptom") or UNKNOWN,
        status=state,
        actions=phrase(actions) or doing,
        next_update=moment(due, case.now),
        cadence=in_words(case.policy.update_every),
    )
    return _tell(case, draft, kind, known, actor, due)


def ended(case: Case, draft: Draft, minutes: str, follow_up: str) -> Draft:
    """Give outsiders the last words, if they were told anything."""
    updates = draft.status.updates or Updates()
    if not updates.external:
        return draft.set(updates=updates.model_copy(update={"external_due_at": None}))
    symptom = _public(case, draft, "symptom")
    outcome, words = _ENDS.get(draft.status.phase, ("Resolved", "The trouble is over"))
    said = f"{words} (it was: {symptom})" if symptom and outcome == "Resolved" else words
    known = PublicFacts(
        id=_id(case),
        symptom=symptom,
        impact=_public(case, draft, "summary"),
        status=outcome,
        actions=sentence(said),
        minutes=minutes,
        follow_up=follow_up,
    )
    return _tell(case, draft, NoticeKind.RESOLVED, known, OPERATOR, None)


def _tell(
    case: Case,
    draft: Draft,
    kind: NoticeKind,
    known: PublicFacts,
    actor: str,
    due: datetime | None,
) -> Draft:
    words, problem = written(case.policy.whole, Audience.EXTERNAL, kind, known)
    names = outbox.recipients(case, draft, Audience.EXTERNAL, kind)
    draft = outbox.add(case, draft, kind, Audience.EXTERNAL, words, names)
    updates = draft.status.updates or Updates()
    sent = updates.model_copy(update={"external": updates.external + 1, "external_due_at": due})
    where = (
        f"To {', '.join(names)}" if names else "The policy has no external channel: sent nowhere"
    )
    return draft.add(
        "ExternalUpdatePosted",
        cut(f"{where}: {words[1]}{f' ({problem})' if problem else ''}", MAX_MESSAGE),
        actor=actor,
        changes={"updates": sent},
    )


def withheld(case: Case, draft: Draft) -> Draft:
    """Say which words of ``spec.impact`` outsiders do not get, once."""
    updates = draft.status.updates
    if updates is None or not outbox.channels_for(case, draft, Audience.EXTERNAL):
        return draft
    impact = case.incident.spec.impact or Impact()
    for field, said in (("symptom", impact.symptom or ""), ("summary", impact.summary or "")):
        text = clean(said)
        why = offence(case, draft, text, "") if text else None
        if why is None or text in updates.withheld:
            continue
        updates = updates.model_copy(update={"withheld": [*updates.withheld, text][-4:]})
        draft = draft.add(
            "ExternalTextWithheld",
            f"spec.impact.{field} is {why}. Outsiders do not get it.",
            changes={"updates": updates},
        )
    return draft


def offence(case: Case, draft: Draft, text: str, by: str) -> str | None:
    """Say what in a person's words outsiders must not read, or None."""
    if words := speculative(text):
        return (
            f"held back, since it speculates about the cause (“{words}”): say what users see and "
            "what is being done, without why"
        )
    if leads := leading_elsewhere(text, case.policy.whole.allowed_links):
        return (
            f"held back, since {leads}: say it without; links that outsiders may get are listed in "
            "the policy's spec.allowedLinks"
        )
    lower = text.lower()
    if _repeats(case.incident.spec.title, lower):
        return "held back, since it repeats the internal title: say what users see"
    for name in _people(draft, by):
        if re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", lower):
            return f"held back, since it names a person (“{name}”): say “we”"
    return None


def _repeats(title: str, text: str) -> bool:
    """Whether a text has the whole title in it. One short word is no title that gives itself away."""
    said = one_line(title).lower()
    found = re.search(rf"(?<!\w){re.escape(said)}(?!\w)", one_line(text))
    return found is not None and len(said) >= _TELLING


def _people(draft: Draft, by: str) -> Iterator[str]:
    roles = draft.status.roles
    named = [roles.commander, roles.tech_lead, roles.comms, roles.scribe] if roles else []
    yield from dict.fromkeys(name for name in (by, *named) if name)


def _public(case: Case, draft: Draft, field: str) -> str:
    """Give what ``spec.impact`` says there, if outsiders may read it."""
    text = clean(getattr(case.incident.spec.impact or Impact(), field) or "")
    return "" if offence(case, draft, text, "") else phrase(cut(text, 200))


def _id(case: Case) -> str:
    return case.incident.metadata.uid[:8]
