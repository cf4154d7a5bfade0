"""From findings to proposals: which remediations fit, what each would do exactly, and its id."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..actions import Plan, Situation, all_actions, deletions, without_deletions
from ..api.base import GROUP
from ..api.common import Confidence, GuardVerdict, OnFailure, ProposalState, Verdict
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
from ..questions import DryRunNeed, Facts, Need
from ..values import DryRun, GuardProof, Missing, Refused, Unavailable, Workload, digest
from .case import Case
from .diff import diff
from .wording import cut

__all__ = [
    "ABOUT_AUTOSCALERS",
    "Candidate",
    "candidates",
    "dry_runs",
    "judge_when",
    "needs",
    "offer",
    "remedy_key",
    "situation",
    "unread",
]

ABOUT_AUTOSCALERS: Final = frozenset({"autoscale", "scale"})
"""Actions that depend on what autoscalers of the target are told."""
_DRY_RUN_MARKER: Final = "dry-run"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A remediation that may be offered, planned."""

    remediation: Remediation
    plan: Plan
    confidence: Confidence
    because: str
    dry_run: DryRunNeed | None
    older_trouble: bool = False
    """Whether it takes back a release that is younger than the trouble."""


def situation(case: Case, facts: Facts) -> Situation | None:
    """Put together what planning may know; None while the target cannot be read."""
    workload = facts.workload(case.target.workload)
    revisions = facts.revisions(case.target.revisions)
    if not isinstance(workload, Workload) or not isinstance(revisions, tuple):
        return None
    pods = facts.pods(case.target.pods)
    autoscalers = facts.autoscalers(autoscalers_need(case.subject))
    return Situation(
        workload=workload,
        revisions=revisions,
        pods=pods if isinstance(pods, tuple) else (),
        failing=frozenset(case.status.failing_templates),
        autoscalers=autoscalers if isinstance(autoscalers, tuple) else None,
    )


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
        key = remedy_key(remediation.action, dict(plan.parameters))
        twice = any(
            key == remedy_key(c.remediation.action, dict(c.plan.parameters)) for c in planned
        )
        tried = {key, remediation.name} & set(case.status.rejected)
        if twice or (tried and not requested):
            continue
        older = remediation.action == "rolloutUndo" and any(
            older_than_release(f, found) for f in found
        )
        dry_run = _dry_run(case, where, remediation, plan)
        planned.append(Candidate(remediation, plan, confidence, because, dry_run, older))
    return planned


def _confidence(
    case: Case, remediation: Remediation, found: Sequence[Finding]
) -> tuple[Confidence | None, str]:
    if remediation.name in case.status.requested:
        return Confidence.REQUESTED, "somebody asked for it by propose"
    holds, why = judge_when(remediation.when, found)
    if holds is False:
        return None, why
    return (Confidence.PROVEN, why) if holds else (Confidence.UNPROVEN, why)


def _dry_run(
    case: Case, where: Situation, remediation: Remediation, plan: Plan
) -> DryRunNeed | None:
    if any(g.verdict is GuardVerdict.BLOCK for g in plan.guards):
        return None
    started = case.status.diagnosis.started_at if case.status.diagnosis else None
    write = all_actions()[remediation.action].write(
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
    proposals: list[Proposal] = []
    for candidate in planned:
        first = not any(p.recommended for p in proposals)
        proposals.append(_proposal(case, facts, candidate, runbook, proof, first_so_far=first))
    return proposals


def _proposal(
    case: Case,
    facts: Facts,
    candidate: Candidate,
    runbook: Runbook,
    proof: GuardProof,
    *,
    first_so_far: bool,
) -> Proposal:
    remediation, plan = candidate.remediation, candidate.plan
    workload = facts.workload(case.target.workload)
    uid = workload.uid if isinstance(workload, Workload) else ""
    shown, guard = _diff(facts, candidate)
    guards = [
        *plan.guards,
        *_guards(case, candidate),
        *([guard] if guard else []),
    ]
    blocked = any(g.verdict is GuardVerdict.BLOCK for g in guards)
    verification = verification_plan(runbook.spec.verification)
    identity = _identity(case, remediation, plan, verification, proof)
    target, meta = case.incident.spec.target, case.incident.metadata
    proven = candidate.confidence is Confidence.PROVEN
    return Proposal(
        id=identity,
        remediation=remediation.name,
        action=remediation.action,
        parameters=dict(plan.parameters),
        depends_on=dict(plan.depends_on),
        state=ProposalState.PROPOSED,
        recommended=proven and not blocked and not candidate.older_trouble and first_so_far,
        confidence=candidate.confidence,
        risk=remediation.risk,
        summary=cut(plan.summary, 512),
        reason=cut(f"{candidate.confidence}: {candidate.because}. {plan.reason}", 512),
        target=ProposalTarget(kind=target.kind, name=target.name, uid=uid),
        diff=shown,
        command=plan.command,
        approve_command=(
            f"kubectl -n {meta.namespace} annotate incident {meta.name} {GROUP}/approve={identity}"
        ),
        guards=guards,
        verification=verification,
        on_failure=remediation.on_failure,
        expires_at=case.now + case.policy.expire_after,
    )


def _guards(case: Case, candidate: Candidate) -> list[GuardFinding]:
    """Say what speaks against it whatever the action."""
    guards = []
    status, most = case.status, case.policy.max_attempts
    if status.remediations >= most:
        guards.append(
            _block(
                "AttemptsUsedUp",
                f"{status.remediations} changes were made for this Incident, the policy allows "
                f"{most} (approvals.maxAttempts). Fix it by other means, then annotate with "
                f"{GROUP}/resolve=<how>.",
            )
        )
    if candidate.older_trouble:
        guards.append(
            GuardFinding(
                name="OlderThanRelease",
                verdict=GuardVerdict.WARN,
                message="The trouble began before this release: taking it back may not help.",
            )
        )
    return guards


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
    case: Case,
    remediation: Remediation,
    plan: Plan,
    verification: VerificationPlan,
    proof: GuardProof,
) -> str:
    on_failure: OnFailure = remediation.on_failure
    return (
        f"{remediation.name}-"
        + digest(
            {
                "incident": case.incident.metadata.uid,
                "attempt": case.status.attempt,
                "action": remediation.action,
                "parameters": dict(plan.parameters),
                "dependsOn": dict(plan.depends_on),
                "verification": json.loads(verification.model_dump_json()),
                "onFailure": str(on_failure),
                "guard": proof.fingerprint,
            }
        )[:8]
    )


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
