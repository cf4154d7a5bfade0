"""Every notice arrives, in order, however long its channel is away; and nobody else waits for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import pytest
from typing_extensions import override

from incidentcommander.api.notices import Notice
from incidentcommander.deliveries.queues import AT_ONCE, TELLING
from incidentcommander.observed.workloads import Delivery, IncidentRef, Sent
from tests.support.desk import NOW, REF, Desk, Script, notice

PAGER, CHAT = "pager", "chat"
ONE, TWO, THREE = (f"checkout-5xx-{n:04}" for n in (1, 2, 3))
DOWN: Final = "HTTP 503 from pager.example"


def refs(count: int) -> list[IncidentRef]:
    return [IncidentRef("shop", f"inc-{n:03}", f"uid-{n}") for n in range(count)]


async def test_a_notice_is_taken_once_and_its_incident_is_woken() -> None:
    script = Script()
    desk = Desk(script)

    await desk.post(notice(1, PAGER, CHAT))

    assert script.taken == [(PAGER, ONE), (CHAT, ONE)]
    assert desk.told() == {
        (PAGER, ONE): Delivery(ONE, PAGER, NOW),
        (CHAT, ONE): Delivery(ONE, CHAT, NOW),
    }
    assert desk.woken == [REF, REF]


async def test_posting_the_same_again_and_again_sends_nothing_again() -> None:
    script = Script()
    desk = Desk(script)

    for _ in range(50):
        await desk.post(notice(1), notice(2))
        await desk.later()

    assert script.tried == [(PAGER, ONE), (PAGER, TWO)]


async def test_what_the_outbox_holds_no_longer_is_forgotten() -> None:
    desk = Desk(Script())
    await desk.post(notice(1, PAGER, CHAT))

    await desk.post(notice(1, CHAT))
    assert set(desk.told()) == {(CHAT, ONE)}
    await desk.post()

    assert desk.told() == {}
    assert desk.postman.channels == ()
    assert not desk.postman._posted
    assert len(desk.postman.schedule) == 0


async def test_a_failing_notice_holds_back_those_behind_it_on_its_channel_and_nothing_else() -> (
    None
):
    script = Script(wrong={ONE: "HTTP 400 from pager.example"})
    desk = Desk(script)
    other = refs(1)[0]

    desk.postman.post(REF, [notice(1, PAGER), notice(2, PAGER, CHAT)])
    await desk.post(notice(3, PAGER), ref=other)
    await desk.later(2)

    assert (CHAT, TWO) in script.taken
    assert (PAGER, THREE) in script.taken
    assert (PAGER, TWO) not in script.tried
    script.wrong.clear()
    await desk.later(60)
    assert [n for c, n in script.taken if c == PAGER] == [THREE, ONE, TWO]


async def test_ten_minutes_without_the_channel_lose_nothing_and_keep_the_order() -> None:
    script = Script(wrong={PAGER: DOWN})
    desk = Desk(script)
    outbox: list[Notice] = []
    for second in range(600):
        if second % 200 == 0:
            outbox.append(notice(len(outbox) + 1, PAGER, CHAT))
            await desk.post(*outbox)
        await desk.later()

    assert script.taken == [(CHAT, ONE), (CHAT, TWO), (CHAT, THREE)]
    # 2, 4, 8, 16, 32 and then 60 seconds, shortened by chance to three quarters.
    assert len([c for c, _ in script.tried if c == PAGER]) == 18
    told = desk.told()[PAGER, ONE]
    assert (told.problem, told.since) == (DOWN, NOW)
    assert told.tries == 18
    script.wrong.clear()
    await desk.later(60)
    assert [n for c, n in script.taken if c == PAGER] == [ONE, TWO, THREE]


async def test_two_hundred_incidents_do_not_hammer_a_dead_channel_and_all_are_told() -> None:
    script = Script(wrong={PAGER: DOWN})
    desk = Desk(script)
    incidents = refs(200)
    for ref in incidents:
        desk.postman.post(ref, [notice(1, PAGER, CHAT)])
    await desk.settle()

    for _ in range(600):
        await desk.later()

    assert len([c for c, _ in script.tried if c == CHAT]) == 200
    assert len([c for c, _ in script.tried if c == PAGER]) < 30
    for ref in incidents:
        told = desk.told(ref)[PAGER, ONE]
        assert (told.problem, told.since) == (DOWN, NOW)
        assert told.tries >= TELLING
        assert ref in desk.woken
    script.wrong.clear()
    await desk.later(60)
    assert len([c for c, _ in script.taken if c == PAGER]) == 200
    assert script.most_at_once <= 2 * AT_ONCE


async def test_a_new_incident_learns_at_once_that_the_channel_fails() -> None:
    script = Script(wrong={PAGER: DOWN})
    desk = Desk(script)
    await desk.post(notice(1))
    for _ in range(30):
        await desk.later()
    tried, late = len(script.tried), refs(1)[0]
    desk.woken.clear()

    await desk.post(notice(2), ref=late)

    assert len(script.tried) == tried
    assert desk.woken == [late]
    assert desk.told(late)[PAGER, TWO].problem == DOWN


async def test_the_third_failure_in_a_row_wakes_and_the_first_two_do_not() -> None:
    script = Script(wrong={PAGER: DOWN})
    desk = Desk(script)

    await desk.post(notice(1))
    await desk.later(2)
    assert desk.woken == []
    await desk.later(4)

    assert desk.woken
    assert set(desk.woken) == {REF}
    desk.woken.clear()
    await desk.later(60)
    await desk.later(60)
    assert desk.woken == []
    script.wrong.clear()
    await desk.later(60)
    assert desk.woken == [REF]
    assert desk.told()[PAGER, ONE].problem == ""


async def test_a_channel_that_hangs_holds_up_nobody_else() -> None:
    script = Script(hold={PAGER: asyncio.Event()})
    desk = Desk(script)
    for ref in refs(20):
        desk.postman.post(ref, [notice(1, PAGER, CHAT)])
    for _ in range(100):
        await asyncio.sleep(0)  # a turn of the event loop, no time

    assert len([c for c, _ in script.taken if c == CHAT]) == 20
    assert len([c for c, _ in script.tried if c == PAGER]) == AT_ONCE
    script.hold[PAGER].set()
    await desk.settle()
    assert len([c for c, _ in script.taken if c == PAGER]) == 20


async def test_a_notice_that_was_given_up_while_it_was_under_way_is_not_overtaken() -> None:
    script = Script(hold={PAGER: asyncio.Event()})
    desk = Desk(script)
    desk.postman.post(REF, [notice(1)])
    await asyncio.sleep(0)
    desk.postman.post(REF, [])

    desk.postman.post(REF, [notice(2)])
    await asyncio.sleep(0)
    assert script.tried == [(PAGER, ONE)]
    script.hold[PAGER].set()
    await desk.settle()

    assert script.taken == [(PAGER, ONE), (PAGER, TWO)]
    assert set(desk.told()) == {(PAGER, TWO)}


async def test_of_several_addresses_only_those_that_failed_are_tried_again() -> None:
    class Partly(Script):
        @override
        async def send(self, channel: str, notice: Notice, done: frozenset[str]) -> Sent:
            self.tried.append((notice.id, ",".join(sorted(done))))
            return Sent("" if done else DOWN, done | {"first"})

    script = Partly()
    desk = Desk(script)

    await desk.post(notice(1))
    await desk.later(60)

    assert script.tried == [(ONE, ""), (ONE, "first")]


async def test_after_a_crash_the_whole_outbox_is_sent_with_the_same_ids() -> None:
    script = Script()
    await Desk(script).post(notice(1), notice(2))

    await Desk(script).post(notice(1), notice(2))

    assert script.taken == [(PAGER, ONE), (PAGER, TWO)] * 2


async def test_a_bug_of_the_carrier_is_a_failure_like_any_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Script):
        @override
        async def send(self, channel: str, notice: Notice, done: frozenset[str]) -> Sent:
            if not self.tried:
                self.tried.append((channel, notice.id))
                raise ZeroDivisionError
            return await super().send(channel, notice, done)

    desk = Desk(Broken())

    await desk.post(notice(1))
    assert "see the operator's log" in desk.told()[PAGER, ONE].problem
    await desk.later(60)

    assert desk.told()[PAGER, ONE].problem == ""
    assert "a bug shows" in caplog.text


async def test_at_the_end_what_is_under_way_gets_a_moment_and_nothing_else_begins() -> None:
    script = Script(hold={PAGER: asyncio.Event(), CHAT: asyncio.Event()})
    desk = Desk(script)
    desk.postman.post(REF, [notice(1, PAGER, CHAT), notice(2, PAGER)])
    await asyncio.sleep(0)

    script.hold[PAGER].set()
    await desk.postman.drain(within=0.05)
    desk.postman.post(REF, [notice(3, PAGER)])

    assert script.taken == [(PAGER, ONE)]
    assert (PAGER, THREE) not in script.tried
    assert not desk.postman._under_way


async def test_a_clock_that_is_set_back_delays_nothing_for_long() -> None:
    script = Script(wrong={PAGER: DOWN})
    desk = Desk(script)
    await desk.post(notice(1))
    script.wrong.clear()

    desk.now -= timedelta(hours=5)
    await desk.later()

    assert script.taken == [(PAGER, ONE)]


async def test_a_later_try_is_waited_for_by_the_schedule() -> None:
    script = Script(wrong={PAGER: DOWN})
    desk = Desk(script)

    await desk.post(notice(1))

    due, _ = desk.postman.schedule._due[PAGER]
    assert due == NOW + timedelta(seconds=1.5)
