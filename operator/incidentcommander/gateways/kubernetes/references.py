"""What a pod template refers to, and what selects its pods.

``surroundings`` asks for the objects that this names. Pure functions: nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...observed.surroundings import Reference

__all__ = ["CONFIG_MAP", "SECRET", "references", "selects"]

CONFIG_MAP: Final = "ConfigMap"
SECRET: Final = "Secret"  # noqa: S105 - the name of a kind

Raw = Mapping[str, Any]


def references(template: Raw) -> tuple[Reference, ...]:
    """Name the ConfigMaps and Secrets of a pod template, each once, in the order of their names.

    What is needed in one place and optional in another is needed.
    """
    needed: dict[tuple[str, str], bool] = {}
    for kind, name, optional in _found(template.get("spec") or {}):
        if name:
            needed[kind, name] = needed.get((kind, name), False) or not optional
    return tuple(Reference(*key, optional=not needed[key]) for key in sorted(needed))


def _found(spec: Raw) -> Iterator[tuple[str, str, bool]]:
    for containers in ("initContainers", "containers"):
        for container in spec.get(containers) or ():
            for source in container.get("envFrom") or ():
                yield from _pair(source, "configMapRef", "secretRef")
            for variable in container.get("env") or ():
                source = variable.get("valueFrom") or {}
                yield from _pair(source, "configMapKeyRef", "secretKeyRef")
    for volume in spec.get("volumes") or ():
        yield from _pair(volume, "configMap", "secret")
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _pair(source, "configMap", "secret")
    for secret in spec.get("imagePullSecrets") or ():
        # The kubelet pulls without those that are not there.
        yield SECRET, secret.get("name", ""), True


def _pair(source: Raw, config_map: str, secret: str) -> Iterator[tuple[str, str, bool]]:
    for kind, key in ((CONFIG_MAP, config_map), (SECRET, secret)):
        found = source.get(key)
        if found:
            # A volume of one Secret is the only one that does not call it `name`.
            name = found.get("name") or found.get("secretName") or ""
            yield kind, name, bool(found.get("optional"))


def selects(selector: Raw | None, labels: Mapping[str, str]) -> bool:
    """Whether a ``metav1.LabelSelector`` selects; an empty one selects all, an absent one none."""
    if selector is None:
        return False
    equal = (selector.get("matchLabels") or {}).items() <= labels.items()
    return equal and all(_fits(part, labels) for part in selector.get("matchExpressions") or ())


def _fits(expression: Raw, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
