"""How far back a query looks, and what it can say of a release that is younger than that.

A rate over a minute still holds what ran before, for a minute. So soon after a release it cannot
show that the release is good, nor that it is the release that is bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ...api.base import format_duration
from ...api.common import Verdict
from ...api.incident import Finding
from ...api.runbook import DiagnosisStep
from ...checks.ranges import ranges
from ...checks.releases import release_of
from ...observed.needs import Facts
from ...observed.workloads import Workload
from ..case import Case
from ..wording import cut, sentence

__all__ = ["began_at", "doubted", "looks_back", "settled_at"]


def began_at(case: Case, facts: Facts) -> datetime | None:
    """Say when the release that runs began, where its history tells."""
    workload = facts.workload(case.target.workload)
    revisions = facts.revisions(case.target.revisions)
    if not isinstance(workload, Workload) or not isinstance(revisions, tuple):
        return None
    release = release_of(workload, revisions)
    return release.began_at if release else None


def settled_at(
    case: Case, facts: Facts, steps: Sequence[DiagnosisStep], found: Sequence[Finding]
) -> datetime | None:
    """Say when the queries see nothing but the running release; None where they do already.

    What could not be asked is no reason to ask again sooner.
    """
    began = began_at(case, facts)
    told = {f.step for f in found if f.verdict is not Verdict.ERROR}
    longest = max((looks_back(s) for s in steps if s.name in told), default=timedelta())
    if began is None or case.now >= began + longest:
        return None
    return began + longest


def doubted(
    case: Case, facts: Facts, steps: Sequence[DiagnosisStep], found: Sequence[Finding]
) -> list[Finding]:
    """Take no rate for good that looks back to before the release."""
    began = began_at(case, facts)
    if began is None:
        return list(found)
    return [_doubted(case, step, f, began) for step, f in zip(steps, found, strict=True)]


def _doubted(case: Case, step: DiagnosisStep, finding: Finding, began: datetime) -> Finding:
    window = looks_back(step)
    if finding.verdict is not Verdict.PASSED or case.now >= began + window:
        return finding
    text = (
        f" Its query looks back {format_duration(window)}, to before the release of "
        f"{began:%H:%M:%S} UTC: asked again at {began + window:%H:%M:%S} UTC."
    )
    return finding.model_copy(
        update={
            "verdict": Verdict.INCONCLUSIVE,
            "reason": "ReleaseTooYoung",
            "message": cut(sentence(finding.message), 512 - len(text)) + text,
        }
    )


def looks_back(step: DiagnosisStep) -> timedelta:
    """Give the longest range that the step's queries look back over (``rate(x[1m])``: 1 min)."""
    queries: list[str] = []
    if step.error_rate is not None:
        queries += [step.error_rate.errors, step.error_rate.total]
    if step.prom_ql is not None:
        queries.append(step.prom_ql.query)
    return max((found for query in queries for found in ranges(query)), default=timedelta())
