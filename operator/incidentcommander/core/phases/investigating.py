"""Investigating: people think; what gives a reason to diagnose again does so."""

from __future__ import annotations

from datetime import datetime

from ...api.incident import IncidentStatus
from ...observed.needs import Facts, Need
from ...observed.workloads import GuardProof
from ..case import Case
from ..diagnosis import findings
from ..diagnosis.findings import running_template
from ..evolve import Draft, phase_since
from ..transitions import record_guard, start_round
from .settled import SETTLED, is_settled, settled_at

__all__ = ["decide", "needs", "wakes_at"]


def needs(case: Case, facts: Facts) -> frozenset[Need]:
    """Say what to look at while people investigate."""
    del facts
    status = case.status
    asked: set[Need] = {case.target.workload}
    if status.guard is not None and not status.guard.proven:
        asked.add(case.proof)
    return frozenset(asked)


def decide(case: Case, draft: Draft, facts: Facts) -> Draft:
    """See whether there is a reason to diagnose again."""
    status = draft.status
    if status.stalled and _mended(case, draft, facts):
        return start_round(
            draft.set(stalled=None), "DiagnosisResumed", "What stalled it was mended."
        )
    if status.guard is not None and not status.guard.proven:
        proof = facts.proof(case.proof)
        if isinstance(proof, GuardProof) and proof.proven:
            return start_round(
                record_guard(case, draft, facts),
                "DiagnosisResumed",
                "Approvals are guarded again.",
            )
    if status.diagnosis is None or status.diagnosis.finished_at is None:
        return start_round(draft, "DiagnosisResumed", "There is no diagnosis yet.")
    running = running_template(case, facts)
    if running is not None and not status.stalled:
        if status.diagnosis.template_hash is None:
            seen = status.diagnosis.model_copy(update={"template_hash": running})
            return draft.set(diagnosis=seen)
        if status.diagnosis.template_hash != running:
            target = case.incident.target
            return start_round(draft, "TargetChanged", f"{target} runs another release now.")
    if is_settled(case, status):
        return start_round(draft, "DiagnosisDue", SETTLED)
    if case.now >= next_round(case, status):
        return start_round(draft, "DiagnosisDue", "Looking again, as the policy says.")
    return draft


def next_round(case: Case, status: IncidentStatus) -> datetime:
    """Say when to diagnose again: counted from when people took over, not from older findings."""
    finished = status.diagnosis.finished_at if status.diagnosis else None
    known = [t for t in (finished, phase_since(status)) if t is not None]
    return max(known, default=case.now) + case.policy.rediagnose_every


def wakes_at(case: Case, status: IncidentStatus) -> datetime:
    """Say when to look again while people investigate."""
    if status.stalled or (status.guard and not status.guard.proven):
        return case.now + case.limits.retry
    times = (next_round(case, status), settled_at(status))
    return min(t for t in times if t is not None)


def _mended(case: Case, draft: Draft, facts: Facts) -> bool:
    if findings.target_problem(case, facts):
        return False
    chosen = findings.choose(case, facts)
    _, problem = findings.questions(case, chosen)
    now_wrong = chosen.problem or problem
    return now_wrong is None or now_wrong[:512] != draft.status.stalled
