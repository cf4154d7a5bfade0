"""A postman at work without a world: time is told, deliveries are scripted or real."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from incidentcommander.api.notices import Audience, Notice, NoticeKind
from incidentcommander.deliveries.dispatcher import LocalPostman
from incidentcommander.observed.workloads import Delivery, IncidentRef, Sent
from incidentcommander.ports import Carrier

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
REF = IncidentRef("shop", "checkout-5xx", "uid-1")


def notice(
    number: int = 1, *channels: str, kind: NoticeKind = NoticeKind.UPDATE, text: str = ""
) -> Notice:
    """The notice of that number."""
    return Notice(
        id=f"checkout-5xx-{number:04}",
        kind=kind,
        audience=Audience.INTERNAL,
        subject="[SEV2] Checkout returns 5xx",
        text=text or "STATUS: Diagnosing | IMPACT: <b>30 %</b> & more\nNEXT UPDATE: 08:45 UTC",
        at=NOW,
        channels=list(channels or ("pager",)),
    )


@dataclass
class Script:
    """A carrier that does what it is told, and notes what it carried."""

    wrong: dict[str, str] = field(default_factory=dict)
    """Problem by channel, or by the id of a notice."""
    hold: dict[str, asyncio.Event] = field(default_factory=dict)
    """Channels that answer only once their event is set."""
    tried: list[tuple[str, str]] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def send(self, channel: str, notice: Notice, done: frozenset[str]) -> Sent:
        self.tried.append((channel, notice.id))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if channel in self.hold:
                await self.hold[channel].wait()
            else:
                await asyncio.sleep(0)
        finally:
            self.at_once -= 1
        problem = self.wrong.get(channel) or self.wrong.get(notice.id) or ""
        if not problem:
            self.taken.append((channel, notice.id))
        return Sent(problem, done)


class Desk:
    """One postman, a clock that stands still until it is told, and who was woken."""

    def __init__(self, carrier: Carrier, chance: Callable[[], float] = lambda: 0.5) -> None:
        self.now = NOW
        self.woken: list[IncidentRef] = []
        self.postman = LocalPostman(carrier, self.woken.append, lambda: self.now, chance)

    async def settle(self) -> None:
        """Let what is under way end."""
        while self.postman._under_way:
            await asyncio.wait(self.postman._under_way)

    async def post(self, *notices: Notice, ref: IncidentRef = REF) -> None:
        """Post an outbox and let it go as far as it goes."""
        self.postman.post(ref, notices)
        await self.settle()

    async def later(self, seconds: float = 1) -> None:
        """Let time pass, and do what has fallen due."""
        self.now += timedelta(seconds=seconds)
        self.postman.look()
        await self.settle()

    def told(self, ref: IncidentRef = REF) -> dict[tuple[str, str], Delivery]:
        """What the Incident would see, by channel and notice."""
        return {(d.channel, d.notice): d for d in self.postman.deliveries(ref)}
