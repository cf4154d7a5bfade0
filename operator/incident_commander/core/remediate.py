"""Carrying out the approved proposal: check again, write the intent, act once, await the rollout.

The order of writes is the promise: the intent with the target's generation first; then one patch
that tests uid and generation and carries the marker; then the outcome. After a crash the target
is read before anything else: marker there = applied; no marker and the intent's generation =
act; anything else = superseded, never act.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ..actions import Action, Situation, all_actions
from ..api.base import MARKER_ANNOTATION
from ..api.common import Confidence, Phase, ProposalState
from ..api.incident import Evidence, Execution, ExecutionState, Proposal
from ..api.runbook import DiagnosisStep
from ..checks.templates import TemplateProblem
from ..values import (
    Applied,
    Facts,
    JsonPatch,
    Missing,
    Need,
    Refused,
    Stale,
    Unavailable,
    Workload,
    significant_hash,
)
from . import diagnose, propose, verify
from .case import Case
from .evolve import Draft
from .moves import investigate, next_attempt, start_round, to_verifying
from .rollout import RolloutState, progress

__all__ = ["Command", "decide", "needs"]

_ABOUT_TEMPLATE: Final = ("templateHash", "currentTemplateHash", "fromHash")


@dataclass(frozen=True, slots=True)
class Command:
    """The one change of a workload. It exists only with a written intent for an approval."""

    proposal: str
    target: Workload
    patch: JsonPatch


def needs(case: Case) -> frozenset[Need]:
    """Say what to read for the next step."""
    execution, target = case.status.execution, case.target
    base: set[Need] = {target.workload}
    if execution is None:
        base |= {target.revisions, case.proof}
        for step in _stale_steps(case):
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
        return _check_again(case, draft, facts, proposal), None
    match execution.state:
        case ExecutionState.INTENT:
            return _act(case, draft, facts, proposal, execution)
        case ExecutionState.APPLIED:
            return _await_rollout(case, draft, facts, proposal, execution), None
        case ExecutionState.COMPLETE | ExecutionState.NOT_APPLIED:
            return next_attempt(case, draft, "RemediationLost", "It was not followed up."), None


# --- before the intent ---------------------------------------------------------------------------


def _check_again(case: Case, draft: Draft, facts: Facts, proposal: Proposal) -> Draft:
    proof = facts.proof(case.proof)
    if isinstance(proof, Unavailable):
        return _wait(case, draft, proposal, f"the guard cannot be proven: {proof.message}")
    if not proof.proven:
        return _unguarded(draft, proposal, proof.message)
    if draft.status.guard and proof.fingerprint != draft.status.guard.fingerprint:
        return _superseded(draft, proposal, "the admission guard was changed since it was proposed")
    live = propose.situation(case, facts)
    if live is None:
        return _no_target(case, draft, facts, proposal)
    action = all_actions()[proposal.action]
    if drift := _drift(proposal, action, live):
        return drifted(case, draft, proposal, live.workload, drift)
    if problem := _when_no_longer_true(case, draft, facts, proposal):
        return _superseded(draft, proposal, problem)
    return _intend(case, draft, proposal, live)


def _unguarded(draft: Draft, proposal: Proposal, message: str) -> Draft:
    draft = draft.proposal(proposal.id, state=ProposalState.SUPERSEDED).set(approval=None)
    guard = draft.status.guard
    return investigate(
        draft,
        "RemediationSuperseded",
        f"{proposal.id} was not done: approvals are not guarded. {message} Restore the policies "
        "(helm upgrade); then there are new proposals.",
        guard=guard.model_copy(update={"proven": False, "message": message[:512]})
        if guard
        else None,
    )


def _no_target(case: Case, draft: Draft, facts: Facts, proposal: Proposal) -> Draft:
    match facts.workload(case.target.workload):
        case Missing(what=what):
            return _superseded(draft, proposal, f"{what} is gone")
        case Unavailable(message=message):
            return _wait(case, draft, proposal, f"its target cannot be read: {message}")
        case Workload():
            return _wait(case, draft, proposal, "its rollout history cannot be read")


def _wait(case: Case, draft: Draft, proposal: Proposal, why: str) -> Draft:
    """What cannot be asked now is asked again, as long as the approval may reasonably stand."""
    approval = draft.status.approval
    waited = case.now - approval.at if approval else timedelta()
    if waited > proposal.verification.timeout:
        return _superseded(draft, proposal, why)
    return draft


def drift_of(proposal: Proposal, live: Situation) -> str | None:
    """Say what changed of what the proposal depends on, if anything."""
    return _drift(proposal, all_actions()[proposal.action], live)


def _drift(proposal: Proposal, action: Action, live: Situation) -> str | None:
    now = action.depends_on(proposal.parameters, live)
    changed = sorted(
        k for k in {*proposal.depends_on, *now} if proposal.depends_on.get(k) != now.get(k)
    )
    if not changed:
        return None
    return ", ".join(
        f"{k} was {proposal.depends_on.get(k) or 'absent'}, is {now.get(k) or 'absent'}"
        for k in changed
    )


def drifted(case: Case, draft: Draft, proposal: Proposal, workload: Workload, drift: str) -> Draft:
    """Nothing is done: the target is not the one that was shown."""
    draft = draft.proposal(proposal.id, state=ProposalState.SUPERSEDED, recommended=False)
    lost = f"{proposal.id} was not done: {workload.kind} {workload.name} changed since ({drift})."
    same_template = proposal.depends_on.get("templateHash") == workload.template_hash
    if same_template or workload.uid != proposal.target.uid:
        return start_round(
            draft.set(approval=None),
            "RemediationSuperseded",
            f"{lost} Diagnosing again for new proposals.",
            attempt=draft.status.attempt + 1,
        )
    if significant_hash(workload.template) in draft.status.failing_templates:
        return investigate(
            draft.set(approval=None),
            "RemediationSuperseded",
            f"{lost} It now runs a release already seen failing: people investigate.",
        )
    return to_verifying(
        case, draft, "RemediationSuperseded", f"{lost} Verifying what others made of it."
    )


def _superseded(draft: Draft, proposal: Proposal, why: str) -> Draft:
    draft = draft.proposal(proposal.id, state=ProposalState.SUPERSEDED, recommended=False)
    return start_round(
        draft,
        "RemediationSuperseded",
        f"{proposal.id} was not done: {why}. Diagnosing again.",
        approval=None,
        attempt=draft.status.attempt + 1,
    )


def _stale_steps(case: Case) -> list[DiagnosisStep]:
    """Steps of the proposal's ``when`` whose findings are too old to act on."""
    status = case.status
    proposal = status.proposal(status.approval.proposal) if status.approval else None
    if proposal is None or proposal.confidence is Confidence.REQUESTED or case.runbook is None:
        return []
    found = {f.step: f for f in status.diagnosis.findings} if status.diagnosis else {}
    remediation = next(
        (r for r in case.runbook.spec.remediation if r.name == proposal.remediation), None
    )
    named = {w.step for w in remediation.when} if remediation else set()
    old = {
        name
        for name in named
        if name not in found or case.now - found[name].at > case.limits.evidence_ttl
    }
    return [s for s in case.runbook.spec.diagnosis if s.name in old]


def _when_no_longer_true(case: Case, draft: Draft, facts: Facts, proposal: Proposal) -> str | None:
    stale = _stale_steps(case)
    if not stale or case.runbook is None:
        return None
    fresh = {f.step: f for f in diagnose.findings(case, facts, stale)}
    old = draft.status.diagnosis.findings if draft.status.diagnosis else []
    merged = [fresh.pop(f.step, f) for f in old] + list(fresh.values())
    remediation = next(r for r in case.runbook.spec.remediation if r.name == proposal.remediation)
    holds, why = propose.judge_when(remediation.when, merged)
    if holds is False:
        return f"its reason no longer holds: {why}"
    if holds is None and proposal.confidence is Confidence.PROVEN:
        return f"its reason cannot be proven any more: {why}"
    return None


def _intend(case: Case, draft: Draft, proposal: Proposal, live: Situation) -> Draft:
    workload = live.workload
    draft = draft.proposal(proposal.id, state=ProposalState.EXECUTING)
    return draft.add(
        "RemediationStarted",
        f"{proposal.summary}. The change is bound to generation {workload.generation} of "
        f"{workload.kind} {workload.name}.",
        proposal=proposal.id,
        evidence=Evidence(
            query=f"GET {workload.kind} {workload.namespace}/{workload.name}",
            value=f"uid {workload.uid}, generation {workload.generation}",
            resource_version=workload.resource_version,
        ),
        changes={
            "execution": Execution(
                proposal=proposal.id,
                state=ExecutionState.INTENT,
                target_uid=workload.uid,
                target_generation=workload.generation,
                started_at=case.now,
            )
        },
    )


# --- between intent and outcome ------------------------------------------------------------------


def _act(
    case: Case, draft: Draft, facts: Facts, proposal: Proposal, execution: Execution
) -> tuple[Draft, Command | None]:
    match case.result:
        case Applied(generation=generation):
            return _applied(case, draft, proposal, generation, "The API server confirmed it."), None
        case Refused(message=message):
            return _refused(case, draft, proposal, message), None
        case _:
            pass
    live = propose.situation(case, facts)
    if live is None:
        return _target_gone(case, draft, facts, proposal), None
    workload, action = live.workload, all_actions()[proposal.action]
    if workload.annotations.get(MARKER_ANNOTATION) == proposal.id:
        found = "Its marker was found on the target after an interruption."
        return _applied(case, draft, proposal, workload.generation, found), None
    if drift := _drift(proposal, action, live):
        return drifted(case, _not_applied(draft, execution), proposal, workload, drift), None
    if workload.generation != execution.target_generation:
        return _moved(draft, proposal, execution, live, case), None
    patch = action.change(proposal.parameters, live, proposal.id, execution.started_at)
    return draft, Command(proposal.id, workload, patch)


def _moved(
    draft: Draft, proposal: Proposal, execution: Execution, live: Situation, case: Case
) -> Draft:
    """The generation moved, but nothing that the plan depends on."""
    generation = live.workload.generation
    if not isinstance(case.result, Stale):
        # After a crash nobody knows whose change that was: it may have been ours, undone since.
        return _superseded(
            _not_applied(draft, execution).set(execution=None),
            proposal,
            f"it was interrupted, and its target moved from generation "
            f"{execution.target_generation} to {generation} meanwhile",
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


def _applied(case: Case, draft: Draft, proposal: Proposal, generation: int, how: str) -> Draft:
    execution = draft.status.execution
    assert execution is not None  # noqa: S101 - for the type checker
    deadline = case.now + proposal.verification.timeout
    draft = draft.proposal(proposal.id, state=ProposalState.APPLIED)
    return draft.add(
        "RemediationApplied",
        f"{proposal.summary}: done. {how} Next: its rollout, until {deadline:%H:%M:%S} UTC at the "
        "latest.",
        proposal=proposal.id,
        evidence=Evidence(query=proposal.command[:512], value=f"generation {generation}"),
        changes={
            "remediations": draft.status.remediations + 1,
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


def _refused(case: Case, draft: Draft, proposal: Proposal, message: str) -> Draft:
    return fail(
        case,
        draft,
        proposal,
        "RemediationRefused",
        f"The API server refused {proposal.id}: {message} Nothing was changed.",
    )


def _target_gone(case: Case, draft: Draft, facts: Facts, proposal: Proposal) -> Draft:
    match facts.workload(case.target.workload):
        case Missing(what=what):
            execution = draft.status.execution
            assert execution is not None  # noqa: S101 - for the type checker
            return _superseded(
                _not_applied(draft, execution).set(execution=None), proposal, f"{what} is gone"
            )
        case _:
            return draft


def fail(case: Case, draft: Draft, proposal: Proposal, reason: str, message: str) -> Draft:
    """Give this remediation up: the next attempt goes without it."""
    key = propose.remedy_key(proposal.action, proposal.parameters)
    draft = draft.proposal(proposal.id, state=ProposalState.FAILED).set(
        rejected=[*draft.status.rejected, key][-32:]
    )
    return next_attempt(case, draft, reason, message)


# --- after the outcome ---------------------------------------------------------------------------


def _await_rollout(
    case: Case, draft: Draft, facts: Facts, proposal: Proposal, execution: Execution
) -> Draft:
    workload = facts.workload(case.target.workload)
    match workload:
        case Missing(what=what):
            return fail(case, draft, proposal, "RemediationFailed", f"{what} is gone.")
        case Unavailable():
            return _out_of_time(case, draft, proposal, execution)
        case Workload():
            pass
    seen = progress(workload, applied_at=execution.applied_at)
    if seen.state is RolloutState.COMPLETE:
        return _complete(case, draft, proposal, execution, seen.message)
    if seen.state is RolloutState.FAILED:
        return fail(case, draft, proposal, "RemediationFailed", f"{seen.message}.")
    if execution.progress != seen.message:
        draft = draft.set(execution=execution.model_copy(update={"progress": seen.message}))
    return _out_of_time(case, draft, proposal, draft.status.execution or execution)


def _out_of_time(case: Case, draft: Draft, proposal: Proposal, execution: Execution) -> Draft:
    if execution.deadline is None or case.now < execution.deadline:
        return draft
    waited = proposal.verification.timeout
    return fail(
        case,
        draft,
        proposal,
        "RemediationFailed",
        f"The rollout of {proposal.id} was not complete after {waited}: {execution.progress}",
    )


def _complete(
    case: Case, draft: Draft, proposal: Proposal, execution: Execution, message: str
) -> Draft:
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
            "verification": verify.begin(proposal.verification, case.now),
        },
    )
    return draft.milestone(once=False, remediated_at=case.now)
