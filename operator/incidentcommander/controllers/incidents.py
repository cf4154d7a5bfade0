"""Runs Incidents: a queue with one look at a time for each, back-off, and what wakes them.

Wake-ups say only which Incident to look at; ``look`` does that, ``hands`` reach the world for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from ..api.base import CLOSED_LABEL
from ..api.common import TargetRef
from ..api.incident import Incident
from ..core.case import Limits, Neighbour
from ..core.record.gauge_snapshot import Summary
from ..errors import ConflictError, GoneError, OperatorError, UnavailableError
from ..observed.workloads import IncidentRef
from ..said import Said
from ..schedule import Schedule
from .hands import GatewayHands, Gateways
from .hindrances import Hindrances
from .look import look
from .related_incidents import Neighbours

__all__ = ["Gateways", "Runner"]

_LOG = logging.getLogger(__name__)
_LONGEST_AFTER_A_BUG: Final = 300.0
"""Seconds; the status promises them."""


@dataclass(slots=True)
class _Track:
    """What the runner remembers of an Incident between ticks. Losing it costs one read."""

    seen: deque[str] = field(default_factory=lambda: deque(maxlen=8))
    """Resource versions already looked at: their events need no tick."""
    task: asyncio.Task[None] | None = None
    again: bool = False
    failures: int = 0
    last_tick: float = 0.0
    followed: TargetRef | None = None
    posting: bool = False
    """Whether something of it was on its way when it was looked at last."""
    summary: Summary | None = None
    """What the metrics count of it."""


class Runner:
    """Runs Incidents, each serially, many side by side.

    Parameters
    ----------
    gateways
        The world.
    limits
        Times and sizes.
    clock
        The current time.
    concurrency
        Ticks under way at once.
    """

    def __init__(
        self,
        gateways: Gateways,
        limits: Limits,
        clock: Callable[[], datetime],
        concurrency: int = 64,
    ) -> None:
        self._world = gateways
        self._limits = limits
        self._clock = clock
        self._slots = asyncio.Semaphore(concurrency)
        self._tracks: dict[IncidentRef, _Track] = {}
        self._ending = False
        self._neighbours = Neighbours()
        self._said = Said()
        self._hindered = Hindrances(gateways.incidents, clock)
        self.schedule: Schedule[IncidentRef] = Schedule(self.wake, clock)

    # --- waking ----------------------------------------------------------------------------------

    def seen(self, ref: IncidentRef, resource_version: str) -> None:
        """Take notice of an event of the Incident itself."""
        track = self._tracks.get(ref)
        if track is None or resource_version not in track.seen:
            self.wake(ref)

    def wake(self, ref: IncidentRef) -> None:
        """Look at that Incident now (or again, if it is being looked at)."""
        if self._ending:
            return
        track = self._tracks.setdefault(ref, _Track())
        if track.task is not None:
            track.again = True
            return
        track.task = asyncio.create_task(self._run(ref, track), name=f"incident {ref}")

    def target_changed(self, ref: IncidentRef) -> None:
        """Look at it soon: its target changed. At most once a second, since targets flap."""
        track = self._tracks.get(ref)
        if track is None:
            return
        rest = track.last_tick + 1.0 - time.monotonic()
        if rest <= 0:
            self.wake(ref)
        else:
            self.schedule.no_later_than(ref, self._clock() + timedelta(seconds=rest))

    def postmortem_changed(self, namespace: str, incident: str) -> None:
        """Look at the Incident of that name: its Postmortem changed."""
        for ref in list(self._tracks):
            if (ref.namespace, ref.name) == (namespace, incident):
                self.wake(ref)

    def wake_all(self) -> None:
        """Look at every known Incident: something that concerns all has changed."""
        for ref in list(self._tracks):
            self.wake(ref)

    def forget(self, ref: IncidentRef) -> None:
        """The Incident is gone or has ended."""
        self.schedule.at(ref, None)
        self._world.targets.forget(ref)
        self._world.postman.forget(ref)
        track = self._tracks.get(ref)
        if track is not None and track.task is None:
            del self._tracks[ref]
            self._neighbours.end(ref, self._clock())

    def recall(self, ended: Iterable[Incident]) -> None:
        """Take notice of Incidents that ended before this process began: what they changed counts."""
        for incident in ended:
            try:
                self._neighbours.recall(incident, self._clock())
            except Exception:  # noqa: BLE001 - one of them must not keep the operator from starting
                meta = incident.metadata
                _LOG.exception("Incident %s/%s is not recalled", meta.namespace, meta.name)

    @property
    def size(self) -> int:
        """Incidents known."""
        return len(self._tracks)

    @property
    def summaries(self) -> Sequence[Summary]:
        """All Incidents known, in a few words each."""
        return [t.summary for t in self._tracks.values() if t.summary is not None]

    async def drain(self, within: float) -> None:
        """Begin no more ticks, and give those under way that many seconds."""
        self._ending = True
        tasks = [t.task for t in self._tracks.values() if t.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # --- ticking ---------------------------------------------------------------------------------

    async def _run(self, ref: IncidentRef, track: _Track) -> None:
        try:
            while True:
                track.again = False
                async with self._slots:
                    track.last_tick = time.monotonic()
                    alive = await self._guarded_tick(ref, track)
                if not track.again or self._ending:
                    break
        finally:
            track.task = None
        if not alive:
            self.forget(ref)

    async def _guarded_tick(self, ref: IncidentRef, track: _Track) -> bool:
        """Tick once; whatever goes wrong, look again later."""
        try:
            alive = await self._tick(ref, track)
        except ConflictError:
            track.again = True
            self._world.meter.ticked("conflict")
            return await self._pause(track, "somebody moved it", ref, quiet=True)
        except GoneError:
            return False
        except UnavailableError as error:
            self._world.meter.ticked("unavailable")
            return self._later(track, ref, f"the API server cannot be used: {error}")
        except OperatorError as error:
            self._world.meter.ticked("refused")
            return self._later(track, ref, str(error))
        except Exception as error:  # noqa: BLE001 - one Incident's bug must not end the others' runner
            self._world.meter.ticked("bug")
            track.seen.append(await self._hindered.say(ref, error))
            return self._later(track, ref, "", _LONGEST_AFTER_A_BUG)
        if track.failures:
            self._said.forget(ref)
        track.failures = 0
        self._world.meter.ticked()
        return alive

    async def _pause(self, track: _Track, why: str, ref: IncidentRef, *, quiet: bool) -> bool:
        track.failures += 1
        _LOG.log(logging.DEBUG if quiet else logging.WARNING, "incident %s: %s", ref, why)
        await asyncio.sleep(min(0.02 * 2**track.failures, 2.0))
        return True

    def _later(self, track: _Track, ref: IncidentRef, why: str, longest: float = 30.0) -> bool:
        track.failures += 1
        seconds = min(0.5 * 2 ** min(track.failures, 10), longest)
        if why and self._said.first(ref, why):
            _LOG.warning("incident %s: %s; trying again in %.0f s", ref, why, seconds)
        self.schedule.at(ref, self._clock() + timedelta(seconds=seconds))
        return True

    async def _tick(self, ref: IncidentRef, track: _Track) -> bool:
        incident = await self._world.incidents.get(ref)
        if incident is None or CLOSED_LABEL in incident.metadata.labels:
            return False
        noticed = partial(self._noticed, ref, track)
        hands = GatewayHands(self._world, self._limits, self._clock, self._hindered, noticed)
        rest = await look(hands, incident)
        if not rest.ended:
            self.schedule.at(ref, rest.wake_at)
        return not rest.ended

    def _noticed(self, ref: IncidentRef, track: _Track, incident: Incident) -> Sequence[Neighbour]:
        """Take notice of the Incident as it stands; give its neighbours."""
        track.seen.append(incident.metadata.resource_version)
        self._follow(ref, incident, track)
        for other in self._neighbours.take_notice(ref, incident):
            self.wake(other)
        self._post(ref, incident, track)
        track.summary = Summary.of(incident)
        return self._neighbours.of(incident)

    def _post(self, ref: IncidentRef, incident: Incident, track: _Track) -> None:
        """Hand over the outbox as it is stored: what stands in it is delivered."""
        outbox = incident.status.outbox
        if outbox or track.posting:
            self._world.postman.post(ref, outbox)
            track.posting = bool(outbox)

    def _follow(self, ref: IncidentRef, incident: Incident, track: _Track) -> None:
        target = incident.target
        if track.followed != target:
            self._world.targets.follow(ref, target.kind, ref.namespace, target.name)
            track.followed = target
