"""A long incident: older entries move to pages, none is lost, and a crash in between repeats none."""

from __future__ import annotations

import json

import pytest

from incidentcommander.observed.workloads import digest
from tests.e2e.conftest import Hire, Open
from tests.e2e.shop import ERIN, Shop, entries, until
from tests.support.api import Body
from tests.support.proxy import Kill, Request, Rule

NOTES = 22
LONG = "é" * 900
"""Longer than an entry: it becomes two."""


@pytest.fixture(scope="module")
def shop(hire: Hire, open_shop: Open) -> Shop:
    """A shop whose Incidents hold few entries."""
    return open_shop(lambda namespace: hire(WATCH_NAMESPACES=namespace, PAGE_AT="32")).furnish()


def pages_of(shop: Shop, incident: Body) -> list[Body]:
    """The pages that the Incident lists, in order."""
    listed = incident["status"].get("timelinePages", [])
    found = [shop.api.get("timelinepages", p["name"], shop.namespace).expect_ok() for p in listed]
    for ref, page in zip(listed, found, strict=True):
        spec = page["spec"]
        assert (ref["fromSeq"], ref["toSeq"]) == (spec["fromSeq"], spec["toSeq"])
        assert ref["sha256"] == spec["sha256"] == digest(spec["entries"])
    return found


def whole(shop: Shop, incident: Body) -> list[Body]:
    """The whole timeline, from its pages and the object."""
    paged = [e for page in pages_of(shop, incident) for e in page["spec"]["entries"]]
    every = [*paged, *entries(incident)]
    assert [e["seq"] for e in every] == list(range(len(every)))
    return every


def writes_a_page(request: Request) -> bool:
    return request.mutates and request.parts == ("timelinepages",)


def lists_a_page(request: Request) -> bool:
    return request.mutates and "timelinePages" in json.dumps(request.body)


def test_nothing_is_lost_when_entries_move_to_pages(shop: Shop) -> None:
    shop.in_trouble()
    office = shop.office
    crashes = [
        office.proxy.add(Rule(writes_a_page, Kill(office.kill, before=False))),
        office.proxy.add(Rule(lists_a_page, Kill(office.kill, before=False))),
    ]
    said = []
    for number in range(NOTES):
        said.append(f"note {number}: {LONG}")
        shop.ask(ERIN, "note", said[-1]).expect_ok()
        # Killed as soon as it writes or lists a page: somebody has to start it again.
        until(lambda: _taken(shop), f"note {number} is taken")
    assert [rule.fired.is_set() for rule in crashes] == [True, True], shop.incident()["status"].get(
        "timelinePages"
    )

    incident = shop.incident()
    every = whole(shop, incident)
    assert len(incident["status"]["timelinePages"]) >= 2
    assert len(entries(incident)) < 32
    told = "".join(e["message"].partition(") ")[2] for e in every if e["reason"] == "NoteAdded")
    assert told == "".join(said), "every word, once, in order"


def _taken(shop: Shop) -> bool | None:
    shop.office.revive()
    notes = shop.incident()["metadata"].get("annotations") or {}
    return None if any(key.endswith("/note") for key in notes) else True
