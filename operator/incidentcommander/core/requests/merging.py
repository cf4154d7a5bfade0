"""Merging into another Incident, which ``spec.duplicateOf`` asks for.

Whoever changes that field signs it, as the API server sees to; the entry is in their name. It ends the
Incident as `dismiss` does, and `reopen` takes it back: the field is then out of force.
"""

from __future__ import annotations

from typing import Final

from ...api.base import GROUP
from ...api.common import Phase, Severity
from ...api.incident import Incident
from ...observed.needs import Facts, IncidentNeed
from ...observed.workloads import Missing, Unavailable
from ..case import Case
from ..communication import internal_updates
from ..evolve import OPERATOR, TRANSITIONS, Draft
from ..transitions import close_open
from . import trust

__all__ = ["duplicate_of", "forgotten", "merged", "out_of_force"]

_SIGNATURE: Final = f"{GROUP}/duplicate-of-by"
_LEVELS: Final = tuple(Severity)
"""From the worst."""


def duplicate_of(case: Case) -> IncidentNeed | None:
    """Name the Incident that this one is to be merged into, if that is asked for and allowed."""
    ref, meta, status = case.incident.spec.duplicate_of, case.incident.metadata, case.status
    if ref is None or ref.name == status.unmerged_from:
        return None
    if Phase.MERGED not in TRANSITIONS[status.phase]:
        return None
    if any(p.state.committed for p in status.proposals):
        return None
    return IncidentNeed(meta.namespace, ref.name)


def merged(case: Case, draft: Draft, facts: Facts) -> Draft | None:
    """Merge into the Incident that ``spec.duplicateOf`` names; None where that cannot be (yet)."""
    need = duplicate_of(case)
    if need is None or draft.status.phase.ended:
        return None
    other, by = facts.incident(need), _author(case.incident)
    if isinstance(other, Unavailable) or (by != OPERATOR and trust.unknown(case, facts)):
        return None
    if by != OPERATOR and (doubt := trust.doubt(case, facts)):
        return _unbelieved(draft, need, f"{doubt}, so who asked for it is not known")
    if not by:
        return _unbelieved(draft, need, "nobody signed it: the admission guard was away")
    if why := _problem(need, other):
        news = draft.status.observed_generation != case.incident.metadata.generation
        return draft.add("MergeRefused", f"spec.duplicateOf.name: {why}.") if news else None
    assert isinstance(other, Incident)  # noqa: S101 - for the type checker; judged above
    said = (
        "It was declared as the same as" if by == OPERATOR else f"{by} merged it: it is the same as"
    )
    followed = (
        close_open(draft)
        .add(
            "IncidentMerged",
            f"{said} Incident {need.name}: follow that one.{_unlike(case.seeing(draft.status), other)}",
            actor=by,
            phase=Phase.MERGED,
        )
        .milestone(closed_at=case.now)
    )
    return internal_updates.ended(
        case, followed, f"It is the same as {need.name}: updates follow there"
    )


def _author(incident: Incident) -> str:
    """Give who asked for it; empty where the guard was away when it was asked for."""
    meta = incident.metadata
    if by := meta.annotations.get(_SIGNATURE, "").strip():
        return by
    # What was there from the beginning ends nothing but what its own author declared.
    return OPERATOR if meta.generation <= 1 else ""


def _unbelieved(draft: Draft, need: IncidentNeed, why: str) -> Draft:
    """Refuse it for good: whoever means it says so again, where the API server sees who it is."""
    return draft.set(unmerged_from=need.name).add(
        "MergeRefused",
        f"spec.duplicateOf.name: {why}. It is out of force: remove it; if it is the same, set it again.",
    )


def _problem(need: IncidentNeed, other: Incident | Missing) -> str | None:
    if isinstance(other, Missing):
        return f"there is no Incident {need.name} in namespace {need.namespace}"
    if other.spec.duplicate_of is not None and not out_of_force(other):
        return f"Incident {need.name} names another in its own spec.duplicateOf"
    if other.status.phase.ended:
        return f"Incident {need.name} has ended ({other.status.phase}): nobody follows it"
    return None


def _unlike(case: Case, other: Incident) -> str:
    """Say what of the other one is not as here: what would be overlooked there."""
    mine, theirs = case.incident.spec.target, other.spec.target
    here = case.status.severity or case.incident.spec.severity
    there = other.status.severity or other.spec.severity
    said = ""
    if mine != theirs:
        said += f" Its target is another one: {theirs}, not {mine}."
    if _LEVELS.index(there) > _LEVELS.index(here):
        said += f" Its severity is lower: {there}, not {here}."
    return said


def out_of_force(incident: Incident) -> bool:
    """Whether ``spec.duplicateOf`` names the Incident from which this one was reopened."""
    ref = incident.spec.duplicate_of
    return ref is not None and ref.name == incident.status.unmerged_from


def forgotten(case: Case, draft: Draft) -> Draft:
    """Forget a merge that was taken back once ``spec.duplicateOf`` says something else."""
    if draft.status.unmerged_from is None or out_of_force(case.incident):
        return draft
    return draft.set(unmerged_from=None)
