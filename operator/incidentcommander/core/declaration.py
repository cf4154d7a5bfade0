"""The first look at an Incident: what was declared, and by whom."""

from __future__ import annotations

from datetime import datetime

from ..api.incident import Milestones, Roles, SeverityBasis
from ..observed.needs import Facts
from .case import Case, pin_policy
from .communication import internal_updates
from .evolve import Draft
from .phases import declared
from .requests import handling, trust
from .requests.reading import present_requests
from .response import roles, severity

__all__ = ["declare"]


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
    draft = severity.judged(case, roles.begin(case, draft))
    case = case.seeing(draft.status)
    draft = internal_updates.start_clock(case, draft, created)
    if requests := present_requests(case.incident):
        why = trust.doubt(case, facts)
        draft = handling.answer(case, draft, requests, doubt=why, fresh=True)
    return draft if draft.status.phase.ended else declared.decide(case, draft, facts)
