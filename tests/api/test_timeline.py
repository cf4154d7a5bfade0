"""The timeline is append-only, whoever writes, because the API server says so.

Every case runs against a real API server, as the operator and as a cluster administrator. No
admission policy is needed for it: these are rules of the CRD itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.api import Answer, Api, path_of
from tests.support.objects import OPERATOR, entry, incident, largest_entry, page_ref

pytestmark = pytest.mark.usefixtures("crds")

NAME = "checkout-5xx"
Timeline = list[dict[str, Any]]


@pytest.fixture(scope="module")
def operator(api: Api) -> Api:
    """The operator's name with all rights, so that only the rules can refuse it."""
    return api.as_user(OPERATOR, "system:masters")


@pytest.fixture(params=["the operator", "a cluster administrator"])
def writer(request: pytest.FixtureRequest, api: Api, operator: Api) -> Api:
    return operator if request.param == "the operator" else api


def declared(api: Api, operator: Api, namespace: str, count: int = 5, **status: Any) -> None:
    """Create an Incident whose timeline has entries 0 to ``count`` - 1."""
    api.create("incidents", incident(namespace)).expect_ok()
    timeline = [entry(seq) for seq in range(count)]
    write(operator, namespace, timeline=timeline, **status).expect_ok()


def write(writer: Api, namespace: str, **status: Any) -> Answer:
    return writer.merge("incidents", NAME, {"status": status}, namespace, "status")


def stored(api: Api, namespace: str) -> dict[str, Any]:
    status: dict[str, Any] = api.get("incidents", NAME, namespace).expect_ok()["status"]
    return status


def changed(index: int, **fields: Any) -> Callable[[Timeline], Timeline]:
    def change(timeline: Timeline) -> Timeline:
        return [e | fields if i == index else e for i, e in enumerate(timeline)]

    return change


FORGERIES: dict[str, Callable[[Timeline], object]] = {
    "an entry's message is changed": changed(2, message="nothing happened"),
    "an entry's author is changed": changed(2, actor="mallory"),
    "an entry's time is changed": changed(2, at="2026-11-22T09:00:00Z"),
    "an entry's phase is changed": changed(2, phase="Resolved"),
    "the newest entry is changed": changed(4, message="nothing happened"),
    "evidence is added to an entry": changed(1, evidence={"value": "0"}),
    "an entry is given another number": changed(4, seq=5),
    "the first entry is removed, unpaged": lambda t: t[1:],
    "a middle entry is removed": lambda t: t[:2] + t[3:],
    "a middle entry is removed and the rest renumbered": lambda t: (
        t[:2] + [e | {"seq": e["seq"] - 1} for e in t[3:]]
    ),
    "the newest entry is removed": lambda t: t[:-1],
    "two entries change places": lambda t: [t[0], t[2], t[1], *t[3:]],
    "the order is reversed": lambda t: t[::-1],
    "the newest entry is written again": lambda t: [*t, t[-1]],
    "an old entry is written again": lambda t: [*t, t[0]],
    "a number is skipped": lambda t: [*t, entry(6)],
    "an entry is put before the first": lambda t: [entry(-1), *t],
    "an entry is put in the middle": lambda t: [*t[:2], entry(5), *t[2:]],
    "a new entry takes the place of the oldest": lambda t: [*t[1:], entry(5)],
    "another story is told": lambda t: [entry(e["seq"], message="all is well") for e in t],
    "an entry has no author": lambda t: [*t, {**entry(5), "actor": None}],
    "an entry has a field that does not exist": lambda t: [*t, entry(5, mood="good")],
    "an entry's message is too long": lambda t: [*t, entry(5, message="m" * 513)],
    "an entry has too much text in all": lambda t: [*t, largest_entry(5) | {"proposal": "p"}],
    "it is emptied": lambda _: [],
    "it is set to null": lambda _: None,
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_refused(
    api: Api,
    operator: Api,
    writer: Api,
    namespace: str,
    forge: Callable[[Timeline], object],
) -> None:
    declared(api, operator, namespace)
    before = stored(api, namespace)

    merged = write(writer, namespace, timeline=forge(before["timeline"]))
    body = api.get("incidents", NAME, namespace).expect_ok()
    body["status"]["timeline"] = forge(before["timeline"])
    put = writer.replace("incidents", body, "status")

    merged.expect_refused("status.timeline")
    put.expect_refused("status.timeline")
    assert stored(api, namespace) == before


@pytest.mark.parametrize(
    "operations",
    [
        pytest.param([{"op": "remove", "path": "/status"}], id="the whole status is removed"),
        pytest.param(
            [{"op": "replace", "path": "/status", "value": {}}], id="the status is emptied"
        ),
        pytest.param([{"op": "remove", "path": "/status/timeline"}], id="the timeline is removed"),
        pytest.param(
            [{"op": "remove", "path": "/status/timeline/0"}], id="the first entry is removed"
        ),
        pytest.param(
            [{"op": "move", "from": "/status/timeline/1", "path": "/status/timeline/3"}],
            id="an entry is moved",
        ),
    ],
)
def test_json_patches_refused(
    api: Api, operator: Api, writer: Api, namespace: str, operations: list[dict[str, Any]]
) -> None:
    declared(api, operator, namespace)
    before = stored(api, namespace)

    answer = writer.patch("incidents", NAME, operations, namespace, "status")

    answer.expect_refused("status")
    assert stored(api, namespace) == before


def test_an_update_of_the_object_itself_leaves_the_status_alone(
    api: Api, operator: Api, writer: Api, namespace: str
) -> None:
    declared(api, operator, namespace)
    before = stored(api, namespace)
    body = api.get("incidents", NAME, namespace).expect_ok()

    writer.replace("incidents", {**body, "status": {"timeline": []}}).expect_ok()
    writer.merge("incidents", NAME, {"status": None}, namespace).expect_ok()

    assert stored(api, namespace) == before


def test_server_side_apply_can_neither_change_nor_drop_entries(
    api: Api, operator: Api, namespace: str
) -> None:
    api.create("incidents", incident(namespace)).expect_ok()
    head = {k: v for k, v in incident(namespace).items() if k != "spec"}

    def applied(timeline: Timeline) -> Answer:
        body = {**head, "status": {"timeline": timeline}}
        return operator.apply("incidents", body, "status", force="true")

    applied([entry(seq) for seq in range(3)]).expect_ok()

    applied([entry(0), entry(1)]).expect_refused("status.timeline")
    applied([entry(0), entry(1, message="other"), entry(2)]).expect_refused("status.timeline")
    applied([entry(seq) for seq in range(4)]).expect_ok()


def test_appending_is_allowed(api: Api, operator: Api, namespace: str) -> None:
    declared(api, operator, namespace)

    add = {"op": "add", "path": "/status/timeline/-"}
    operator.patch("incidents", NAME, [{**add, "value": entry(5)}], namespace, "status").expect_ok()
    operator.patch(
        "incidents",
        NAME,
        [{**add, "value": entry(6)}, {**add, "value": entry(7)}],
        namespace,
        "status",
    ).expect_ok()

    assert [e["seq"] for e in stored(api, namespace)["timeline"]] == list(range(8))


def test_the_first_entry_must_be_number_zero(api: Api, operator: Api, namespace: str) -> None:
    api.create("incidents", incident(namespace)).expect_ok()

    answer = write(operator, namespace, timeline=[entry(1)])

    answer.expect_refused("the timeline begins where its last page ends")


def test_the_oldest_entries_leave_once_they_are_paged(
    api: Api, operator: Api, namespace: str
) -> None:
    declared(api, operator, namespace, 6)
    timeline = stored(api, namespace)["timeline"]

    write(operator, namespace, timeline=timeline[2:], timelinePages=[page_ref(0, 1)]).expect_ok()
    # Paging and the next step in one write.
    write(
        operator,
        namespace,
        timeline=[*timeline[5:], entry(6)],
        timelinePages=[page_ref(0, 1), page_ref(2, 4)],
    ).expect_ok()

    assert [e["seq"] for e in stored(api, namespace)["timeline"]] == [5, 6]


PAGING_FORGERIES: dict[str, tuple[int, list[dict[str, Any]] | None]] = {
    "more entries leave than are paged": (4, [page_ref(0, 2)]),
    "fewer entries leave than are paged": (2, [page_ref(0, 2)]),
    "all entries leave": (6, [page_ref(0, 5)]),
    "the first page does not begin at 0": (3, [page_ref(1, 2)]),
    "pages leave a gap": (4, [page_ref(0, 1), page_ref(3, 3)]),
    "pages overlap": (4, [page_ref(0, 2), page_ref(2, 3)]),
    "pages are out of order": (4, [page_ref(2, 3), page_ref(0, 1)]),
    "a page ends before it begins": (4, [page_ref(0, 3), page_ref(4, 3)]),
    "a page is listed twice": (2, [page_ref(0, 1), page_ref(0, 1)]),
    "there is no page": (2, []),
}


@pytest.mark.parametrize(
    ("leaving", "pages"), PAGING_FORGERIES.values(), ids=PAGING_FORGERIES.keys()
)
def test_bad_paging_is_refused(
    api: Api, operator: Api, writer: Api, namespace: str, leaving: int, pages: Timeline
) -> None:
    declared(api, operator, namespace, 6)
    timeline = stored(api, namespace)["timeline"]

    answer = write(writer, namespace, timeline=timeline[leaving:], timelinePages=pages)

    answer.expect_refused("status.timeline")


PAGES = [page_ref(0, 1), page_ref(2, 3)]
PAGE_FORGERIES: dict[str, list[dict[str, Any]] | None] = {
    "the list is removed": None,
    "the list is emptied": [],
    "the last page is removed": PAGES[:1],
    "the first page is removed": PAGES[1:],
    "a page's hash is changed": [PAGES[0], PAGES[1] | {"sha256": "1" * 64}],
    "a page's name is changed": [PAGES[0] | {"name": "other"}, PAGES[1]],
    "two pages become one": [page_ref(0, 3)],
    "a page becomes two": [page_ref(0, 0), page_ref(1, 1), PAGES[1]],
}


@pytest.mark.parametrize("pages", PAGE_FORGERIES.values(), ids=PAGE_FORGERIES.keys())
def test_pages_once_listed_stay(
    api: Api, operator: Api, writer: Api, namespace: str, pages: Timeline | None
) -> None:
    declared(api, operator, namespace, 6)
    timeline = stored(api, namespace)["timeline"]
    write(operator, namespace, timeline=timeline[4:], timelinePages=PAGES).expect_ok()

    answer = write(writer, namespace, timelinePages=pages)

    answer.expect_refused("status.timeline")


@pytest.mark.parametrize("letter", ["m", "字", "🔥"], ids=["one byte", "three bytes", "four bytes"])
def test_a_full_timeline_of_the_largest_entries_fits(
    api: Api, operator: Api, namespace: str, letter: str
) -> None:
    declared(api, operator, namespace, 0)
    timeline = [largest_entry(seq, letter) for seq in range(127)]
    write(operator, namespace, timeline=timeline).expect_ok()
    add = {"op": "add", "path": "/status/timeline/-"}

    operator.patch(
        "incidents", NAME, [{**add, "value": largest_entry(127, letter)}], namespace, "status"
    ).expect_ok()
    one_more = operator.patch(
        "incidents", NAME, [{**add, "value": entry(128)}], namespace, "status"
    )
    full = stored(api, namespace)["timeline"]
    paged = write(
        operator,
        namespace,
        timeline=[*full[64:], entry(128)],
        timelinePages=[page_ref(0, 63)],
    )

    one_more.expect_refused("status.timeline", "128")
    paged.expect_ok()


def test_a_page_holds_exactly_its_entries_and_never_changes(
    api: Api, operator: Api, writer: Api, namespace: str
) -> None:
    page: dict[str, Any] = {
        "apiVersion": "incidentcommander.dev/v1alpha1",
        "kind": "TimelinePage",
        "metadata": {"name": "checkout-5xx-64", "namespace": namespace},
        "spec": {
            "incident": NAME,
            "incidentUid": "u",
            "fromSeq": 64,
            "toSeq": 191,
            "sha256": "0" * 64,
            "entries": [largest_entry(seq) for seq in range(64, 192)],
        },
    }
    short = {**page, "spec": {**page["spec"], "toSeq": 190}}
    shifted = {**page, "spec": {**page["spec"], "fromSeq": 63, "toSeq": 190}}

    for wrong in (short, shifted):
        operator.create("timelinepages", wrong).expect_refused("spec.entries", "all those")
    operator.create("timelinepages", page).expect_ok()
    changes: tuple[dict[str, Any], ...] = (
        {"incident": "other"},
        {"entries": []},
        {"sha256": "1" * 64},
    )
    for change in changes:
        writer.merge(
            "timelinepages", "checkout-5xx-64", {"spec": change}, namespace
        ).expect_refused("spec")
    writer.merge("timelinepages", "checkout-5xx-64", {"spec": None}, namespace).expect_refused(
        "spec"
    )


def test_pages_are_found_by_their_incident(api: Api, namespace: str) -> None:
    found = api.request(
        "GET",
        path_of("timelinepages", namespace),
        query={"fieldSelector": "spec.incident=checkout-5xx"},
    )

    assert found.expect_ok()["items"] == []
