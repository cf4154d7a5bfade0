"""The first look at an Incident, and what people change in its ``spec`` later."""

from __future__ import annotations

from datetime import datetime

from ..api.common import Phase
from ..api.incident import Diagnosis, Milestones, Roles, SeverityBasis
from ..questions import Facts
from . import answer, diagnose, merging, presence, severity, trust, updates
from .case import Case, pin_policy
from .evolve import Draft
from .moves import close_open, start_round
from .requests import present_requests

__all__ = ["begin", "declare", "spec_changed"]


def declare(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Take up a new Incident: severity, roles, policy and milestones, then the first round."""
    spec, meta = case.incident.spec, case.incident.metadata
    created = meta.creation_timestamp or case.now
    alert = spec.alert.starts_at if spec.alert else None
    started = spec.started_at or (datetime.fromisoformat(alert) if alert else None) or created
    ahead = started > created
    if ahead:
        # Durations below nothing would come of it.
        started = created
    draft = draft.set(
        severity=spec.severity,
        severity_basis=SeverityBasis(asked=spec.severity),
        roles=spec.roles or Roles(),
        policy=pin_policy(case),
        milestones=Milestones(started_at=started, detected_at=created, declared_at=created),
    )
    who = (
        f"commander {spec.roles.commander}"
        if spec.roles and spec.roles.commander
        else ("no commander yet")
    )
    draft = draft.add(
        "IncidentDeclared",
        f"{spec.severity}: {spec.title}. Target {spec.target}, {who}."
        + (" Its start lies in the future: counted from its creation." if ahead else "")
        + " Diagnosis begins.",
        event_time=started if started < created else None,
    )
    draft = severity.judged(case, presence.begin(case, draft))
    case = case.seeing(draft.status)
    draft = updates.start_clock(case, draft, created)
    if requests := present_requests(case.incident):
        why = trust.doubt(case, facts)
        draft = answer.answer(case, draft, requests, doubt=why, fresh=True)
    return draft if draft.status.phase.ended else begin(case, draft, facts)


def begin(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Begin the first round of diagnosis, with the Runbook that fits."""
    chosen = diagnose.choose(case, facts)
    name = chosen.runbook.metadata.name if chosen.runbook else None
    message = (
        f"Runbook {name} ({chosen.runbook.metadata.namespace}): {chosen.runbook.spec.title}."
        if chosen.runbook
        else chosen.problem or "No Runbook matches: looking at pods and releases only."
    )
    return draft.add(
        "DiagnosisStarted",
        message,
        phase=Phase.DIAGNOSING,
        changes={
            "runbook": chosen.pin,
            "diagnosis": Diagnosis(round=1, started_at=case.now),
        },
    )


def spec_changed(case: Case, draft: Draft) -> Draft | None:
    """Take up what people changed in ``spec``; None where nothing counts."""
    spec, status = case.incident.spec, draft.status
    if status.observed_generation == case.incident.metadata.generation or status.phase.ended:
        return None
    changed = merging.forgotten(case, draft)
    changed = severity.judged(case, severity.asked(case, changed))
    if changed.status.severity is not status.severity:
        changed = updates.sooner(case.seeing(changed.status), changed)
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
