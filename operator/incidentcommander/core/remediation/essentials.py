"""What decides over what runs, and with which rights: taken apart from the rest of an object.

Used for diffs, where it stands first, so that nothing else can push it out of sight. Values of
environment variables and annotations are left to the rest. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["apart"]

_OF_POD: Final = (
    "serviceAccountName",
    "serviceAccount",
    "automountServiceAccountToken",
    "securityContext",
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "hostUsers",
    "shareProcessNamespace",
    "runtimeClassName",
    "volumes",
    "imagePullSecrets",
    "hostAliases",
    "dnsPolicy",
    "dnsConfig",
    "nodeName",
    "nodeSelector",
    "tolerations",
    "resourceClaims",
)
_OF_CONTAINER: Final = (
    "image",
    "name",
    "command",
    "args",
    "workingDir",
    "securityContext",
    "restartPolicy",
    "volumeMounts",
    "volumeDevices",
    "lifecycle",
    "startupProbe",
    "livenessProbe",
    "readinessProbe",
    "envFrom",
)
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")

Part = dict[str, Any]


def apart(document: Mapping[str, Any]) -> tuple[Part, Part]:
    """Take an object apart into the essential and the rest; nothing is in neither.

    The essential is in order of weight, all else by the alphabet. Names of containers and of
    environment variables are in both: they say what the rest is about.
    """
    spec = document.get("spec")
    template = spec.get("template") if isinstance(spec, dict) else None
    pod = template.get("spec") if isinstance(template, dict) else None
    if not isinstance(spec, dict) or not isinstance(template, dict) or not isinstance(pod, dict):
        return {}, _sorted(document)
    first, rest = _pod(pod)
    essential = {"spec": {"template": {"spec": first}}}
    others = {**document, "spec": {**spec, "template": {**template, "spec": rest}}}
    return essential, _sorted(others)


def _pod(pod: Part) -> tuple[Part, Part]:
    first: Part = {}
    rest = {k: v for k, v in pod.items() if k not in _OF_POD and k not in _CONTAINERS}
    for key in _CONTAINERS:
        if key in pod:
            halves = [_container(c) for c in pod[key] or ()]
            first[key], rest[key] = [a for a, _ in halves], [b for _, b in halves]
    return first | {k: _sorted(pod[k]) for k in _OF_POD if k in pod}, rest


def _container(container: Part) -> tuple[Part, Part]:
    first: Part = {k: _sorted(container[k]) for k in _OF_CONTAINER if k in container}
    if "env" in container:
        # Where a value is read from is essential, a value is not.
        names = [{k: v for k, v in e.items() if k != "value"} for e in container["env"] or ()]
        first["env"] = _sorted(names)
    rest: Part = {k: v for k, v in container.items() if k == "name" or k not in _OF_CONTAINER}
    if "env" in rest:
        rest["env"] = [{k: v for k, v in e.items() if k != "valueFrom"} for e in rest["env"] or ()]
    return first, rest


def _sorted(node: Any) -> Any:
    match node:
        case Mapping():
            return {k: _sorted(node[k]) for k in sorted(node)}
        case list():
            return [_sorted(v) for v in node]
        case _:
            return node
