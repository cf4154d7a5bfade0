"""One operator of the story, in this process: the real runner over the real gateways.

It is begun as ``main.serve`` begins it, except that nothing wakes it but the story. It can be told
to die right after a write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from incidentcommander.api.common import TargetKind
from incidentcommander.api.incident import Incident, IncidentStatus
from incidentcommander.controllers.incidents import Gateways, Runner
from incidentcommander.gateways.kubernetes.admission import Guard
from incidentcommander.gateways.kubernetes.events import Events
from incidentcommander.gateways.kubernetes.incidents import Incidents
from incidentcommander.gateways.kubernetes.library import KubernetesLibrary
from incidentcommander.gateways.kubernetes.observer import KubernetesObserver
from incidentcommander.gateways.kubernetes.postmortems import Postmortems
from incidentcommander.gateways.kubernetes.workloads import KubernetesWorkloads
from incidentcommander.gateways.prometheus.queries import Metrics
from incidentcommander.main import limits_of
from incidentcommander.metering.meter import PrometheusMeter
from incidentcommander.observed.workloads import IncidentRef, Write
from incidentcommander.ports import Drafted, MetadataChange, Outcome
from incidentcommander.settings import Settings
from tests.story.calendar import Calendar, StoryClient
from tests.story.postbox import Postbox

__all__ = ["Place", "Shift"]

_KEPT: Final = "it was there already and is kept as it is"
_TICK: Final = "incident "
"""How the runner names its tasks."""


@dataclass(frozen=True)
class Place:
    """Where operators work, and what outlives them."""

    kubeconfig: Path
    """With the token of the chart's ServiceAccount."""
    namespace: str
    prometheus: str
    calendar: Calendar
    postbox: Postbox
    settled: Callable[[], Any]
    """Awaited after a change of the target: rollouts take no time of the story."""
    mortal: bool = False
    """Whether each operator dies after its first write."""


@dataclass
class _Life:
    mortal: bool
    ended: bool = False

    def wrote(self) -> None:
        if self.mortal:
            self.ended = True
            raise asyncio.CancelledError


class _Store(Incidents):
    life: _Life

    @override
    async def save_status(self, incident: Incident, status: IncidentStatus) -> Incident:
        saved = await super().save_status(incident, status)
        if saved is not incident:
            self.life.wrote()
        return saved

    @override
    async def change_metadata(self, incident: Incident, change: MetadataChange) -> Incident:
        changed = await super().change_metadata(incident, change)
        self.life.wrote()
        return changed


class _Drafts(Postmortems):
    life: _Life

    @override
    async def draft(self, incident: Incident, now: datetime) -> Drafted:
        drafted = await super().draft(incident, now)
        if drafted.how != _KEPT:
            self.life.wrote()
        return drafted


class _Workloads(KubernetesWorkloads):
    place: Place
    life: _Life

    @override
    async def apply(self, write: Write) -> Outcome:
        outcome = await super().apply(write)
        await self.place.settled()
        self.life.wrote()
        return outcome


class _NoTargets:
    """The story says itself when something changed."""

    def follow(self, ref: IncidentRef, kind: TargetKind, namespace: str, name: str) -> None:
        """Nothing."""

    def forget(self, ref: IncidentRef) -> None:
        """Nothing."""


@dataclass
class Shift:
    """An operator from its start to its end."""

    runner: Runner
    client: StoryClient
    life: _Life
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    async def begin(cls, place: Place) -> Shift:
        """Start an operator that knows nothing."""
        settings = Settings(
            prometheus_url=place.prometheus, guard_proof_ttl=timedelta(microseconds=1)
        )
        client = await StoryClient.connect(settings, str(place.kubeconfig))
        assert isinstance(client, StoryClient)
        client.calendar, clock = place.calendar, place.calendar.clock
        library = KubernetesLibrary(client, (place.namespace,), lambda: None, clock)
        await library.load()
        events, life = Events(client, "story"), _Life(place.mortal)
        gateways = _gateways(place, client, settings, life, library, events)
        shift = cls(Runner(gateways, limits_of(settings), clock), client, life)
        shift._tasks.append(asyncio.create_task(events.run()))
        return shift

    async def tick(self, ref: IncidentRef) -> bool:
        """Look at an Incident until nothing follows; False: it died on the way."""
        self.runner.wake(ref)
        while tasks := [t for t in asyncio.all_tasks() if t.get_name().startswith(_TICK)]:
            await asyncio.gather(*tasks, return_exceptions=True)
        return not self.life.ended

    def due(self, ref: IncidentRef) -> datetime | None:
        """When it wants to look again."""
        found = self.runner.schedule._due.get(ref)
        return found[0] if found else None

    async def end(self) -> None:
        """End it without a word."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.close()


def _gateways(
    place: Place,
    client: StoryClient,
    settings: Settings,
    life: _Life,
    library: KubernetesLibrary,
    events: Events,
) -> Gateways:
    guard = Guard(client, settings, lambda: None)
    store, drafts, workloads = _Store(client), _Drafts(client), _Workloads(client)
    store.life = drafts.life = workloads.life = life
    workloads.place = place
    return Gateways(
        incidents=store,
        postmortems=drafts,
        observer=KubernetesObserver(client, Metrics(settings), guard),
        workloads=workloads,
        announcer=events,
        targets=_NoTargets(),
        postman=place.postbox,
        meter=PrometheusMeter(),
        library=library,
        fingerprint=lambda: guard.fingerprint or None,
    )
