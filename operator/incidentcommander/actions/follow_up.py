"""What follows the one change of a plan: pods to delete, each named by its uid.

A StatefulSet never replaces a pod that it waits for, so that a changed template alone does not
reach it. The deletions stand in the plan's parameters and are approved with it. A uid is never used
twice: to delete it again is no second deletion, and a crash in between needs no marker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..observed.workloads import Pod
    from .situation import Situation

__all__ = [
    "MOST_DELETED",
    "PodDeletion",
    "deletions",
    "deletions_due",
    "named",
    "still_there",
    "without_deletions",
]

MOST_DELETED: Final = 8
"""How many pods one plan may delete."""
_PREFIX: Final = "delete/"


@dataclass(frozen=True, slots=True)
class PodDeletion:
    """One pod to delete: to be sent with its uid as precondition."""

    name: str
    uid: str


def named(pods: Iterable[Pod]) -> Mapping[str, str]:
    """Write deletions as parameters of a plan."""
    return {f"{_PREFIX}{pod.name}": pod.uid for pod in pods}


def deletions(parameters: Mapping[str, str]) -> tuple[PodDeletion, ...]:
    """Read all deletions from the parameters of a plan."""
    found = {k.removeprefix(_PREFIX): v for k, v in parameters.items() if k.startswith(_PREFIX)}
    return tuple(PodDeletion(name, uid) for name, uid in sorted(found.items()))


def without_deletions(parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Give the parameters of the change alone."""
    return {k: v for k, v in parameters.items() if not k.startswith(_PREFIX)}


def deletions_due(parameters: Mapping[str, str], situation: Situation) -> tuple[PodDeletion, ...]:
    """Give those that are to be made now that the change is applied.

    None before the controller has observed the change: it would make the pod anew from the old
    template. None for a pod that has become ready, or is replaced already: the rollout goes on by
    itself.
    """
    workload = situation.workload
    if not workload.observed:
        return ()
    wanted = workload.status.get("updateRevision", "")
    waited_for = {
        pod.uid
        for pod in situation.pods
        if not pod.ready and not pod.deleting and pod.revision != wanted
    }
    return tuple(d for d in deletions(parameters) if d.uid in waited_for)


def still_there(parameters: Mapping[str, str], situation: Situation) -> Mapping[str, str]:
    """Say which pods of the plan there still are: what the plan depends on.

    Whether they are ready is left out: it moves while pods flap. No pod at all says nothing, since
    pods are not always read; to delete one that is gone does nothing.
    """
    planned = deletions(parameters)
    if not planned:
        return {}
    uids = {pod.uid for pod in situation.pods}
    # Their ordinals are enough, and short: the names and uids stand in the parameters.
    kept = [d.name.rpartition("-")[2] for d in planned if d.uid in uids or not uids]
    return {"pods": ",".join(kept)}
