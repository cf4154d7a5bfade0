"""Between intent and outcome: make the one change, or find out that it was made.

After a crash the target is read before anything else: the intent's marker there, and the content as
planned = applied; no marker and the intent's version = act; anything else = superseded, never act.
What others may write, a marker among it, decides nothing alone (``intent``).
"""

from __future__ import annotations

from ...actions import Situation, all_actions
from ...api.common import ProposalState
from ...api.incident import Evidence, Execution, ExecutionState, MadeChange, Proposal
from ...observed.needs import Facts
from ...observed.workloads import Applied, Missing, Refused
from ..case import Case
from ..effects import ChangeTarget
from ..evolve import OPERATOR, Draft
from ..transitions import another_attempt, start_round
from ..wording import cut, sentence
from .circuit_breaker import blocks_now
from .intent import MOST_RETRIES, done, marker_of, moved, renewed, request_of, version_of
from .preflight import drift_of, drifted, superseded
from .reverts import same_workload
from .situation import situation, unread

__all__ = ["act", "confirmed"]


def act(
    case: Case, draft: Draft, facts: Facts, proposal: Proposal, execution: Execution
) -> tuple[Draft, ChangeTarget | None]:
    """Make the change, record that it was made, or give it up."""
    match case.result:
        case Applied(generation=generation):
            return _applied(case, draft, proposal, generation, "The API server confirmed it."), None
        case Refused(message=message):
            return _refused(draft, proposal, execution, message), None
        case _:
            pass
    live = situation(case, facts)
    if live is None:
        return _target_gone(case, draft, facts, proposal), None
    if unread(proposal, live):
        return draft, None
    # A copy of a workload carries its marker, and is another workload.
    if same_workload(proposal, live) and done(execution, proposal, live):
        found = "Its marker was found on the target after an interruption, and with it what was to be done."
        return _applied(case, draft, proposal, live.workload.generation, found), None
    return _not_yet(case, draft, proposal, execution, live)


def _not_yet(
    case: Case, draft: Draft, proposal: Proposal, execution: Execution, live: Situation
) -> tuple[Draft, ChangeTarget | None]:
    """Act if nothing can have been done yet, and everything is as the intent says."""
    action = all_actions()[proposal.action]
    marked = action.marker(proposal.parameters, live) == marker_of(execution)
    if marked and not case.untried and same_workload(proposal, live):
        return _uncertain(
            draft, proposal, execution, "its marker is on the target, but not what it was to leave"
        ), None
    if drift := drift_of(case, proposal, live):
        so = "" if case.untried else f"Whether {proposal.id} was done is not known"
        over = _not_applied(draft, execution)
        return drifted(case, over, proposal, live.workload, drift, so), None
    write = request_of(execution, proposal, live)
    if write is None:
        # People do it. Their `confirm` ends it.
        return draft, None
    if moved(execution, proposal, live):
        return _moved(case, draft, proposal, execution, live), None
    if write.body is not None and not case.untried:
        # What was made and deleted again leaves no trace.
        return _uncertain(draft, proposal, execution, "it was interrupted"), None
    return draft, ChangeTarget(proposal.id, write)


def _moved(
    case: Case, draft: Draft, proposal: Proposal, execution: Execution, live: Situation
) -> Draft:
    """The object is at another version, but nothing that the plan depends on is another."""
    newer = renewed(execution, proposal, live)
    was, now = version_of(execution), version_of(newer)
    if not case.untried or not execution.nonce:
        # Nobody knows whose change that was: it may have been ours, undone since.
        why = f"it was interrupted, and its target moved from {was} to {now} meanwhile"
        return _uncertain(draft, proposal, execution, why)
    blocked = blocks_now(case, live, proposal)
    if execution.retries >= MOST_RETRIES:
        blocked = f"it moved {execution.retries + 1} times before it could be changed"
    if blocked:
        gone = _not_applied(draft, execution).set(execution=None)
        return superseded(gone, proposal, f"its target moved: {blocked}")
    return draft.add(
        "RemediationRetried",
        f"The target moved to {now} meanwhile; nothing that the plan depends on changed. Trying "
        "again.",
        proposal=proposal.id,
        changes={"execution": newer},
    )


def _uncertain(draft: Draft, proposal: Proposal, execution: Execution, why: str) -> Draft:
    """Give it up where it may have been done and taken back: it is never done twice."""
    draft = _not_applied(draft, execution).set(execution=None)
    draft = draft.proposal(proposal.id, state=ProposalState.SUPERSEDED, recommended=False)
    return start_round(
        draft,
        "RemediationSuperseded",
        f"Whether {proposal.id} was done is not known: {why}. It is not done again. Diagnosing "
        "again.",
        approval=None,
        attempt=draft.status.attempt + 1,
    )


def _not_applied(draft: Draft, execution: Execution) -> Draft:
    return draft.set(execution=execution.model_copy(update={"state": ExecutionState.NOT_APPLIED}))


def confirmed(case: Case, draft: Draft, proposal: Proposal, by: str, said: str) -> Draft:
    """Take a person's word that what people were to do is done."""
    execution = draft.status.execution
    assert execution is not None  # noqa: S101 - for the type checker
    how = f"{by} says: {cut(said, 200)}."
    return _applied(case, draft, proposal, execution.target_generation, how, by)


def _applied(
    case: Case, draft: Draft, proposal: Proposal, generation: int, how: str, by: str = OPERATOR
) -> Draft:
    execution = draft.status.execution
    assert execution is not None  # noqa: S101 - for the type checker
    deadline = case.now + proposal.verification.timeout
    draft = draft.proposal(proposal.id, state=ProposalState.APPLIED)
    return draft.add(
        "RemediationApplied",
        f"{proposal.summary}: done. {how} Next: its rollout, until {deadline:%H:%M:%S} UTC at the "
        "latest.",
        actor=by,
        proposal=proposal.id,
        evidence=Evidence(query=cut(proposal.command, 512), value=f"generation {generation}"),
        changes={
            # To take a change back is no further attempt.
            "remediations": draft.status.remediations + (proposal.revert_of is None),
            "changed_at": [*draft.status.changed_at, case.now][-16:],
            "changes": [*draft.status.changes, _made(case, proposal)][-16:],
            "take_back": None if proposal.revert_of else draft.status.take_back,
            "execution": execution.model_copy(
                update={
                    "state": ExecutionState.APPLIED,
                    "applied_at": case.now,
                    "applied_generation": generation,
                    "deadline": deadline,
                }
            ),
        },
    )


def _made(case: Case, proposal: Proposal) -> MadeChange:
    """Note what was done, for whoever is going to change that workload next."""
    return MadeChange(
        at=case.now,
        proposal=proposal.id,
        action=proposal.action,
        target=proposal.target,
        left=proposal.parameters.get("fromHash", ""),
    )


def _refused(draft: Draft, proposal: Proposal, execution: Execution, message: str) -> Draft:
    """Nothing was changed: it is offered again, blocked for as long as it would be refused."""
    draft = _not_applied(draft, execution).set(execution=None)
    draft = draft.proposal(proposal.id, state=ProposalState.FAILED, recommended=False)
    return another_attempt(
        draft,
        "RemediationRefused",
        f"The API server refused {proposal.id}: {sentence(message)} Nothing was changed.",
        proposal=proposal.id,
    )


def _target_gone(case: Case, draft: Draft, facts: Facts, proposal: Proposal) -> Draft:
    match facts.workload(case.target.workload):
        case Missing():
            execution = draft.status.execution
            assert execution is not None  # noqa: S101 - for the type checker
            return superseded(
                _not_applied(draft, execution).set(execution=None),
                proposal,
                f"{case.incident.target} is gone",
            )
        case _:
            return draft
