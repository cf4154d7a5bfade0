"""When the objects around a workload last changed, and by whom. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ..observed.managed_fields import Edit, edits_of
from ..observed.surroundings import Autoscaler, ConfigObject
from ..observed.workloads import time_of

__all__ = ["Change", "newest_changes"]

_SAME_MOMENT: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Change:
    """The newest change of one object."""

    what: str
    """``ConfigMap checkout-config``."""
    at: datetime
    manager: str
    """Empty where the object does not say."""
    made: bool
    """Whether it has not changed since it was made."""
    resource_version: str


def newest_changes(
    objects: Iterable[ConfigObject], autoscalers: Iterable[Autoscaler]
) -> tuple[Change, ...]:
    """Give the newest change of each object, newest first."""
    changes = [
        _change(o.kind, o.name, o.resource_version, o.created_at, o.edits) for o in objects
    ] + [
        _change("HPA", a.name, a.resource_version, time_of(a.raw), edits_of(a.metadata))
        for a in autoscalers
    ]
    return tuple(sorted(changes, key=lambda change: change.at, reverse=True))


def _change(
    kind: str, name: str, version: str, created_at: datetime, edits: tuple[Edit, ...]
) -> Change:
    newest = edits[0] if edits else Edit(created_at, "")
    made = newest.at - created_at <= _SAME_MOMENT
    return Change(f"{kind} {name}", max(newest.at, created_at), newest.manager, made, version)
