"""The postman with real servers that are away, hang or stumble. Minutes pass on the clock alone."""

from __future__ import annotations

import asyncio
import json

from incidentcommander.api.notices import Notice
from incidentcommander.gateways.channels.apprise import Notifier
from incidentcommander.gateways.channels.urls import ChannelError
from incidentcommander.observed.workloads import IncidentRef
from tests.support.desk import NOW, REF, Desk, notice
from tests.support.sinks import HttpSink, MailSink

OTHER = IncidentRef("bank", "transfers-slow", "uid-2")


class Secret:
    """In place of the one in the cluster."""

    def __init__(self, **channels: str) -> None:
        self.channels = channels

    async def namespaces(self, channel: str) -> None:
        """Nothing is said."""

    async def urls(self, channel: str) -> tuple[str, ...]:
        if channel not in self.channels:
            raise ChannelError(f"the Secret ops/channels has no key {channel}")
        return (self.channels[channel],)


def desk_for(**channels: str) -> tuple[Desk, Secret]:
    secret = Secret(**channels)
    return Desk(Notifier(secret, home="ops", outward=tuple)), secret  # type: ignore[arg-type]


def ids(sink: HttpSink) -> list[str]:
    return [json.loads(p.body)["id"] for p in sink.got]


async def test_ten_minutes_away_and_then_everything_in_order(
    http: HttpSink, mail: MailSink
) -> None:
    to = f"mailto://127.0.0.1:{mail.port}/?from=ic@shop.example&to=oncall@shop.example"
    desk, _ = desk_for(pager=f"json://{http.host}/", mail=to)
    http.stop()
    outbox: list[Notice] = []
    for second in range(600):
        if second % 200 == 0:
            outbox.append(notice(len(outbox) + 1, "pager", "mail"))
            await desk.post(*outbox)
        await desk.later()

    # Mail went on all the while, and the pager's problem is told.
    assert len(mail.got) == 3
    told = desk.told()["pager", "checkout-5xx-0001"]
    assert told.problem == f"cannot connect to {http.host}: Connection refused"
    assert told.since == NOW
    http.start()
    await desk.later(60)

    assert ids(http) == [f"checkout-5xx-{n:04}" for n in (1, 2, 3)]
    assert {d.problem for d in desk.told().values()} == {""}
    assert len(mail.got) == 3


async def test_500_and_then_200(http: HttpSink) -> None:
    http.codes = [500, 500, 200, 200]
    desk, _ = desk_for(pager=f"json://{http.host}/")

    await desk.post(notice(1), notice(2))
    for _ in range(20):
        await desk.later()

    assert ids(http) == ["checkout-5xx-0001"] * 3 + ["checkout-5xx-0002"]
    assert desk.told()["pager", "checkout-5xx-0001"].tries == 3


async def test_a_hanging_server_holds_up_its_own_channel_alone(http: HttpSink) -> None:
    good = HttpSink()
    good.start()
    http.hold.clear()
    desk, _ = desk_for(pager=f"json://{http.host}/", chat=f"json://{good.host}/")

    desk.postman.post(REF, [notice(1, "pager", "chat"), notice(2, "pager", "chat")])
    desk.postman.post(OTHER, [notice(3, "pager", "chat")])
    async with asyncio.timeout(60):
        while len(good.got) < 3:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)

    assert sorted(ids(good)) == [f"checkout-5xx-{n:04}" for n in (1, 2, 3)]
    assert ("pager", "checkout-5xx-0001") not in desk.told()
    http.hold.set()
    await desk.settle()
    assert sorted(ids(http)) == sorted(ids(good))
    good.stop()


async def test_a_redirect_is_told_and_leads_nowhere(http: HttpSink) -> None:
    http.codes = [302]
    desk, _ = desk_for(pager=f"json://{http.host}/")

    await desk.post(notice(1))
    assert "HTTP 302" in desk.told()["pager", "checkout-5xx-0001"].problem
    await desk.later(60)

    assert [p.path for p in http.got] == ["/", "/"]
    assert desk.told()["pager", "checkout-5xx-0001"].problem == ""


async def test_a_crash_between_delivery_and_record_sends_the_same_again(http: HttpSink) -> None:
    url = f"json://{http.host}/"
    before, _ = desk_for(pager=url)
    await before.post(notice(1))
    after, _ = desk_for(pager=url)

    # The status still holds it: nobody wrote down that it was taken.
    await after.post(notice(1))

    first, second = http.got
    assert first == second
    assert first.headers["Idempotency-Key"] == json.loads(first.body)["id"] == "checkout-5xx-0001"


async def test_a_secret_that_is_mended_serves_without_a_restart(http: HttpSink) -> None:
    desk, secret = desk_for()

    await desk.post(notice(1))
    assert desk.told()["pager", "checkout-5xx-0001"].problem == (
        "the Secret ops/channels has no key pager"
    )
    secret.channels["pager"] = f"json://{http.host}/"
    await desk.later(60)

    assert ids(http) == ["checkout-5xx-0001"]


async def test_many_incidents_at_once_reach_one_server(http: HttpSink) -> None:
    desk, _ = desk_for(pager=f"json://{http.host}/")
    refs = [IncidentRef("shop", f"inc-{n}", f"uid-{n}") for n in range(40)]
    for number, ref in enumerate(refs):
        desk.postman.post(ref, [notice(number)])

    await asyncio.wait_for(desk.settle(), 60)

    assert sorted(ids(http)) == [f"checkout-5xx-{n:04}" for n in range(40)]
