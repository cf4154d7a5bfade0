"""Which events are a workload's own, and of which of its revisions.

Decided by the uid of the object that they are about, never by its name: anybody who may write
events can write any name, and a name is given again. Events of pods that are gone can therefore
not be told; those that are named like its own are counted. Nothing is judged here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..api.common import TargetKind
from ..observed.surroundings import WarningEvent
from ..observed.workloads import Pod, Revision, Workload

__all__ = ["Owned", "owned", "perhaps_owned"]

# The letters of k8s.io/apimachinery/pkg/util/rand, and how long a generated name can be.
_SUFFIX: Final = r"[bcdfghjklmnpqrstvwxz2456789]{5}"
_PREFIX: Final = 58


@dataclass(frozen=True, slots=True)
class Owned:
    """An event of the workload."""

    event: WarningEvent
    revision: str | None
    """Label of the revision that it is about; empty where unknown, None for the workload itself."""
    about: str
    """The object that it is about, by the kind and name that this has itself."""


def owned(
    events: Iterable[WarningEvent],
    workload: Workload,
    revisions: Sequence[Revision],
    pods: Sequence[Pod],
) -> tuple[Owned, ...]:
    """Keep the events about a workload, its ReplicaSets and its pods, in their order."""
    known: dict[str, tuple[str | None, str]] = {
        pod.uid: (pod.revision, f"Pod {pod.name}") for pod in pods
    }
    if workload.kind is TargetKind.DEPLOYMENT:
        known |= {r.uid: (r.label, f"ReplicaSet {r.name}") for r in revisions}
    known[workload.uid] = None, f"{workload.kind} {workload.name}"
    known.pop("", None)
    return tuple(Owned(e, *known[e.uid]) for e in events if e.uid in known)


def perhaps_owned(
    events: Iterable[WarningEvent],
    workload: Workload,
    revisions: Sequence[Revision],
    pods: Sequence[Pod],
) -> tuple[WarningEvent, ...]:
    """Keep the events about pods that are not there, and are named as its own would be."""
    there = {pod.uid for pod in pods}
    return tuple(
        event
        for event in events
        if event.kind == "Pod"
        and event.uid not in there
        and _named_like(event, workload, revisions)
    )


def _named_like(event: WarningEvent, workload: Workload, revisions: Sequence[Revision]) -> bool:
    if workload.kind is TargetKind.DEPLOYMENT:
        return any(_generated(event.name, revision.name) for revision in revisions)
    if workload.kind is TargetKind.DAEMON_SET:
        return _generated(event.name, workload.name)
    ordinal = event.name.removeprefix(f"{workload.name}-")
    return ordinal.isdecimal() and ordinal != event.name


def _generated(name: str, owner: str) -> bool:
    return re.fullmatch(re.escape(f"{owner}-"[:_PREFIX]) + _SUFFIX, name) is not None
