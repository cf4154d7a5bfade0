"""Who may send through which channel, and how much: an author's policy chooses only what serves it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from incidentcommander.api.notices import Audience, Notice, NoticeKind
from incidentcommander.deliveries.pace import Pace
from incidentcommander.deliveries.serving import Serving
from incidentcommander.gateways.channels.apprise import Notifier
from incidentcommander.gateways.kubernetes.library import KubernetesLibrary
from incidentcommander.main import _postman
from incidentcommander.observed.workloads import IncidentRef, Sent
from incidentcommander.settings import Settings
from tests.support.desk import NOW, Desk, Script, notice

HOME = "ops"
INTERNAL, EXTERNAL, EXECUTIVE = Audience.INTERNAL, Audience.EXTERNAL, Audience.EXECUTIVE


def letter(origin: str | None, audience: Audience = INTERNAL, number: int = 1) -> Notice:
    return notice(number).model_copy(update={"policy_namespace": origin, "audience": audience})


@pytest.mark.parametrize(
    ("who", "origin", "audience", "listed", "outward", "words"),
    [
        ("the operator's policy reaches the board", HOME, EXECUTIVE, None, True, ""),
        ("also what lists others", HOME, EXTERNAL, ("shop",), False, ""),
        ("an author's policy reaches a team", "other", INTERNAL, None, False, ""),
        (
            "an author names the status page",
            "other",
            EXTERNAL,
            None,
            False,
            "only policies of namespace ops",
        ),
        (
            "an author names the board",
            "other",
            EXECUTIVE,
            None,
            False,
            "only policies of namespace ops",
        ),
        (
            "an author calls the board internal",
            "other",
            INTERNAL,
            None,
            True,
            "outsiders or executives",
        ),
        ("an author's namespace is listed", "shop", EXTERNAL, ("shop",), True, ""),
        (
            "an author's namespace is not listed",
            "other",
            INTERNAL,
            ("shop",),
            False,
            "other namespaces",
        ),
        ("every namespace is listed", "other", EXTERNAL, ("*",), True, ""),
        (
            "a notice of an older operator",
            None,
            EXTERNAL,
            None,
            False,
            "a policy that is not known",
        ),
        (
            "of an older one to a channel that lists",
            None,
            INTERNAL,
            ("shop",),
            False,
            "other namespaces",
        ),
        ("of an older one to a team", None, INTERNAL, None, False, ""),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_whom_a_channel_serves(
    who: str,
    origin: str | None,
    audience: Audience,
    listed: Collection[str] | None,
    outward: bool,  # noqa: FBT001 -- a column of the table
    words: str,
) -> None:
    refusal = Serving("page", HOME, listed, outward).refusal(letter(origin, audience))
    assert (words in refusal) if words else (refusal == ""), who


class Secret:
    """In place of the one in the cluster: the board's channel lists nobody."""

    asked = 0

    async def namespaces(self, channel: str) -> None:
        assert channel == "board"

    async def urls(self, channel: str) -> tuple[str, ...]:
        self.asked += 1
        raise AssertionError(channel)


async def test_an_author_names_the_board_and_no_address_is_even_read() -> None:
    secret = Secret()
    notifier = Notifier(secret, home=HOME, outward=lambda: {"board"})  # type: ignore[arg-type]

    sent = await notifier.send("board", letter("other"), frozenset())

    assert sent.refused
    assert secret.asked == 0


class Listing(Secret):
    """Its key of the channel lists namespace shop; it has no URL."""

    @override
    async def namespaces(self, channel: str) -> frozenset[str]:  # type: ignore[override]
        return frozenset({"shop"})

    @override
    async def urls(self, channel: str) -> tuple[str, ...]:
        self.asked += 1
        return ()


async def test_an_author_names_a_channel_that_lists_other_namespaces_than_his() -> None:
    secret = Listing()
    notifier = Notifier(secret, home=HOME, outward=tuple)  # type: ignore[arg-type]

    sent = await notifier.send("page", letter("other"), frozenset())
    assert sent.refused
    assert "other namespaces" in sent.problem
    assert secret.asked == 0

    sent = await notifier.send("page", letter("shop", EXTERNAL), frozenset())
    assert not sent.refused
    assert secret.asked == 1


def written(namespace: str, **channels: Audience) -> dict[str, Any]:
    """A policy that names these channels, each for that audience."""
    named = [{"name": name, "audience": str(audience)} for name, audience in channels.items()]
    meta = {"namespace": namespace, "name": "default", "uid": namespace, "generation": 1}
    return {"metadata": meta, "spec": {"channels": named}}


def test_an_authors_policy_makes_no_channel_one_for_outsiders() -> None:
    """Else he could take a team's channel from everybody, by calling it External."""
    library = KubernetesLibrary(None, (), lambda: None, lambda: NOW)  # type: ignore[arg-type]
    ours = written(HOME, board=EXECUTIVE, page=EXTERNAL, team=INTERNAL)
    library._policies[0].replace([ours, written("other", pager=EXTERNAL)])

    assert library.outward(HOME) == {"board", "page"}


async def test_the_operators_own_postman_asks_whom_a_channel_serves_and_counts_what_is_sent() -> (
    None
):
    library = KubernetesLibrary(None, (), lambda: None, lambda: NOW)  # type: ignore[arg-type]
    library._policies[0].replace([written(HOME, board=EXECUTIVE)])
    settings = Settings(namespace=HOME, notices_per_hour=1)
    postman = _postman(None, settings, lambda _: None, library)  # type: ignore[arg-type]

    carrier: Any = postman._carrier
    assert (carrier._home, set(carrier._outward())) == (HOME, {"board"})
    postman._pace.count("other", NOW)
    assert postman._pace.free_at("other", NoticeKind.UPDATE, NOW) == NOW + timedelta(hours=1)


class Refusing(Script):
    """A carrier for which the channel does not serve the Incidents of namespace other."""

    @override
    async def send(self, channel: str, notice: Notice, done: frozenset[str]) -> Sent:
        if notice.policy_namespace == "other":
            self.tried.append((channel, notice.id))
            return Sent("it is not for you", done, refused=True)
        return await super().send(channel, notice, done)


async def test_what_is_refused_is_not_tried_again_and_the_channel_works_on_for_others() -> None:
    script = Refusing()
    desk, theirs = Desk(script), IncidentRef("other", "decoy", "uid-9")
    for number in range(1, 7):
        await desk.post(*(letter("other", number=n) for n in range(1, number + 1)), ref=theirs)
    await desk.post(letter("shop", number=7))
    await desk.later(120)

    assert len([one for one in script.tried if one[1] != letter("shop", number=7).id]) == 6
    assert script.taken == [("pager", letter("shop", number=7).id)]
    assert all(d.refused and d.problem for d in desk.told(theirs).values())
    assert desk.postman.failing == {}
    assert theirs in desk.woken


def test_a_namespace_sends_so_many_an_hour_and_keeps_room_for_calls() -> None:
    pace = Pace(8)
    for minute in range(6):
        assert pace.free_at("shop", NoticeKind.UPDATE, NOW + timedelta(minutes=minute)) is None
        pace.count("shop", NOW + timedelta(minutes=minute))
    later = NOW + timedelta(minutes=10)

    assert pace.free_at("shop", NoticeKind.UPDATE, later) == NOW + timedelta(hours=1)
    for urgent in (NoticeKind.ESCALATION, NoticeKind.FIRST):
        assert pace.free_at("shop", urgent, later) is None
    assert pace.free_at("bank", NoticeKind.UPDATE, later) is None
    assert pace.free_at("shop", NoticeKind.UPDATE, NOW + timedelta(hours=1)) is None
    assert Pace(0).free_at("shop", NoticeKind.UPDATE, later) is None


def test_calls_beyond_the_room_of_updates_keep_updates_waiting_for_as_many_to_pass() -> None:
    pace = Pace(8)
    for minute in range(8):
        pace.count("shop", NOW + timedelta(minutes=minute))

    free = pace.free_at("shop", NoticeKind.UPDATE, NOW + timedelta(minutes=10))
    assert free == NOW + timedelta(hours=1, minutes=2)
    assert pace.free_at("shop", NoticeKind.UPDATE, free) is None


async def test_ed_floods_a_channel_and_others_are_heard_while_his_wait_in_order() -> None:
    script = Script()
    desk = Desk(script)
    desk.postman._pace = Pace(4)
    eds = IncidentRef("other", "flood", "uid-9")
    flood = [letter("other", number=n) for n in range(1, 9)]
    await desk.post(*flood, ref=eds)
    await desk.post(letter("shop", number=99))
    taken = [name for _, name in script.taken]

    assert taken == [*(n.id for n in flood[:3]), letter("shop", number=99).id]
    for _ in range(5):
        await desk.later(3600)
    assert [name for _, name in script.taken if name != taken[3]] == [n.id for n in flood]


async def test_what_a_channel_does_not_take_is_tried_again_without_being_counted_again() -> None:
    script = Script(wrong={"pager": "no answer"})
    desk = Desk(script)
    desk.postman._pace = Pace(2)
    await desk.post(letter("shop", number=1))
    for _ in range(3):
        await desk.later(300)
    assert len(script.tried) > 2

    script.wrong.clear()
    await desk.later(600)
    await desk.post(letter("shop", number=1), letter("shop", number=2))

    assert [name for _, name in script.taken] == [letter("shop", number=n).id for n in (1, 2)]
