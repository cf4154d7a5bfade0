"""Who wrote what, and when: the ``managedFields`` that the API server keeps of every object.

Found there because nothing else survives: not the operator's memory, and annotations can be
dropped. Pure functions over ``metadata``. A time is that of a manager's newest write, in seconds;
who takes a field over from another leaves the other's time as it was (``managedFieldsUpdater`` of
apimachinery).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .api.base import FIELD_MANAGER, parse_timestamp

__all__ = ["Write", "ours_at", "owns", "writers"]

Metadata = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """The newest write of one manager."""

    at: datetime
    manager: str


def writers(metadata: Metadata, *path: str) -> tuple[Write, ...]:
    """Name those that own a field or something below it, newest first.

    Parameters
    ----------
    metadata
        Of the object.
    path
        Names of fields from the root, such as ``spec``, ``replicas``.
    """
    found = [
        Write(parse_timestamp(entry["time"]), str(entry.get("manager") or "somebody"))
        for entry in _entries(metadata)
        if entry.get("time") and _has(entry, path)
    ]
    return tuple(sorted(found, key=lambda write: write.at, reverse=True))


def ours_at(metadata: Metadata) -> datetime | None:
    """Give the time of this operator's newest write to the object itself."""
    times = [
        parse_timestamp(entry["time"])
        for entry in _entries(metadata)
        if entry.get("manager") == FIELD_MANAGER
        and entry.get("time")
        and not entry.get("subresource")
    ]
    return max(times, default=None)


def owns(metadata: Metadata, manager: str, *path: str) -> bool:
    """Whether a manager was the last to give a field, or something below it, its value."""
    return any(e.get("manager") == manager and _has(e, path) for e in _entries(metadata))


def _entries(metadata: Metadata) -> list[Mapping[str, Any]]:
    return list(metadata.get("managedFields") or ())


def _has(entry: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    level: Mapping[str, Any] = entry.get("fieldsV1") or {}
    for name in path:
        if f"f:{name}" not in level:
            return False
        level = level[f"f:{name}"] or {}
    return True
