"""Who wrote what, and when: the ``managedFields`` that the API server keeps of every object.

All of it is a claim, and is told as one: a client calls itself what it likes, and whoever may write
an object may write its managed fields. It never decides what is done. Pure functions over
``metadata``. A time is that of a manager's newest write, in seconds;
who takes a field over from another leaves the other's time as it was (``managedFieldsUpdater`` of
apimachinery).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ..api.base import parse_timestamp

__all__ = ["SOMEBODY", "Edit", "edits_of", "manager_text", "names_of_writers", "writers"]

SOMEBODY: Final = "somebody"
"""Who changed something, where no manager says so."""

_NOT_CONTENT: Final = frozenset({".", "f:metadata", "f:status"})

Metadata = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    """The newest write of one field manager."""

    at: datetime
    manager: str


def edits_of(metadata: Metadata) -> tuple[Edit, ...]:
    """Tell, newest first, who changed more than labels, annotations or status."""
    return _edits(
        entry
        for entry in _entries(metadata)
        if (entry.get("fieldsV1") or {}).keys() - _NOT_CONTENT and not entry.get("subresource")
    )


def writers(metadata: Metadata, *path: str) -> tuple[Edit, ...]:
    """Name those that own a field or something below it, newest first, subresources included.

    Parameters
    ----------
    metadata
        Of the object.
    path
        Names of fields from the root, such as ``spec``, ``replicas``.
    """
    return _edits(entry for entry in _entries(metadata) if _has(entry, path))


def names_of_writers(metadata: Metadata, *path: str) -> frozenset[str]:
    """Name those that own a field or something below it, with a time or without."""
    found = (entry for entry in _entries(metadata) if _has(entry, path))
    return frozenset(str(entry.get("manager") or "") for entry in found)


def manager_text(manager: str, most: int = 60) -> str:
    """Quote a manager's name for people, as what it is: the client's own word for itself."""
    name = "".join(c if c.isprintable() and c not in "“”" else "?" for c in manager)
    shown = name if len(name) <= most else f"{name[: most - 1]}…"
    return f"field manager “{shown}” (as the client calls itself)"


def _edits(entries: Iterable[Mapping[str, Any]]) -> tuple[Edit, ...]:
    found = [
        Edit(parse_timestamp(entry["time"]), str(entry.get("manager") or ""))
        for entry in entries
        if entry.get("time")
    ]
    return tuple(sorted(found, key=lambda edit: edit.at, reverse=True))


def _entries(metadata: Metadata) -> list[Mapping[str, Any]]:
    return list(metadata.get("managedFields") or ())


def _has(entry: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    level: Mapping[str, Any] = entry.get("fieldsV1") or {}
    for name in path:
        if f"f:{name}" not in level:
            return False
        level = level[f"f:{name}"] or {}
    return True
