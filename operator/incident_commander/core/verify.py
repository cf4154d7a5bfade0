"""Is it good again? Sampling for Verifying and Monitoring.

A sample is the worst of the rollout, the pods and the named checks. ``Inconclusive`` and
``Error`` are neither good nor bad: they break a row of successes and add nothing to failures.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ..api.common import Verdict
from ..api.incident import Finding, Sample, Verification, VerificationPlan
from ..api.runbook import DiagnosisStep
from ..checks.templates import TemplateProblem
from ..questions import Facts, Need
from ..values import Missing, Unavailable, Workload
from . import diagnose
from .case import BUILT_IN_STEPS, Case
from .evolve import cut
from .rollout import Progress, RolloutState, progress

__all__ = ["begin", "count", "needs", "sample", "steps"]

_ORDER: Final = (Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASSED)


def begin(plan: VerificationPlan, now: datetime) -> Verification:
    """Start verifying: the first sample is due after one interval.

    Rates look back over a window, and still hold what was wrong before.
    """
    return Verification(
        started_at=now, deadline=now + plan.timeout, next_at=now + plan.interval, plan=plan
    )


def steps(case: Case, plan: VerificationPlan) -> list[DiagnosisStep]:
    """Give the steps to look at: the pods always, and the named ones."""
    named = [s for s in case.steps if s.name in plan.checks]
    return [BUILT_IN_STEPS[0], *(s for s in named if s.pod_status is None)]


def needs(case: Case, plan: VerificationPlan) -> frozenset[Need]:
    """Say what one sample reads."""
    asked: set[Need] = {case.target.workload, case.target.revisions, case.target.pods}
    for step in steps(case, plan):
        try:
            asked.update(diagnose.step_needs(case, step))
        except TemplateProblem:
            continue
    return frozenset(asked)


def sample(case: Case, facts: Facts, plan: VerificationPlan) -> Sample:
    """Look once at everything."""
    verdicts = [_rollout(case, facts)]
    verdicts += [(f.verdict, f.message) for f in diagnose.findings(case, facts, steps(case, plan))]
    known = {s.name for s in case.steps}
    verdicts += [
        (Verdict.ERROR, f"check {name} is no step of the Runbook any more")
        for name in plan.checks
        if name not in known
    ]
    worst = min((v for v, _ in verdicts), key=_ORDER.index)
    telling = [m for v, m in verdicts if v is worst]
    return Sample(
        at=case.now,
        verdict=worst,
        message=cut("; ".join(m.rstrip(".") for m in telling) + ".", 512),
    )


def _rollout(case: Case, facts: Facts) -> tuple[Verdict, str]:
    match facts.workload(case.target.workload):
        case Workload() as workload:
            execution = case.status.execution
            seen = progress(workload, applied_at=execution.applied_at if execution else None)
            return _verdict(seen), seen.message
        case Missing():
            return Verdict.FAILED, f"{case.incident.spec.target} is gone."
        case Unavailable(message=message):
            return Verdict.ERROR, message


def _verdict(seen: Progress) -> Verdict:
    match seen.state:
        case RolloutState.COMPLETE:
            return Verdict.PASSED
        case RolloutState.FAILED:
            return Verdict.FAILED
        case RolloutState.WAITING | RolloutState.UNJUDGEABLE:
            return Verdict.INCONCLUSIVE


def count(verification: Verification, seen: Sample) -> Verification:
    """Add a sample: rows of good and bad ones."""
    good = seen.verdict is Verdict.PASSED
    bad = seen.verdict is Verdict.FAILED
    failures = verification.failures + 1 if bad else (0 if good else verification.failures)
    return verification.model_copy(
        update={
            "last": seen,
            "successes": verification.successes + 1 if good else 0,
            "failures": failures,
            "next_at": seen.at + verification.plan.interval,
        }
    )


def told(found: Sequence[Finding]) -> str:
    """Say a round's findings in one line."""
    return ", ".join(f"{f.step} {f.verdict}" for f in found)
