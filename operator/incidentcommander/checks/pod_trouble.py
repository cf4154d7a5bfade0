"""What is wrong with one pod, from the state of its containers.

A pod that is merely not ready yet is given time: 30 s once its containers run, two minutes while
images are pulled. A container that runs at the moment but crashed not long ago cannot be called
good: a crash loop looks like that between two crashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ..api.common import Verdict
from ..observed.workloads import Container, Pod
from .wording import age, count

__all__ = ["Trouble", "trouble_of"]

STARTING: Final = timedelta(seconds=30)
"""How long running containers may take to become ready."""
CREATING: Final = timedelta(minutes=2)
"""How long it may take until they run."""
_LOOPING: Final = timedelta(minutes=10)
"""kubelet forgets crashes after a container has run for so long."""

_NORMAL_WAITING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
_REASON: Final = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a pod is not good. ``Inconclusive``: it may become so."""

    reason: str
    detail: str
    verdict: Verdict = Verdict.FAILED
    from_start: bool = False
    """Whether the pod cannot have been good before."""


def trouble_of(pod: Pod, max_restarts: int, now: datetime) -> Trouble | None:
    """Say what is wrong with a pod, the most telling first; None where nothing is."""
    if pod.unschedulable:
        return Trouble("Unschedulable", pod.unschedulable, from_start=True)
    old = now - pod.created_at
    found = [t for c in pod.containers if (t := _of_container(c, old, max_restarts)) is not None]
    failed = [t for t in found if t.verdict is Verdict.FAILED]
    if failed:
        return failed[0]
    if not pod.ready:
        return _not_ready(pod, old)
    return found[0] if found else None


def _of_container(container: Container, old: timedelta, max_restarts: int) -> Trouble | None:
    waiting = container.waiting_reason
    detail = _crash(container)
    young = old < _LOOPING
    if _out_of_memory(container) and (not container.ready or container.restarts > max_restarts):
        return Trouble("OOMKilled", f"out of memory, {detail}", from_start=young)
    if waiting == "CrashLoopBackOff" or _down(container):
        return Trouble("CrashLoopBackOff", detail, from_start=young)
    if waiting not in _NORMAL_WAITING:
        reason = waiting if _REASON.fullmatch(waiting) else "ContainerWaiting"
        never_ran = container.restarts == 0
        return Trouble(reason, container.waiting_message or reason, from_start=never_ran)
    if container.restarts > max_restarts:
        return Trouble("TooManyRestarts", detail)
    if container.ready and container.restarts and young and container.last_exit_code:
        text = f"runs now, but {detail} within {age(old)}"
        return Trouble("Restarting", text, Verdict.INCONCLUSIVE)
    return None


def _out_of_memory(container: Container) -> bool:
    return "OOMKilled" in {container.terminated_reason, container.last_terminated_reason}


def _down(container: Container) -> bool:
    """Whether it has just ended and is not meant to (init containers end as Completed)."""
    return container.terminated_reason not in {"", "Completed"} and not container.ready


def _crash(container: Container) -> str:
    parts = [f"container {container.name}"]
    if container.last_exit_code is not None:
        parts.append(f"last exit code {container.last_exit_code}")
    if container.restarts:
        parts.append(count(container.restarts, "restart"))
    return ", ".join(parts)


def _not_ready(pod: Pod, old: timedelta) -> Trouble:
    creating = pod.phase == "Pending" or any(c.waiting_reason for c in pod.containers)
    grace = CREATING if creating else STARTING
    state = "its containers are not created yet" if creating else "not ready"
    if old < grace:
        text = f"{state}, {age(old)} old"
        return Trouble("Starting", text, Verdict.INCONCLUSIVE, from_start=True)
    waiting = [c.name for c in pod.containers if not c.ready and c.terminated_reason == ""]
    text = f"{state} after {age(old)}"
    if waiting and not creating:
        text = f"container {', '.join(waiting[:3])} {text}"
    return Trouble("NotReady", text, from_start=creating)
