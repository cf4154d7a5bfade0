"""Whether somebody is there: the time to respond, and the roles that nobody has taken by then."""

from __future__ import annotations

from datetime import datetime

from ...api.common import Phase, Severity
from ...api.incident import IncidentStatus, Response, Roles
from ...api.notices import Audience, NoticeKind
from ...api.policy import Role
from ..case import Case
from ..communication import outbox
from ..communication.internal_updates import facts, sent_to
from ..communication.templates import written
from ..evolve import Draft
from ..wording import take_command
from . import business_hours

__all__ = ["begin", "next_at", "reminded", "unfilled"]

_TITLES = {
    Role.COMMANDER: "commander",
    Role.TECH_LEAD: "tech lead",
    Role.COMMS: "comms",
    Role.SCRIBE: "scribe",
}


def begin(case: Case, draft: Draft) -> Draft:
    """Say by when somebody is to be there; a raised severity only makes that sooner."""
    rules = case.policy.whole.rules_for(draft.status.severity or Severity.SEV2)
    hours = case.policy.whole.business_hours
    within = rules.respond_within
    due = case.now + within if within is not None else business_hours.next_end(hours, case.now)
    old = draft.status.response
    return draft.set(
        response=Response(
            due_at=min(due, old.due_at) if old else due,
            roles=rules.roles or [],
            reminded=old.reminded if old else None,
        )
    )


def unfilled(status: IncidentStatus) -> list[str]:
    """Name the roles that somebody is to have and nobody has."""
    roles, wanted = status.roles or Roles(), status.response.roles if status.response else []
    filled = {
        Role.COMMANDER: roles.commander,
        Role.TECH_LEAD: roles.tech_lead,
        Role.COMMS: roles.comms,
        Role.SCRIBE: roles.scribe,
    }
    return [_TITLES[role] for role in wanted if not filled[role]]


def next_at(draft: Draft) -> datetime | None:
    """Give the time at which people are to be reminded of roles, while that is to come."""
    status = draft.status
    watched = status.phase is Phase.MONITORING or status.phase.over
    if status.response is None or watched or status.response.reminded:
        return None
    return status.response.due_at if unfilled(status) else None


def reminded(case: Case, draft: Draft) -> Draft:
    """Remind people of the roles that nobody took in time, once."""
    missing = ", ".join(unfilled(draft.status))
    meta, response = case.incident.metadata, draft.status.response
    assert response is not None  # noqa: S101 - for the type checker: next_at gave a time
    names = [c.name for c in outbox.channels_for(case, draft, Audience.INTERNAL)]
    what = (
        f"Nobody is {missing}, and it was due at {response.due_at:%H:%M} UTC. Take command: "
        f"{take_command(meta)} ; the others stand in spec.roles."
    )
    known = facts(case, draft, escalation=what)
    words, problem = written(case.policy.whole, Audience.INTERNAL, NoticeKind.ESCALATION, known)
    draft = outbox.add(case, draft, NoticeKind.ESCALATION, Audience.INTERNAL, words, names)
    return draft.add(
        "RoleUnfilled",
        what,
        changes={"response": response.model_copy(update={"reminded": missing})},
        evidence=sent_to(names, problem),
    )
