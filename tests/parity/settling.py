"""When a workload has come to rest, so that two of them can be compared.

Reads for many cases at once: each list of a namespace serves all who wait for something in it.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from incidentcommander.api.common import TargetKind
from incidentcommander.gateways.kubernetes.convert import revisions_from, workload_from
from incidentcommander.observed.workloads import Revision, Workload
from tests.support.api import Api

Raw = dict[str, Any]
T = TypeVar("T")

PLURALS: Final = {
    TargetKind.DEPLOYMENT: "deployments",
    TargetKind.STATEFUL_SET: "statefulsets",
    TargetKind.DAEMON_SET: "daemonsets",
}
PATIENCE: Final = 60.0
PAUSE: Final = 0.3
NEVER_READY: Final = ("-crash", "-unready", "-pending")
"""Ends of image tags whose pods never get ready."""


def until(attempt: Callable[[], T | None], what: str) -> T:
    """Try until there is a result."""
    deadline = time.monotonic() + PATIENCE
    while (result := attempt()) is None:
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s in vain: {what}"
        time.sleep(PAUSE)
    return result


@dataclass
class Board:
    """The newest lists, each asked for once for all who wait."""

    api: Api
    _lists: dict[tuple[str, str], tuple[float, list[Raw]]] = field(default_factory=dict)
    _locks: dict[tuple[str, str], threading.Lock] = field(
        default_factory=lambda: defaultdict(threading.Lock)
    )

    def items(self, plural: str, namespace: str, since: float) -> list[Raw]:
        """Give all objects as they were at ``since`` (of the monotonic clock) or later."""
        key = plural, namespace
        with self._locks[key]:
            asked, items = self._lists.get(key, (0.0, []))
            if asked < since:
                asked = time.monotonic()
                items = self.api.list(plural, namespace).expect_ok()["items"]
                self._lists[key] = asked, items
            return items

    def workload(self, kind: TargetKind, namespace: str, name: str, since: float) -> Workload:
        """Give one workload."""
        items = self.items(PLURALS[kind], namespace, since)
        return workload_from(kind, next(i for i in items if i["metadata"]["name"] == name))

    def owned(self, workload: Workload, since: float) -> list[Raw]:
        """Give what its controller keeps its history in."""
        deployment = workload.kind is TargetKind.DEPLOYMENT
        plural = "replicasets" if deployment else "controllerrevisions"
        return _owned_by(workload, self.items(plural, workload.namespace, since))

    def settled(self, kind: TargetKind, namespace: str, name: str) -> tuple[Workload, list[Raw]]:
        """Wait until the controller has nothing more to do; give what it left, and its history."""
        start = time.monotonic()

        def attempt() -> tuple[Workload, list[Raw]] | None:
            # As old as a pause will do: others have just asked.
            since = max(start, time.monotonic() - PAUSE)
            workload = self.workload(kind, namespace, name, since)
            owned = self.owned(workload, since)
            return (workload, owned) if is_settled(workload, owned) else None

        return until(attempt, f"{namespace}/{kind}/{name} is settled")


def _owned_by(workload: Workload, items: Iterable[Raw]) -> list[Raw]:
    return [
        item
        for item in items
        if any(o["uid"] == workload.uid for o in item["metadata"].get("ownerReferences") or [])
    ]


def is_settled(workload: Workload, owned: Sequence[Raw]) -> bool:
    """Whether the controller has nothing more to do."""
    if not workload.observed:
        return False
    found = revisions_from(workload, owned)
    match workload.kind:
        case TargetKind.DEPLOYMENT:
            return _deployment(workload, found, owned)
        case TargetKind.STATEFUL_SET:
            return _newest(workload, found) and _stateful_set(workload, found)
        case TargetKind.DAEMON_SET:
            return _newest(workload, found) and _daemon_set(workload, found)


def _deployment(workload: Workload, found: Sequence[Revision], sets: Sequence[Raw]) -> bool:
    replicas, updated = workload.replicas, _count(workload, "updatedReplicas")
    counts = {_count(workload, n) for n in ("replicas", "updatedReplicas", "availableReplicas")}
    asked_for = sum(int(rs["spec"]["replicas"]) for rs in sets)
    made = _count(workload, "replicas") == asked_for
    stuck = _never_ready(workload) and updated >= min(1, replicas) and made
    if not (counts == {replicas} or stuck or workload.paused):
        return False
    numbers = [str(r.number) for r in found if r.template_hash == workload.template_hash]
    if not numbers:
        return workload.paused
    tidy = len(sets) <= 1 + int(workload.spec["revisionHistoryLimit"])
    noted = workload.annotations.get("deployment.kubernetes.io/revision") == numbers[-1]
    return tidy and noted and (asked_for == replicas or stuck)


def _newest(workload: Workload, found: Sequence[Revision]) -> bool:
    return bool(found) and found[-1].template_hash == workload.template_hash


def _stateful_set(workload: Workload, found: Sequence[Revision]) -> bool:
    replicas, ready = workload.replicas, _count(workload, "readyReplicas")
    strategy = workload.spec["updateStrategy"]
    below = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    if workload.status.get("updateRevision") != found[-1].name:
        return False
    if _count(workload, "replicas") != replicas:
        return False
    if strategy["type"] == "OnDelete":
        return ready == replicas
    updated, wanted = _count(workload, "updatedReplicas"), max(0, replicas - below)
    if _never_ready(workload):
        return updated >= min(1, wanted) and ready == replicas - updated
    same = workload.status.get("currentRevision") == found[-1].name
    tidy = len(found) <= 1 + int(workload.spec["revisionHistoryLimit"])
    whole = below > 0 or (same and tidy)
    return updated >= wanted and _count(workload, "availableReplicas") == replicas and whole


def _daemon_set(workload: Workload, found: Sequence[Revision]) -> bool:
    wanted, available = (_count(workload, n) for n in ("desiredNumberScheduled", "numberAvailable"))
    if _count(workload, "currentNumberScheduled") != wanted:
        return False
    if workload.spec["updateStrategy"]["type"] == "OnDelete":
        return available == wanted
    updated = _count(workload, "updatedNumberScheduled")
    if _never_ready(workload):
        return updated == min(1, wanted) and available == wanted - updated
    tidy = len(found) <= 1 + int(workload.spec["revisionHistoryLimit"])
    return updated == available == wanted and tidy


def _count(workload: Workload, name: str) -> int:
    return int(workload.status.get(name) or 0)


def _never_ready(workload: Workload) -> bool:
    images = [c["image"] for c in workload.template["spec"]["containers"]]
    return any(image.endswith(NEVER_READY) for image in images)
