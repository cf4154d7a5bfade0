"""Between intent and outcome: make the one change, or find out that it was made.

After a crash the target is read before anything else: marker there = applied; no marker and the
intent's generation = act; anything else = superseded, never act.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..actions import Situation, all_actions
from ..api.common import ProposalState
from ..api.incident import Evidence, Execution, ExecutionState, Proposal
from ..questions import Facts
from ..values import AUTOSCALERS, Applied, Missing, Refused, Stale, Write
from .breaker import blocks_now
from .case import Case
from .evolve import OPERATOR, Draft
from .live import situation, unread
from .moves import another_attempt
from .recheck import drift_of, drifted, superseded
from .wording import cut, sentence

__all__ = ["Command", "act", "confirmed"]


@dataclass(frozen=True, slots=True)
class Command:
    """One request. It exists only with a written intent for an approval."""

    proposal: str
    write: Write


def act(
    case: Case, draft: Draft, facts: Facts, proposal: Proposal, execution: Execution
) -> tuple[Draft, Command | None]:
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
    workload, action = live.workload, all_actions()[proposal.action]
    if action.applied(proposal.parameters, live, proposal.id):
        found = "Its marker was found on the target after an interruption."
        return _applied(case, draft, proposal, workload.generation, found), None
    if drift := drift_of(proposal, live):
        return drifted(case, _not_applied(draft, execution), proposal, workload, drift), None
    write = action.write(proposal.parameters, live, proposal.id, execution.started_at)
    if write is None:
        # People do it. Their `confirm` ends it.
        return draft, None
    if write.resource == AUTOSCALERS:
        # It has no generation: the fields that are changed are tested, and were just compared.
        return _once(case, draft, proposal, execution, Command(proposal.id, write))
    if workload.generation != execution.target_generation:
        return _moved(draft, proposal, execution, live, case), None
    return draft, Command(proposal.id, write)


def _once(
    case: Case, draft: Draft, proposal: Proposal, execution: Execution, command: Command
) -> tuple[Draft, Command | None]:
    if not isinstance(case.result, Stale):
        return draft, command
    gone = _not_applied(draft, execution).set(execution=None)
    return superseded(gone, proposal, f"its autoscaler is another one: {case.result.message}"), None


def _moved(
    draft: Draft, proposal: Proposal, execution: Execution, live: Situation, case: Case
) -> Draft:
    """The generation moved, but nothing that the plan depends on."""
    generation = live.workload.generation
    if not isinstance(case.result, Stale):
        # After a crash nobody knows whose change that was: it may have been ours, undone since.
        return superseded(
            _not_applied(draft, execution).set(execution=None),
            proposal,
            f"it was interrupted, and its target moved from generation "
            f"{execution.target_generation} to {generation} meanwhile",
        )
    if blocked := blocks_now(case, live, proposal):
        return superseded(
            _not_applied(draft, execution).set(execution=None),
            proposal,
            f"its target moved: {blocked}",
        )
    return draft.add(
        "RemediationRetried",
        f"The target moved to generation {generation} meanwhile; nothing that the plan depends on "
        "changed. Trying again.",
        proposal=proposal.id,
        changes={"execution": execution.model_copy(update={"target_generation": generation})},
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
        evidence=Evidence(query=proposal.command[:512], value=f"generation {generation}"),
        changes={
            # To take a change back is no further attempt.
            "remediations": draft.status.remediations + (proposal.revert_of is None),
            "changed_at": [*draft.status.changed_at, case.now][-16:],
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
                f"{case.incident.spec.target} is gone",
            )
        case _:
            return draft
