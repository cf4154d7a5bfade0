"""Steps that people look for become Events, at most once each, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from incidentcommander.api.common import Phase, Verdict
from incidentcommander.api.incident import Evidence, Incident, IncidentStatus, TimelineEntry
from incidentcommander.gateways.kubernetes.announced import ANNOUNCED
from incidentcommander.gateways.kubernetes.client import Client
from incidentcommander.gateways.kubernetes.events import Events
from incidentcommander.gateways.kubernetes.incidents import Incidents
from incidentcommander.observed.workloads import IncidentRef
from tests.gateways.conftest import running
from tests.gateways.test_guard import proposal
from tests.support.api import Api
from tests.support.kubectl import Kubectl
from tests.support.objects import incident

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def entry(seq: int, reason: str, **over: Any) -> TimelineEntry:
    return TimelineEntry(
        **{
            "seq": seq,
            "at": NOW,
            "phase": Phase.DIAGNOSING,
            "reason": reason,
            "actor": "operator",
            "message": f"{reason} happened",
            **over,
        }
    )


@pytest.fixture
async def events(client: Client) -> AsyncIterator[Events]:
    events = Events(client, "operator-1")
    async with running(events.run()):
        yield events


@pytest.fixture
async def found(api: Api, client: Client, namespace: str) -> Incident:
    api.create("incidents", incident(namespace)).expect_ok()
    found = await Incidents(client).get(IncidentRef(namespace, "checkout-5xx"))
    assert found is not None
    offered = IncidentStatus(proposals=[proposal("rollback-1a2b3c4d")])
    return found.model_copy(update={"status": offered})


async def published(api: Api, namespace: str, count: int) -> list[Any]:
    for _ in range(100):
        items = api.list("events", namespace).expect_ok()["items"]
        if len(items) >= count:
            return list(items)
        await asyncio.sleep(0.1)
    raise AssertionError(items)


async def test_what_people_look_for_ends_kubectl_describe(
    events: Events, found: Incident, api: Api, kubectl: Kubectl, namespace: str
) -> None:
    failed = Evidence(verdict=Verdict.FAILED)
    passed = Evidence(verdict=Verdict.PASSED)
    await events.announce(
        found,
        [
            entry(0, "IncidentDeclared"),
            entry(1, "DiagnosisStepFinished", evidence=passed, message="all is well"),
            entry(2, "DiagnosisStepFinished", evidence=failed, message="30 % errors"),
            entry(3, "NoteAdded"),
            entry(10, "ProposalOffered", proposal="rollback-1a2b3c4d", message="roll back"),
        ],
    )

    items = await published(api, namespace, 3)

    assert [(item["reason"], item["type"]) for item in items] == [
        ("IncidentDeclared", "Normal"),
        ("DiagnosisStepFinished", "Warning"),
        ("ProposalOffered", "Normal"),
    ]
    shown = kubectl.run("describe", "incident", "checkout-5xx", "-n", namespace)
    events_shown = shown.partition("Events:")[2]
    assert "30 % errors" in events_shown
    assert "all is well" not in events_shown
    assert "To approve rollback-1a2b3c4d: its approveCommand in status.proposals" in events_shown
    assert "incidentcommander.dev/approve" not in events_shown
    assert "incidentcommander.dev/approve=rollback-1a2b3c4d" not in str(items)


async def test_the_same_entry_is_published_once(
    events: Events, found: Incident, api: Api, namespace: str
) -> None:
    await events.announce(found, [entry(0, "IncidentDeclared")])
    await events.announce(found, [entry(0, "IncidentDeclared"), entry(1, "IncidentResolved")])

    items = await published(api, namespace, 2)

    assert [item["reason"] for item in items] == ["IncidentDeclared", "IncidentResolved"]


async def test_a_long_message_is_cut_and_where_the_command_stands_is_not(
    events: Events, found: Incident, api: Api, namespace: str
) -> None:
    long = "ü" * 512
    await events.announce(
        found, [entry(0, "ProposalOffered", proposal="rollback-1a2b3c4d", message=long)]
    )

    (item,) = await published(api, namespace, 1)

    assert len(item["note"].encode()) <= 1024
    assert item["note"].endswith(
        "To approve rollback-1a2b3c4d: its approveCommand in status.proposals of Incident "
        "checkout-5xx, above."
    )


async def test_a_dead_server_delays_nobody_and_what_is_too_much_is_dropped(
    client: Client, found: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "server", "https://127.0.0.1:1")
    events = Events(client, "operator-1")

    async with running(events.run()) as task, asyncio.timeout(2):
        await events.announce(found, [entry(n, "IncidentDeclared") for n in range(1200)])

        assert not task.done()


def test_only_words_of_the_timeline_are_announced() -> None:
    for reason, kind in ANNOUNCED.items():
        assert entry(0, reason).reason == reason
        assert kind.type in {"Normal", "Warning"}
        assert kind.action.isalpha()
