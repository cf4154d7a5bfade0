"""An autoscaler of the target, for tests."""

from __future__ import annotations

from typing import Any

from incidentcommander.observed.surroundings import Autoscaler
from tests.support.build import NAME, NAMESPACE, merged

CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}
QUEUE = {
    "type": "External",
    "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "30"}},
}


def autoscaler(name: str = NAME, **over: Any) -> Autoscaler:
    """One to ten replicas, CPU 80 %."""
    base = {
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"{name}-hpa",
            "resourceVersion": "800",
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
            "minReplicas": 1,
            "maxReplicas": 10,
            "metrics": [CPU],
        },
    }
    raw = merged(base, over)
    return Autoscaler(
        NAMESPACE, name, raw["metadata"]["uid"], raw["metadata"]["resourceVersion"], raw
    )


def of_keda(name: str = NAME) -> Autoscaler:
    """One that KEDA made."""
    owner = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "orders"}
    return autoscaler(name, metadata={"ownerReferences": [owner]})
