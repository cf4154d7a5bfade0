"""Builders for tests: every object is valid as built, and a test names only what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from incidentcommander.api.base import format_timestamp
from incidentcommander.api.common import TargetKind
from incidentcommander.api.incident import Incident
from incidentcommander.api.runbook import DiagnosisStep, Runbook
from incidentcommander.checks.base import Subject
from incidentcommander.observed.needs import Answer, Facts, TargetNeeds
from incidentcommander.observed.workloads import Container, Pod, Revision, Workload

NOW: Final = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
NAMESPACE: Final = "shop"
NAME: Final = "checkout"
OLD_IMAGE: Final = "shop/checkout:v1"
NEW_IMAGE: Final = "shop/checkout:v2"
REVISION_ANNOTATION: Final = "deployment.kubernetes.io/revision"


def ago(**parts: float) -> datetime:
    """The time so long before NOW: ``ago(minutes=4)``."""
    return NOW - timedelta(**parts)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``over`` merged in, map by map; None removes a key."""
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


# --- workloads -----------------------------------------------------------------------------------


def template(
    image: str = NEW_IMAGE,
    *,
    env: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A pod template with one container ``app``."""
    container: dict[str, Any] = {"name": "app", "image": image}
    if env:
        container["env"] = [{"name": k, "value": v} for k, v in env.items()]
    metadata: dict[str, Any] = {"labels": {"app": NAME, **(labels or {})}}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"metadata": metadata, "spec": {"containers": [container]}}


def managed(
    manager: str,
    at: datetime,
    fields: Mapping[str, Any] | None = None,
    *,
    operation: str = "Update",
    subresource: str = "",
) -> dict[str, Any]:
    """An entry of ``metadata.managedFields``; by default the owner of the image."""
    image: dict[str, Any] = {
        "f:spec": {"f:containers": {'k:{"name":"app"}': {".": {}, "f:image": {}}}}
    }
    entry: dict[str, Any] = {
        "manager": manager,
        "operation": operation,
        "apiVersion": "apps/v1",
        "time": format_timestamp(at),
        "fieldsType": "FieldsV1",
        "fieldsV1": dict(fields) if fields is not None else {"f:spec": {"f:template": image}},
    }
    if subresource:
        entry["subresource"] = subresource
    return entry


def workload_raw(kind: TargetKind = TargetKind.DEPLOYMENT, **over: Any) -> dict[str, Any]:
    """A healthy workload of three replicas that runs NEW_IMAGE; ``over`` is merged in."""
    base: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": kind.value,
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "uid": "workload-uid",
            "resourceVersion": "700",
            "generation": 7,
            "creationTimestamp": format_timestamp(ago(days=30)),
            "labels": {"app": NAME},
            "annotations": {REVISION_ANNOTATION: "7"},
        },
        "spec": {
            "selector": {"matchLabels": {"app": NAME}},
            "template": template(),
        },
        "status": {"observedGeneration": 7},
    }
    if kind is TargetKind.DAEMON_SET:
        base["metadata"]["annotations"] = {}
        base["status"] |= {"desiredNumberScheduled": 3, "numberReady": 3}
    else:
        base["spec"]["replicas"] = 3
        base["status"] |= {"replicas": 3, "readyReplicas": 3, "updatedReplicas": 3}
    return merged(base, over)


def workload(kind: TargetKind = TargetKind.DEPLOYMENT, **over: Any) -> Workload:
    """``workload_raw`` as the gateways give it."""
    raw = workload_raw(kind, **over)
    meta = raw["metadata"]
    return Workload(
        kind=kind,
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        generation=meta["generation"],
        raw=raw,
    )


def revision(
    number: int = 7,
    image: str = NEW_IMAGE,
    *,
    created_at: datetime | None = None,
    label: str = "",
    pod_template: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Revision:
    """A ReplicaSet of the history; ``label`` defaults to ``rev<number>``."""
    label = label or f"rev{number}"
    body = dict(pod_template) if pod_template is not None else template(image)
    created = created_at if created_at is not None else ago(days=10 - min(number, 9))
    notes = {REVISION_ANNOTATION: str(number), **(annotations or {})}
    name = f"{NAME}-{label}"
    raw: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"{label}-uid",
            "resourceVersion": str(600 + number),
            "creationTimestamp": format_timestamp(created),
            "annotations": notes,
        },
        "spec": {"template": merged(body, {"metadata": {"labels": {"pod-template-hash": label}}})},
    }
    return Revision(
        number=number,
        name=name,
        uid=f"{label}-uid",
        label=label,
        created_at=created,
        template=body,
        annotations=notes,
        raw=raw,
    )


def history(*, released: datetime | None = None) -> tuple[Revision, ...]:
    """Revision 6 of OLD_IMAGE, then revision 7 of NEW_IMAGE, released four minutes ago."""
    released = released if released is not None else ago(minutes=4)
    return (
        revision(6, OLD_IMAGE, created_at=ago(days=5)),
        revision(7, NEW_IMAGE, created_at=released),
    )


def container(
    name: str = "app", *, ready: bool = True, restarts: int = 0, **over: Any
) -> Container:
    """A container, ready unless said otherwise."""
    return Container(
        name=name, image=over.pop("image", NEW_IMAGE), ready=ready, restarts=restarts, **over
    )


def pod(
    revision_label: str = "rev7",
    *,
    name: str = "",
    created_at: datetime | None = None,
    phase: str = "Running",
    ready: bool = True,
    deleting: bool = False,
    unschedulable: str = "",
    containers: Sequence[Container] | None = None,
) -> Pod:
    """A ready pod of that revision, made ten minutes ago."""
    parts = tuple(containers) if containers is not None else (container(ready=ready),)
    return Pod(
        name=name or f"{NAME}-{revision_label}-abcde",
        revision=revision_label,
        phase=phase,
        ready=ready,
        created_at=created_at if created_at is not None else ago(minutes=10),
        deleting=deleting,
        unschedulable=unschedulable,
        containers=parts,
    )


def crashing_pod(revision_label: str = "rev7", *, restarts: int = 5, **over: Any) -> Pod:
    """A pod in CrashLoopBackOff whose container exits with 1."""
    app = container(
        ready=False,
        restarts=restarts,
        waiting_reason="CrashLoopBackOff",
        last_terminated_reason="Error",
        last_exit_code=1,
    )
    return pod(revision_label, **{"ready": False, "containers": [app], **over})


# --- API objects ---------------------------------------------------------------------------------


def incident_raw(**over: Any) -> dict[str, Any]:
    """An Incident as the API server gives it; ``over`` is merged in."""
    base: dict[str, Any] = {
        "apiVersion": "incidentcommander.dev/v1alpha1",
        "kind": "Incident",
        "metadata": {
            "name": "checkout-5xx",
            "namespace": NAMESPACE,
            "uid": "incident-uid",
            "resourceVersion": "900",
            "generation": 1,
            "creationTimestamp": format_timestamp(ago(minutes=2)),
        },
        "spec": {
            "title": "Checkout returns 5xx",
            "severity": "SEV2",
            "target": {"kind": "Deployment", "name": NAME},
        },
    }
    return merged(base, over)


def incident(**over: Any) -> Incident:
    """``incident_raw`` as a model."""
    return Incident.model_validate(incident_raw(**over))


def subject(**over: Any) -> Subject:
    """The subject of a diagnosis of ``incident(**over)``."""
    return Subject(incident(**over))


ERRORS: Final = 'sum(rate(http_requests_total{namespace="{{ target.namespace }}",code=~"5.."}[1m]))'
TOTAL: Final = 'sum(rate(http_requests_total{namespace="{{ target.namespace }}"}[1m]))'


def runbook_raw(**over: Any) -> dict[str, Any]:
    """The Runbook of a bad release: pods, rollout, errors; rollback, restart."""
    base: dict[str, Any] = {
        "apiVersion": "incidentcommander.dev/v1alpha1",
        "kind": "Runbook",
        "metadata": {
            "name": "deployment-regression",
            "namespace": NAMESPACE,
            "uid": "runbook-uid",
            "resourceVersion": "500",
            "generation": 1,
        },
        "spec": {
            "title": "A release broke the service",
            "match": {"targetKinds": ["Deployment"]},
            "diagnosis": [
                {"name": "pods", "podStatus": {}},
                {"name": "rollout", "rolloutHistory": {"within": "60m"}},
                {"name": "errors", "errorRate": {"errors": ERRORS, "total": TOTAL, "max": 0.05}},
            ],
            "remediation": [
                {
                    "name": "rollback",
                    "risk": "Medium",
                    "when": [
                        {"step": "rollout", "reason": "RecentRollout"},
                        {"step": "errors", "verdict": "Failed"},
                    ],
                    "rolloutUndo": {},
                },
                {"name": "restart", "rolloutRestart": {}},
            ],
            "verification": {"checks": ["errors"]},
        },
    }
    return merged(base, over)


def runbook(**over: Any) -> Runbook:
    """``runbook_raw`` as a model."""
    return Runbook.model_validate(runbook_raw(**over))


def step(kind: str, name: str = "step", **parameters: Any) -> DiagnosisStep:
    """A diagnosis step: ``step("podStatus", maxRestarts=3)``."""
    return DiagnosisStep.model_validate({"name": name, kind: parameters})


# --- facts ---------------------------------------------------------------------------------------

NEEDS: Final = TargetNeeds.of(TargetKind.DEPLOYMENT, NAMESPACE, NAME)


def facts(
    *,
    of: Answer | None = None,
    revisions: Answer | None = None,
    pods: Answer | None = None,
    needs: TargetNeeds = NEEDS,
) -> Facts:
    """The usual answers about the target: a recent release, three healthy pods."""
    healthy = tuple(pod(name=f"{NAME}-{n}") for n in "abc")
    return Facts(
        {
            needs.workload: of if of is not None else workload(needs.workload.kind),
            needs.revisions: revisions if revisions is not None else history(),
            needs.pods: pods if pods is not None else healthy,
        }
    )
