"""Between approval and intent: see that everything is still as it was shown.

The guard, what the proposal depends on, and its reason are checked again on fresh facts. Only then
the intent is written; else nothing is done, and the timeline says why.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ...actions import Situation, all_actions, traits_of
from ...api.common import Confidence, ProposalState
from ...api.incident import Evidence, IncidentStatus, Proposal
from ...api.runbook import DiagnosisStep
from ...faults import fault
from ...observed.needs import Facts
from ...observed.workloads import Missing, Unavailable, Workload, significant_hash
from ..case import Case
from ..diagnosis import findings
from ..evolve import Draft
from ..transitions import investigate, start_round, to_verifying
from ..wording import confirm
from .candidates import judge_when
from .circuit_breaker import blocks_now
from .identity import unlike
from .intent import NONCE_DIGITS, intent_of, planted
from .reverts import same_workload
from .situation import situation, unread
from .unplanned import is_unplanned

_IN_WORDS: Final = {
    "targetUid": "it was deleted and made anew",
    "templateHash": "its pod template is another one",
    "destinationHash": "the revision to go back to is gone",
    "paused": "paused was {was}, is {now}",
    "updateStrategy": "its update strategy was {was}, is {now}",
    "pods": "pods that it was to delete were replaced (number {was}, now {now})",
    "autoscaler": "its autoscaler is told otherwise",
    "replicas": "it had {was} replicas, now {now}",
}
"""What a change of a dependency means to people."""

__all__ = ["check_again", "drift_of", "drifted", "same_release", "stale_steps", "superseded"]


def check_again(case: Case, draft: Draft, facts: Facts, proposal: Proposal) -> Draft:
    """Write the intent if everything still holds; else nothing is done."""
    proof = facts.proof(case.proof)
    if isinstance(proof, Unavailable):
        return _wait(case, draft, proposal, f"the guard cannot be proven: {proof.message}")
    if not proof.proven:
        return _unguarded(draft, proposal, proof.message)
    if draft.status.guard and proof.fingerprint != draft.status.guard.fingerprint:
        return superseded(draft, proposal, "the admission guard was changed since it was proposed")
    live = situation(case, facts)
    if live is None:
        return _no_target(case, draft, facts, proposal)
    if unread(proposal, live):
        return _wait(case, draft, proposal, "its autoscaler cannot be read")
    if drift := drift_of(case, proposal, live):
        return drifted(case, draft, proposal, live.workload, drift)
    if not proposal.approved_along and (problem := blocks_now(case, live, proposal)):
        return superseded(draft, proposal, f"it is blocked now: {problem}")
    if problem := _when_no_longer_true(case, draft, facts, proposal):
        return superseded(draft, proposal, problem)
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
        case Missing():
            return superseded(draft, proposal, f"{case.incident.target} is gone")
        case Unavailable(message=message):
            return _wait(case, draft, proposal, f"its target cannot be read: {message}")
        case Workload():
            return _wait(case, draft, proposal, "its rollout history cannot be read")


def _wait(case: Case, draft: Draft, proposal: Proposal, why: str) -> Draft:
    """What cannot be asked now is asked again, as long as the approval may reasonably stand."""
    approval = draft.status.approval
    waited = case.now - approval.at if approval else timedelta()
    if waited > proposal.verification.timeout:
        return superseded(draft, proposal, why)
    return draft


def drift_of(case: Case, proposal: Proposal, live: Situation) -> str | None:
    """Say what changed of what was shown, if anything."""
    if not same_workload(proposal, live):
        return _IN_WORDS["targetUid"]
    if is_unplanned(proposal.parameters):
        return None
    try:
        changed = _depends_otherwise(proposal, live)
        return changed or (None if unread(proposal, live) else unlike(case, proposal, live))
    except Exception as error:  # noqa: BLE001 - what cannot be compared does not stand
        return f"it could not be compared: {fault(error)}, a bug of the operator"


def _depends_otherwise(proposal: Proposal, live: Situation) -> str | None:
    """Say what changed of what the proposal depends on, if anything."""
    now = all_actions()[proposal.action].depends_on(proposal.parameters, live)
    changed = sorted(
        k for k in {*proposal.depends_on, *now} if proposal.depends_on.get(k) != now.get(k)
    )
    if not changed:
        return None
    return ", ".join(
        _IN_WORDS.get(key, f"{key} was {{was}}, is {{now}}").format(
            was=proposal.depends_on.get(key) or "absent", now=now.get(key) or "absent"
        )
        for key in changed
    )


def drifted(
    case: Case, draft: Draft, proposal: Proposal, workload: Workload, drift: str, so: str = ""
) -> Draft:
    """Nothing is done: the target is not the one that was shown; ``so``: what that means."""
    draft = draft.proposal(proposal.id, state=ProposalState.SUPERSEDED, recommended=False)
    so = so or f"{proposal.id} was not done"
    lost = f"{so}: {workload.kind} {workload.name} changed since ({drift})."
    # What does not depend on the template (scale, autoscale) says nothing about it.
    same_template = proposal.depends_on.get("templateHash") in {None, workload.template_hash}
    if same_template or same_release(draft.status, workload) or workload.uid != proposal.target.uid:
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


def same_release(status: IncidentStatus, workload: Workload) -> bool:
    """Whether what runs is what was diagnosed, restarted at most."""
    diagnosed = status.diagnosis.template_hash if status.diagnosis else None
    return diagnosed == significant_hash(workload.template)


def superseded(draft: Draft, proposal: Proposal, why: str) -> Draft:
    """Give the approval up: nothing is done, and a new round begins."""
    draft = draft.proposal(proposal.id, state=ProposalState.SUPERSEDED, recommended=False)
    return start_round(
        draft,
        "RemediationSuperseded",
        f"{proposal.id} was not done: {why}. Diagnosing again.",
        approval=None,
        attempt=draft.status.attempt + 1,
    )


def stale_steps(case: Case) -> list[DiagnosisStep]:
    """Steps of the proposal's ``when`` whose findings are too old to act on."""
    status = case.status
    proposal = status.proposal(status.approval.proposal) if status.approval else None
    if proposal is None or case.runbook is None:
        return []
    if proposal.confidence is Confidence.REQUESTED or proposal.revert_of:
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
    stale = stale_steps(case)
    if not stale or case.runbook is None:
        return None
    fresh = {f.step: f for f in findings.findings(case, facts, stale)}
    old = draft.status.diagnosis.findings if draft.status.diagnosis else []
    merged = [fresh.pop(f.step, f) for f in old] + list(fresh.values())
    remediation = next(r for r in case.runbook.spec.remediation if r.name == proposal.remediation)
    holds, why = judge_when(remediation.when, merged)
    if holds is False:
        return f"its reason no longer holds: {why}"
    if holds is None and proposal.confidence is Confidence.PROVEN:
        return f"its reason cannot be proven any more: {why}"
    return None


def _what_follows(case: Case, proposal: Proposal, workload: Workload) -> str:
    if traits_of(proposal.action).by_people:
        done = confirm(case.incident.metadata)
        return f"People do this now; the operator waits. When it is done: {done}"
    return (
        f"It is done only if {workload.kind} {workload.name} is still as it was just read "
        f"(generation {workload.generation})."
    )


def _intend(case: Case, draft: Draft, proposal: Proposal, live: Situation) -> Draft:
    workload = live.workload
    draft = draft.proposal(proposal.id, state=ProposalState.EXECUTING)
    return draft.add(
        "RemediationStarted",
        " ".join(
            filter(
                None,
                (
                    f"{proposal.summary}.",
                    planted(proposal, live),
                    _what_follows(case, proposal, workload),
                ),
            )
        ),
        proposal=proposal.id,
        evidence=Evidence(
            query=f"GET {workload.kind} {workload.namespace}/{workload.name}",
            value=f"uid {workload.uid}, generation {workload.generation}",
            resource_version=workload.resource_version,
        ),
        changes={
            "execution": intent_of(
                proposal, live, case.now, case.drawn("nonce", proposal.id, digits=NONCE_DIGITS)
            )
        },
    )
