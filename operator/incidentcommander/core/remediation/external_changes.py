"""What others made of an approved change, while it is rolled out, verified or watched.

Taken back, it is never fought: that is an outcome of its own. Replaced by something else, that is
what is verified. Who it was nobody can prove: the name in the target's managed fields is told as
what the client calls itself.
"""

from __future__ import annotations

from ...actions import Undone, all_actions
from ...api.base import FIELD_MANAGER
from ...api.common import Phase, ProposalState
from ...api.incident import Execution, Proposal
from ...observed.managed_fields import SOMEBODY, manager_text, writers
from ...observed.needs import Facts, Need
from ...observed.workloads import Workload, significant_hash
from ..case import Case
from ..evolve import Draft
from ..transitions import next_attempt, to_verifying
from .situation import needs_of, situation

__all__ = ["changed_by_others", "needs"]


def needs(case: Case) -> frozenset[Need]:
    """Say what to read to know what became of the change."""
    applied = _applied(case)
    if applied is None:
        return frozenset()
    asked: set[Need] = {case.target.workload, case.target.revisions}
    return frozenset(asked | needs_of(case, [applied[0]]))


def changed_by_others(case: Case, draft: Draft, facts: Facts) -> Draft | None:
    """Go on from what others made of the change; None where it is as the plan left it."""
    applied, live = _applied(case), situation(case, facts)
    if applied is None or live is None or live.workload.uid != applied[0].target.uid:
        return None
    proposal, execution = applied
    undone = all_actions()[proposal.action].undone(proposal.parameters, live)
    if undone is None:
        return None
    who, seconds = _who_and_when(case, undone, execution)
    told = f"somebody {seconds} s after {proposal.id}: {undone.what}."
    if who != SOMEBODY:
        name = manager_text(who)
        told = f"{told} {name[:1].upper()}{name[1:]} wrote it."
    if undone.back:
        return _taken_back(case, draft, proposal, who, told)
    return _replaced(case, draft, proposal, live.workload, told)


def _applied(case: Case) -> tuple[Proposal, Execution] | None:
    """Give the change that was made, if it is the one that the Incident is about now."""
    execution = case.status.execution
    if execution is None or execution.applied_at is None:
        return None
    proposal = case.status.proposal(execution.proposal)
    return (proposal, execution) if proposal else None


def _taken_back(case: Case, draft: Draft, proposal: Proposal, who: str, told: str) -> Draft:
    known = [name for name in draft.status.fought_by if name != who]
    return next_attempt(
        case,
        draft.proposal(proposal.id, state=ProposalState.FAILED, recommended=False).set(
            fought_by=[*known, who][-8:]
        ),
        "RemediationReverted",
        f"Taken back by {told} It is not fought.",
    )


def _replaced(case: Case, draft: Draft, proposal: Proposal, workload: Workload, told: str) -> Draft:
    said = f"Changed by {told}"
    failing = significant_hash(workload.template) in draft.status.failing_templates
    if failing:
        draft = draft.proposal(proposal.id, state=ProposalState.FAILED, recommended=False)
        return next_attempt(
            case, draft, "TargetChanged", f"{said} That release was already seen failing."
        )
    if draft.status.phase is Phase.MONITORING and draft.status.monitoring is not None:
        # What was good before says nothing of what others made of it.
        watched = draft.status.monitoring.model_copy(update={"good": 0})
        return draft.add(
            "TargetChanged",
            f"{said} The watch goes on over what it runs now; good samples count from here.",
            proposal=proposal.id,
            changes={"execution": None, "monitoring": watched},
        )
    draft = draft.proposal(proposal.id, state=ProposalState.SUPERSEDED, recommended=False)
    return to_verifying(case, draft, "TargetChanged", f"{said} Verifying what others made of it.")


def _who_and_when(case: Case, undone: Undone, execution: Execution) -> tuple[str, int]:
    """Name the manager that wrote the field since, and say how many seconds after the change."""
    made = execution.applied_at or execution.started_at
    since = [
        write
        for write in writers(undone.metadata, *undone.field)
        if write.manager != FIELD_MANAGER and write.at >= execution.started_at
    ]
    who, when = (since[0].manager or SOMEBODY, since[0].at) if since else (SOMEBODY, case.now)
    # Times of managers can be made up as well.
    return who, max(0, round((min(when, case.now) - made).total_seconds()))
