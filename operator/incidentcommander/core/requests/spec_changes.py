"""What people change in ``spec`` after the declaration, and what follows."""

from __future__ import annotations

from ...api.common import Phase
from ...api.incident import Roles
from ..case import Case
from ..communication import internal_updates
from ..evolve import Draft
from ..response import severity
from ..transitions import close_open, start_round
from . import merging

__all__ = ["spec_changed"]


def spec_changed(case: Case, draft: Draft) -> Draft | None:
    """Take up what people changed in ``spec``; None where nothing counts."""
    spec, status = case.incident.spec, draft.status
    if status.observed_generation == case.incident.metadata.generation or status.phase.ended:
        return None
    changed = merging.forgotten(case, draft)
    changed = severity.judged(case, severity.asked(case, changed))
    if changed.status.severity is not status.severity:
        changed = internal_updates.sooner(case.seeing(changed.status), changed)
    roles = status.roles or Roles()
    named = spec.roles or Roles()
    # Who commands first may be named in spec; after that command is taken, not given.
    wanted = named.model_copy(update={"commander": roles.commander or named.commander})
    if wanted != roles:
        changed = changed.set(roles=wanted).add("RolesChanged", _roles_said(roles, wanted, named))
    return _target_changed(case, changed) or (changed if changed is not draft else None)


def _roles_said(before: Roles, now: Roles, named: Roles) -> str:
    """Say who has which role now, and that command is taken, not given."""
    titles = (("commander", "commander"), ("tech lead", "tech_lead"), ("comms", "comms"))
    said = [
        f"{title} {getattr(now, field) or 'nobody'}"
        for title, field in (*titles, ("scribe", "scribe"))
        if getattr(now, field) != getattr(before, field)
    ]
    kept = named.commander is not None and named.commander != now.commander
    more = (
        f" The commander stays {now.commander}: command is taken by take-command." if kept else ""
    )
    return f"By spec.roles: {', '.join(said)}.{more}"


def _target_changed(case: Case, draft: Draft) -> Draft | None:
    status, spec = draft.status, case.incident.spec
    shown = status.display.target if status.display else str(spec.target)
    pinned = status.runbook.name if status.runbook else None
    other_runbook = spec.runbook_ref is not None and spec.runbook_ref.name != pinned
    if shown == str(spec.target) and not other_runbook:
        return None
    if status.phase not in {Phase.DIAGNOSING, Phase.INVESTIGATING, Phase.AWAITING_APPROVAL}:
        return None
    what = f"target {spec.target}" if shown != str(spec.target) else "another Runbook"
    # What was tried and seen failing stays known: it belongs to the Incident, not to its spec.
    draft = close_open(draft).set(stalled=None)
    if shown != str(spec.target):
        # Of another workload nothing was verified.
        draft = draft.set(approval=None, execution=None, verification=None, monitoring=None)
    return start_round(
        draft,
        "SpecChanged",
        f"spec now says: {what}. Diagnosing again.",
    )
