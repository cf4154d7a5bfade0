"""The postman: carries what stands in the outboxes of Incidents to their channels, at least once.

The runner posts a whole outbox at every turn and asks what came of it; neither ever waits. What is
on its way lives in memory alone: an outbox stands in the status until its channels have taken it,
and after a crash it is posted again. ``lines`` says what is tried when, the carrier does it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from ..api.notices import Notice
from ..observed.workloads import Delivery, IncidentRef, Sent
from ..ports import Carrier
from ..schedule import Schedule
from .backoff import LONGEST
from .pace import Pace
from .queues import TELLING, Channel, Letter, Line

__all__ = ["LocalPostman"]

_LOG = logging.getLogger(__name__)
_MOST_NAMED: Final = 64
"""Channels that are counted by name: a policy may name what it likes."""
_Posted = tuple[tuple[str, tuple[str, ...]], ...]


class LocalPostman:
    """Satisfies ``ports.Postman``.

    Parameters
    ----------
    carrier
        Sends single notices.
    wake
        Called with an Incident that has to look at its deliveries; must not block.
    clock
        The current time.
    chance
        Gives numbers from 0 up to 1, for waits of different lengths.
    pace
        How many notices an hour a namespace may send. Default: as many as there are.
    """

    def __init__(
        self,
        carrier: Carrier,
        wake: Callable[[IncidentRef], None],
        clock: Callable[[], datetime],
        chance: Callable[[], float],
        pace: Pace | None = None,
    ) -> None:
        self._pace = pace or Pace(0)
        self._slowed: set[str] = set()
        self._carrier = carrier
        self._wake = wake
        self._clock = clock
        self._chance = chance
        self._posted: dict[IncidentRef, _Posted] = {}
        self._channels: dict[str, Channel] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._ending = False
        self.outcomes: Final[Counter[tuple[str, str]]] = Counter()
        """Tries so far, by channel and whether it was ``taken`` or ``refused``."""
        self.schedule: Final[Schedule[str]] = Schedule(self._look, clock)
        """Later tries. Its ``run`` belongs beside the runner's."""

    # --- ports.Postman ---------------------------------------------------------------------------

    def post(self, ref: IncidentRef, notices: Sequence[Notice]) -> None:
        """Deliver these, in this order on each channel; what is not among them is dropped."""
        posted = tuple((notice.id, tuple(notice.channels)) for notice in notices)
        before = self._posted.get(ref, ())
        if posted == before:
            return
        if posted:
            self._posted[ref] = posted
        else:
            del self._posted[ref]
        for name in dict.fromkeys(c for _, channels in (*before, *posted) for c in channels):
            self._hold(ref, name, [n for n in notices if name in n.channels])

    def deliveries(self, ref: IncidentRef) -> Sequence[Delivery]:
        """Say what came of them so far: for each notice and channel the newest."""
        posted = self._posted.get(ref)
        if not posted:
            return ()
        found: list[Delivery] = []
        for name in dict.fromkeys(c for _, channels in posted for c in channels):
            channel = self._channels[name]
            found.extend(channel.deliveries(channel.lines[ref]))
        return found

    def forget(self, ref: IncidentRef) -> None:
        """Deliver nothing more for it."""
        self.post(ref, ())

    # --- life ------------------------------------------------------------------------------------

    @property
    def channels(self) -> Sequence[Channel]:
        """Channels that something is posted to now."""
        return tuple(self._channels.values())

    @property
    def failing(self) -> Mapping[tuple[str], bool]:
        """Whether each channel that something waits for counts as failing."""
        return {
            (c.name,): c.failing for c in self.channels[:_MOST_NAMED] if c.under_way or c.waiting
        }

    def look(self) -> None:
        """Begin every delivery whose time has come."""
        for name in tuple(self._channels):
            self._look(name)

    async def drain(self, within: float) -> None:
        """Begin no more, and give what is under way that many seconds."""
        self._ending = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=within)
        for task in tuple(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    # --- inside ----------------------------------------------------------------------------------

    def _hold(self, ref: IncidentRef, name: str, notices: list[Notice]) -> None:
        if not notices:
            self._drop(ref, name)
            return
        channel = self._channels.setdefault(name, Channel(name))
        line = channel.lines.setdefault(ref, Line(ref))
        if line.hold(notices):
            if channel.failing:
                # People of this Incident do not know yet.
                self._wake(ref)
            self._look(name)

    def _drop(self, ref: IncidentRef, name: str) -> None:
        channel = self._channels.get(name)
        if channel is None:
            return
        line = channel.lines.get(ref)
        if line is not None:
            line.letters = []
            self._sweep(channel, line)

    def _look(self, name: str) -> None:
        channel = self._channels.get(name)
        if channel is None or self._ending:
            return
        now = self._clock()
        # Each pass begins a delivery or puts one off: it ends.
        while ready := channel.ready(now):
            for line in ready:
                if not self._put_off(line, now):
                    self._start(channel, line)
        self.schedule.at(name, channel.next_due(now))

    def _put_off(self, line: Line, now: datetime) -> bool:
        """Let a notice wait where its namespace has sent as many as it may; say whether it does."""
        letter, namespace = line.first, line.ref.namespace
        if letter is None or letter.tries:
            return False
        free = self._pace.free_at(namespace, letter.notice.kind, now)
        # No wait is longer than any other: one that is was set by another clock.
        letter.due = None if free is None else min(free, now + LONGEST)
        if free is None:
            self._slowed.discard(namespace)
            self._pace.count(namespace, now)
            return False
        if namespace not in self._slowed:
            self._slowed.add(namespace)
            _LOG.warning(
                "namespace %s has sent as many notices as it may in an hour: the others wait, the "
                "first until %s (INCIDENT_COMMANDER_NOTICES_PER_HOUR)",
                namespace,
                f"{free:%H:%M:%S} UTC",
            )
        return True

    def _start(self, channel: Channel, line: Line) -> None:
        letter = channel.start(line)
        task = asyncio.create_task(self._carry(channel, line, letter), name=f"to {channel.name}")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _carry(self, channel: Channel, line: Line, letter: Letter) -> None:
        try:
            sent = await self._carrier.send(channel.name, letter.notice, letter.done)
        except Exception:  # noqa: BLE001 - a bug must not end the deliveries of the channel
            _LOG.exception(
                "a bug shows at a delivery to channel %s; it is tried again", channel.name
            )
            sent = Sent("the delivery failed: see the operator's log", letter.done)
        self._count(channel.name, "refused" if sent.problem else "taken")
        failed, was_failing = channel.failures, channel.failing
        channel.end(line, letter, sent, self._clock(), self._chance())
        self._say(channel, failed)
        if letter.taken or letter.tries == TELLING:
            self._wake(line.ref)
        if channel.failing != was_failing:
            for waiting in channel.waiting:
                self._wake(waiting.ref)
        self._sweep(channel, line)
        self._look(channel.name)

    def _count(self, name: str, outcome: str) -> None:
        known = len(self.outcomes) < 2 * _MOST_NAMED or (name, outcome) in self.outcomes
        self.outcomes[name if known else "(other)", outcome] += 1

    def _sweep(self, channel: Channel, line: Line) -> None:
        """Keep nothing that nothing is posted to any more."""
        if not line.letters and not line.under_way:
            channel.lines.pop(line.ref, None)
        if not channel.lines:
            self._channels.pop(channel.name, None)
            self.schedule.at(channel.name, None)

    @staticmethod
    def _say(channel: Channel, failed: int) -> None:
        if channel.failures and not failed:
            _LOG.warning("channel %s: %s; trying again", channel.name, channel.problem)
        elif failed and not channel.failures:
            _LOG.info("channel %s takes notices again", channel.name)
