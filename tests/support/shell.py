"""A runner among fakes: Incidents in memory, a world that is quiet, a postman that only notes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from incidentcommander.api.common import TargetKind
from incidentcommander.api.incident import Incident, IncidentStatus, TimelineEntry
from incidentcommander.api.notices import Notice
from incidentcommander.api.page import TimelinePageSpec
from incidentcommander.api.postmortem import Postmortem
from incidentcommander.controllers.incidents import Gateways, Runner
from incidentcommander.core.case import Limits
from incidentcommander.core.effects import ChangeTarget
from incidentcommander.observed.needs import Answer, Facts, Need, PostmortemNeed
from incidentcommander.observed.workloads import Delivery, IncidentRef, Missing, Outcome, Write
from incidentcommander.ports import Drafted, MetadataChange, Meter
from tests.support.play import Shelf, World

__all__ = ["Post", "Shell", "Store", "Tally"]


@dataclass
class Store:
    """The one reader and writer of Incidents."""

    kept: dict[tuple[str, str], Incident] = field(default_factory=dict)
    labelled: list[str] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)
    """Raised by the next readings, one each."""

    def put(self, incident: Incident) -> IncidentRef:
        """Keep one, and say how it is called."""
        meta = incident.metadata
        self.kept[meta.namespace, meta.name] = incident
        return IncidentRef(meta.namespace, meta.name, meta.uid)

    async def get(self, ref: IncidentRef) -> Incident | None:
        if self.trouble:
            raise self.trouble.pop(0)
        return self.kept.get((ref.namespace, ref.name))

    async def save_status(self, incident: Incident, status: IncidentStatus) -> Incident:
        saved = incident.model_copy(update={"status": status})
        self.put(saved)
        return saved

    async def change_metadata(self, incident: Incident, change: MetadataChange) -> Incident:
        if change.set_labels:
            self.labelled.append(incident.metadata.name)
        meta = incident.metadata
        kept = {k: v for k, v in meta.annotations.items() if k not in change.remove_annotations}
        meta = meta.model_copy(update={"annotations": {**kept, **(change.set_annotations or {})}})
        changed = incident.model_copy(update={"metadata": meta})
        self.put(changed)
        return changed

    async def add_page(self, incident: Incident, name: str, page: TimelinePageSpec) -> None:
        raise NotImplementedError


class Quiet:
    """Everything else there is: it answers as the world says, and notes nothing."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def observe(
        self,
        needs: Collection[Need],
        now: object,  # noqa: ARG002
        known: Facts | None = None,  # noqa: ARG002
    ) -> Mapping[Need, Answer]:
        return {need: self.world.answer(need) for need in needs}

    async def apply(self, write: Write) -> Outcome:
        return self.world.obey(ChangeTarget("", write))

    async def announce(self, incident: Incident, entries: Sequence[TimelineEntry]) -> None:
        pass

    def follow(self, ref: IncidentRef, kind: TargetKind, namespace: str, name: str) -> None:
        pass

    def forget(self, ref: IncidentRef) -> None:
        pass


@dataclass
class Reviews:
    """Postmortems: each Incident is said to have one, with the mark of who drafted it."""

    store: Store

    async def get(self, need: PostmortemNeed) -> Postmortem | Missing:
        incident = self.store.kept[need.namespace, need.name]
        owner = {
            "apiVersion": "incidentcommander.dev/v1alpha1",
            "kind": "Incident",
            "name": need.name,
            "uid": incident.metadata.uid,
        }
        meta = {"name": need.name, "namespace": need.namespace, "ownerReferences": [owner]}
        spec = {"incidentRef": {"name": need.name}}
        return Postmortem.model_validate({"metadata": meta, "spec": spec})

    async def draft(self, incident: Incident, now: datetime) -> Drafted:  # noqa: ARG002
        return Drafted(incident.metadata.name, "drafted")


@dataclass
class Tally:
    """A meter that notes what it is told."""

    ticks: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    remediations: list[tuple[str, str]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def ticked(self, error: str = "") -> None:
        self.ticks.append(error)

    def recorded(self, entries: Sequence[TimelineEntry]) -> None:
        self.reasons.extend(e.reason for e in entries)

    def remediated(self, action: str, outcome: Outcome) -> None:
        self.remediations.append((action, type(outcome).__name__))

    def resolved(self, incident: Incident) -> None:
        self.ended.append(incident.metadata.name)


@dataclass
class Post:
    """A postman that notes what it is told."""

    posted: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    asked: int = 0
    forgotten: list[str] = field(default_factory=list)

    def post(self, ref: IncidentRef, notices: Sequence[Notice]) -> None:
        self.posted.append((ref.name, tuple(n.id for n in notices)))

    def deliveries(self, ref: IncidentRef) -> Sequence[Delivery]:  # noqa: ARG002
        self.asked += 1
        return ()

    def forget(self, ref: IncidentRef) -> None:
        self.forgotten.append(ref.name)


class Shell:
    """A runner, and the fakes around it."""

    def __init__(self, meter: Meter | None = None, limits: Limits | None = None) -> None:
        self.world = World()
        self.store = Store()
        self.post = Post()
        self.tally = Tally()
        quiet = Quiet(self.world)
        self.runner = Runner(
            Gateways(
                incidents=self.store,
                observer=quiet,
                workloads=quiet,
                announcer=quiet,
                targets=quiet,
                postman=self.post,
                postmortems=Reviews(self.store),
                meter=meter or self.tally,
                library=Shelf(),
                fingerprint=lambda: self.world.fingerprint,
            ),
            limits or Limits(),
            lambda: self.world.now,
        )

    async def tick(self, *refs: IncidentRef) -> None:
        """Wake these and let everything come to rest."""
        for ref in refs:
            self.runner.wake(ref)
        while tasks := [t.task for t in self.runner._tracks.values() if t.task is not None]:
            await asyncio.wait(tasks)
