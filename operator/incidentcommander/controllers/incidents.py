"""The shell: one tick per wake-up of an Incident. Read, decide, save, act, save.

Wake-ups say only which Incident to look at. A tick reads it fresh and goes on, turn by turn, until
nothing more follows. It decides nothing itself (``core/decide.py`` does), and it is the only
caller of the status writer and of the one writer of workloads.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from ..api.base import CLOSED_LABEL, HANDLED_ANNOTATION
from ..api.common import Phase, TargetRef
from ..api.incident import Incident, IncidentStatus
from ..core.case import Case, Library, Limits
from ..core.decide import Decision, decide, required
from ..core.postmortem.owed import draft_due, drafted
from ..core.record.closed_label import left_at
from ..core.record.gauge_snapshot import Summary
from ..core.record.timeline_pages import Page, page_due, paged
from ..core.requests.reading import cleanup
from ..errors import ConflictError, GoneError, InvalidResourceError, OperatorError, UnavailableError
from ..observed.needs import Answer, Facts, IncidentNeed, PostmortemNeed, Question
from ..observed.workloads import Delivery, IncidentRef, Missing, Outcome, Stale, Unavailable
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
from ..said import Said
from ..schedule import Schedule
from .hindrances import Hindrances
from .related_incidents import Neighbours

__all__ = ["Gateways", "Runner"]

_LOG = logging.getLogger(__name__)
_MAX_TURNS: Final = 40
"""More turns than any Incident needs in one tick: beyond it something goes in circles."""
_LONGEST_AFTER_A_BUG: Final = 300.0
"""Seconds; the status promises them."""


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

    async def drain(self) -> None:
        """Let the ticks under way finish, and begin no more."""
        self._ending = True
        tasks = [t.task for t in self._tracks.values() if t.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

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
        facts, outcome, untried = Facts(), None, False
        for _ in range(_MAX_TURNS):
            track.seen.append(incident.metadata.resource_version)
            self._follow(ref, incident, track)
            for other in self._neighbours.take_notice(ref, incident):
                self.wake(other)
            self._post(ref, incident, track)
            track.summary = Summary.of(incident)
            case = replace(self._case(incident, outcome), untried=untried)
            missing = required(case, facts) - facts.keys()
            if missing:
                facts = facts.with_(await self._observe(missing, case.now, facts))
                continue
            decision = decide(case, facts)
            saved, facts = await self._save_looking_ahead(case, decision, facts)
            untried = untried or decision.intends(case.status)
            if decision.command is not None:
                outcome, facts = await self._act(decision), Facts()
                # A failed test is the one answer that says for certain that nothing was done.
                untried = untried and isinstance(outcome, Stale)
                if isinstance(outcome, Unavailable):
                    # Whether it was made is not known. The next tick reads the target first.
                    raise UnavailableError(outcome.message)
                incident = saved or incident
                continue
            if saved is None and draft_due(incident):
                # What was asked about Postmortems is no longer true.
                saved, facts = await self._draft_postmortem(incident, case.now), Facts()
            if saved is None:
                saved = await self._tidy(incident) or await self._hindered.mend(incident)
            if saved is None:
                self.schedule.at(ref, decision.wake_at)
                return not self._over(incident)
            incident, outcome = saved, None
        raise RuntimeError(f"incident {ref} did not come to rest within {_MAX_TURNS} turns")

    async def _observe(
        self, questions: frozenset[Question], now: datetime, known: Facts
    ) -> Mapping[Question, Answer]:
        needs = [q for q in questions if not isinstance(q, IncidentNeed | PostmortemNeed)]
        observed = await self._world.observer.observe(needs, now, known)
        answers: dict[Question, Answer] = dict(observed.items())
        for other in (q for q in questions if isinstance(q, IncidentNeed)):
            answers[other] = await self._other(IncidentRef(other.namespace, other.name))
        for review in (q for q in questions if isinstance(q, PostmortemNeed)):
            answers[review] = await self._world.postmortems.get(review)
        return answers

    async def _other(self, ref: IncidentRef) -> Incident | Missing | Unavailable:
        try:
            return await self._world.incidents.get(ref) or Missing(f"Incident {ref}")
        except InvalidResourceError as error:
            # That one cannot be read: this one goes on.
            return Unavailable(f"Incident {ref}", str(error))

    def _case(self, incident: Incident, outcome: Outcome | None) -> Case:
        return Case(
            incident=incident,
            library=self._world.library,
            now=self._clock().replace(microsecond=0),
            limits=self._limits,
            result=outcome,
            guard_fingerprint=self._world.fingerprint(),
            guard_since=self._world.guard_since(),
            neighbours=self._neighbours.of(incident),
            deliveries=self._deliveries(incident),
            seed=secrets.token_hex(32),
        )

    def _post(self, ref: IncidentRef, incident: Incident, track: _Track) -> None:
        """Hand over the outbox as it is stored: what stands in it is delivered."""
        outbox = incident.status.outbox
        if outbox or track.posting:
            self._world.postman.post(ref, outbox)
            track.posting = bool(outbox)

    def _deliveries(self, incident: Incident) -> Sequence[Delivery]:
        if not incident.status.outbox:
            return ()
        meta = incident.metadata
        return self._world.postman.deliveries(IncidentRef(meta.namespace, meta.name, meta.uid))

    async def _save_looking_ahead(
        self, case: Case, decision: Decision, facts: Facts
    ) -> tuple[Incident | None, Facts]:
        """Save the decision, and meanwhile read what the next one is going to need.

        Nothing is read ahead where a command follows: afterwards the world is another one.
        """
        if decision.status == case.status or decision.command is not None:
            return await self._save(case.incident, decision), facts
        ahead = case.incident.model_copy(update={"status": decision.status})
        missing = required(self._case(ahead, None), facts) - facts.keys()
        reading = asyncio.create_task(self._observe(missing, case.now, facts))
        try:
            saved = await self._save(case.incident, decision)
        except BaseException:
            reading.cancel()
            raise
        return saved, facts.with_(await reading)

    async def _save(self, incident: Incident, decision: Decision) -> Incident | None:
        if decision.status == incident.status:
            return None
        return await self._save_status(incident, decision.status)

    async def _save_status(self, incident: Incident, status: IncidentStatus) -> Incident:
        """Write a status, and announce what is new in it."""
        saved = await self._world.incidents.save_status(incident, status)
        first = incident.status.timeline[-1].seq + 1 if incident.status.timeline else 0
        new = [e for e in status.timeline if e.seq >= first]
        self._world.meter.recorded(new)
        if saved.status.phase is Phase.RESOLVED is not incident.status.phase:
            self._world.meter.resolved(saved)
        await self._world.announcer.announce(saved, new)
        return saved

    async def _draft_postmortem(self, incident: Incident, now: datetime) -> Incident:
        """Create what is owed, then record it: in this order, so that a crash loses nothing."""
        guard = self._world.fingerprint()
        made = await self._world.postmortems.draft(incident, now)
        return await self._save_status(incident, drafted(incident, made.name, made.how, now, guard))

    async def _act(self, decision: Decision) -> Outcome:
        command = decision.command
        assert command is not None  # noqa: S101 - for the type checker
        outcome = await self._world.workloads.apply(command.write)
        proposal = decision.status.proposal(command.proposal)
        self._world.meter.remediated(proposal.action if proposal else "", outcome)
        return outcome

    async def _tidy(self, incident: Incident) -> Incident | None:
        """Write what follows from the status outside of it; None when all is tidy."""
        if (rest := cleanup(incident)) is not None:
            change = MetadataChange(
                remove_annotations=rest.annotations,
                set_annotations={HANDLED_ANNOTATION: str(rest.seq)},
            )
            return await self._world.incidents.change_metadata(incident, change)
        page: Page | None = page_due(incident, self._limits.page_at)
        if page is not None:
            await self._world.incidents.add_page(incident, page.name, page.spec)
            return await self._world.incidents.save_status(incident, paged(incident.status, page))
        if self._over(incident):
            change = MetadataChange(set_labels={CLOSED_LABEL: "true"})
            await self._world.incidents.change_metadata(incident, change)
        return None

    def _over(self, incident: Incident) -> bool:
        """Whether it is time for the label that ends the watch."""
        status = incident.status
        if status.outbox or not status.phase.ended:
            return False
        due = left_at(status)
        # Without a moment it is over at once only where nothing can be reopened.
        return self._clock() >= due if due else status.phase is Phase.CLOSED

    def _follow(self, ref: IncidentRef, incident: Incident, track: _Track) -> None:
        target = incident.target
        if track.followed != target:
            self._world.targets.follow(ref, target.kind, ref.namespace, target.name)
            track.followed = target
