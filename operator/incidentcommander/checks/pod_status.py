"""The check ``podStatus``: which pods fail, how, and whether only those of the new release do.

Failed when a pod that counts fails. Pods that are being deleted, have ended or were evicted do not
count: their controller has replaced them. Pods that are still starting make it Inconclusive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from typing_extensions import override

from ..api.common import TargetKind, Verdict
from ..api.incident import Finding
from ..api.runbook import DiagnosisStep, PodStatusCheck
from ..observed.needs import Facts, Need
from ..observed.workloads import Missing, Pod, Revision, Unavailable, Workload
from .base import Check, Subject
from .findings import Opinion, evidence, finding, without_target
from .pod_trouble import Trouble, trouble_of
from .releases import described, running
from .wording import count, cut

__all__ = ["CHECK"]

_ENDED: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class _PodStatus(Check):
    kind: str = "podStatus"

    @override
    def problems(self, step: DiagnosisStep) -> tuple[str, ...]:
        return ()

    @override
    def needs(self, step: DiagnosisStep, subject: Subject) -> tuple[Need, ...]:
        return subject.needs.workload, subject.needs.revisions, subject.needs.pods

    @override
    def judge(self, step: DiagnosisStep, subject: Subject, facts: Facts, now: datetime) -> Finding:
        workload = facts.workload(subject.needs.workload)
        if isinstance(workload, Missing | Unavailable):
            return finding(step, without_target(workload), now)
        revisions, pods = (
            facts.revisions(subject.needs.revisions),
            facts.pods(subject.needs.pods),
        )
        if isinstance(revisions, Unavailable):
            return finding(step, without_target(revisions), now)
        if isinstance(pods, Unavailable):
            return finding(step, without_target(pods), now)
        check = step.pod_status or PodStatusCheck()
        seen = _Seen.of(
            workload,
            () if isinstance(revisions, Missing) else revisions,
            () if isinstance(pods, Missing) else pods,
            check.max_restarts,
            now,
        )
        opinion = _judged(seen)
        asked = evidence(
            f"GET /api/v1/namespaces/{workload.namespace}/pods of {workload.kind}/{workload.name}",
            f"{len(seen.failed)} of {count(len(seen.pods), 'pod')} failing, {seen.wanted} wanted",
            f"no failing pod; at most {count(check.max_restarts, 'restart')} of a container",
            opinion.verdict,
            workload.resource_version,
        )
        return finding(step, opinion, now, asked)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The pods that count, with what is wrong with each."""

    workload: Workload
    revisions: tuple[Revision, ...]
    pods: tuple[tuple[Pod, Trouble | None], ...]
    wanted: int

    @classmethod
    def of(
        cls,
        workload: Workload,
        revisions: Sequence[Revision],
        pods: Sequence[Pod],
        max_restarts: int,
        now: datetime,
    ) -> _Seen:
        alive = [p for p in pods if not p.deleting and p.phase not in _ENDED]
        judged = tuple((pod, trouble_of(pod, max_restarts, now)) for pod in alive)
        return cls(workload, tuple(revisions), judged, _wanted(workload))

    @property
    def failed(self) -> tuple[tuple[Pod, Trouble], ...]:
        """The pods that fail for sure."""
        return tuple((p, t) for p, t in self.pods if t and t.verdict is Verdict.FAILED)

    @property
    def unsettled(self) -> tuple[tuple[Pod, Trouble], ...]:
        """The pods that cannot be told yet."""
        return tuple((p, t) for p, t in self.pods if t and t.verdict is not Verdict.FAILED)

    def number(self, label: str) -> int:
        """Number of the revision with that label; -1 where it is not in the history."""
        return next((r.number for r in self.revisions if r.label == label), -1)

    def name(self, label: str) -> str:
        """``revision 7 (shop/checkout:v2)``, or what is known of it."""
        found = next((r for r in self.revisions if r.label == label), None)
        return described(found) if found else f"an unknown revision ({label or 'without label'})"


def _wanted(workload: Workload) -> int:
    if workload.kind is TargetKind.DAEMON_SET:
        return int(workload.status.get("desiredNumberScheduled") or 0)
    return workload.replicas


def _judged(seen: _Seen) -> Opinion:
    if seen.failed:
        return _failing(seen)
    if not seen.pods:
        return _nothing_runs(seen)
    if len(seen.pods) < seen.wanted:
        return _too_few(seen)
    if seen.unsettled:
        _, trouble = seen.unsettled[0]
        text = (
            f"{len(seen.unsettled)} of {count(len(seen.pods), 'pod')} cannot be judged yet: "
            f"{trouble.detail}."
        )
        return Opinion(Verdict.INCONCLUSIVE, trouble.reason, text)
    what = "The pod is" if len(seen.pods) == 1 else f"All {len(seen.pods)} pods are"
    return Opinion(Verdict.PASSED, "PodsHealthy", f"{what} ready and none restarts too often.")


def _nothing_runs(seen: _Seen) -> Opinion:
    kind, name = seen.workload.kind, seen.workload.name
    if seen.wanted == 0 and kind is not TargetKind.DAEMON_SET:
        text = f"Nothing runs: spec.replicas of {kind}/{name} is 0."
        return Opinion(Verdict.FAILED, "ScaledToZero", text)
    text = f"Nothing runs: {seen.wanted} wanted, but {kind}/{name} has no pods."
    return Opinion(Verdict.FAILED, "NoPods", f"{text}{_refusal(seen.workload)}")


def _too_few(seen: _Seen) -> Opinion:
    text = f"Only {len(seen.pods)} of {seen.wanted} pods are there"
    refusal = _refusal(seen.workload)
    if refusal:
        return Opinion(Verdict.FAILED, "PodsRefused", f"{text}.{refusal}")
    return Opinion(Verdict.INCONCLUSIVE, "TooFewPods", f"{text}; those that are do not fail.")


def _refusal(workload: Workload) -> str:
    """What keeps the controller from creating pods: quota, admission."""
    for condition in workload.status.get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return f" They cannot be created: {condition.get('message') or 'no reason given'}"
    return ""


def _failing(seen: _Seen) -> Opinion:
    """Describe the newest revision that fails; that is where to look first."""
    label = max({p.revision for p, _ in seen.failed}, key=lambda r: (seen.number(r), r))
    here = [(p, t) for p, t in seen.failed if p.revision == label]
    reason, _ = Counter(t.reason for _, t in here).most_common(1)[0]
    troubles = [t for _, t in here if t.reason == reason]
    worst = max(troubles, key=lambda t: len(t.detail))
    total = sum(1 for p, _ in seen.pods if p.revision == label)
    detail = cut(worst.detail, 200).rstrip(".")
    text = (
        f"{_lead(seen, label)}{len(here)} of {count(total, 'pod')} of {seen.name(label)} "
        f"{'fails' if len(here) == 1 else 'fail'}: {reason}, {detail}"
    )
    since = min((p.created_at for p, t in here if t.from_start), default=None)
    return Opinion(Verdict.FAILED, reason, f"{text}{_others(seen, label)}.", since)


def _lead(seen: _Seen, label: str) -> str:
    current = running(seen.workload, seen.revisions)
    others = {p.revision for p, _ in seen.pods} - {label}
    failing_others = {p.revision for p, _ in seen.failed} - {label}
    if current is not None and current.label == label and others and not failing_others:
        return "Only the new pods fail: "
    return ""


def _others(seen: _Seen, label: str) -> str:
    """What can be said of the pods of other revisions."""
    others = [(p, t) for p, t in seen.pods if p.revision != label]
    if not others:
        return ""
    bad = sum(1 for p, _ in seen.failed if p.revision != label)
    if bad:
        return f"; {bad} of {count(len(others), 'pod')} of other revisions fail, too"
    one = len(others) == 1
    fine = all(trouble is None for _, trouble in others)
    state = ("is" if one else "are") + " fine" if fine else ("does" if one else "do") + " not fail"
    return f"; the {count(len(others), 'pod')} of other revisions {state}"


CHECK: Final[Check] = _PodStatus()
