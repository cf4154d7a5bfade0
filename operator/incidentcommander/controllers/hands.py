"""How a look at one Incident reaches the world: through the gateways, counted and announced.

Made by the runner for each Incident. It is the only caller of the status writer and of the one
writer of workloads, and decides nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..api.base import CLOSED_LABEL, HANDLED_ANNOTATION
from ..api.common import Phase
from ..api.incident import Incident, IncidentStatus
from ..core.case import Case, Library, Limits, Neighbour
from ..core.decide import Decision, required
from ..core.effects import AddPage, ChangeTarget, RemoveRequests
from ..core.postmortem.owed import drafted
from ..core.record.timeline_pages import paged
from ..errors import InvalidResourceError
from ..observed.needs import Answer, Facts, IncidentNeed, PostmortemNeed, Question
from ..observed.workloads import Delivery, IncidentRef, Missing, Outcome, Unavailable
from ..ports import (
    Announcer,
    IncidentStore,
    MetadataChange,
    Meter,
    Observer,
    Postman,
    PostmortemStore,
    Targets,
    Workloads,
)
from .hindrances import Hindrances

__all__ = ["GatewayHands", "Gateways"]


@dataclass(frozen=True, slots=True)
class Gateways:
    """The world, as the runner sees it."""

    incidents: IncidentStore
    postmortems: PostmortemStore
    observer: Observer
    workloads: Workloads
    announcer: Announcer
    targets: Targets
    postman: Postman
    meter: Meter
    library: Library
    fingerprint: Callable[[], str | None]
    """Fingerprint of the admission guard, as watched."""
    guard_since: Callable[[], datetime | None] = lambda: None
    """Since when that guard was watched without a change."""


@dataclass(frozen=True, slots=True)
class GatewayHands:
    """Satisfies ``look.Hands``."""

    world: Gateways
    limits: Limits
    clock: Callable[[], datetime]
    hindrances: Hindrances
    noticed: Callable[[Incident], Sequence[Neighbour]]
    """Called with the Incident as it stands before every decision; gives its neighbours."""

    def case(self, incident: Incident, outcome: Outcome | None) -> Case:
        """Give all that a decision may know about it."""
        neighbours = self.noticed(incident)
        return self._case(incident, outcome, neighbours)

    def _case(
        self, incident: Incident, outcome: Outcome | None, neighbours: Sequence[Neighbour]
    ) -> Case:
        return Case(
            incident=incident,
            library=self.world.library,
            now=self.clock().replace(microsecond=0),
            limits=self.limits,
            result=outcome,
            guard_fingerprint=self.world.fingerprint(),
            guard_since=self.world.guard_since(),
            neighbours=neighbours,
            deliveries=self._deliveries(incident),
            seed=secrets.token_hex(32),
        )

    def _deliveries(self, incident: Incident) -> Sequence[Delivery]:
        if not incident.status.outbox:
            return ()
        meta = incident.metadata
        return self.world.postman.deliveries(IncidentRef(meta.namespace, meta.name, meta.uid))

    async def observe(
        self, questions: frozenset[Question], now: datetime, known: Facts
    ) -> Mapping[Question, Answer]:
        """Answer the questions: those about the world at once, those about our own kinds after."""
        needs = [q for q in questions if not isinstance(q, IncidentNeed | PostmortemNeed)]
        observed = await self.world.observer.observe(needs, now, known)
        answers: dict[Question, Answer] = dict(observed.items())
        for other in (q for q in questions if isinstance(q, IncidentNeed)):
            answers[other] = await self._other(IncidentRef(other.namespace, other.name))
        for review in (q for q in questions if isinstance(q, PostmortemNeed)):
            answers[review] = await self.world.postmortems.get(review)
        return answers

    async def _other(self, ref: IncidentRef) -> Incident | Missing | Unavailable:
        try:
            return await self.world.incidents.get(ref) or Missing(f"Incident {ref}")
        except InvalidResourceError as error:
            # That one cannot be read: this one goes on.
            return Unavailable(f"Incident {ref}", str(error))

    async def save(
        self, case: Case, decision: Decision, facts: Facts
    ) -> tuple[Incident | None, Facts]:
        """Save the decision, and meanwhile read what the next one is going to need.

        Nothing is read ahead where a change of the target follows: afterwards the world is another
        one.
        """
        if decision.status == case.status:
            return None, facts
        if isinstance(decision.effect, ChangeTarget):
            return await self._save_status(case.incident, decision.status), facts
        ahead = case.incident.model_copy(update={"status": decision.status})
        missing = required(self._case(ahead, None, case.neighbours), facts) - facts.keys()
        reading = asyncio.create_task(self.observe(missing, case.now, facts))
        try:
            saved = await self._save_status(case.incident, decision.status)
        except BaseException:
            reading.cancel()
            raise
        return saved, facts.with_(await reading)

    async def _save_status(self, incident: Incident, status: IncidentStatus) -> Incident:
        """Write a status, and announce what is new in it."""
        saved = await self.world.incidents.save_status(incident, status)
        first = incident.status.timeline[-1].seq + 1 if incident.status.timeline else 0
        new = [e for e in status.timeline if e.seq >= first]
        self.world.meter.recorded(new)
        if saved.status.phase is Phase.RESOLVED and incident.status.phase is not Phase.RESOLVED:
            self.world.meter.resolved(saved)
        await self.world.announcer.announce(saved, new)
        return saved

    async def change(self, decision: Decision, change: ChangeTarget) -> Outcome:
        """Send the change of the target, once."""
        outcome = await self.world.workloads.apply(change.write)
        proposal = decision.status.proposal(change.proposal)
        self.world.meter.remediated(proposal.action if proposal else "", outcome)
        return outcome

    async def draft(self, case: Case) -> Incident:
        """Create what is owed, then record it: in this order, so that a crash loses nothing."""
        guard, incident = self.world.fingerprint(), case.incident
        made = await self.world.postmortems.draft(incident, case.now)
        status = drafted(incident, made.name, made.how, case.now, guard)
        return await self._save_status(incident, status)

    async def remove(self, incident: Incident, requests: RemoveRequests) -> Incident:
        """Remove handled requests."""
        change = MetadataChange(
            remove_annotations=requests.annotations,
            set_annotations={HANDLED_ANNOTATION: str(requests.seq)},
        )
        return await self.world.incidents.change_metadata(incident, change)

    async def page(self, incident: Incident, page: AddPage) -> Incident:
        """Write the page, then list it."""
        await self.world.incidents.add_page(incident, page.name, page.spec)
        return await self.world.incidents.save_status(incident, paged(incident.status, page))

    async def mark(self, incident: Incident) -> None:
        """Give it the label."""
        change = MetadataChange(set_labels={CLOSED_LABEL: "true"})
        await self.world.incidents.change_metadata(incident, change)

    async def mend(self, incident: Incident) -> Incident | None:
        """Take an earlier bug out of its status."""
        return await self.hindrances.mend(incident)
