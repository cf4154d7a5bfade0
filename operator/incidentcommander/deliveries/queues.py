"""Lines of notices before channels: which one is next, and what a failure means for the others.

A line holds the notices of one Incident for one channel; only its first is ever tried. A channel
that fails several times in a row, for whichever Incidents, is tried by one of them at a time, and
its failures are those of all that wait: two hundred Incidents do not ask a dead channel two hundred
times. Nothing here does I/O or reads a clock; the postman calls it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ..api.notices import Notice
from ..observed.workloads import Delivery, IncidentRef, Sent
from .backoff import LONGEST, is_due, pause

__all__ = ["AT_ONCE", "TELLING", "Channel", "Letter", "Line"]

TELLING: Final = 3
"""Failed tries in a row after which people are told, and a channel counts as failing."""
AT_ONCE: Final = 4
"""Most deliveries under way to one channel that works."""


@dataclass(slots=True, eq=False)
class Letter:
    """One notice on its way to one channel."""

    notice: Notice
    tries: int = 0
    problem: str = ""
    since: datetime | None = None
    at: datetime | None = None
    due: datetime | None = None
    """When to try it again; None: as soon as may be."""
    done: frozenset[str] = frozenset()
    taken: bool = False
    refused: bool = False


@dataclass(slots=True, eq=False)
class Line:
    """The notices of one Incident for one channel, in their order."""

    ref: IncidentRef
    letters: list[Letter] = field(default_factory=list)
    under_way: bool = False

    @property
    def first(self) -> Letter | None:
        """The one that is next: it holds back those behind it."""
        return next((letter for letter in self.letters if not letter.taken), None)

    def hold(self, notices: Iterable[Notice]) -> bool:
        """Keep these and no others; say whether there are new ones."""
        known = {letter.notice.id: letter for letter in self.letters}
        self.letters = [known.get(n.id) or Letter(n) for n in notices]
        return any(letter.notice.id not in known for letter in self.letters)


@dataclass(slots=True, eq=False)
class Channel:
    """All lines before one channel, and how it does."""

    name: str
    lines: dict[IncidentRef, Line] = field(default_factory=dict)
    under_way: int = 0
    failures: int = 0
    """In a row, whichever Incidents they were of."""
    problem: str = ""
    since: datetime | None = None
    at: datetime | None = None
    due: datetime | None = None

    @property
    def failing(self) -> bool:
        """Whether it counts as dead until one delivery shows that it is not."""
        return self.failures >= TELLING

    @property
    def waiting(self) -> list[Line]:
        """Lines with something to deliver that is not under way."""
        return [line for line in self.lines.values() if not line.under_way and line.first]

    def ready(self, now: datetime) -> list[Line]:
        """Give the lines whose first letter is to be tried now, those tried longest ago first."""
        room = (1 if self.failures else AT_ONCE) - self.under_way
        if room <= 0 or (self.failing and not is_due(self.due, now)):
            return []
        due = [line for line in self.waiting if is_due(_first(line).due, now)]
        due.sort(key=lambda line: (_first(line).at is not None, _first(line).at or now))
        return due[:room]

    def next_due(self, now: datetime) -> datetime | None:
        """Say when to look again; None: not before something happens."""
        waiting = self.waiting
        if not waiting or self.under_way >= (1 if self.failures else AT_ONCE):
            return None
        soonest = min((_first(line).due or now) for line in waiting)
        due = max(soonest, self.due) if self.failing and self.due else soonest
        return min(due, now + LONGEST)

    def start(self, line: Line) -> Letter:
        """Take notice that the first letter of a line is under way."""
        line.under_way = True
        self.under_way += 1
        return _first(line)

    def end(self, line: Line, letter: Letter, sent: Sent, now: datetime, chance: float) -> None:
        """Take notice of what came of it."""
        line.under_way = False
        self.under_way -= 1
        letter.tries += 1
        letter.at = self.at = now
        letter.done = sent.done
        letter.problem = sent.problem
        if sent.refused:
            # That says nothing of the channel, which others use.
            letter.taken = letter.refused = True
        elif sent.problem:
            self._refused(letter, now, chance)
        else:
            self._took(letter)

    def _took(self, letter: Letter) -> None:
        letter.taken, letter.since, letter.due = True, None, None
        if self.failing:
            # It is back: what failed with it need not wait any longer.
            for line in self.waiting:
                _first(line).due = None
        self.failures, self.problem, self.since, self.due = 0, "", None, None

    def _refused(self, letter: Letter, now: datetime, chance: float) -> None:
        letter.since = letter.since or now
        letter.due = now + pause(letter.tries, chance)
        self.failures += 1
        self.problem = letter.problem
        self.since = self.since or now
        self.due = now + pause(self.failures, chance)

    def deliveries(self, line: Line) -> list[Delivery]:
        """Say what came of the letters of a line so far."""
        first = line.first
        tried = [letter for letter in line.letters if letter.tries]
        told = [self._delivery(letter) for letter in tried if letter is not first]
        if first is not None and self.failing and self.at is not None:
            # Tried or not: it waits for the channel.
            tries = max(first.tries, self.failures)
            since = min(t for t in (first.since, self.since, self.at) if t)
            told.append(Delivery(first.notice.id, self.name, self.at, self.problem, tries, since))
        elif first is not None and first.tries:
            told.append(self._delivery(first))
        return told

    def _delivery(self, letter: Letter) -> Delivery:
        assert letter.at is not None  # noqa: S101 - for the type checker
        return Delivery(
            letter.notice.id,
            self.name,
            letter.at,
            letter.problem,
            letter.tries,
            letter.since,
            letter.refused,
        )


def _first(line: Line) -> Letter:
    first = line.first
    assert first is not None  # noqa: S101 - for the type checker
    return first
