"""Which events are a workload's own, and of which of its revisions.

Events name the object that they are about, not its owner. Pods that are no more are told by the
names that the controllers give them. Nothing is judged here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..api.common import TargetKind
from ..surroundings import WarningEvent
from ..values import Pod, Revision, Workload

__all__ = ["Owned", "owned"]

# The letters of k8s.io/apimachinery/pkg/util/rand, and how long a generated name can be.
_SUFFIX: Final = r"[bcdfghjklmnpqrstvwxz2456789]{5}"
_PREFIX: Final = 58


@dataclass(frozen=True, slots=True)
class Owned:
    """An event of the workload."""

    event: WarningEvent
    revision: str | None
    """Label of the revision that it is about; empty where unknown, None for the workload itself."""


def owned(
    events: Iterable[WarningEvent],
    workload: Workload,
    revisions: Sequence[Revision],
    pods: Sequence[Pod],
) -> tuple[Owned, ...]:
    """Keep the events about a workload, its ReplicaSets and its pods, in their order."""
    replica_sets = revisions if workload.kind is TargetKind.DEPLOYMENT else ()
    found: list[Owned] = []
    for event in events:
        if (event.kind, event.name) == (workload.kind, workload.name):
            if event.uid in {"", workload.uid}:
                found.append(Owned(event, None))
            continue
        if event.kind == "ReplicaSet":
            label = next((r.label for r in replica_sets if r.name == event.name), None)
        elif event.kind == "Pod":
            label = _of_pod(event, workload, replica_sets, pods)
        else:
            label = None
        if label is not None:
            found.append(Owned(event, label))
    return tuple(found)


def _of_pod(
    event: WarningEvent,
    workload: Workload,
    replica_sets: Sequence[Revision],
    pods: Sequence[Pod],
) -> str | None:
    """Give the label of the pod's revision, empty where it is unknown; None for a foreign pod."""
    pod = next((p for p in pods if p.name == event.name), None)
    if pod is not None:
        # The pods of a StatefulSet keep their names: this may be about one before it.
        return pod.revision if event.last_at >= pod.created_at else ""
    if workload.kind is TargetKind.DEPLOYMENT:
        return next((r.label for r in replica_sets if _generated(event.name, r.name)), None)
    if workload.kind is TargetKind.DAEMON_SET:
        return "" if _generated(event.name, workload.name) else None
    ordinal = event.name.removeprefix(f"{workload.name}-")
    return "" if ordinal.isdecimal() and ordinal != event.name else None


def _generated(name: str, owner: str) -> bool:
    return re.fullmatch(re.escape(f"{owner}-"[:_PREFIX]) + _SUFFIX, name) is not None
