"""Carrying out the approved proposal: check again, write the intent, act once, await the rollout.

The order of writes is the promise: the intent with the target's generation first; then one request
that tests what it changes and carries the marker; then the outcome. Where the plan says so, pods
are deleted by uid after that, each with its own intent and outcome.
"""

from __future__ import annotations

from datetime import datetime

from ...api.incident import ExecutionState, IncidentStatus
from ...checks.templates import TemplateProblem
from ...observed.needs import Facts, Need
from ..case import Case
from ..diagnosis import findings
from ..effects import ChangeTarget
from ..evolve import Draft
from ..remediation import external_changes
from ..remediation.apply import act
from ..remediation.pod_deletions import follow
from ..remediation.preflight import check_again, stale_steps
from ..remediation.situation import needs_of
from ..requests.target import given_up
from ..transitions import next_attempt

__all__ = ["decide", "needs", "wakes_at"]


def needs(case: Case, facts: Facts) -> frozenset[Need]:
    """Say what to read for the next step."""
    del facts
    execution, target = case.status.execution, case.target
    approval = case.status.approval
    proposal = case.status.proposal(approval.proposal) if approval else None
    more = needs_of(case, [proposal] if proposal else [])
    base: set[Need] = {target.workload}
    if execution is None:
        base |= {target.revisions, case.proof, *more}
        for step in stale_steps(case):
            try:
                base.update(findings.step_needs(case, step))
            except TemplateProblem:
                continue
    elif execution.state is ExecutionState.INTENT:
        base |= {target.revisions, *more}
    elif execution.state is ExecutionState.APPLIED:
        base |= external_changes.needs(case) | more
    return frozenset(base)


def decide(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Take the next step of the approved proposal."""
    after, change = _step(case, draft, facts)
    return after.then(change) if change else after


def _step(case: Case, draft: Draft, facts: Facts) -> tuple[Draft, ChangeTarget | None]:
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
            if changed := external_changes.changed_by_others(case, draft, facts):
                return changed, None
            return follow(case, draft, facts, proposal, execution)
        case ExecutionState.COMPLETE | ExecutionState.NOT_APPLIED:
            return next_attempt(case, draft, "RemediationLost", "It was not followed up."), None


def wakes_at(case: Case, status: IncidentStatus) -> datetime:
    """Look again soon: a rollout moves by itself."""
    del status
    return case.now + case.limits.rollout_poll
