"""From findings to proposals: which remediations fit, what each would do exactly, and its id."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..actions import Plan, Situation, all_actions, deletions, without_deletions
from ..api.base import GROUP
from ..api.common import Confidence, GuardVerdict, OnFailure, ProposalState, Risk, Verdict
from ..api.incident import (
    Finding,
    GuardFinding,
    Proposal,
    ProposalTarget,
    VerificationPlan,
)
from ..api.runbook import Remediation, Runbook, VerificationSpec, When
from ..checks.autoscaler import autoscalers_need
from ..checks.relate import older_than_release
from ..questions import BudgetsNeed, DryRunNeed, Facts, Need
from ..values import DryRun, GuardProof, Missing, Refused, Unavailable, Workload, digest
from .breaker import Planned, breaker
from .case import Case
from .diff import diff
from .wording import cut

__all__ = [
    "ABOUT_AUTOSCALERS",
    "AUTO_REVERTED",
    "REPLACING_PODS",
    "Candidate",
    "budgets_need",
    "candidates",
    "dry_runs",
    "judge_when",
    "needs",
    "offer",
    "recommended",
    "remedy_key",
    "revert_plan",
    "reverting",
    "situation",
    "unread",
]

ABOUT_AUTOSCALERS: Final = frozenset({"autoscale", "scale"})
"""Actions that depend on what autoscalers of the target are told."""
REPLACING_PODS: Final = frozenset({"rolloutUndo", "rolloutRestart"})
"""Actions that replace pods, and may disturb a PodDisruptionBudget."""
AUTO_REVERTED: Final = frozenset({"scale", "autoscale"})
"""Actions that `onFailure: Revert` takes back without another approval. Never an undo: that would
release the bad version again."""
_DRY_RUN_MARKER: Final = "dry-run"
_OLDER: Final = "OlderThanRelease"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A remediation that may be offered, planned."""

    name: str
    action: str
    risk: Risk
    on_failure: OnFailure
    plan: Plan
    confidence: Confidence
    because: str
    dry_run: DryRunNeed | None
    older_trouble: bool = False
    """Whether it takes back a release that is younger than the trouble."""
    revert_of: str | None = None
    """Id of the proposal that it takes back."""


def situation(case: Case, facts: Facts) -> Situation | None:
    """Put together what planning may know; None while the target cannot be read."""
    workload = facts.workload(case.target.workload)
    revisions = facts.revisions(case.target.revisions)
    if not isinstance(workload, Workload) or not isinstance(revisions, tuple):
        return None
    pods = facts.pods(case.target.pods)
    autoscalers = facts.autoscalers(autoscalers_need(case.subject))
    budgets = facts.budgets(budgets_need(case))
    return Situation(
        workload=workload,
        revisions=revisions,
        pods=pods if isinstance(pods, tuple) else (),
        failing=frozenset(case.status.failing_templates),
        autoscalers=autoscalers if isinstance(autoscalers, tuple) else None,
        budgets=budgets if isinstance(budgets, tuple) else (),
    )


def budgets_need(case: Case) -> BudgetsNeed:
    """Ask for the PodDisruptionBudgets of the target's pods."""
    need = case.target.workload
    return BudgetsNeed(need.kind, need.namespace, need.name)


def needs(case: Case, proposals: Iterable[Proposal]) -> frozenset[Need]:
    """Say what else to read to hold these proposals against their target."""
    asked: set[Need] = set()
    for proposal in proposals:
        if deletions(proposal.parameters):
            asked.add(case.target.pods)
        if proposal.action in ABOUT_AUTOSCALERS:
            asked.add(autoscalers_need(case.subject))
    return frozenset(asked)


def unread(proposal: Proposal, live: Situation) -> bool:
    """Whether something that the proposal depends on could not be read: then nothing is done."""
    if live.autoscalers is not None:
        return False
    return proposal.action == "autoscale" or "autoscaler" in proposal.depends_on


def judge_when(when: Sequence[When], found: Sequence[Finding]) -> tuple[bool | None, str]:
    """Say whether all conditions hold (None: cannot be told), and why."""
    by_step = {f.step: f for f in found}
    unknown: list[str] = []
    for condition in when:
        finding = by_step.get(condition.step)
        wanted = condition.verdict or (None if condition.reason else Verdict.FAILED)
        if finding is None:
            unknown.append(f"{condition.step} was not asked")
        elif wanted in {None, finding.verdict} and condition.reason in {None, finding.reason}:
            continue
        elif finding.verdict in {Verdict.INCONCLUSIVE, Verdict.ERROR}:
            unknown.append(f"{finding.step} is {finding.verdict}: {finding.message}")
        else:
            return False, f"{finding.step} is {finding.verdict} ({finding.reason})"
    if unknown:
        return None, "; ".join(unknown)
    proof = ", ".join(f"{w.step}: {by_step[w.step].reason}" for w in when)
    return (True, proof) if when else (None, "the Runbook names nothing that would prove it")


def remedy_key(action: str, parameters: Mapping[str, str]) -> str:
    """Name an action with its parameters: what a rejection or a failure rules out.

    Whichever pods it deletes besides, it is the same remedy.
    """
    return f"{action}/{digest(without_deletions(parameters))[:12]}"


def candidates(
    case: Case, where: Situation, found: Sequence[Finding], runbook: Runbook
) -> list[Candidate]:
    """Plan every remediation that fits and was neither rejected nor tried in vain."""
    planned: list[Candidate] = []
    for remediation in runbook.spec.remediation:
        action, parameters = all_actions().get(remediation.action), remediation.parameters
        if action is None or parameters is None or where.workload.kind not in action.kinds:
            continue
        confidence, because = _confidence(case, remediation, found)
        if confidence is None:
            continue
        plan = action.plan(parameters, where)
        requested = confidence is Confidence.REQUESTED
        tried = {remedy_key(remediation.action, plan.parameters), remediation.name}
        if _planned(plan, remediation.action, planned) or (
            tried & set(case.status.rejected) and not requested
        ):
            continue
        older = remediation.action == "rolloutUndo" and any(
            older_than_release(f, found) for f in found
        )
        planned.append(
            Candidate(
                name=remediation.name,
                action=remediation.action,
                risk=remediation.risk,
                on_failure=remediation.on_failure,
                plan=plan,
                confidence=confidence,
                because=because,
                dry_run=_dry_run(case, where, remediation.action, plan),
                older_trouble=older,
            )
        )
    back = _way_back(case, where)
    return (
        planned if back is None or _planned(back.plan, back.action, planned) else [*planned, back]
    )


def _planned(plan: Plan, action: str, planned: Sequence[Candidate]) -> bool:
    """Whether the same change is among them already."""
    key = remedy_key(action, plan.parameters)
    return any(key == remedy_key(c.action, c.plan.parameters) for c in planned)


def _way_back(case: Case, where: Situation) -> Candidate | None:
    """Plan the revert of what was stopped, or of a rollback that did not help."""
    taken = case.status.proposal(case.status.take_back) if case.status.take_back else None
    if taken is None:
        return None
    plan = revert_plan(taken, where)
    if plan is None or remedy_key(taken.action, plan.parameters) in case.status.rejected:
        return None
    return Candidate(
        name=_revert_name(taken),
        action=taken.action,
        risk=Risk.HIGH if taken.action == "rolloutUndo" else taken.risk,
        on_failure=OnFailure.ESCALATE,
        plan=plan,
        confidence=Confidence.UNPROVEN,
        because=f"it takes {taken.id} back; whether that helps is not known",
        dry_run=_dry_run(case, where, taken.action, plan),
        revert_of=taken.id,
    )


def _revert_name(taken: Proposal) -> str:
    """Name it so that nobody takes it for the remediation itself."""
    return f"revert-{taken.remediation}"[:40].rstrip("-")


def revert_plan(taken: Proposal, where: Situation) -> Plan | None:
    """Plan to take a proposal's change back; None where nothing leads back, or nothing is to do.

    The release that a rollback left is known to fail: that, and the circle, are said, not forbidden,
    since to stop at a rollback that made things worse must be possible.
    """
    plan = all_actions()[taken.action].reversal(taken.parameters, where)
    if plan is None or not plan.parameters or any(g.name == "AlreadyThere" for g in plan.guards):
        return None
    said = {"SeenFailing", "Loop"}
    guards = tuple(
        g.model_copy(update={"verdict": GuardVerdict.WARN}) if g.name in said else g
        for g in plan.guards
    )
    return replace(plan, guards=guards, summary=cut(f"Revert {taken.id}: {plan.summary}", 512))


def _confidence(
    case: Case, remediation: Remediation, found: Sequence[Finding]
) -> tuple[Confidence | None, str]:
    if remediation.name in case.status.requested:
        return Confidence.REQUESTED, "somebody asked for it by propose"
    holds, why = judge_when(remediation.when, found)
    if holds is False:
        return None, why
    return (Confidence.PROVEN, why) if holds else (Confidence.UNPROVEN, why)


def _dry_run(case: Case, where: Situation, action: str, plan: Plan) -> DryRunNeed | None:
    if any(g.verdict is GuardVerdict.BLOCK for g in plan.guards):
        return None
    started = case.status.diagnosis.started_at if case.status.diagnosis else None
    write = all_actions()[action].write(
        plan.parameters, where, _DRY_RUN_MARKER, started or case.now
    )
    return DryRunNeed.of(where.workload, write) if write else None


def dry_runs(planned: Sequence[Candidate]) -> frozenset[Need]:
    """Name the dry runs that the proposals need."""
    return frozenset(c.dry_run for c in planned if c.dry_run is not None)


def offer(
    case: Case, facts: Facts, planned: Sequence[Candidate], runbook: Runbook, proof: GuardProof
) -> list[Proposal]:
    """Turn planned remediations into proposals; the first wholly proven one is recommended."""
    live = situation(case, facts)
    if live is None:
        return []
    return recommended(_proposal(case, facts, live, c, runbook, proof) for c in planned)


def recommended(proposals: Iterable[Proposal]) -> list[Proposal]:
    """Recommend the first open one that is wholly proven and that nothing speaks against."""
    found: list[Proposal] = []
    for proposal in proposals:
        fit = (
            proposal.state is ProposalState.PROPOSED
            and proposal.confidence is Confidence.PROVEN
            and not proposal.blocked
            and not any(g.name == _OLDER for g in proposal.guards)
            and not any(p.recommended for p in found)
        )
        found.append(proposal.model_copy(update={"recommended": fit}))
    return found


def _proposal(
    case: Case,
    facts: Facts,
    live: Situation,
    candidate: Candidate,
    runbook: Runbook,
    proof: GuardProof,
) -> Proposal:
    plan = candidate.plan
    shown, guard = _diff(facts, candidate)
    guards = [
        *plan.guards,
        *_guards(candidate),
        *breaker(case, live, _to_judge(candidate)),
        *([guard] if guard else []),
    ]
    verification = verification_plan(runbook.spec.verification)
    identity = _identity(case, candidate, verification, proof)
    target, meta = case.incident.spec.target, case.incident.metadata
    return Proposal(
        id=identity,
        remediation=candidate.name,
        action=candidate.action,
        parameters=dict(plan.parameters),
        depends_on=dict(plan.depends_on),
        state=ProposalState.PROPOSED,
        confidence=candidate.confidence,
        risk=candidate.risk,
        summary=cut(plan.summary, 512),
        reason=cut(f"{candidate.confidence}: {candidate.because}. {plan.reason}", 512),
        target=ProposalTarget(kind=target.kind, name=target.name, uid=live.workload.uid),
        diff=shown,
        command=plan.command,
        approve_command=(
            f"kubectl -n {meta.namespace} annotate incident {meta.name} {GROUP}/approve={identity}"
        ),
        guards=guards[:24],
        verification=verification,
        on_failure=candidate.on_failure,
        expires_at=case.now + case.policy.expire_after,
        revert_of=candidate.revert_of,
    )


def _to_judge(candidate: Candidate) -> Planned:
    command, revert_of = candidate.plan.command, candidate.revert_of
    return Planned(candidate.action, candidate.confidence, command, revert_of)


def reverting(case: Case, taken: Proposal, plan: Plan) -> Proposal:
    """Give the revert that was approved with a proposal: it needs no approval of its own.

    It is pinned by the approved id: its number stands in what that plan depends on.
    """
    guard = case.status.guard.fingerprint if case.status.guard else ""
    content = {"revertOf": taken.id, "parameters": dict(plan.parameters), "guard": guard}
    return taken.model_copy(
        update={
            "id": f"{_revert_name(taken)}-{digest(content)[:8]}",
            "remediation": _revert_name(taken),
            "parameters": dict(plan.parameters),
            "depends_on": dict(plan.depends_on),
            "state": ProposalState.APPROVED,
            "recommended": False,
            "summary": cut(plan.summary, 512),
            "reason": cut(f"{taken.id} was approved with onFailure: Revert.", 512),
            "diff": "",
            "command": plan.command,
            "approve_command": "",
            "guards": list(plan.guards),
            "on_failure": OnFailure.ESCALATE,
            "revert_of": taken.id,
        }
    )


def _guards(candidate: Candidate) -> list[GuardFinding]:
    """Say what speaks against it, whatever the action."""
    guards = []
    if candidate.older_trouble:
        message = "The trouble began before this release: taking it back may not help."
        guards.append(GuardFinding(name=_OLDER, verdict=GuardVerdict.WARN, message=message))
    if candidate.on_failure is OnFailure.REVERT:
        guards.append(_on_failure(candidate))
    return guards


def _on_failure(candidate: Candidate) -> GuardFinding:
    """Say what `onFailure: Revert` means here: part of what is approved."""
    parameters = candidate.plan.parameters
    if candidate.action in AUTO_REVERTED and (candidate.action == "scale" or parameters.get("uid")):
        back = f"{parameters['from']} replicas" if candidate.action == "scale" else "its old values"
        return GuardFinding(
            name="RevertsOnFailure",
            verdict=GuardVerdict.CLEAR,
            message=f"If verification fails, it is taken back to {back} at once: that is approved "
            "along with it.",
        )
    return GuardFinding(
        name="NoRevert",
        verdict=GuardVerdict.WARN,
        message=f"The Runbook says onFailure: Revert, but a {candidate.action} is never taken back "
        "by itself. If verification fails, people decide.",
    )


def verification_plan(spec: VerificationSpec) -> VerificationPlan:
    """Copy the Runbook's verification, so that a later edit changes nothing."""
    return VerificationPlan(
        timeout=spec.timeout,
        interval=spec.interval,
        successes=spec.successes,
        failures=spec.failures,
        checks=spec.checks,
    )


def _identity(
    case: Case, candidate: Candidate, verification: VerificationPlan, proof: GuardProof
) -> str:
    content = {
        "incident": case.incident.metadata.uid,
        "attempt": case.status.attempt,
        "action": candidate.action,
        "parameters": dict(candidate.plan.parameters),
        "dependsOn": dict(candidate.plan.depends_on),
        "verification": json.loads(verification.model_dump_json()),
        "onFailure": str(candidate.on_failure),
        "guard": proof.fingerprint,
    }
    return f"{candidate.name}-{digest(content)[:8]}"


def _diff(facts: Facts, candidate: Candidate) -> tuple[str, GuardFinding | None]:
    if candidate.dry_run is None:
        return candidate.plan.instructions, None
    match facts.dry_run(candidate.dry_run):
        case DryRun(before=before, after=after):
            return diff(before, after), None
        case Refused(message=message):
            return "", _block("dryRun", f"The API server refuses this change: {message}")
        case Missing(what=what):
            return "", _block("dryRun", f"{what} is gone.")
        case Unavailable(message=message):
            return "", _block(
                "dryRun", f"The dry run could not be done: {message} Diagnose again to retry."
            )


def _block(name: str, message: str) -> GuardFinding:
    return GuardFinding(name=name, verdict=GuardVerdict.BLOCK, message=cut(message, 512))
