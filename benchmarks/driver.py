"""What the driver does to measure: apply, approve, wait; and the round trips in between.

Everything happens in one process, and on one clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from cluster import Cluster, user_kubeconfig

from .api import INCIDENTS, MERGE_PATCH, Api
from .prometheus import InstantPrometheus
from .ruler import Ruler
from .watching import Gallery, Raw
from .world import APPLIED, APPROVE, COMMANDER, DEPLOYMENTS, HEAVY, LIGHT, NAMESPACE, incident

__all__ = ["Driver", "Lap", "driver"]

_PATH: Final = INCIDENTS.format(namespace=NAMESPACE)
_ENDS: Final = frozenset({"Resolved", "Closed"})
_SETTLE: Final = 0.25
"""Seconds for what goes on in the background (Events, echoes) to be over."""


@dataclass(frozen=True)
class Lap:
    """One Incident: when it was sent, and when what was seen. Of ``time.perf_counter``."""

    name: str
    apply_sent: float
    apply_done: float
    awaiting: float
    approve_sent: float
    approve_done: float
    granted: float
    changed: float

    @property
    def proposed_in(self) -> float:
        """Seconds from the creation sent to AwaitingApproval seen."""
        return self.awaiting - self.apply_sent

    @property
    def granted_in(self) -> float:
        """Seconds from the approval sent to ApprovalGranted seen."""
        return self.granted - self.approve_sent

    @property
    def changed_in(self) -> float:
        """Seconds from the approval sent to the changed target seen."""
        return self.changed - self.approve_sent


@dataclass
class Driver:
    """The people and their watches."""

    admin: Api
    commander: Api
    prometheus: InstantPrometheus
    incidents: Gallery
    deployments: Gallery
    ruler: Ruler = field(default_factory=Ruler)
    offered: Raw = field(default_factory=dict)
    """The last Incident that was seen to await approval."""
    _beat: int = 0

    async def measure_round_trips(self) -> None:
        """Take F and S, where nothing else is going on."""
        ruler = self.ruler
        for path, trips in ((LIGHT, ruler.light), (HEAVY, ruler.heavy), (LIGHT, ruler.light)):
            self._beat += 1
            value = {"beat": self._beat} if path == LIGHT else {"summary": f"beat {self._beat}"}
            began = time.perf_counter()
            await self.admin.request("PATCH", path, {"status": value}, MERGE_PATCH)
            trips.append((began, time.perf_counter() - began))
        began = time.perf_counter()
        await self.admin.request("GET", LIGHT)
        ruler.reads.append((began, time.perf_counter() - began))

    async def lap(self, name: str, target: str, runbook: str, *, ruled: bool = True) -> Lap:
        """Take one Incident to the change of its target; with F and S before each step if ``ruled``."""
        if ruled:
            await self.measure_round_trips()
        apply_sent = time.perf_counter()
        await self.commander.request("POST", _PATH, incident(name, target, runbook))
        apply_done = time.perf_counter()
        awaiting, self.offered = await self.incidents.until(name, _awaits)
        await asyncio.sleep(_SETTLE)
        _, self.offered = await self.incidents.until(name, _awaits)
        proposal = next(p["id"] for p in self.offered["status"]["proposals"] if p["recommended"])
        if ruled:
            await self.measure_round_trips()
        approval = {"metadata": {"annotations": {APPROVE: proposal}}}
        approve_sent = time.perf_counter()
        await self.commander.request("PATCH", f"{_PATH}/{name}", approval, MERGE_PATCH)
        approve_done = time.perf_counter()
        granted, _ = await self.incidents.until(name, _granted)
        changed, _ = await self.deployments.until(
            target, lambda raw: _marker(raw).startswith(f"{proposal}.")
        )
        self.prometheus.healed.add(target)
        await asyncio.sleep(_SETTLE)
        return Lap(
            name, apply_sent, apply_done, awaiting, approve_sent, approve_done, granted, changed
        )

    async def to_the_end(self, name: str) -> float:
        """Wait until an Incident is over; gives when."""
        at, _ = await self.incidents.until(name, lambda raw: _phase(raw) in _ENDS)
        return at

    async def crowd(self, names: Sequence[str], targets: Sequence[str]) -> list[float]:
        """Apply many at once; gives the seconds until each awaits approval."""

        async def one(number: int, name: str) -> float:
            target = targets[number % len(targets)]
            sent = time.perf_counter()
            await self.commander.request("POST", _PATH, incident(name, target, "slow"))
            seen, _ = await self.incidents.until(name, _awaits)
            return seen - sent

        return list(await asyncio.gather(*(one(i, n) for i, n in enumerate(names))))


@asynccontextmanager
async def driver(cluster: Cluster) -> AsyncIterator[Driver]:
    """Open connections and watches."""
    prometheus = InstantPrometheus()
    async with (
        Api(cluster.kubeconfig) as admin,
        Api(user_kubeconfig(cluster, COMMANDER)) as commander,
    ):
        incidents, deployments = Gallery(admin, _PATH), Gallery(admin, DEPLOYMENTS)
        await prometheus.start()
        try:
            yield Driver(admin, commander, prometheus, incidents, deployments)
        finally:
            await incidents.close()
            await deployments.close()
            await prometheus.stop()


def _phase(raw: Raw) -> str:
    return str((raw.get("status") or {}).get("phase", ""))


def _awaits(raw: Raw) -> bool:
    return _phase(raw) == "AwaitingApproval"


def _granted(raw: Raw) -> bool:
    return any(entry["reason"] == "ApprovalGranted" for entry in raw["status"]["timeline"])


def _marker(raw: Raw) -> str:
    return str((raw["metadata"].get("annotations") or {}).get(APPLIED, ""))
