"""The check ``dependency``: whether something that the target needs is well.

Another workload of the namespace is judged by its rollout and its pods, as the target is; a query
by its limit. A link is for people: it is never good and never bad.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from typing_extensions import override

from ..api.common import TargetKind, TargetRef, Verdict
from ..api.incident import Finding, IncidentStatus
from ..api.runbook import DependencyCheck, DiagnosisStep, PodStatusCheck
from ..observed.needs import Facts, Need
from ..observed.workloads import Missing, Workload
from .base import Check, Subject
from .findings import Opinion, evidence, finding
from .pod_status import CHECK as POD_STATUS
from .promql import CHECK as PROM_QL
from .wording import cut

__all__ = ["CHECK"]

_AVAILABLE: Final = {
    TargetKind.DEPLOYMENT: "availableReplicas",
    TargetKind.STATEFUL_SET: "readyReplicas",
    TargetKind.DAEMON_SET: "numberAvailable",
}


@dataclass(frozen=True, slots=True)
class _Dependency(Check):
    kind: str = "dependency"

    @override
    def problems(self, step: DiagnosisStep) -> tuple[str, ...]:
        # Its query is judged with all others of the Runbook.
        return ()

    @override
    def needs(self, step: DiagnosisStep, subject: Subject) -> tuple[Need, ...]:
        check = _parameters(step)
        other = _other(check, subject)
        if other is not None:
            return POD_STATUS.needs(_pods_step(step), other)
        return PROM_QL.needs(_query_step(step), subject) if check.prom_ql is not None else ()

    @override
    def judge(self, step: DiagnosisStep, subject: Subject, facts: Facts, now: datetime) -> Finding:
        check = _parameters(step)
        other = _other(check, subject)
        if other is not None:
            return _workload(step, other, facts, now)
        if check.prom_ql is not None:
            found = PROM_QL.judge(_query_step(step), subject, facts, now)
            return _renamed(step, "The dependency", found)
        if check.url is None:
            opinion = Opinion(Verdict.ERROR, "NoDependency", "The step names no dependency.")
            return finding(step, opinion, now)
        message = f"Only a person can look at this dependency: {check.url}"
        asked = evidence(check.url, "not asked", "", Verdict.INCONCLUSIVE)
        return finding(step, Opinion(Verdict.INCONCLUSIVE, "LinkOnly", message), now, asked)


def _workload(step: DiagnosisStep, other: Subject, facts: Facts, now: datetime) -> Finding:
    found = POD_STATUS.judge(_pods_step(step), other, facts, now)
    target = other.incident.target
    workload = facts.workload(other.needs.workload)
    if isinstance(workload, Missing):
        message = f"There is no {target} in this namespace: it is gone, or the Runbook is wrong."
        return finding(step, Opinion(Verdict.ERROR, "DependencyMissing", message), now)
    wrong = _rollout_problem(workload, found.verdict) if isinstance(workload, Workload) else None
    if wrong is not None:
        found = found.model_copy(update={"verdict": Verdict.FAILED, "message": wrong})
    return _renamed(step, str(target), found)


def _rollout_problem(workload: Workload, pods: Verdict) -> str | None:
    """Say what the status of a workload has against it, where its pods do not say it better."""
    reasons = {c.get("reason") for c in workload.status.get("conditions") or ()}
    wanted = workload.replicas
    if workload.kind is TargetKind.DAEMON_SET:
        wanted = int(workload.status.get("desiredNumberScheduled") or 0)
    updated = int(workload.status.get("updatedReplicas") or 0)
    if pods is Verdict.PASSED and updated < wanted and "ProgressDeadlineExceeded" in reasons:
        return f"Its rollout is stuck: {updated} of {wanted} pods updated within its deadline."
    available = workload.status.get(_AVAILABLE[workload.kind])
    if pods is Verdict.INCONCLUSIVE and workload.observed and wanted and not available:
        return f"None of its {wanted} pods is available."
    return None


def _renamed(step: DiagnosisStep, what: str, found: Finding) -> Finding:
    """Write a finding of another check down as that of this step."""
    reason, message = found.reason, f"{cut(what, 80)}: {found.message}"
    if found.verdict is Verdict.FAILED:
        reason, message = "DependencyDown", f"{cut(what, 80)} is not well: {found.message}"
    elif found.verdict is Verdict.PASSED:
        reason = "DependencyUp"
    opinion = Opinion(found.verdict, reason, message, found.since)
    seen = found.evidence
    if seen is not None:
        seen = seen.model_copy(update={"verdict": found.verdict})
    return finding(step, opinion, found.at, seen)


def _other(check: DependencyCheck, subject: Subject) -> Subject | None:
    """Give the same Incident as if it were about the dependency."""
    if check.kind is None or check.name is None:
        return None
    target = TargetRef(kind=check.kind, name=check.name)
    spec = subject.incident.spec.model_copy(update={"target": target})
    # Without its status: that binds it to the workload that was approved for.
    blank = {"spec": spec, "status": IncidentStatus()}
    return Subject(subject.incident.model_copy(update=blank))


def _pods_step(step: DiagnosisStep) -> DiagnosisStep:
    return DiagnosisStep(name=step.name, pod_status=PodStatusCheck())


def _query_step(step: DiagnosisStep) -> DiagnosisStep:
    return DiagnosisStep(name=step.name, prom_ql=_parameters(step).prom_ql)


def _parameters(step: DiagnosisStep) -> DependencyCheck:
    return step.dependency or DependencyCheck()


CHECK: Final[Check] = _Dependency()
