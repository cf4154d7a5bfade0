"""Guards: what will not happen by itself once a template is changed, and how to make it happen.

Shared by undo and restart. For StatefulSets and DaemonSets only; a Deployment replaces all pods.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..api.common import TargetKind
from ..api.incident import GuardFinding
from ..command_line import Name
from ..observed.workloads import Pod
from .follow_up import MOST_DELETED
from .guards import present, warn
from .replacing import by_hand, keeps_below, partition, pod_name, stuck
from .situation import Situation
from .wording import kubectl, listed, patching, target_text

__all__ = ["left_alone"]

_NAMED_IN_COMMAND = 3


def left_alone(situation: Situation, wanted: str) -> tuple[GuardFinding, ...]:
    """Warn of every pod that the changed template does not reach by itself.

    Parameters
    ----------
    situation
        The target with its pods.
    wanted
        The revision label of pods that are as they should become; empty where none is yet.
    """
    if situation.workload.kind is TargetKind.DEPLOYMENT:
        return ()
    return present(
        (
            _on_delete(situation, wanted),
            _partitioned(situation),
            _waits_below(situation),
            _unknown(situation),
            _stuck(situation, wanted),
        )
    )


def _on_delete(situation: Situation, wanted: str) -> GuardFinding | None:
    workload = situation.workload
    if not by_hand(workload):
        return None
    old = [pod.name for pod in _from_the_last(situation.pods) if pod.revision != wanted]
    delete = kubectl(workload, "delete", "pod", Name(old[0]) if old else "NAME")
    rest = f" One by one, each when the one before is ready: {listed(old)}." if old[1:] else ""
    return warn(
        "OnDelete",
        f"The update strategy is OnDelete: each pod of {target_text(workload)} stays as it is "
        f"until it is deleted by hand.{rest} After the change: {delete}",
        delete,
    )


def _partitioned(situation: Situation) -> GuardFinding | None:
    workload, below = situation.workload, partition(situation.workload)
    if not below:
        return None
    left = f"pods below {pod_name(workload, below)} keep the template that they have"
    if below >= workload.replicas:
        left = f"none of the {workload.replicas} pods is replaced"
    all_of_them = {"updateStrategy": {"rollingUpdate": {"partition": 0}}}
    reach = patching(workload, all_of_them)
    return warn(
        "Partitioned",
        f"The update strategy has partition {below}: {left}. To reach them too: {reach}",
        reach,
    )


def _waits_below(situation: Situation) -> GuardFinding | None:
    pods = keeps_below(situation)
    if not pods:
        return None
    workload, names = situation.workload, [pod.name for pod in pods]
    look = kubectl(workload, "describe", "pod", Name(names[0]))
    return warn(
        "WaitsForPod",
        f"Not ready, and out of reach below the partition: {listed(names)}. No pod is replaced "
        f"before that is mended: {look}",
        look,
    )


def _unknown(situation: Situation) -> GuardFinding | None:
    workload = situation.workload
    there_are = int(workload.status.get("replicas") or 0) > 0
    if situation.pods or not there_are or by_hand(workload):
        return None
    if workload.kind is not TargetKind.STATEFUL_SET:
        return None
    look = kubectl(workload, "get", "pods")
    return warn(
        "PodsUnknown",
        f"The pods of {target_text(workload)} could not be read. One that is not ready may have "
        f"to be deleted after the change: {look}",
        look,
    )


def _stuck(situation: Situation, wanted: str) -> GuardFinding | None:
    workload, pods = situation.workload, stuck(situation, wanted)
    if not pods:
        return None
    planned = [pod.name for pod in pods if pod.uid][:MOST_DELETED]
    others = [pod.name for pod in pods if pod.name not in planned]
    text = (
        f"{target_text(workload)} replaces no pod before all are ready, and would wait for ever "
        f"for {listed([pod.name for pod in pods])}."
    )
    if planned:
        text += f" Deleted after the change, as part of this plan: {listed(planned, MOST_DELETED)}."
    if not others:
        return warn("PodsStuck", text)
    delete = kubectl(workload, "delete", "pod", *map(Name, others[:_NAMED_IN_COMMAND]))
    return warn("PodsStuck", f"{text} To be deleted by hand then: {delete}", delete)


def _from_the_last(pods: Sequence[Pod]) -> list[Pod]:
    def place(pod: Pod) -> tuple[int, str]:
        number = pod.name.rpartition("-")[2]
        return (int(number) if number.isdecimal() else 0), pod.name

    return sorted(pods, key=place, reverse=True)
