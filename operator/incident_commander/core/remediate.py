"""Carrying out the approved proposal: check again, write the intent, act once, await the rollout.

The order of writes is the promise: the intent with the target's generation first; then one patch
that tests uid and generation and carries the marker; then the outcome.
"""

from __future__ import annotations

from ..api.incident import ExecutionState
from ..checks.templates import TemplateProblem
from ..questions import Facts, Need
from . import diagnose
from .act import Command, act
from .case import Case
from .evolve import Draft
from .moves import next_attempt
from .recheck import check_again, stale_steps
from .settle import await_rollout

__all__ = ["Command", "decide", "needs"]


def needs(case: Case) -> frozenset[Need]:
    """Say what to read for the next step."""
    execution, target = case.status.execution, case.target
    base: set[Need] = {target.workload}
    if execution is None:
        base |= {target.revisions, case.proof}
        for step in stale_steps(case):
            try:
                base.update(diagnose.step_needs(case, step))
            except TemplateProblem:
                continue
    elif execution.state is ExecutionState.INTENT:
        base.add(target.revisions)
    return frozenset(base)


def decide(case: Case, draft: Draft, facts: Facts) -> tuple[Draft, Command | None]:
    """Take the next step of the approved proposal."""
    approval, execution = draft.status.approval, draft.status.execution
    proposal = draft.status.proposal(approval.proposal) if approval else None
    if proposal is None:
        return next_attempt(case, draft, "RemediationLost", "The approved proposal is gone."), None
    if execution is None:
        return check_again(case, draft, facts, proposal), None
    match execution.state:
        case ExecutionState.INTENT:
            return act(case, draft, facts, proposal, execution)
        case ExecutionState.APPLIED:
            return await_rollout(case, draft, facts, proposal, execution), None
        case ExecutionState.COMPLETE | ExecutionState.NOT_APPLIED:
            return next_attempt(case, draft, "RemediationLost", "It was not followed up."), None
