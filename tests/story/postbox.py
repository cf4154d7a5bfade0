"""The channels of the story: they take every notice at once, except while one of them is down.

It outlives operators, as real channels do: a notice that was taken is known by its id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from incidentcommander.api.notices import Notice
from incidentcommander.observed.workloads import Delivery, IncidentRef
from tests.story.calendar import Calendar

__all__ = ["Postbox", "Taken"]

_AGAIN: Final = timedelta(minutes=1)
_DOWN: Final = "503 Service Unavailable"


@dataclass(frozen=True)
class Taken:
    """A notice that a channel has taken."""

    at: datetime
    channel: str
    notice: Notice


@dataclass
class Postbox:
    """Satisfies ``ports.Postman``."""

    calendar: Calendar
    taken: list[Taken] = field(default_factory=list)
    _down: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    _known: dict[tuple[str, str], Delivery] = field(default_factory=dict)

    def breaks(self, channel: str, begin: datetime, end: datetime) -> None:
        """Let a channel take nothing for a while."""
        self._down[channel] = (begin, end)

    @property
    def due(self) -> datetime | None:
        """When a channel is tried again that did not take something."""
        return min((d.at + _AGAIN for d in self._known.values() if d.problem), default=None)

    def post(self, _: IncidentRef, notices: Sequence[Notice]) -> None:
        """Deliver them, in order on each channel."""
        stuck = set[str]()
        for notice in notices:
            for channel in notice.channels:
                if channel not in stuck and not self._deliver(notice, channel):
                    stuck.add(channel)

    def deliveries(self, _: IncidentRef) -> Sequence[Delivery]:
        """Say what came of each."""
        return list(self._known.values())

    def forget(self, _: IncidentRef) -> None:
        """Nothing is under way beyond a call."""

    def _deliver(self, notice: Notice, channel: str) -> bool:
        key, now = (notice.id, channel), self.calendar.now
        before = self._known.get(key)
        if before is not None and not before.problem:
            return True
        if before is not None and now < before.at + _AGAIN:
            return False
        begin, end = self._down.get(channel, (now, now))
        if begin <= now < end:
            tries, since = (before.tries, before.since) if before else (0, now)
            self._known[key] = Delivery(notice.id, channel, now, _DOWN, tries + 1, since)
            return False
        self._known[key] = Delivery(notice.id, channel, now)
        self.taken.append(Taken(now, channel, notice))
        return True
