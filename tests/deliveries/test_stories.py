"""Whatever happens to channels and outboxes, everything arrives, once, in order."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from incidentcommander.api.notices import Notice
from incidentcommander.deliveries.queues import AT_ONCE
from incidentcommander.observed.workloads import IncidentRef
from tests.support.desk import Desk, Script, notice

CHANNELS = ("pager", "chat")
REFS = tuple(IncidentRef("shop", f"inc-{n}", f"uid-{n}") for n in range(6))

steps = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(REFS), st.sampled_from(["pager", "chat", "both"])),
    st.tuples(st.just("break"), st.sampled_from(CHANNELS), st.none()),
    st.tuples(st.just("mend"), st.sampled_from(CHANNELS), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 90), st.none()),
    st.tuples(st.just("record"), st.sampled_from(REFS), st.none()),
)


class Story:
    """Incidents whose outboxes are written and emptied as the operator does it."""

    def __init__(self) -> None:
        self.script = Script()
        self.desk = Desk(self.script)
        self.outboxes: dict[IncidentRef, list[Notice]] = {ref: [] for ref in REFS}
        self.written: dict[tuple[IncidentRef, str], list[str]] = {}
        self.number = 0

    async def step(self, what: str, whom: object, how: object) -> None:
        if isinstance(whom, IncidentRef) and what == "write":
            self.number += 1
            channels = CHANNELS if how == "both" else (str(how),)
            new = notice(self.number, *channels)
            self.outboxes[whom].append(new)
            for channel in channels:
                self.written.setdefault((whom, channel), []).append(new.id)
            await self.desk.post(*self.outboxes[whom], ref=whom)
        elif isinstance(whom, IncidentRef):
            await self.record(whom)
        elif what == "break":
            self.script.wrong[str(whom)] = "HTTP 503"
        elif what == "mend":
            self.script.wrong.pop(str(whom), None)
        elif isinstance(whom, int):
            await self.desk.later(whom)

    async def record(self, ref: IncidentRef) -> None:
        """Take out of the outbox what was taken, as the core does."""
        taken = {(d.notice, d.channel) for d in self.desk.postman.deliveries(ref) if not d.problem}
        left = [
            n.model_copy(update={"channels": [c for c in n.channels if (n.id, c) not in taken]})
            for n in self.outboxes[ref]
        ]
        self.outboxes[ref] = [n for n in left if n.channels]
        await self.desk.post(*self.outboxes[ref], ref=ref)


@settings(deadline=None)
@given(st.lists(steps, max_size=40))
def test_everything_arrives_once_and_in_order(story: list[tuple[str, object, object]]) -> None:
    async def play() -> Story:
        told = Story()
        for what, whom, how in story:
            await told.step(what, whom, how)
        told.script.wrong.clear()
        for _ in range(3):
            await told.desk.later(60)
        for ref in REFS:
            await told.record(ref)
        return told

    told = asyncio.run(play())

    for (ref, channel), ids in told.written.items():
        taken = [n for c, n in told.script.taken if c == channel and n in ids]
        assert taken == ids, ref
    assert not any(told.outboxes.values())
    assert told.desk.postman.channels == ()
    assert told.script.most_at_once <= AT_ONCE * len(CHANNELS)
