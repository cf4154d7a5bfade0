"""Incidents are read and written under the precondition that nobody moved, on a real server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from incidentcommander.api.base import CLOSED_LABEL
from incidentcommander.api.common import Phase
from incidentcommander.api.incident import (
    MAX_ENTRIES,
    MAX_PAGES,
    Handled,
    Incident,
    IncidentStatus,
    PageRef,
    TimelineEntry,
)
from incidentcommander.api.page import TimelinePageSpec
from incidentcommander.core.evolve import Draft
from incidentcommander.core.record.timeline_pages import page_due
from incidentcommander.errors import ConflictError, GoneError, InvalidResourceError
from incidentcommander.gateways.kubernetes.client import Client
from incidentcommander.gateways.kubernetes.incidents import Incidents
from incidentcommander.observed.workloads import IncidentRef
from incidentcommander.ports import MetadataChange
from tests.support.api import Api
from tests.support.objects import incident

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.fixture
def store(client: Client) -> Incidents:
    return Incidents(client)


@pytest.fixture
def ref(api: Api, namespace: str) -> IncidentRef:
    created = api.create("incidents", incident(namespace)).expect_ok()
    return IncidentRef(namespace, created["metadata"]["name"], created["metadata"]["uid"])


def entry(seq: int, **over: Any) -> TimelineEntry:
    return TimelineEntry(
        **{
            "seq": seq,
            "at": NOW,
            "phase": Phase.DIAGNOSING,
            "reason": "NoteAdded",
            "actor": "operator",
            "message": f"entry {seq}",
            **over,
        }
    )


def with_entries(status: IncidentStatus, count: int) -> IncidentStatus:
    return status.model_copy(update={"timeline": [entry(seq) for seq in range(count)]})


async def read(store: Incidents, ref: IncidentRef) -> Incident:
    found = await store.get(ref)
    assert found is not None
    return found


async def test_an_incident_without_status_is_read_with_the_defaults(
    store: Incidents, ref: IncidentRef
) -> None:
    found = await read(store, ref)

    assert found.metadata.uid == ref.uid
    assert found.status == IncidentStatus()


async def test_what_does_not_exist_or_has_another_uid_is_none(
    store: Incidents, ref: IncidentRef
) -> None:
    assert await store.get(IncidentRef(ref.namespace, "nope")) is None
    assert await store.get(IncidentRef(ref.namespace, ref.name, "another")) is None
    assert await store.get(IncidentRef("no-such-namespace", ref.name)) is None


async def test_the_first_status_is_stored_whole_and_given_back(
    store: Incidents, ref: IncidentRef, api: Api
) -> None:
    status = with_entries(IncidentStatus(phase=Phase.DIAGNOSING, summary="broken"), 2)

    saved = await store.save_status(await read(store, ref), status)

    assert saved.status == status
    raw = api.get("incidents", ref.name, ref.namespace).expect_ok()
    assert raw["status"]["phase"] == "Diagnosing"
    # What is empty is not stored.
    assert "proposals" not in raw["status"]


async def test_ended_incidents_that_changed_their_target_are_found_again(
    store: Incidents, ref: IncidentRef, api: Api
) -> None:
    assert await store.ended([ref.namespace]) == []

    incident = await store.save_status(
        await read(store, ref), IncidentStatus(phase=Phase.CLOSED, changed_at=[NOW])
    )
    await store.change_metadata(incident, MetadataChange(set_labels={CLOSED_LABEL: "true"}))

    assert [i.metadata.name for i in await store.ended([ref.namespace])] == [ref.name]
    assert ref.name in [i.metadata.name for i in await store.ended([])]


async def test_later_writes_send_only_what_changed(
    store: Incidents, ref: IncidentRef, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    first = with_entries(IncidentStatus(phase=Phase.DIAGNOSING, summary="broken"), 60)
    saved = await store.save_status(await read(store, ref), first)
    sent: list[Any] = []
    send = client.request

    async def record(method: str, path: str, **rest: Any) -> Any:
        sent.append(rest.get("body"))
        return await send(method, path, **rest)

    monkeypatch.setattr(client, "request", record)
    second = with_entries(first.model_copy(update={"summary": ""}), 61)
    again = await store.save_status(saved, second)

    assert again.status == second
    assert [operation["path"] for operation in sent[0]] == [
        "/metadata/uid",
        "/metadata/resourceVersion",
        "/status/summary",
        "/status/timeline/-",
    ]


async def test_a_status_that_did_not_change_is_not_written(
    store: Incidents, ref: IncidentRef, client: Client
) -> None:
    saved = await store.save_status(await read(store, ref), with_entries(IncidentStatus(), 1))
    before = client.requests.total()

    same = await store.save_status(saved, saved.status)

    assert same == saved
    assert client.requests.total() == before


async def test_a_status_is_not_written_over_somebody_elses_change(
    store: Incidents, ref: IncidentRef, api: Api
) -> None:
    stale = await read(store, ref)
    api.merge(
        "incidents", ref.name, {"metadata": {"labels": {"moved": "yes"}}}, ref.namespace
    ).expect_ok()

    with pytest.raises(ConflictError):
        await store.save_status(stale, with_entries(IncidentStatus(), 1))
    with pytest.raises(ConflictError):
        await store.change_metadata(stale, MetadataChange(set_annotations={"a": "b"}))

    assert (await read(store, ref)).status == IncidentStatus()


async def test_a_status_is_not_written_to_another_incident_of_the_same_name(
    store: Incidents, ref: IncidentRef, api: Api
) -> None:
    old = await read(store, ref)
    api.delete("incidents", ref.name, ref.namespace)
    with pytest.raises(GoneError):
        await store.save_status(old, with_entries(IncidentStatus(), 1))
    api.create("incidents", incident(ref.namespace)).expect_ok()

    with pytest.raises(ConflictError):
        await store.save_status(old, with_entries(IncidentStatus(), 1))


async def test_a_status_that_the_schema_refuses_names_the_rule(
    store: Incidents, ref: IncidentRef
) -> None:
    saved = await store.save_status(await read(store, ref), with_entries(IncidentStatus(), 2))
    changed = saved.status.model_copy(
        update={"timeline": [entry(0, message="rewritten"), entry(1)]}
    )

    with pytest.raises(InvalidResourceError, match=r"status\.timeline"):
        await store.save_status(saved, changed)


async def test_a_status_of_more_than_a_mebibyte_is_not_even_sent(
    store: Incidents, ref: IncidentRef, client: Client
) -> None:
    read_one = await read(store, ref)
    huge = IncidentStatus.model_construct(summary="x" * 1_100_000)
    before = client.requests.total()

    with pytest.raises(InvalidResourceError, match="bytes"):
        await store.save_status(read_one, huge)

    assert client.requests.total() == before


async def test_annotations_and_labels_are_set_and_removed_in_one_write(
    store: Incidents, ref: IncidentRef, api: Api
) -> None:
    key = "incidentcommander.dev/handled"
    one = await store.change_metadata(
        await read(store, ref),
        MetadataChange(
            set_annotations={key: "1"}, set_labels={"incidentcommander.dev/closed": "true"}
        ),
    )
    assert one.metadata.annotations[key] == "1"
    assert one.metadata.labels == {"incidentcommander.dev/closed": "true"}

    two = await store.change_metadata(
        one, MetadataChange(remove_annotations=frozenset({key, "incidentcommander.dev/note"}))
    )

    assert key not in two.metadata.annotations


async def test_a_page_is_added_once_and_never_replaced(
    store: Incidents, ref: IncidentRef, api: Api
) -> None:
    found = await read(store, ref)
    page = TimelinePageSpec(
        incident=ref.name,
        incident_uid=ref.uid,
        from_seq=0,
        to_seq=1,
        sha256="0" * 64,
        entries=[entry(0), entry(1)],
    )

    await store.add_page(found, f"{ref.name}-0", page)
    await store.add_page(found, f"{ref.name}-0", page)

    raw = api.get("timelinepages", f"{ref.name}-0", ref.namespace).expect_ok()
    assert raw["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "incidentcommander.dev/v1alpha1",
            "kind": "Incident",
            "name": ref.name,
            "uid": ref.uid,
            "controller": False,
            "blockOwnerDeletion": False,
        }
    ]
    other = page.model_copy(update={"entries": [entry(0), entry(1, message="other")]})
    with pytest.raises(InvalidResourceError, match="not replaced"):
        await store.add_page(found, f"{ref.name}-0", other)


async def test_what_was_stored_under_another_schema_is_refused_by_its_field(
    client: Client, store: Incidents, ref: IncidentRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = await client.get(
        f"/apis/incidentcommander.dev/v1alpha1/namespaces/{ref.namespace}/incidents/{ref.name}"
    )
    assert raw is not None
    raw["spec"]["severity"] = "SEV9"

    async def old(*_: Any, **__: Any) -> Any:
        return raw

    monkeypatch.setattr(client, "get", old)

    with pytest.raises(InvalidResourceError, match=r"spec\.severity"):
        await store.get(ref)


async def test_handled_survives_a_round_trip(store: Incidents, ref: IncidentRef) -> None:
    status = IncidentStatus(handled=Handled(seq=1, keys=["note"]), attempt=2)

    saved = await store.save_status(await read(store, ref), status)

    assert saved.status == status
    assert (await read(store, ref)).status == status


def page_refs(count: int) -> list[PageRef]:
    return [
        PageRef(name=f"p-{n}", from_seq=n * 48, to_seq=n * 48 + 47, sha256="0" * 64)
        for n in range(count)
    ]


async def test_an_incident_whose_timeline_people_have_filled_is_still_ended(
    store: Incidents, ref: IncidentRef
) -> None:
    after = MAX_PAGES * 48
    full = IncidentStatus(
        phase=Phase.INVESTIGATING,
        timeline_pages=page_refs(MAX_PAGES),
        timeline=[entry(after + n, message="m" * 512) for n in range(MAX_ENTRIES - 4)],
    )
    found = await store.save_status(await read(store, ref), full)
    one_more = page_refs(MAX_PAGES + 1)
    with pytest.raises(InvalidResourceError, match="timelinePages"):
        await store.save_status(
            found, full.model_copy(update={"timeline_pages": one_more, "timeline": []})
        )

    draft = Draft(found.status, NOW)
    for _ in range(50):
        draft = draft.add("SeverityKept", "m" * 512, actor="ed")
    ended = draft.add("IncidentDismissed", "alice: a false alarm", phase=Phase.DISMISSED)
    saved = await store.save_status(found, ended.status)

    assert saved.status.phase is Phase.DISMISSED
    assert saved.status.timeline[-1].reason == "IncidentDismissed"
    assert page_due(saved, 64) is None


async def test_rita_fills_the_managed_fields_and_they_are_emptied_before_anything_is_written(
    store: Incidents, ref: IncidentRef, api: Api
) -> None:
    fields: dict[str, Any] = {
        "f:spec": {"f:impact": {f"f:{'k' * 200}{number}": {} for number in range(3000)}}
    }
    filled = {
        "manager": "big",
        "operation": "Apply",
        "apiVersion": "incidentcommander.dev/v1alpha1",
        "time": "2026-12-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    patch = {"metadata": {"managedFields": [filled]}}
    api.merge("incidents", ref.name, patch, ref.namespace).expect_ok()
    status = IncidentStatus.model_construct(summary="known")

    with pytest.raises(ConflictError, match="emptied"):
        await store.save_status(await read(store, ref), status)

    again = await read(store, ref)
    assert len(str(again.metadata.managed_fields)) < 10_000
    assert (await store.save_status(again, status)).status.summary == "known"
