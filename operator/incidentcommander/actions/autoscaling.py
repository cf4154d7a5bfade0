"""HorizontalPodAutoscalers as plans see them: what they are told, and what they are to be told.

Used by ``autoscale`` and ``scale``. Pure functions over ``autoscaling/v2``; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..observed.surroundings import Autoscaler
from ..observed.workloads import Workload, digest
from .situation import Situation

__all__ = [
    "DEFAULT_CPU",
    "KEDA_PAUSE",
    "autoscaled",
    "changed_fields",
    "keda",
    "new_spec",
    "planned_for",
    "told",
    "utilization",
]

DEFAULT_CPU: Final = 80
"""What the API server fills in where no metric is given (``SetDefaults_HorizontalPodAutoscaler``)."""
KEDA_PAUSE: Final = "autoscaling.keda.sh/paused-replicas"
_KEDA_LABEL: Final = "scaledobject.keda.sh/name"
_RESOURCES: Final = {"cpuUtilization": "cpu", "memoryUtilization": "memory"}
"""Parameters in the order in which kubectl writes their metrics."""

Spec = Mapping[str, Any]
Parameters = Mapping[str, str]


def autoscaled(situation: Situation, parameters: Parameters) -> Mapping[str, str]:
    """Sum up which autoscalers there are and what they are told: plans depend on it.

    Where they were not read, that nothing changed is assumed: what was planned stands.
    """
    if situation.autoscalers is None:
        return {k: v for k, v in parameters.items() if k == "autoscaler"}
    if not situation.autoscalers:
        return {}
    return {"autoscaler": digest([[a.uid, a.spec] for a in situation.autoscalers])}


def planned_for(parameters: Parameters, situation: Situation) -> Autoscaler | None:
    """Find the HPA of a plan: by its uid, since another may bear its name; by name where it is made."""
    name, uid = parameters["name"], parameters["uid"]
    known = situation.autoscalers or ()
    return next((a for a in known if a.name == name and uid in {"", a.uid}), None)


def keda(autoscaler: Autoscaler) -> str:
    """Name the ScaledObject of KEDA that made it, if one did."""
    owners = autoscaler.metadata.get("ownerReferences") or ()
    owned = next((o.get("name") for o in owners if o.get("kind") == "ScaledObject"), "")
    return str(owned or (autoscaler.metadata.get("labels") or {}).get(_KEDA_LABEL, ""))


def told(spec: Spec) -> str:
    """Give ``3 to 20 replicas, CPU 70 %``; of further metrics only how many there are."""
    limits = f"{spec.get('minReplicas', 1)} to {spec['maxReplicas']} replicas"
    metrics = list(spec.get("metrics") or ())
    parts = [text for metric in metrics if (text := _utilization(metric))]
    others = len(metrics) - len(parts)
    if others:
        parts.append(f"{others} other metric{'s' if others > 1 else ''}")
    return ", ".join([limits, *parts])


def utilization(spec: Spec, resource: str) -> str:
    """Give the average utilization that is asked of a resource, in percent; empty where none is."""
    for metric in spec.get("metrics") or ():
        if _resource(metric) == resource:
            target = metric["resource"].get("target") or {}
            return str(target.get("averageUtilization") or "")
    return ""


def new_spec(workload: Workload, parameters: Parameters) -> dict[str, Any]:
    """Write the spec that ``kubectl autoscale`` would."""
    spec: dict[str, Any] = {
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": workload.kind.value,
            "name": workload.name,
        },
        "minReplicas": int(parameters["minReplicas"]),
        "maxReplicas": int(parameters["maxReplicas"]),
    }
    # Without metrics the API server fills in its own, as it does for kubectl.
    metrics = _metrics((), parameters)
    return {**spec, "metrics": metrics} if metrics else spec


def changed_fields(old: Spec, parameters: Parameters) -> dict[str, Any]:
    """Give the fields of an existing autoscaler that have to change, with their new values.

    Metrics that the plan does not name stay as they are.
    """
    new = {
        "minReplicas": int(parameters["minReplicas"]),
        "maxReplicas": int(parameters["maxReplicas"]),
        "metrics": _metrics(old.get("metrics") or (), parameters),
    }
    now = {
        "minReplicas": old.get("minReplicas", 1),
        "maxReplicas": old["maxReplicas"],
        "metrics": list(old.get("metrics") or ()),
    }
    return {field: value for field, value in new.items() if value != now[field]}


def _metrics(old: Sequence[Spec], parameters: Parameters) -> list[Spec]:
    metrics = list(old)
    for parameter, resource in _RESOURCES.items():
        if not parameters.get(parameter):
            continue
        new = _metric(resource, int(parameters[parameter]))
        places = [n for n, metric in enumerate(metrics) if _resource(metric) == resource]
        if places:
            metrics[places[0]] = new
        else:
            metrics.append(new)
    return metrics


def _metric(resource: str, utilization: int) -> Spec:
    target = {"type": "Utilization", "averageUtilization": utilization}
    return {"type": "Resource", "resource": {"name": resource, "target": target}}


def _resource(metric: Spec) -> str:
    return str((metric.get("resource") or {}).get("name", ""))


def _utilization(metric: Spec) -> str:
    target = (metric.get("resource") or {}).get("target") or {}
    if "averageUtilization" not in target:
        return ""
    name = _resource(metric)
    return f"{'CPU' if name == 'cpu' else name} {target['averageUtilization']} %"
