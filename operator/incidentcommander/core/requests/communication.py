"""What people say to each other through the Incident: take command, acknowledge, note."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from ...api.incident import Roles, RootCause
from ..case import Case
from ..communication import internal_updates, public_updates
from ..diagnosis.sampling import told
from ..evolve import MAX_MESSAGE, Draft
from ..wording import cut, moment
from .budget import forgiven
from .reading import Request
from .refusal import Handler, refuse

__all__ = ["HANDLERS", "parts"]


def _take_command(_case: Case, draft: Draft, request: Request) -> Draft:
    draft = forgiven(draft)
    roles = draft.status.roles or Roles()
    before = roles.commander
    if before == request.by:
        return draft.add("CommandTransferred", f"{request.who} keeps command.", actor=request.actor)
    taken = draft.set(roles=roles.model_copy(update={"commander": request.by}))
    return taken.add(
        "CommandTransferred",
        f"{request.who} took command{f' from {before}' if before else ''}: {cut(request.value, 120)}."
        f" Brief: {_brief(draft)}",
        actor=request.actor,
    )


def _brief(draft: Draft) -> str:
    status = draft.status
    open_ = [p.id for p in status.open_proposals]
    found = told(status.diagnosis.findings) if status.diagnosis else "not diagnosed yet"
    tried = f"{status.remediations} change(s) made" if status.remediations else "nothing tried yet"
    due = status.updates.next_due_at if status.updates else None
    return (
        f"{status.phase}, attempt {status.attempt}; {found or 'no findings'}; {tried}; "
        f"open decisions: {', '.join(open_) or 'none'}; "
        f"next update: {moment(due, draft.now) if due else 'none due'}"
    )


def _acknowledge(case: Case, draft: Draft, request: Request) -> Draft:
    said = draft.add(
        "IncidentAcknowledged",
        f"{request.who} is on it: {cut(request.value, 200)}",
        actor=request.actor,
    )
    said = said.milestone(acknowledged_at=case.now)
    roles = said.status.roles or Roles()
    if roles.commander or not request.may_approve:
        return said
    return said.set(roles=roles.model_copy(update={"commander": request.by})).add(
        "CommandTransferred",
        f"{request.who} is in command: nobody was, and who acknowledges and may approve takes it. "
        f"Brief: {_brief(draft)}",
        actor=request.actor,
    )


def _update(case: Case, draft: Draft, request: Request) -> Draft:
    if draft.status.phase.over:
        return refuse(draft, request, f"it is over ({draft.status.phase}); say it as a note")
    words = f"{request.who}: {request.value}" if request.doubt else request.value
    return internal_updates.post(case, draft, words, actor=request.actor)


def _update_external(case: Case, draft: Draft, request: Request) -> Draft:
    if case.incident.spec.drill:
        return refuse(draft, request, "this is a drill: outsiders hear nothing of it")
    if draft.status.phase.over:
        return refuse(draft, request, f"it is over ({draft.status.phase})")
    if why := public_updates.offence(case, draft, request.value, request.by):
        return refuse(draft, request, why)
    return public_updates.post(case, draft, request.value, actor=request.actor)


def _root_cause(case: Case, draft: Draft, request: Request) -> Draft:
    found = RootCause(text=cut(request.value, MAX_MESSAGE), by=cut(request.who, 256), at=case.now)
    return draft.add(
        "RootCauseRecorded",
        f"{request.who}, internal only: {cut(request.value, 400)}",
        actor=request.actor,
        changes={"root_cause": found},
    )


def _note(case: Case, draft: Draft, request: Request) -> Draft:
    when, text = _back_dated(request.value, case.now)
    if request.doubt:
        text = f"{request.who}: {text}"
    for part in parts(text):
        draft = draft.add("NoteAdded", part, actor=request.actor, event_time=when)
    return draft


def parts(text: str) -> list[str]:
    """Cut long words into entries, so that nothing of them is lost."""
    size = MAX_MESSAGE - 8
    pieces = [text[i : i + size] for i in range(0, len(text), size)] or [text]
    if len(pieces) == 1:
        return pieces
    return [f"({n}/{len(pieces)}) {piece}" for n, piece in enumerate(pieces, 1)]


def _back_dated(text: str, now: datetime) -> tuple[datetime | None, str]:
    """Read ``@02:41 text``: the last time that it was 02:41 UTC."""
    head, _, rest = text.partition(" ")
    try:
        clock = datetime.strptime(head, "@%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        return None, text
    when = now.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
    return (when if when <= now else when - timedelta(days=1)), rest.strip() or text


HANDLERS: Final[Mapping[str, Handler]] = {
    "take-command": _take_command,
    "acknowledge": _acknowledge,
    "note": _note,
    "update": _update,
    "update-external": _update_external,
    "root-cause": _root_cause,
}
