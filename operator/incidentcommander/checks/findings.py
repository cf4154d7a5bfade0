"""How findings are made, the same for every check: cut to the schema's limits, with evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..api.common import Verdict
from ..api.incident import Evidence, Finding
from ..api.runbook import DiagnosisStep
from ..observed.workloads import Missing, Unavailable
from .wording import cut

__all__ = ["Opinion", "evidence", "finding", "unusable", "without_target"]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a check thinks, before it is written down."""

    verdict: Verdict
    reason: str
    message: str
    since: datetime | None = None


def finding(
    step: DiagnosisStep, opinion: Opinion, now: datetime, evidence: Evidence | None = None
) -> Finding:
    """Write an opinion down as the finding of that step."""
    return Finding(
        step=step.name,
        check=step.kind,
        verdict=opinion.verdict,
        reason=opinion.reason,
        message=cut(opinion.message),
        evidence=evidence,
        since=opinion.since,
        at=now,
    )


def evidence(
    query: str, value: str, threshold: str, verdict: Verdict, resource_version: str = ""
) -> Evidence:
    """Write down what was asked and answered; empty parts are left out."""
    return Evidence(
        query=cut(query) or None,
        value=cut(value, 256) or None,
        threshold=cut(threshold, 256) or None,
        verdict=verdict,
        resource_version=resource_version or None,
    )


def unusable(message: str) -> Opinion:
    """The step itself cannot be used: its template is broken, or not for this Incident."""
    return Opinion(Verdict.ERROR, "BadTemplate", message)


def without_target(answer: Missing | Unavailable) -> Opinion:
    """The target, its pods or its history could not be had."""
    if isinstance(answer, Missing):
        return Opinion(Verdict.ERROR, "TargetMissing", f"The target is missing: {answer.what}.")
    return Opinion(
        Verdict.ERROR,
        "KubernetesUnavailable",
        f"The Kubernetes API could not be asked for {answer.what}: {answer.message}",
    )
