"""What stands on the stage: the shop, our objects, and commands as they are typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.support.api import Body

__all__ = ["GROUP", "NAME", "VERSION", "complete", "deployment_of", "line", "object_of"]

GROUP: Final = "incidentcommander.dev"
VERSION: Final = f"{GROUP}/v1alpha1"
NAME: Final = "checkout"
"""Of the Deployment, the Incident and the Postmortem."""


def complete(deployment: Body, sets: list[Body], pods: list[Body]) -> bool:
    """Whether the rollout is over, and nothing of an older release is left."""
    status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
    counts = {status.get(f, 0) for f in ("replicas", "updatedReplicas", "availableReplicas")}
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    done = any(
        c["type"] == "Progressing" and c["reason"] == "NewReplicaSetAvailable"
        for c in status.get("conditions", [])
    )
    ready = [
        p
        for p in pods
        if any(
            c["type"] == "Ready" and c["status"] == "True"
            for c in p["status"].get("conditions", [])
        )
        and "deletionTimestamp" not in p["metadata"]
    ]
    revision = (deployment["metadata"].get("annotations") or {}).get(
        "deployment.kubernetes.io/revision"
    )
    newest = [
        s
        for s in sets
        if s["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == revision
    ]
    full = [s.get("status", {}).get("readyReplicas", 0) for s in newest] == [wanted]
    return seen and done and full and counts == {wanted} and len(pods) == len(ready) == wanted


def deployment_of(namespace: str, image: str) -> Body:
    """Write the shop down."""
    labels = {"app": NAME}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            # Rollouts shall be over quickly.
            "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "100%"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
        },
    }


def object_of(kind: str, name: str, namespace: str, spec: Mapping[str, Any]) -> Body:
    """Write one of our objects down."""
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": VERSION, "kind": kind, "metadata": meta, "spec": dict(spec)}


def line(words: tuple[str, ...]) -> str:
    """Write a command as it is typed."""
    quoted = [f'"{w}"' if " " in w and not w.startswith("{") else w for w in words]
    return " ".join(["kubectl", *(f"'{w}'" if w.startswith("{") else w for w in quoted)])
