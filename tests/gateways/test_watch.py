"""Watches come back by themselves, and targets wake whoever follows them, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from incidentcommander.api.common import TargetKind
from incidentcommander.gateways.kubernetes.client import Client
from incidentcommander.gateways.kubernetes.paths import path_of
from incidentcommander.gateways.kubernetes.targets import TargetWatches
from incidentcommander.gateways.kubernetes.watch import Watch
from incidentcommander.observed.workloads import IncidentRef
from incidentcommander.settings import Settings
from tests.gateways.conftest import running
from tests.gateways.test_observer import workload
from tests.support.api import Api
from tests.support.objects import incident

ONE, TWO = IncidentRef("shop", "one", "1"), IncidentRef("shop", "two", "2")


async def until(good: Callable[[], bool], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not good():  # noqa: ASYNC110 - it looks at others' state
            await asyncio.sleep(0.02)


class Seen:
    """What a watch told."""

    def __init__(self, client: Client, namespace: str, **over: Any) -> None:
        self.lists: list[Sequence[Any]] = []
        self.events: list[tuple[str, str]] = []
        self.watch = Watch(
            client, path_of("incidents", namespace), self.listed, self.changed, **over
        )

    def listed(self, items: Sequence[Any]) -> None:
        self.lists.append([item["metadata"]["name"] for item in items])

    def changed(self, kind: str, item: Any) -> None:
        self.events.append((kind, item["metadata"]["name"]))


@pytest.fixture
async def seen(client: Client, namespace: str) -> AsyncIterator[Seen]:
    seen = Seen(client, namespace)
    async with running(seen.watch.run()):
        await until(lambda: bool(seen.lists))
        yield seen


async def test_what_happens_after_the_list_is_told(seen: Seen, api: Api, namespace: str) -> None:
    assert seen.lists == [[]]
    api.create("incidents", incident(namespace, "a")).expect_ok()
    api.merge("incidents", "a", {"metadata": {"labels": {"x": "y"}}}, namespace).expect_ok()
    api.delete("incidents", "a", namespace)

    await until(lambda: len(seen.events) == 3)

    assert seen.events == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


async def test_a_version_that_is_too_old_is_listed_again(
    client: Client, api: Api, namespace: str
) -> None:
    api.create("incidents", incident(namespace, "a")).expect_ok()
    seen = Seen(client, namespace)
    seen.watch._version = "1"

    async with running(seen.watch.run()):
        await until(lambda: seen.lists == [["a"]])


async def test_it_comes_back_after_an_outage_and_lists_what_it_missed(
    seen: Seen, client: Client, api: Api, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.create("incidents", incident(namespace, "first")).expect_ok()
    await until(lambda: ("ADDED", "first") in seen.events)
    with monkeypatch.context() as patched:
        patched.setattr(client, "server", "https://127.0.0.1:1")
        for connection in client._streams._acquired.copy():
            assert connection.transport is not None
            connection.transport.abort()
        await asyncio.sleep(1)
        api.create("incidents", incident(namespace, "missed")).expect_ok()

    await until(lambda: seen.lists[-1] == ["first", "missed"], within=15)
    api.create("incidents", incident(namespace, "later")).expect_ok()
    await until(lambda: ("ADDED", "later") in seen.events)


async def test_a_bug_in_who_listens_does_not_end_it(
    seen: Seen, api: Api, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str, __: Any) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError

    monkeypatch.setattr(seen.watch, "on_event", broken)
    api.create("incidents", incident(namespace, "a")).expect_ok()

    await until(lambda: seen.lists[-1] == ["a"])


async def test_a_resource_that_is_not_served_is_empty_and_trusted(admin: Client) -> None:
    lists: list[Sequence[Any]] = []
    watch = Watch(admin, "/apis/apps/v1/nothings", lists.append, lambda _, __: None)

    await watch.trust(90)

    assert watch.absent
    assert lists == [()]


@pytest.fixture
def woken() -> list[IncidentRef]:
    return []


@pytest.fixture
async def targets(client: Client, woken: list[IncidentRef]) -> AsyncIterator[TargetWatches]:
    targets = TargetWatches(client, Settings(), woken.append)
    yield targets
    await targets.close()


@pytest.mark.parametrize("kind", list(TargetKind))
async def test_a_change_of_the_target_wakes_whoever_follows_it(
    kind: TargetKind, targets: TargetWatches, woken: list[IncidentRef], api: Api, namespace: str
) -> None:
    plural = {"Deployment": "deployments", "StatefulSet": "statefulsets"}.get(kind, "daemonsets")
    for name in ("checkout", "other"):
        api.create(plural, workload(kind, name, namespace, "a:1")).expect_ok()
    targets.follow(ONE, kind, namespace, "checkout")
    targets.follow(TWO, kind, namespace, "other")
    # The first list wakes everybody once: something may have changed just before.
    await until(lambda: {ONE, TWO} <= set(woken))
    await quiet(woken)

    api.merge(plural, "checkout", {"metadata": {"labels": {"x": "y"}}}, namespace).expect_ok()

    await until(lambda: bool(woken))
    await asyncio.sleep(0.2)
    assert set(woken) == {ONE}


async def quiet(woken: list[IncidentRef]) -> None:
    """Wait until the workloads' controllers are done."""
    for _ in range(100):
        woken.clear()
        await asyncio.sleep(1.5)
        if not woken:
            return
    raise AssertionError


async def test_who_was_forgotten_or_follows_another_is_not_woken(
    targets: TargetWatches, woken: list[IncidentRef], api: Api, namespace: str
) -> None:
    body = workload(TargetKind.DEPLOYMENT, "checkout", namespace, "a:1", replicas=0)
    targets.follow(ONE, TargetKind.DEPLOYMENT, namespace, "checkout")
    targets.follow(TWO, TargetKind.DEPLOYMENT, namespace, "checkout")
    await until(lambda: {ONE, TWO} <= set(woken))
    targets.forget(ONE)
    targets.forget(ONE)
    targets.follow(TWO, TargetKind.DEPLOYMENT, namespace, "another")
    woken.clear()

    api.create("deployments", body).expect_ok()
    await asyncio.sleep(0.5)

    assert woken == []


async def test_only_watched_namespaces_are_watched(
    client: Client, woken: list[IncidentRef], api: Api, namespace: str
) -> None:
    targets = TargetWatches(client, Settings(watch_namespaces=(namespace,)), woken.append)
    targets.follow(ONE, TargetKind.DEPLOYMENT, namespace, "checkout")
    await until(lambda: woken == [ONE])
    woken.clear()

    api.create(
        "deployments", workload(TargetKind.DEPLOYMENT, "checkout", namespace, "a:1")
    ).expect_ok()

    await until(lambda: ONE in woken)
    assert list(targets._tasks) == [(TargetKind.DEPLOYMENT, namespace)]
    await targets.close()


async def test_a_watch_that_ended_begins_again(
    targets: TargetWatches, woken: list[IncidentRef], namespace: str
) -> None:
    targets.follow(ONE, TargetKind.DEPLOYMENT, namespace, "checkout")
    await until(lambda: woken == [ONE])

    next(iter(targets._tasks.values())).cancel()

    await until(lambda: woken == [ONE, ONE])
