"""Carrying out the approved proposal: check again, write the intent, act once, await the rollout.

The order of writes is the promise: the intent with the target's generation first; then one request
that tests what it changes and carries the marker; then the outcome. Where the plan says so, pods
are deleted by uid after that, each with its own intent and outcome.
"""

from __future__ import annotations

from ..api.incident import ExecutionState
from ..checks.templates import TemplateProblem
from ..questions import Facts, Need
from . import diagnose, others
from .act import Command, act
from .case import Case
from .evolve import Draft
from .follow import follow
from .live import needs_of
from .moves import next_attempt
from .recheck import check_again, stale_steps
from .retarget import given_up

__all__ = ["Command", "decide", "needs"]


def needs(case: Case) -> frozenset[Need]:
    """Say what to read for the next step."""
    execution, target = case.status.execution, case.target
    approval = case.status.approval
    proposal = case.status.proposal(approval.proposal) if approval else None
    more = needs_of(case, [proposal] if proposal else [])
    base: set[Need] = {target.workload}
    if execution is None:
        base |= {target.revisions, case.proof, *more}
        for step in stale_steps(case):
            try:
                base.update(diagnose.step_needs(case, step))
            except TemplateProblem:
                continue
    elif execution.state is ExecutionState.INTENT:
        base |= {target.revisions, *more}
    elif execution.state is ExecutionState.APPLIED:
        base |= others.needs(case) | more
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
            if gone := given_up(case, draft, facts):
                return gone, None
            if changed := others.changed_by_others(case, draft, facts):
                return changed, None
            return follow(case, draft, facts, proposal, execution)
        case ExecutionState.COMPLETE | ExecutionState.NOT_APPLIED:
            return next_attempt(case, draft, "RemediationLost", "It was not followed up."), None
