"""After the change: await its rollout, as `kubectl rollout status` judges it, or give it up."""

from __future__ import annotations

from ...actions import traits_of
from ...api.base import format_duration
from ...api.common import Phase, ProposalState
from ...api.incident import Approval, Execution, ExecutionState, Proposal
from ...observed.needs import Facts
from ...observed.workloads import Missing, Unavailable, Workload
from ..case import Case
from ..diagnosis import sampling
from ..diagnosis.rollout import RolloutState, progress
from ..evolve import Draft
from ..transitions import next_attempt
from .candidates import rule_out
from .reverts import approved_revert
from .situation import situation

__all__ = ["await_rollout", "give_up"]


def await_rollout(
    case: Case, draft: Draft, facts: Facts, proposal: Proposal, execution: Execution
) -> Draft:
    """See how far the rollout is."""
    workload = facts.workload(case.target.workload)
    match workload:
        case Missing():
            return fail(
                case, draft, proposal, "RemediationFailed", f"{case.incident.target} is gone."
            )
        case Unavailable():
            return _out_of_time(case, draft, facts, proposal, execution)
        case Workload():
            pass
    seen = progress(workload, applied_at=execution.applied_at)
    if seen.state is RolloutState.COMPLETE:
        return _complete(case, draft, proposal, execution, seen.message)
    if seen.state is RolloutState.FAILED:
        return give_up(case, draft, facts, proposal, "RemediationFailed", f"{seen.message}.")
    if execution.progress != seen.message:
        draft = draft.set(execution=execution.model_copy(update={"progress": seen.message}))
    return _out_of_time(case, draft, facts, proposal, draft.status.execution or execution)


def _out_of_time(
    case: Case, draft: Draft, facts: Facts, proposal: Proposal, execution: Execution
) -> Draft:
    if execution.deadline is None or case.now < execution.deadline:
        return draft
    waited = proposal.verification.timeout
    return give_up(
        case,
        draft,
        facts,
        proposal,
        "RemediationFailed",
        f"The rollout of {proposal.id} was not complete after {format_duration(waited)}: {execution.progress}",
    )


def _complete(
    case: Case, draft: Draft, proposal: Proposal, execution: Execution, message: str
) -> Draft:
    if proposal.revert_of:
        return _taken_back(case, draft, proposal, message)
    draft = draft.add(
        "RolloutCompleted",
        f"{message}. Next: {proposal.verification.successes} good samples in a row.",
        proposal=proposal.id,
        phase=Phase.VERIFYING,
        changes={
            "execution": execution.model_copy(
                update={
                    "state": ExecutionState.COMPLETE,
                    "completed_at": case.now,
                    "progress": message,
                }
            ),
            "verification": sampling.begin(proposal.verification, case.now),
        },
    )
    return draft.milestone(once=False, remediated_at=case.now)


def _taken_back(case: Case, draft: Draft, proposal: Proposal, message: str) -> Draft:
    """A revert ends where the trouble was before: that is diagnosed again, not verified."""
    said = f"{message}. {proposal.revert_of} is taken back."
    return next_attempt(
        case, draft.proposal(proposal.id, state=ProposalState.VERIFIED), "RevertCompleted", said
    )


def give_up(
    case: Case, draft: Draft, facts: Facts, proposal: Proposal, reason: str, message: str
) -> Draft:
    """End what did not help or did not come about: by the revert that was approved along, if any."""
    live = situation(case, facts)
    if live and (reverting := approved_revert(case, live, proposal)):
        return _revert(case, draft, proposal, reverting, message)
    return fail(case, draft, proposal, reason, message)


def _revert(
    case: Case, draft: Draft, proposal: Proposal, reverting: Proposal, message: str
) -> Draft:
    """Take a change back at once, as its approval said."""
    approval = draft.status.approval
    assert approval is not None  # noqa: S101 - for the type checker: a change had one
    draft = _ruled_out(draft, proposal)
    draft = draft.proposals([reverting, *draft.status.proposals][:8])
    return draft.add(
        "RevertStarted",
        f"{message} {approval.by} approved with it that it is taken back then: {reverting.summary}.",
        proposal=reverting.id,
        phase=Phase.REMEDIATING,
        changes={
            "target": reverting.target,
            "approval": Approval(
                proposal=reverting.id, digest=reverting.digest, by=approval.by, at=case.now
            ),
            "execution": None,
            "verification": None,
        },
    )


def fail(case: Case, draft: Draft, proposal: Proposal, reason: str, message: str) -> Draft:
    """Give this remediation up: the next attempt goes without it."""
    # A rollback is never taken back by itself: that would release the bad version again.
    undone = traits_of(proposal.action).rolls_back and proposal.revert_of is None
    if undone and proposal.state is ProposalState.APPLIED:
        draft = draft.set(take_back=proposal.id)
    return next_attempt(case, _ruled_out(draft, proposal), reason, message)


def _ruled_out(draft: Draft, proposal: Proposal) -> Draft:
    # A restart or a scaling that did not help will not help with another number either; an undo
    # may still go back further.
    named = [] if traits_of(proposal.action).rolls_back else [proposal.remediation]
    return rule_out(draft, proposal, ProposalState.FAILED, *named)
