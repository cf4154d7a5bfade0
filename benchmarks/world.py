"""What the benchmarks run in: roles, Runbooks, broken Deployments, and the object that F is taken of.

Everything is made through the API server, as an administrator would. It measures nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from .api import INCIDENTS, MERGE_PATCH, Api, RefusedError
from .prometheus import ERRORS, REQUESTS
from .watching import Gallery, Raw

__all__ = [
    "APPLIED",
    "APPROVE",
    "COMMANDER",
    "DEPLOYMENTS",
    "HEAVY",
    "LIGHT",
    "NAMESPACE",
    "break_deployments",
    "copy_incident",
    "furnish",
    "incident",
]

NAMESPACE: Final = "bench"
COMMANDER: Final = "alice"
GROUP: Final = "incidentcommander.dev"
APPROVE: Final = f"{GROUP}/approve"
APPLIED: Final = f"{GROUP}/applied"
DEPLOYMENTS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
LIGHT: Final = f"/apis/bench.example/v1/namespaces/{NAMESPACE}/rulers/ruler/status"
"""Status of the object that F is taken of."""
HEAVY: Final = f"/apis/bench.example/v1alpha1/namespaces/{NAMESPACE}/copies/copy/status"
"""Status of the object that S is taken of."""

_INCIDENT_CRD: Final = (
    Path(__file__).resolve().parent.parent / "crds" / "incidentcommander.dev_incidents.yaml"
)
_CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_BINDINGS: Final = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
_STRATEGIC: Final = "application/strategic-merge-patch+json"
_AT_ONCE: Final = 12
_GOOD: Final = "registry.example/bench/app:v1"
_BROKEN: Final = "registry.example/bench/app:v2-errors"


async def furnish(admin: Api) -> None:
    """Make the namespace and all in it but Deployments."""
    await admin.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    subject = {"kind": "User", "name": COMMANDER, "apiGroup": "rbac.authorization.k8s.io"}
    reference = {
        "kind": "ClusterRole",
        "name": "incident-commander-commander",
        "apiGroup": "rbac.authorization.k8s.io",
    }
    binding = {"metadata": {"name": "bench"}, "roleRef": reference, "subjects": [subject]}
    await admin.request("POST", _BINDINGS, binding)
    for kind, name, spec in (
        ("ResponsePolicy", "default", _policy()),
        # Nothing is to happen while others are measured: the first sample is far away.
        ("Runbook", "slow", _runbook("10m", "1h")),
        ("Runbook", "quick", _runbook("1s", "60s")),
    ):
        plural = "runbooks" if kind == "Runbook" else "responsepolicies"
        path = INCIDENTS.format(namespace=NAMESPACE).replace("incidents", plural)
        await admin.request("POST", path, _ours(kind, name, spec))
    await _make_ruler(admin)


def _ours(kind: str, name: str, spec: Raw) -> Raw:
    meta = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


def _policy() -> Raw:
    rules = {"monitorFor": "1s", "postmortem": "None"}
    severities = [{"name": f"SEV{number}", **rules} for number in (1, 2, 3, 4)]
    return {"severities": severities, "approvals": {"cooldown": "0s"}}


def _runbook(interval: str, timeout: str) -> Raw:
    rate = {"errors": ERRORS, "total": REQUESTS, "max": 0.05, "minRequests": 1}
    return {
        "title": "A release broke the service",
        "match": {"priority": 0},
        "diagnosis": [
            {"name": "pods", "podStatus": {}},
            {"name": "rollout", "rolloutHistory": {"within": "60m"}},
            {"name": "errors", "errorRate": rate},
        ],
        "remediation": [
            {
                "name": "rollback",
                "when": [
                    {"step": "rollout", "reason": "RecentRollout"},
                    {"step": "errors", "verdict": "Failed"},
                ],
                "rolloutUndo": {},
            }
        ],
        "verification": {
            "timeout": timeout,
            "interval": interval,
            "successes": 1,
            "failures": 3,
            "checks": ["errors"],
        },
    }


async def _make_ruler(admin: Api) -> None:
    """Make an object with a status that no operator selects."""
    schema = {
        "type": "object",
        "properties": {
            "status": {"type": "object", "properties": {"beat": {"type": "integer"}}},
        },
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"plural": "rulers", "singular": "ruler", "kind": "Ruler", "listKind": "RulerList"}
    crd = {
        "metadata": {"name": "rulers.bench.example"},
        "spec": {
            "group": "bench.example",
            "scope": "Namespaced",
            "names": names,
            "versions": [version],
        },
    }
    await admin.request("POST", _CRDS, crd)
    ruler = {
        "apiVersion": "bench.example/v1",
        "kind": "Ruler",
        "metadata": {"name": "ruler", "namespace": NAMESPACE},
    }
    await _post_when_served(admin, LIGHT.removesuffix("/ruler/status"), ruler)


async def copy_incident(admin: Api, original: Raw) -> None:
    """Make a kind like Incident, under another name, and an object of it like ``original``."""
    crd: Raw = yaml.safe_load(_INCIDENT_CRD.read_text())
    names = {"plural": "copies", "singular": "copy", "kind": "Copy", "listKind": "CopyList"}
    crd["metadata"] = {"name": "copies.bench.example"}
    crd["spec"] |= {"group": "bench.example", "names": names}
    await admin.request("POST", _CRDS, crd)
    copy = {
        "apiVersion": "bench.example/v1alpha1",
        "kind": "Copy",
        "metadata": {"name": "copy", "namespace": NAMESPACE},
        "spec": original["spec"],
    }
    await _post_when_served(admin, HEAVY.removesuffix("/copy/status"), copy)
    await admin.request("PATCH", HEAVY, {"status": original["status"]}, MERGE_PATCH)


async def _post_when_served(admin: Api, path: str, body: Raw) -> None:
    for _ in range(100):
        try:
            await admin.request("POST", path, body)
        except RefusedError:
            await asyncio.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{path} is not served")


async def break_deployments(admin: Api, seen: Gallery, names: Iterable[str]) -> None:
    """Create Deployments, and release something broken in each."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str) -> None:
        async with slots:
            await admin.request("POST", DEPLOYMENTS, _deployment(name))
            await seen.until(name, _rolled_out)
            template = {"spec": {"containers": [{"name": "app", "image": _BROKEN}]}}
            patch = {"spec": {"template": template}}
            body = await admin.request("PATCH", f"{DEPLOYMENTS}/{name}", patch, _STRATEGIC)
            generation = body["metadata"]["generation"]
            await seen.until(
                name,
                lambda raw: raw["metadata"]["generation"] >= generation and _rolled_out(raw),
            )

    await asyncio.gather(*(one(name) for name in names))


def _deployment(name: str) -> Raw:
    labels = {"app": name}
    whole: dict[str, Any] = {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "100%"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "strategy": whole,
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": _GOOD}]},
            },
        },
    }


def _rolled_out(raw: Raw) -> bool:
    status, wanted = raw.get("status") or {}, raw["spec"]["replicas"]
    counts = {int(status.get(n) or 0) for n in ("replicas", "updatedReplicas", "readyReplicas")}
    seen = status.get("observedGeneration", 0) >= raw["metadata"]["generation"]
    return bool(seen and counts == {wanted})


def incident(name: str, target: str, runbook: str) -> Raw:
    """Give an Incident as a person would apply it."""
    return _ours(
        "Incident",
        name,
        {
            "title": f"{target} returns 5xx",
            "severity": "SEV2",
            "target": {"kind": "Deployment", "name": target},
            "runbookRef": {"name": runbook},
            "roles": {"commander": COMMANDER},
            "impact": {"summary": "Customers cannot pay", "symptom": "Some payments fail"},
        },
    )
