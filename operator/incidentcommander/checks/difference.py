"""In what two pod templates differ, in the words of who looks for the cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..observed.workloads import POD_TEMPLATE_HASH_LABEL, RESTARTED_AT_ANNOTATION

__all__ = ["differences"]

_IGNORED = frozenset({POD_TEMPLATE_HASH_LABEL, RESTARTED_AT_ANNOTATION})


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what differs: ``image``, ``env LOG_LEVEL``, ``resources of sidecar``, ``annotations``.

    Values are left out: they can be secrets. The container's name is left out where there is only
    one. The time of a restart and the hash label do not count.
    """
    found: list[str] = []
    old_spec, new_spec = _part(old, "spec"), _part(new, "spec")
    for field in ("containers", "initContainers"):
        found += _containers(_named(old_spec, field), _named(new_spec, field))
    rest = (old_spec.keys() | new_spec.keys()) - {"containers", "initContainers"}
    found += sorted(key for key in rest if old_spec.get(key) != new_spec.get(key))
    for field in ("labels", "annotations"):
        before, after = (_part(_part(t, "metadata"), field) for t in (old, new))
        found += [f"{field[:-1]} {key}" for key in _changed(before, after) if key not in _IGNORED]
    return tuple(dict.fromkeys(found))


def _containers(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    found = [f"container {name} added" for name in new if name not in old]
    found += [f"container {name} removed" for name in old if name not in new]
    for name in (n for n in new if n in old):
        suffix = f" of {name}" if len(new) > 1 else ""
        for key in _changed(old[name], new[name]):
            if key == "env":
                before, after = _named(old[name], "env"), _named(new[name], "env")
                found += [f"env {variable}{suffix}" for variable in _changed(before, after)]
            else:
                found.append(f"{key}{suffix}")
    return found


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [key for key in dict.fromkeys((*new, *old)) if old.get(key) != new.get(key)]


def _part(owner: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = owner.get(key)
    return part if isinstance(part, Mapping) else {}


def _named(owner: Mapping[str, Any], key: str) -> dict[str, Any]:
    entries = owner.get(key) or []
    return {e["name"]: e for e in entries if isinstance(e, Mapping) and "name" in e}
