"""Which remediations of a Runbook fit, and what each would do exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ...actions import Plan, Situation, all_actions, traits_of, without_deletions
from ...api.common import Confidence, GuardVerdict, OnFailure, ProposalState, Risk, Verdict
from ...api.incident import Finding, Proposal
from ...api.runbook import Remediation, Runbook, When
from ...checks import is_claim
from ...checks.relate import older_than_release
from ...observed.needs import DryRunNeed, Need
from ...observed.workloads import digest
from ..case import Case
from ..evolve import Draft
from . import reverts
from .unplanned import is_unplanned, unplanned

__all__ = [
    "Candidate",
    "candidates",
    "dry_runs",
    "judge_when",
    "remedy_key",
    "rule_out",
    "without_plan",
]

_A_CLAIM: Final = " (a claim)"
_NO_PROOF: Final = "Events can be written by anybody with edit: they prove nothing alone"
_NO_PLAN: Final = Plan({}, {}, "", "", "")
_DRY_RUN_MARKER: Final = "dry-run"
_ASKED: Final = "somebody asked for it by propose"
_STARTS: Final = frozenset(
    {"autoscaler", "from", "fromCpu", "fromHash", "fromMax", "fromMemory", "fromMin"}
    | {"annotations", "fromRevision", "templateHash", "toName", "toRevision", "toUid", "uid"}
)
"""Parameters that say what a plan starts from, or how its aim is called now."""


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


def candidates(
    case: Case, where: Situation, found: Sequence[Finding], runbook: Runbook
) -> list[Candidate]:
    """Plan every remediation that fits and was neither rejected nor tried in vain."""
    fitting = [_candidate(case, where, found, r) for r in runbook.spec.remediation]
    planned: dict[str, Candidate] = {}
    for candidate in (*fitting, _way_back(case, where)):
        if candidate is None:
            continue
        key = remedy_key(candidate.action, candidate.plan.parameters)
        # What could not be planned has an aim of its own, which nobody knows.
        planned.setdefault(
            candidate.name if is_unplanned(candidate.plan.parameters) else key, candidate
        )
    return list(planned.values())


def without_plan(candidate: Candidate, where: Situation, error: Exception) -> Candidate:
    """Give the same remediation as one that could not be planned."""
    plan = unplanned(candidate.name, where, error)
    return replace(candidate, plan=plan, dry_run=None, older_trouble=False)


def _candidate(
    case: Case, where: Situation, found: Sequence[Finding], remediation: Remediation
) -> Candidate | None:
    action, parameters = all_actions().get(remediation.action), remediation.parameters
    if action is None or parameters is None or where.workload.kind not in action.kinds:
        return None
    confidence, because = _confidence(case, remediation, found)
    if confidence is None:
        return None
    bare = Candidate(
        name=remediation.name,
        action=remediation.action,
        risk=remediation.risk,
        on_failure=remediation.on_failure,
        plan=_NO_PLAN,
        confidence=confidence,
        because=because,
        dry_run=None,
    )
    try:
        planned = _planned(case, where, found, bare, action.plan(parameters, where))
    except Exception as error:  # noqa: BLE001 - it is one remediation; the others are offered
        planned = without_plan(bare, where, error)
    tried = {remedy_key(remediation.action, planned.plan.parameters), remediation.name}
    if not tried & set(case.status.rejected):
        return planned
    # Ruled out, it comes back only for who asks for it, and not as what is proven to help.
    asked = remediation.name in case.status.requested
    return replace(planned, confidence=Confidence.REQUESTED, because=_ASKED) if asked else None


def _planned(
    case: Case, where: Situation, found: Sequence[Finding], bare: Candidate, plan: Plan
) -> Candidate:
    undo = traits_of(bare.action).rolls_back
    # Asked again before it is offered, and before it is done: what it cannot answer is no plan.
    all_actions()[bare.action].depends_on(plan.parameters, where)
    return replace(
        bare,
        plan=plan,
        dry_run=_dry_run(case, where, bare.action, plan),
        older_trouble=undo and any(older_than_release(f, found) for f in found),
    )


def _way_back(case: Case, where: Situation) -> Candidate | None:
    """Plan the revert of what was stopped, or of a rollback that did not help."""
    taken = case.status.proposal(case.status.take_back) if case.status.take_back else None
    if taken is None or not reverts.same_workload(taken, where):
        return None
    bare = Candidate(
        name=reverts.revert_name(taken),
        action=taken.action,
        risk=Risk.HIGH if traits_of(taken.action).rolls_back else taken.risk,
        on_failure=OnFailure.ESCALATE,
        plan=_NO_PLAN,
        confidence=Confidence.UNPROVEN,
        because=f"it takes {taken.id} back; whether that helps is not known",
        dry_run=None,
        revert_of=taken.id,
    )
    try:
        plan = reverts.revert_plan(taken, where)
        if plan is None or remedy_key(taken.action, plan.parameters) in case.status.rejected:
            return None
        return replace(bare, plan=plan, dry_run=_dry_run(case, where, taken.action, plan))
    except Exception as error:  # noqa: BLE001 - it is one proposal; the others are offered
        return without_plan(bare, where, error)


def _confidence(
    case: Case, remediation: Remediation, found: Sequence[Finding]
) -> tuple[Confidence | None, str]:
    holds, why = judge_when(remediation.when, found)
    # Asked for, it is offered all the same; but what is proven stays proven, whoever asks.
    if not holds and remediation.name in case.status.requested:
        return Confidence.REQUESTED, _ASKED
    if holds is False:
        return None, why
    return (Confidence.PROVEN, why) if holds else (Confidence.UNPROVEN, why)


def judge_when(when: Sequence[When], found: Sequence[Finding]) -> tuple[bool | None, str]:
    """Say whether all conditions hold (None: cannot be told), and why.

    What rests on claims counts beside proof; alone it neither proves nor refutes.
    """
    by_step = {f.step: f for f in found}
    unknown: list[str] = []
    proven: list[str] = []
    for condition in when:
        finding = by_step.get(condition.step)
        wanted = condition.verdict or (None if condition.reason else Verdict.FAILED)
        if finding is None:
            unknown.append(f"{condition.step} was not asked")
        elif wanted in {None, finding.verdict} and condition.reason in {None, finding.reason}:
            proven.append(f"{finding.step}: {finding.reason}{_A_CLAIM * is_claim(finding)}")
        elif finding.verdict in {Verdict.INCONCLUSIVE, Verdict.ERROR}:
            unknown.append(f"{finding.step} is {finding.verdict}: {finding.message}")
        elif finding.verdict is Verdict.FAILED and is_claim(finding):
            unknown.append(f"{finding.step} speaks against it ({finding.reason}), but {_NO_PROOF}")
        else:
            return False, f"{finding.step} is {finding.verdict} ({finding.reason})"
    if unknown:
        return None, "; ".join(unknown)
    if not when:
        return None, "the Runbook names nothing that would prove it"
    if all(is_claim(by_step[w.step]) for w in when):
        return None, f"only {', '.join(proven)} speaks for it, and {_NO_PROOF}"
    return True, ", ".join(proven)


def remedy_key(action: str, parameters: Mapping[str, str]) -> str:
    """Name an action with its parameters: what a rejection or a failure rules out.

    Where it starts from is left out, and which pods it deletes besides: it is the same remedy.
    """
    aims = {k: v for k, v in without_deletions(parameters).items() if k not in _STARTS}
    return f"{action}/{digest(aims)}"


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


def rule_out(draft: Draft, proposal: Proposal, state: ProposalState, *more: str) -> Draft:
    """End a proposal, and do not offer that remedy again; ``more``: whole remediations besides."""
    ruled_out = [remedy_key(proposal.action, proposal.parameters), *more]
    return draft.proposal(proposal.id, state=state, recommended=False).set(
        rejected=[*draft.status.rejected, *ruled_out][-32:]
    )
