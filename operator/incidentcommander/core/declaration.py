"""The first look at an Incident: what was declared, and by whom."""

from __future__ import annotations

from datetime import datetime

from ..api.incident import Incident, Milestones, Roles, SeverityBasis
from ..observed.needs import Facts
from ..observed.workloads import Unavailable
from .case import Case, pin_policy
from .communication import internal_updates
from .evolve import Draft
from .phases import declared
from .requests import handling, trust
from .requests.reading import present_requests
from .requests.spec_changes import doubted
from .response import roles, severity

__all__ = ["declare"]


def declare(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Take up a new Incident: severity, roles, policy and milestones, then the first round."""
    draft, created = _entered(case, draft, _unguarded(case, facts))
    draft = severity.judged(case, roles.begin(case, draft))
    case = case.seeing(draft.status)
    draft = internal_updates.start_clock(case, draft, created)
    if requests := present_requests(case.incident):
        why = trust.doubt(case, facts)
        draft = handling.answer(case, draft, requests, doubt=why, fresh=True)
    return draft if draft.status.phase.ended else declared.decide(case, draft, facts)


def _unguarded(case: Case, facts: Facts) -> str:
    """Say so where nothing keeps its author from naming himself: the guard is known to be away."""
    proof = facts.proof(case.proof)
    return "" if isinstance(proof, Unavailable) or proof.proven else trust.doubt(case, facts)


def _entered(case: Case, draft: Draft, unguarded: str) -> tuple[Draft, datetime]:
    """Write down what was declared; give when."""
    spec, meta = case.incident.spec, case.incident.metadata
    created = meta.creation_timestamp or case.now
    started = _started(case.incident) or created
    # Durations below nothing would come of one that lies ahead.
    ahead, started = started > created, min(started, created)
    named = Roles() if unguarded else spec.roles or Roles()
    draft = draft.set(
        severity=spec.severity,
        severity_basis=SeverityBasis(asked=spec.severity),
        roles=named,
        policy=pin_policy(case),
        milestones=Milestones(started_at=started, detected_at=created, declared_at=created),
    )
    who = f"commander {named.commander}" if named.commander else "no commander yet"
    late = " Its start lies in the future: counted from its creation." if ahead else ""
    draft = draft.add(
        "IncidentDeclared",
        f"{spec.severity}: {spec.title}. Target {spec.target}, {who}.{late} Diagnosis begins.",
        event_time=started if started < created else None,
    )
    return doubted(case, draft, unguarded) if unguarded else draft, created


def _started(incident: Incident) -> datetime | None:
    spec = incident.spec
    alert = spec.alert.starts_at if spec.alert else None
    return spec.started_at or (datetime.fromisoformat(alert) if alert else None)
