"""Raw objects of the API server to the values that the pure code judges.

The gateways that read workloads call it. It trusts the API server's schema for what must be there,
and expects nothing of what may be absent. Pure functions: nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ...api.common import TargetKind
from ...cleaning import clean_line
from ...observed.workloads import (
    POD_TEMPLATE_HASH_LABEL,
    Container,
    Pod,
    Revision,
    Workload,
    time_of,
)

__all__ = [
    "CONTROLLER_REVISION_HASH_LABEL",
    "controller_revisions",
    "deployment_revisions",
    "owners_of_pods",
    "pods_from",
    "revisions_from",
    "selector_of",
    "workload_from",
]

CONTROLLER_REVISION_HASH_LABEL: Final = "controller-revision-hash"
_REVISION_ANNOTATION: Final = "deployment.kubernetes.io/revision"

Raw = Mapping[str, Any]


def workload_from(kind: TargetKind, raw: Raw) -> Workload:
    """Read a Deployment, StatefulSet or DaemonSet."""
    meta = raw["metadata"]
    return Workload(
        kind=kind,
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        generation=int(meta.get("generation", 0)),
        raw=raw,
    )


def selector_of(workload: Workload) -> str:
    """Give ``spec.selector`` as the text of a ``labelSelector`` parameter.

    Terms are sorted, so that the same selector is the same request.
    """
    selector = workload.spec.get("selector") or {}
    terms = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    terms.extend(_term(part) for part in selector.get("matchExpressions") or [])
    return ",".join(sorted(terms))


def _term(expression: Raw) -> str:
    key, operator = expression["key"], expression["operator"]
    match operator:
        case "Exists":
            return str(key)
        case "DoesNotExist":
            return f"!{key}"
        case _:
            word = "in" if operator == "In" else "notin"
            return f"{key} {word} ({','.join(sorted(expression.get('values') or []))})"


# --- revisions -----------------------------------------------------------------------------------


def revisions_from(workload: Workload, items: Iterable[Raw]) -> tuple[Revision, ...]:
    """Give the rollout history of any kind of workload, oldest first."""
    if workload.kind is TargetKind.DEPLOYMENT:
        return deployment_revisions(workload, items)
    return controller_revisions(workload, items)


def deployment_revisions(workload: Workload, items: Iterable[Raw]) -> tuple[Revision, ...]:
    """Give a Deployment's history from ReplicaSets, oldest first.

    A ReplicaSet whose revision annotation is absent or no number is left out, as kubectl does.
    """
    owned = (item for item in items if _controlled(item, workload.uid))
    found = (_from_replica_set(item) for item in owned)
    return _oldest_first(revision for revision in found if revision)


def _from_replica_set(raw: Raw) -> Revision | None:
    meta = raw["metadata"]
    annotations = meta.get("annotations") or {}
    number = _integer(annotations.get(_REVISION_ANNOTATION))
    if number is None:
        return None
    template_meta = raw["spec"]["template"].get("metadata") or {}
    labels = dict(template_meta.get("labels") or {})
    labels.pop(POD_TEMPLATE_HASH_LABEL, "")
    template = {**raw["spec"]["template"], "metadata": {**template_meta, "labels": labels}}
    return Revision(
        number=number,
        name=meta["name"],
        uid=meta["uid"],
        label=_hash_of(raw),
        created_at=time_of(raw),
        template=template,
        annotations=annotations,
        raw=raw,
    )


def _hash_of(raw: Raw) -> str:
    """Give what the pods of a ReplicaSet carry."""
    template = raw["spec"]["template"].get("metadata") or {}
    label = (template.get("labels") or {}).get(POD_TEMPLATE_HASH_LABEL)
    labels = raw["metadata"].get("labels") or {}
    return str(label or labels.get(POD_TEMPLATE_HASH_LABEL, ""))


def controller_revisions(workload: Workload, items: Iterable[Raw]) -> tuple[Revision, ...]:
    """Give the history of a StatefulSet or DaemonSet, oldest first."""
    owned = (item for item in items if _controlled(item, workload.uid))
    return _oldest_first(_from_controller_revision(item) for item in owned)


def _from_controller_revision(raw: Raw) -> Revision:
    meta = raw["metadata"]
    data = raw.get("data") or {}
    # A strategic merge patch whose only content is the whole template, marked `$patch: replace`.
    template = dict(((data.get("spec") or {}).get("template")) or {})
    template.pop("$patch", None)
    return Revision(
        number=int(raw["revision"]),
        name=meta["name"],
        uid=meta["uid"],
        label=_revision_label(raw),
        created_at=time_of(raw),
        template=template,
        annotations=meta.get("annotations") or {},
        raw=raw,
    )


def _revision_label(raw: Raw) -> str:
    """Give what pods carry: a StatefulSet labels them with the name, a DaemonSet with the hash."""
    meta = raw["metadata"]
    owners = meta.get("ownerReferences") or []
    if any(o.get("controller") and o.get("kind") == TargetKind.STATEFUL_SET for o in owners):
        return str(meta["name"])
    return str((meta.get("labels") or {}).get(CONTROLLER_REVISION_HASH_LABEL, ""))


def _controlled(raw: Raw, uid: str) -> bool:
    owners = raw["metadata"].get("ownerReferences") or []
    return any(owner.get("controller") and owner.get("uid") == uid for owner in owners)


def _oldest_first(revisions: Iterable[Revision]) -> tuple[Revision, ...]:
    return tuple(sorted(revisions, key=lambda revision: (revision.number, revision.created_at)))


def _integer(text: object) -> int | None:
    try:
        return int(str(text))
    except ValueError:
        return None


# --- pods ----------------------------------------------------------------------------------------


def owners_of_pods(workload: Workload, history: Iterable[Raw]) -> Mapping[str, str]:
    """Give the uids that control a workload's pods, with the revision of each where it has one."""
    if workload.kind is not TargetKind.DEPLOYMENT:
        return {workload.uid: ""}
    owned = (item for item in history if _controlled(item, workload.uid))
    return {raw["metadata"]["uid"]: _hash_of(raw) for raw in owned}


def pods_from(items: Iterable[Raw], owners: Mapping[str, str] | None = None) -> tuple[Pod, ...]:
    """Read pods, sorted by name; with ``owners``, only those that one of these uids controls."""
    if owners is None:
        found = [_pod(raw) for raw in items]
    else:
        mine = ((raw, _controller(raw)) for raw in items)
        found = [_pod(raw, owners[uid]) for raw, uid in mine if uid in owners]
    return tuple(sorted(found, key=lambda pod: pod.name))


def _controller(raw: Raw) -> str:
    owners = raw["metadata"].get("ownerReferences") or []
    return next((str(o.get("uid")) for o in owners if o.get("controller")), "")


def _pod(raw: Raw, revision: str = "") -> Pod:
    meta, status = raw["metadata"], raw.get("status") or {}
    labels = meta.get("labels") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or []}
    return Pod(
        name=meta["name"],
        revision=revision
        or labels.get(POD_TEMPLATE_HASH_LABEL)
        or labels.get(CONTROLLER_REVISION_HASH_LABEL, ""),
        phase=status.get("phase", "Unknown"),
        ready=conditions.get("Ready", {}).get("status") == "True",
        created_at=time_of(raw),
        deleting=bool(meta.get("deletionTimestamp")),
        unschedulable=_unschedulable(conditions.get("PodScheduled", {})),
        containers=tuple(_containers(raw)),
        uid=meta.get("uid", ""),
    )


def _unschedulable(condition: Raw) -> str:
    if condition.get("status") == "False" and condition.get("reason") == "Unschedulable":
        return clean_line(str(condition.get("message") or "Unschedulable"))
    return ""


def _containers(raw: Raw) -> Iterable[Container]:
    status = raw.get("status") or {}
    spec = raw.get("spec") or {}
    for specs, statuses in (
        ("initContainers", "initContainerStatuses"),
        ("containers", "containerStatuses"),
    ):
        # The spec's image is what was asked for; the status names what the runtime resolved.
        images = {c["name"]: c.get("image", "") for c in spec.get(specs) or []}
        for container in status.get(statuses) or []:
            yield _container(container, images.get(container["name"]))


def _container(raw: Raw, image: str | None) -> Container:
    state, last = raw.get("state") or {}, raw.get("lastState") or {}
    waiting, terminated = state.get("waiting") or {}, state.get("terminated") or {}
    ended = last.get("terminated") or {}
    code = terminated.get("exitCode", ended.get("exitCode"))
    return Container(
        name=raw["name"],
        image=image or raw.get("image", ""),
        ready=bool(raw.get("ready")),
        restarts=int(raw.get("restartCount") or 0),
        waiting_reason=clean_line(waiting.get("reason", "")),
        waiting_message=clean_line(waiting.get("message", "")),
        terminated_reason=clean_line(terminated.get("reason", "")),
        last_terminated_reason=clean_line(ended.get("reason", "")),
        last_exit_code=None if code is None else int(code),
    )
