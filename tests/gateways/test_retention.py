"""Ended Incidents go when their policy says so, the chart lets the operator, and no work is open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidentcommander.api.base import CLOSED_LABEL
from incidentcommander.api.common import Phase
from incidentcommander.api.incident import (
    IncidentStatus,
    Milestones,
    PinnedPolicy,
    PostmortemRef,
    TimelineEntry,
)
from incidentcommander.controllers.retention import Retention
from incidentcommander.gateways.kubernetes.client import Client
from incidentcommander.gateways.kubernetes.incidents import Incidents
from incidentcommander.gateways.kubernetes.postmortems import Postmortems
from incidentcommander.observed.workloads import IncidentRef
from incidentcommander.ports import MetadataChange
from tests.gateways.conftest import Helm, install, until_guarded
from tests.support.api import Api
from tests.support.objects import incident

CLOSED = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LATER = CLOSED + timedelta(days=31)


@pytest.fixture
def allowed(helm: Helm, installed: None, api: Api) -> Iterator[None]:
    """The chart as somebody installs it who wants old Incidents to go."""
    install(helm, "retention.enabled=true")
    until_guarded(api)
    yield
    install(helm)
    until_guarded(api)


def policy(**spec: Any) -> PinnedPolicy:
    return PinnedPolicy.model_validate(
        {
            "name": "default",
            "namespace": "shop",
            "generation": 1,
            "monitorFor": "30m",
            "expireAfter": "15m",
            "cooldown": "5m",
            "maxAttempts": 3,
            "rediagnoseEvery": "5m",
            "postmortem": "Required",
            "spec": spec,
        }
    )


async def ended(client: Client, api: Api, namespace: str, **over: Any) -> str:
    """Declare an Incident and end it, as the operator does."""
    created = api.create("incidents", incident(namespace)).expect_ok()
    meta = created["metadata"]
    store = Incidents(client)
    found = await store.get(IncidentRef(namespace, meta["name"], meta["uid"]))
    assert found is not None
    last = TimelineEntry(
        seq=0, at=CLOSED, phase=Phase.CLOSED, reason="IncidentClosed", actor="operator", message="x"
    )
    status = IncidentStatus(
        phase=Phase.CLOSED,
        milestones=Milestones(closed_at=CLOSED),
        timeline=[last],
        **{"policy": policy(retention="720h"), **over},
    )
    found = await store.save_status(found, status)
    await store.change_metadata(found, MetadataChange(set_labels={CLOSED_LABEL: "true"}))
    return str(meta["name"])


def retention(client: Client, namespace: str, now: datetime) -> Retention:
    return Retention(client, Postmortems(client), (namespace,), lambda: now)


async def test_it_goes_when_its_time_is_over_and_not_before(
    client: Client, api: Api, namespace: str, allowed: None
) -> None:
    name = await ended(client, api, namespace)

    assert await retention(client, namespace, CLOSED + timedelta(days=29)).sweep() == 0
    assert api.get("incidents", name, namespace).ok
    assert await retention(client, namespace, LATER).sweep() == 1
    assert not api.get("incidents", name, namespace).ok


async def test_without_a_retention_it_is_kept_for_ever(
    client: Client, api: Api, namespace: str, allowed: None
) -> None:
    name = await ended(client, api, namespace, policy=policy())

    assert await retention(client, namespace, CLOSED + timedelta(days=9999)).sweep() == 0
    assert api.get("incidents", name, namespace).ok


async def test_open_work_keeps_it(client: Client, api: Api, namespace: str, allowed: None) -> None:
    name = await ended(client, api, namespace, postmortem=PostmortemRef(name="review"))
    review = {
        "apiVersion": "incidentcommander.dev/v1alpha1",
        "kind": "Postmortem",
        "metadata": {"name": "review", "namespace": namespace},
        "spec": {"incidentRef": {"name": name}},
    }
    api.create("postmortems", review).expect_ok()

    assert await retention(client, namespace, LATER).sweep() == 0
    assert api.get("incidents", name, namespace).ok


async def test_the_chart_lets_the_operator_delete_nothing_by_default(
    client: Client, api: Api, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = await ended(client, api, namespace)

    assert await retention(client, namespace, LATER).sweep() == 0
    assert api.get("incidents", name, namespace).ok
    assert "Helm value retention.enabled" in caplog.text
