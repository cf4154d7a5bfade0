"""How bad it is: raised at once by new facts, lowered only by people.

The triggers of the severity framework. Each fact raises once, when it is first seen: a person may
overrule it until there is another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ...api.common import Severity
from ...api.incident import Impact, IncidentStatus, SeverityBasis
from ...api.policy import SeverityRule
from ...command_line import Blank
from ..case import Case, pin_policy
from ..communication import internal_updates
from ..evolve import OPERATOR, Draft
from ..wording import annotate
from . import roles

__all__ = ["asked", "judged", "raised_one_level", "set_to"]

_LEVELS: Final = tuple(Severity)
"""From the worst."""
_QUARTER: Final = 25
_EVERYBODY: Final = 100


@dataclass(frozen=True, slots=True)
class _Fact:
    rule: SeverityRule
    least: Severity
    words: str


def _facts(impact: Impact) -> Iterator[_Fact]:
    percent = impact.users_affected_percent or 0
    if impact.data_integrity:
        yield _Fact(SeverityRule.DATA_INTEGRITY, Severity.SEV1, "data may be lost or wrong")
    if impact.security_breach:
        yield _Fact(SeverityRule.SECURITY_BREACH, Severity.SEV1, "somebody may have got in")
    if percent >= _EVERYBODY:
        yield _Fact(SeverityRule.ALL_USERS, Severity.SEV1, f"{percent} % of users are affected")
    if percent > _QUARTER:
        words = f"{percent} % of users are affected, more than {_QUARTER} %"
        yield _Fact(SeverityRule.QUARTER_OF_USERS, Severity.SEV2, words)
    if impact.customer_reported and impact.paying_accounts:
        words = "customers reported it, and paying accounts are affected"
        yield _Fact(SeverityRule.PAYING_CUSTOMERS, Severity.SEV2, words)


def judged(case: Case, draft: Draft) -> Draft:
    """Raise the severity by what ``spec.impact`` says that was not known before."""
    status, impact = draft.status, case.incident.spec.impact or Impact()
    basis = status.severity_basis or SeverityBasis(asked=status.severity or Severity.SEV2)
    off = set(case.policy.rules_off)
    for fact in _facts(impact):
        if fact.rule in basis.facts:
            continue
        basis = basis.model_copy(update={"facts": [*basis.facts, str(fact.rule)]})
        if fact.rule not in off:
            why = f"{fact.rule}: {fact.words}, so it is at least {fact.least}"
            draft = set_to(case, draft, _worse(draft.status, fact.least), why)
    percent = impact.users_affected_percent or 0
    start = basis.first_percent or percent or None
    doublings = _doublings(start or 0, percent)
    if doublings > basis.doublings and SeverityRule.IMPACT_DOUBLED not in off:
        why = f"{SeverityRule.IMPACT_DOUBLED}: {percent} % of users are affected, first it was {start} %"
        draft = set_to(case, draft, _up(draft.status, doublings - basis.doublings), why)
    basis = basis.model_copy(
        update={"first_percent": start, "doublings": max(doublings, basis.doublings)}
    )
    return draft if basis == draft.status.severity_basis else draft.set(severity_basis=basis)


def asked(case: Case, draft: Draft) -> Draft:
    """Take up a change of ``spec.severity``: upwards at once, downwards not at all."""
    wanted, status = case.incident.spec.severity, draft.status
    basis = status.severity_basis or SeverityBasis(asked=wanted)
    if basis.asked is wanted and status.severity_basis is not None:
        return draft
    draft = draft.set(severity_basis=basis.model_copy(update={"asked": wanted}))
    now = status.severity or wanted
    if _LEVELS.index(wanted) <= _LEVELS.index(now):
        return set_to(case, draft, wanted, "spec.severity was changed")
    lower = annotate(case.incident.metadata, "severity", Blank("reason", f"{wanted}: "))
    return draft.add(
        "SeverityKept",
        f"spec.severity says {wanted}; it stays {now}. Only a request lowers it: {lower}",
    )


def raised_one_level(case: Case, draft: Draft, why: str) -> Draft:
    """Raise it by one level, up to SEV1, with what follows from that for updates."""
    worse = set_to(case, draft, _up(draft.status, 1), why)
    if worse is draft:
        return draft
    return internal_updates.sooner(case.seeing(worse.status), worse)


def set_to(
    case: Case, draft: Draft, severity: Severity, why: str, *, actor: str = OPERATOR
) -> Draft:
    """Set the effective severity, with the policy values that go with it."""
    before = draft.status.severity or severity
    if severity is before:
        return draft
    worse = _LEVELS.index(severity) < _LEVELS.index(before)
    changed = roles.begin(case, _pinned(case, draft.set(severity=severity)))
    return changed.add(
        "SeverityRaised" if worse else "SeverityLowered",
        f"From {before} to {severity}: {why}.",
        actor=actor,
    )


def _pinned(case: Case, draft: Draft) -> Draft:
    return draft.set(policy=pin_policy(case.seeing(draft.status)))


def _worse(status: IncidentStatus, other: Severity) -> Severity:
    now = status.severity or other
    return min(now, other, key=_LEVELS.index)


def _up(status: IncidentStatus, levels: int) -> Severity:
    now = status.severity or Severity.SEV2
    return _LEVELS[max(0, _LEVELS.index(now) - levels)]


def _doublings(start: int, percent: int) -> int:
    count = 0
    while start and start * 2 ** (count + 1) <= percent:
        count += 1
    return count
