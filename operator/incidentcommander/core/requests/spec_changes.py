"""What people change in ``spec`` after the declaration, and what follows."""

from __future__ import annotations

from typing import Final

from ...api.common import Phase, TargetKind, TargetRef
from ...api.incident import Handled, IncidentStatus, Roles
from ...command_line import Blank
from ...observed.needs import Facts
from ...observed.workloads import digest
from ..case import Case
from ..communication import internal_updates
from ..evolve import Draft
from ..response import severity
from ..transitions import close_open, start_round
from ..wording import annotate
from . import budget, merging, trust

__all__ = ["doubted", "pending", "spec_changed"]

_ROLES: Final = ("commander", "tech_lead", "comms", "scribe")


def pending(case: Case) -> bool:
    """Whether spec says something of weight that was not taken up: who wrote it matters then."""
    status = case.status
    if status.phase.ended or not _to_be_seen(case, status, due=False):
        return False
    return _wanted_roles(case, status) != (status.roles or Roles()) or bool(_another(case, status))


def spec_changed(case: Case, draft: Draft, facts: Facts) -> Draft | None:
    """Take up what people changed in ``spec``; None where nothing counts."""
    status = draft.status
    if status.phase.ended or not _to_be_seen(case, status, due=budget.due(draft)):
        return None
    changed = merging.forgotten(case, draft)
    changed = severity.judged(case, _severity(case, changed))
    if changed.status.severity is not status.severity:
        changed = internal_updates.sooner(case.seeing(changed.status), changed)
    if pending(case) or budget.due(draft):
        changed = _kept(case, changed, _believed(case, changed, facts))
    return changed if changed is not draft else None


def _to_be_seen(case: Case, status: IncidentStatus, *, due: bool) -> bool:
    waits = status.handled is not None and status.handled.spec_waits
    return due or waits or status.observed_generation != case.incident.metadata.generation


def _severity(case: Case, draft: Draft) -> Draft:
    """Take up another severity: a higher one in any case, words about a lower one while there is room."""
    after = severity.asked(case, draft)
    if after.status.severity is not draft.status.severity or after is draft:
        return after
    kept = budget.counted(
        draft, lambda d: severity.asked(case, d), "a higher severity counts at once."
    )
    return kept.set(severity_basis=after.status.severity_basis)


def _believed(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Take up target, Runbook and roles, if the guard stood when they were written."""
    handled = draft.status.handled or Handled()
    if case.proof not in facts or trust.unknown(case, facts):
        waits = handled.model_copy(update={"spec_waits": True})
        return draft if handled.spec_waits else draft.set(handled=waits)
    if handled.spec_waits:
        draft = draft.set(handled=handled.model_copy(update={"spec_waits": False}))
    if why := trust.doubt(case, facts):
        return doubted(case, draft, why)
    lead = annotate(case.incident.metadata, "take-command", Blank("reason"))
    again = f"who may approve and takes command is heard at once: {lead}"
    return budget.counted(draft, lambda d: _taken_up(case, d), again)


def doubted(case: Case, draft: Draft, why: str) -> Draft:
    """Say that what spec says is not taken up, and remember what that was."""
    what = _said(case, draft.status)
    if not what:
        return draft
    handled = draft.status.handled or Handled()
    now = [d for d in _digests(case, draft.status) if d not in handled.doubted]
    return draft.add(
        "SpecUnproven",
        f"spec was changed ({what}), but {why}: who wrote it is not known, and it is not taken up. Whoever "
        "leads changes it to something else, and back where it was right.",
        changes={"handled": handled.model_copy(update={"doubted": [*handled.doubted, *now][-8:]})},
    )


def _kept(case: Case, before: Draft, after: Draft) -> Draft:
    """Let it go on to be about the workload that it was about, where another one is not taken up."""
    shown, handled = before.status.display, after.status.handled or Handled()
    if after.status.diagnosis != before.status.diagnosis or shown is None:
        return after
    if handled.keeps is not None or shown.target == str(case.incident.spec.target):
        return after
    kind, name = shown.target.split("/", 1)
    keeps = TargetRef(kind=TargetKind(kind), name=name)
    return after.set(handled=handled.model_copy(update={"keeps": keeps}))


def _taken_up(case: Case, draft: Draft) -> Draft:
    before, wanted = draft.status.roles or Roles(), _wanted_roles(case, draft.status)
    if wanted != before:
        named = case.incident.spec.roles or Roles()
        draft = draft.set(roles=wanted).add("RolesChanged", _roles_said(before, wanted, named))
    return _target_changed(case, draft) or draft


def _wanted_roles(case: Case, status: IncidentStatus) -> Roles:
    """Say who has which role by spec, as far as that is believed.

    Who commands first may be named; afterwards command is taken.
    """
    roles, named = status.roles or Roles(), case.incident.spec.roles or Roles()
    held = {role: getattr(roles, role) for role in _ROLES if _is_doubted(case, status, role)}
    wanted = named.model_copy(update=held)
    return wanted.model_copy(update={"commander": roles.commander or wanted.commander})


def _said(case: Case, status: IncidentStatus) -> str:
    roles = _wanted_roles(case, status) != (status.roles or Roles())
    return ", ".join(filter(None, ("roles" if roles else "", _another(case, status))))


def _fields(case: Case) -> dict[str, object]:
    """Give what of spec needs a right, by field."""
    spec = case.incident.spec
    roles = {role: getattr(spec.roles, role) if spec.roles else None for role in _ROLES}
    return {
        "target": str(spec.target),
        "runbookRef": spec.runbook_ref and spec.runbook_ref.name,
        **roles,
    }


def _digests(case: Case, status: IncidentStatus) -> list[str]:
    """Give what of spec is not what was taken up, to be known again."""
    taken = status.roles or Roles()
    differs = {role for role in _ROLES if _fields(case)[role] != getattr(taken, role)}
    what = _another(case, status)
    differs |= {"target"} if what.startswith("target") else {"runbookRef"} if what else set()
    return [_named(field, value) for field, value in _fields(case).items() if field in differs]


def _named(field: str, value: object) -> str:
    return f"{field}={digest(value)}"


def _is_doubted(case: Case, status: IncidentStatus, field: str) -> bool:
    known = status.handled.doubted if status.handled else []
    return _named(field, _fields(case)[field]) in known


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


def _another(case: Case, status: IncidentStatus) -> str:
    """Say what of target and Runbook is another one by spec; empty where neither is, or it is fixed."""
    spec = case.incident.spec
    if status.phase not in {Phase.DIAGNOSING, Phase.INVESTIGATING, Phase.AWAITING_APPROVAL}:
        return ""
    shown = status.display.target if status.display else str(spec.target)
    if shown != str(spec.target) and not _is_doubted(case, status, "target"):
        return f"target {spec.target}"
    pinned = status.runbook.name if status.runbook else None
    other_runbook = spec.runbook_ref is not None and spec.runbook_ref.name != pinned
    other_runbook = other_runbook and not _is_doubted(case, status, "runbookRef")
    return "another Runbook" if other_runbook else ""


def _target_changed(case: Case, draft: Draft) -> Draft | None:
    what = _another(case, draft.status)
    if not what:
        return None
    # What was tried and seen failing stays known: it belongs to the Incident, not to its spec.
    draft = close_open(draft).set(stalled=None)
    if draft.status.handled:
        draft = draft.set(handled=draft.status.handled.model_copy(update={"keeps": None}))
    if what.startswith("target"):
        # Of another workload nothing was verified.
        draft = draft.set(approval=None, execution=None, verification=None, monitoring=None)
    return start_round(draft, "SpecChanged", f"spec now says: {what}. Diagnosing again.")
