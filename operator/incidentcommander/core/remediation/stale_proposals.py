"""The target was changed by others while proposals were open: what is void, and what instead.

Another pod template voids all of them; whatever else changed voids only the proposals that depend
on it, and those are planned again in the same step, so that people never find the others closed.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...api.common import ProposalState
from ...api.incident import Proposal
from ...observed.needs import Facts, Need
from ...observed.workloads import GuardProof, Workload, significant_hash
from ..case import Case
from ..evolve import Draft
from ..transitions import close_open, investigate, start_round, to_verifying
from . import proposals
from .candidates import Candidate, candidates, dry_runs
from .preflight import drift_of, same_release
from .proposals import offered
from .situation import situation

__all__ = ["drifts", "needs", "target_changed"]

Drifts = Mapping[str, str]
"""By id of an open proposal: what changed of what it depends on."""


def drifts(case: Case, facts: Facts) -> Drifts:
    """Say which open proposals are void, and why."""
    live = situation(case, facts)
    if live is None:
        return {}
    open_ = case.status.open_proposals
    return {p.id: what for p in open_ if (what := drift_of(case, p, live))}


def needs(case: Case, facts: Facts) -> frozenset[Need]:
    """Say what planning anew reads; nothing while nothing has drifted."""
    found = drifts(case, facts)
    if not found or _template_moved(case, facts, found):
        return frozenset()
    asked: set[Need] = {case.proof, case.target.pods}
    return frozenset(asked) | dry_runs(_planned_again(case, facts, found))


def target_changed(case: Case, draft: Draft, facts: Facts, found: Drifts) -> Draft:
    """Void what is void, and go on from what others made of the target."""
    workload = facts.workload(case.target.workload)
    what = next(iter(found.values()))
    where = case.where(workload) if isinstance(workload, Workload) else "The target"
    changed = f"{where} was changed meanwhile ({what})"
    if not _template_moved(case, facts, found):
        return _offer_anew(case, draft, facts, found, changed)
    draft = close_open(draft)
    failing = draft.status.failing_templates
    if isinstance(workload, Workload) and significant_hash(workload.template) in failing:
        return investigate(
            draft, "ProposalSuperseded", f"{changed}, to a release already seen failing."
        )
    return to_verifying(
        case,
        draft,
        "ProposalSuperseded",
        f"{changed}: open proposals are void. Verifying what others made of it.",
    )


def _template_moved(case: Case, facts: Facts, found: Drifts) -> bool:
    workload = facts.workload(case.target.workload)
    if not isinstance(workload, Workload):
        return False
    if same_release(case.status, workload):
        return False
    void = [p for p in case.status.proposals if p.id in found]
    same = {None, workload.template_hash}
    return all(p.target.uid == workload.uid for p in void) and any(
        p.depends_on.get("templateHash") not in same for p in void
    )


def _planned_again(case: Case, facts: Facts, found: Drifts) -> list[Candidate]:
    live, runbook, diagnosis = situation(case, facts), case.runbook, case.status.diagnosis
    if live is None or runbook is None or diagnosis is None:
        return []
    names = {p.remediation for p in case.status.proposals if p.id in found}
    planned = candidates(case, live, diagnosis.findings, runbook)
    return [c for c in planned if c.name in names]


def _offer_anew(case: Case, draft: Draft, facts: Facts, found: Drifts, changed: str) -> Draft:
    void = [_superseded(p) if p.id in found else p for p in draft.status.proposals]
    message = f"{changed}: {', '.join(found)} void."
    proof, runbook = facts.proof(case.proof), case.runbook
    guard = draft.status.guard
    if (
        runbook is None
        or guard is None
        or not isinstance(proof, GuardProof)
        or not proof.proven
        or proof.fingerprint != guard.fingerprint
    ):
        again = f"{message} Diagnosing again."
        return start_round(draft.proposals(void), "ProposalSuperseded", again)
    planned = _planned_again(case, facts, found)
    fresh = proposals.offer(case, facts, planned, runbook, proof)
    keep_lead = any(p.recommended for p in void)
    fresh = [p.model_copy(update={"recommended": p.recommended and not keep_lead}) for p in fresh]
    kept = [p for p in void if p.id not in {f.id for f in fresh}]
    kept.sort(key=lambda p: p.state is not ProposalState.PROPOSED)
    draft = draft.proposals([*fresh, *kept][:8]).add(
        "ProposalSuperseded", f"{message} Offering anew."
    )
    for proposal in fresh:
        draft = draft.add("ProposalOffered", offered(proposal), proposal=proposal.id)
    return draft


def _superseded(proposal: Proposal) -> Proposal:
    return proposal.model_copy(update={"state": ProposalState.SUPERSEDED, "recommended": False})
