"""The check ``autoscaler``: whether the target's HPA can scale, and whether it has room left.

Failed when it cannot get at the target or its metrics, and when it is at its maximum and wants
more. An HPA that is switched off by 0 replicas, or that was not looked at yet, is Inconclusive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from typing_extensions import override

from ..api.base import parse_timestamp
from ..api.common import Verdict
from ..api.incident import Finding
from ..api.runbook import DiagnosisStep
from ..observed.needs import AutoscalersNeed, Facts, Need
from ..observed.surroundings import Autoscaler
from ..observed.workloads import Missing, Unavailable
from .autoscaler_metrics import metrics_of
from .base import Check, Subject
from .findings import Opinion, evidence, finding, without_target
from .wording import cut

__all__ = ["CHECK", "autoscalers_need"]

_KEDA_LABEL: Final = "scaledobject.keda.sh/name"
_ORDER: Final = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)


def autoscalers_need(subject: Subject) -> AutoscalersNeed:
    """Ask for the HPAs of the Incident's target."""
    target = subject.incident.target
    return AutoscalersNeed(target.kind, subject.incident.metadata.namespace, target.name)


@dataclass(frozen=True, slots=True)
class _Autoscaler(Check):
    kind: str = "autoscaler"

    @override
    def problems(self, step: DiagnosisStep) -> tuple[str, ...]:
        return ()

    @override
    def needs(self, step: DiagnosisStep, subject: Subject) -> tuple[Need, ...]:
        return subject.needs.workload, autoscalers_need(subject)

    @override
    def judge(self, step: DiagnosisStep, subject: Subject, facts: Facts, now: datetime) -> Finding:
        workload = facts.workload(subject.needs.workload)
        if isinstance(workload, Missing | Unavailable):
            return finding(step, without_target(workload), now)
        found = facts.autoscalers(autoscalers_need(subject))
        if isinstance(found, Unavailable):
            return finding(step, without_target(found), now)
        opinion, telling = _worst(found, f"{workload.kind}/{workload.name}")
        asked = evidence(
            f"GET /apis/autoscaling/v2/namespaces/{workload.namespace}/horizontalpodautoscalers "
            f"of {workload.kind}/{workload.name}",
            _seen(telling) if telling else "no autoscaler",
            "able to scale, and below its maximum or no metric above its target",
            opinion.verdict,
            telling.resource_version if telling else "",
        )
        return finding(step, opinion, now, asked)


def _worst(found: Sequence[Autoscaler], target: str) -> tuple[Opinion, Autoscaler | None]:
    """Judge each; there should be one at most."""
    if not found:
        message = f"No autoscaler scales {target}: its number of replicas is set by hand."
        return Opinion(Verdict.PASSED, "NoAutoscaler", message), None
    judged = [(_judged(autoscaler), autoscaler) for autoscaler in found]
    opinion, telling = min(judged, key=lambda pair: _ORDER.index(pair[0].verdict))
    if len(found) > 1:
        names = cut(", ".join(autoscaler.name for autoscaler in found), 120)
        message = f"{cut(opinion.message, 360)} {len(found)} autoscalers fight for it: {names}."
        opinion = Opinion(opinion.verdict, opinion.reason, message, opinion.since)
    return opinion, telling


def _judged(autoscaler: Autoscaler) -> Opinion:
    name, conditions = _named(autoscaler), _conditions(autoscaler)
    able, active = conditions.get("AbleToScale", {}), conditions.get("ScalingActive", {})
    if able.get("status") == "False":
        return _failing("CannotScale", f"{name} cannot scale", able)
    if active.get("status") == "False" and active.get("reason") == "ScalingDisabled":
        message = f"{name} is switched off: {_said(active)}."
        return Opinion(Verdict.INCONCLUSIVE, "ScalingDisabled", message)
    if active.get("status") == "False":
        return _failing("CannotCompute", f"{name} cannot tell how many are needed", active)
    if {able.get("status"), active.get("status")} != {"True"}:
        message = f"{name} says nothing yet: its controller has not computed anything."
        return Opinion(Verdict.INCONCLUSIVE, "NotObserved", message)
    limited = conditions.get("ScalingLimited", {})
    if _at_maximum(autoscaler) and (
        _too_many(limited) or any(m.above for m in metrics_of(autoscaler))
    ):
        since = _time(limited) if _too_many(limited) else None
        message = f"{name} has no room left: {_seen(autoscaler)}."
        return Opinion(Verdict.FAILED, "AtMaximum", message, since)
    return Opinion(Verdict.PASSED, "Scaling", f"{name} scales: {_seen(autoscaler)}.")


def _failing(reason: str, what: str, condition: Mapping[str, Any]) -> Opinion:
    message = f"{what} ({condition.get('reason') or 'no reason given'}): {_said(condition)}."
    return Opinion(Verdict.FAILED, reason, message, _time(condition))


def _said(condition: Mapping[str, Any]) -> str:
    return cut(str(condition.get("message") or "no message"), 300).rstrip(".")


def _conditions(autoscaler: Autoscaler) -> dict[str, Mapping[str, Any]]:
    return {c.get("type", ""): c for c in autoscaler.status.get("conditions") or ()}


def _too_many(limited: Mapping[str, Any]) -> bool:
    return limited.get("status") == "True" and limited.get("reason") == "TooManyReplicas"


def _at_maximum(autoscaler: Autoscaler) -> bool:
    """Whether it asks for its maximum; the pods may be late."""
    return max(_replicas(autoscaler)) >= autoscaler.most


def _replicas(autoscaler: Autoscaler) -> tuple[int, int]:
    status = autoscaler.status
    return int(status.get("currentReplicas") or 0), int(status.get("desiredReplicas") or 0)


def _seen(autoscaler: Autoscaler) -> str:
    """Give ``3 of max 3 replicas, CPU 92 % of target 70 %``."""
    current, desired = _replicas(autoscaler)
    wanted = f", {desired} wanted" if desired not in {0, current} else ""
    metrics = sorted(metrics_of(autoscaler), key=lambda metric: not metric.above)[:3]
    parts = [f"{current} of max {autoscaler.most} replicas{wanted}", *(m.text for m in metrics)]
    return cut(", ".join(parts), 240)


def _named(autoscaler: Autoscaler) -> str:
    """Give its name, with KEDA's object where KEDA made it: changes of the HPA do not last there."""
    labels = autoscaler.metadata.get("labels") or {}
    owners = autoscaler.metadata.get("ownerReferences") or ()
    owned = next((o.get("name") for o in owners if o.get("kind") == "ScaledObject"), None)
    keda = str(labels.get(_KEDA_LABEL) or owned or "")
    of_keda = f" (of KEDA's ScaledObject {cut(keda, 63)})" if keda else ""
    return f"HPA {cut(autoscaler.name, 63)}{of_keda}"


def _time(condition: Mapping[str, Any]) -> datetime | None:
    try:
        return parse_timestamp(condition.get("lastTransitionTime"))
    except ValueError:
        return None


CHECK: Final[Check] = _Autoscaler()
