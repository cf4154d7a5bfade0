"""Is it good again? Sampling for Verifying and Monitoring.

A sample is the worst of the rollout, the pods and the named checks. ``Inconclusive`` and
``Error`` are neither good nor bad: they break a row of successes and add nothing to failures.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ...api.base import format_duration
from ...api.common import Verdict
from ...api.incident import (
    Evidence,
    Finding,
    Sample,
    Verification,
    VerificationPlan,
)
from ...api.runbook import DiagnosisStep, Runbook, VerificationSpec
from ...checks import is_claim
from ...checks.templates import TemplateProblem
from ...observed.needs import Facts, Need
from ...observed.workloads import Missing, Unavailable, Workload, digest
from ..case import BUILT_IN_STEPS, Case
from ..wording import cut, sentence, sentences
from . import findings
from .lookback import looks_back
from .rollout import Progress, RolloutState, progress

__all__ = ["begin", "checks_digest", "count", "needs", "sample", "steps", "verification_plan"]

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
    named = [] if _edited(case, plan) else [s for s in case.steps if s.name in plan.checks]
    return [BUILT_IN_STEPS[0], *(s for s in named if s.pod_status is None)]


def _edited(case: Case, plan: VerificationPlan) -> bool:
    """Whether the Runbook says otherwise now: then its checks judge nothing that was approved."""
    return bool(plan.checks_digest) and plan.checks_digest != checks_digest(case.steps, plan.checks)


def checks_digest(known: Sequence[DiagnosisStep], names: Sequence[str]) -> str:
    """Sum up what the named checks ask, and their limits."""
    return digest([s.to_api() for s in known if s.name in names])


def needs(case: Case, plan: VerificationPlan) -> frozenset[Need]:
    """Say what one sample reads."""
    asked: set[Need] = {case.target.workload, case.target.revisions, case.target.pods}
    for step in steps(case, plan):
        try:
            asked.update(findings.step_needs(case, step))
        except TemplateProblem:
            continue
    return frozenset(asked)


def sample(case: Case, facts: Facts, plan: VerificationPlan) -> tuple[Sample, Evidence]:
    """Look once at everything; the evidence is that of the check that tells most."""
    looked_at = steps(case, plan)
    found = [
        _in_time(case, step, finding)
        for step, finding in zip(looked_at, findings.findings(case, facts, looked_at), strict=True)
    ]
    known = set() if _edited(case, plan) else {s.name for s in case.steps}
    verdicts = [_rollout(case, facts), *((f.verdict, f.message) for f in found)]
    verdicts += [
        (
            Verdict.ERROR,
            f"check {name} is not as it was approved: the Runbook was changed since. Use confirm.",
        )
        for name in plan.checks
        if name not in known
    ]
    worst = min((v for v, _ in verdicts), key=_ORDER.index)
    message = cut(sentences(m for v, m in verdicts if v is worst), 512)
    telling = [f.evidence for f in found if f.verdict is worst and f.evidence is not None]
    evidence = telling[-1] if telling else Evidence(value=cut(message, 256))
    return (
        Sample(at=case.now, verdict=worst, message=message),
        evidence.model_copy(update={"verdict": worst}),
    )


def _in_time(case: Case, step: DiagnosisStep, finding: Finding) -> Finding:
    """Take no rate for a failure as long as it looks back to before the change, and no claim ever.

    An autoscaler that cannot compute wants for data: that is no failure of what was changed.
    """
    if (finding.check, finding.reason) == ("autoscaler", "CannotCompute"):
        return finding.model_copy(update={"verdict": Verdict.INCONCLUSIVE})
    if finding.verdict is Verdict.FAILED and is_claim(finding):
        claimed = "Anybody with edit can write Events: they make no sample bad."
        return finding.model_copy(
            update={
                "verdict": Verdict.INCONCLUSIVE,
                "message": f"{sentence(finding.message)} {claimed}",
            }
        )
    window, verification = looks_back(step), case.status.verification
    if finding.verdict is not Verdict.FAILED or verification is None or not window:
        return finding
    changed = verification.started_at
    if case.now >= changed + window:
        return finding
    return finding.model_copy(
        update={
            "verdict": Verdict.INCONCLUSIVE,
            "message": f"{sentence(finding.message)} Its query looks back "
            f"{format_duration(window)}, to before the change at {changed:%H:%M:%S} UTC.",
        }
    )


def _rollout(case: Case, facts: Facts) -> tuple[Verdict, str]:
    match facts.workload(case.target.workload):
        case Workload() as workload:
            bound = case.status.bound
            if bound is not None and bound.uid not in {"", workload.uid}:
                return Verdict.ERROR, f"{case.incident.target} is another one, of the same name."
            execution = case.status.execution
            seen = progress(workload, applied_at=execution.applied_at if execution else None)
            return _verdict(seen), seen.message
        case Missing():
            return Verdict.FAILED, f"{case.incident.target} is gone."
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


def verification_plan(runbook: Runbook | None) -> VerificationPlan:
    """Copy the Runbook's verification, so that a later edit changes nothing."""
    spec = runbook.spec.verification if runbook else VerificationSpec()
    return VerificationPlan(
        timeout=spec.timeout,
        interval=spec.interval,
        successes=spec.successes,
        failures=spec.failures,
        checks=spec.checks,
        checks_digest=checks_digest(runbook.spec.diagnosis, spec.checks) if runbook else "",
    )
