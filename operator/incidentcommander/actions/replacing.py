"""Which pods a StatefulSet or DaemonSet replaces for a changed template, and which it never does.

Used by the actions that change the template, and their guards. A Deployment replaces all its pods,
whatever state they are in; these two have strategies that leave pods alone, and a StatefulSet may
wait for ever. Reads the situation only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..api.common import TargetKind
from ..observed.workloads import Pod, Workload
from .situation import Situation

__all__ = [
    "by_hand",
    "in_the_way",
    "keeps_below",
    "ordinal",
    "partition",
    "pod_name",
    "strategy",
    "stuck",
]

_ENDED: Final = frozenset({"Failed", "Succeeded"})


def strategy(workload: Workload) -> Mapping[str, str]:
    """Say how pods are replaced: a plan depends on it."""
    if workload.kind is TargetKind.DEPLOYMENT:
        # Recreate takes all of them down at once: nobody approves that without having been told.
        return {
            "strategy": str((workload.spec.get("strategy") or {}).get("type") or "RollingUpdate")
        }
    kind = "OnDelete" if by_hand(workload) else "RollingUpdate"
    below = partition(workload)
    return {"updateStrategy": f"{kind}, partition {below}" if below else kind}


def by_hand(workload: Workload) -> bool:
    """Whether pods are only replaced when somebody deletes them."""
    return (workload.spec.get("updateStrategy") or {}).get("type") == "OnDelete"


def partition(workload: Workload) -> int:
    """Count the pods, from the first, that keep the template they have."""
    return 0 if by_hand(workload) else int(_rolling(workload).get("partition") or 0)


def stuck(situation: Situation, wanted: str) -> tuple[Pod, ...]:
    """Find the pods that the rollout of a changed template would wait for, for ever.

    Parameters
    ----------
    situation
        The target with its pods.
    wanted
        The revision label of pods that are as they should become; empty where none is yet.
    """
    workload = situation.workload
    if not _waits(workload):
        return ()
    start = partition(workload)
    return tuple(
        pod
        for pod in situation.pods
        if _broken(pod)
        and pod.revision != wanted
        and start <= ordinal(workload, pod) < workload.replicas
    )


def keeps_below(situation: Situation) -> tuple[Pod, ...]:
    """Find the pods below the partition that the rollout would wait for.

    To delete them would not help: they come back from the template that they have.
    """
    workload = situation.workload
    if not _waits(workload):
        return ()
    end = partition(workload)
    return tuple(
        pod for pod in situation.pods if _broken(pod) and 0 <= ordinal(workload, pod) < end
    )


def in_the_way(situation: Situation) -> tuple[Pod, ...]:
    """Find the pods that a StatefulSet waits for before it adds or removes others."""
    workload = situation.workload
    if workload.kind is not TargetKind.STATEFUL_SET or not _in_order(workload):
        return ()
    return tuple(
        pod
        for pod in situation.pods
        if _broken(pod) and 0 <= ordinal(workload, pod) < workload.replicas
    )


def ordinal(workload: Workload, pod: Pod) -> int:
    """Count from 0, whatever ``spec.ordinals.start``; -1 where the name is none of its own."""
    number = pod.name.removeprefix(f"{workload.name}-")
    return int(number) - _start(workload) if number.isdecimal() else -1


def pod_name(workload: Workload, index: int) -> str:
    """Name a pod of a StatefulSet, counted from 0."""
    return f"{workload.name}-{_start(workload) + index}"


def _waits(workload: Workload) -> bool:
    """Whether its controller waits for each pod to be ready, and never replaces that one.

    ``processReplica`` does (kubernetes#67250). With ``podManagementPolicy: Parallel`` only
    ``updateStatefulSetAfterInvariantEstablished`` does, for which ``maxUnavailable`` must be in
    force: where it is not, the API server drops the field, else it sets it.
    """
    if workload.kind is not TargetKind.STATEFUL_SET or by_hand(workload):
        return False
    return _in_order(workload) or "maxUnavailable" in _rolling(workload)


def _in_order(workload: Workload) -> bool:
    return bool(workload.spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady")


def _broken(pod: Pod) -> bool:
    # What has ended is replaced by the controller itself.
    return not pod.ready and not pod.deleting and pod.phase not in _ENDED


def _rolling(workload: Workload) -> Mapping[str, Any]:
    return (workload.spec.get("updateStrategy") or {}).get("rollingUpdate") or {}


def _start(workload: Workload) -> int:
    return int((workload.spec.get("ordinals") or {}).get("start") or 0)
