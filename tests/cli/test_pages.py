"""A timeline is put together from its pages, and what is missing or altered is said."""

from __future__ import annotations

from typing import Any

import pytest

from incidentcommander.cli.pages import digest, whole
from incidentcommander.observed.workloads import digest as the_operators

UID = "incident-uid"


def entry(seq: int, message: str = "é seen") -> dict[str, Any]:
    """An entry with that number."""
    return {"seq": seq, "at": "2026-11-22T08:30:00Z", "message": message}


def page(first: int, last: int, **over: Any) -> dict[str, Any]:
    """A page with these entries."""
    spec = {"incidentUid": UID, "entries": [entry(seq) for seq in range(first, last + 1)]}
    return {"metadata": {"name": f"x-{first}-{last}"}, "spec": {**spec, **over}}


def incident(*pages: dict[str, Any], newest: range) -> dict[str, Any]:
    """An Incident that lists these pages as they were written."""
    refs = [
        {
            "name": p["metadata"]["name"],
            "fromSeq": int(p["metadata"]["name"].split("-")[1]),
            "toSeq": int(p["metadata"]["name"].split("-")[2]),
            "sha256": the_operators([entry(e["seq"]) for e in p["spec"]["entries"]]),
        }
        for p in pages
    ]
    status = {"timelinePages": refs, "timeline": [entry(seq) for seq in newest]}
    return {"metadata": {"name": "x", "uid": UID}, "status": status}


ALTERED = page(0, 3, entries=[entry(0), entry(1, "nothing seen"), entry(2), entry(3)])
FOREIGN = page(0, 3, incidentUid="another")


@pytest.mark.parametrize(
    ("pages", "there", "newest", "seqs", "problems"),
    [
        ([], [], range(3), range(3), []),
        ([page(0, 3), page(4, 5)], [0, 1], range(6, 8), range(8), []),
        (
            [page(0, 3), page(4, 5)],
            [1],
            range(6, 8),
            range(4, 8),
            ["entries 0 to 3 are missing: there is no TimelinePage x-0-3"],
        ),
        (
            [ALTERED],
            [0],
            range(4, 5),
            range(5),
            ["TimelinePage x-0-3 is not what was written: its SHA-256 differs"],
        ),
        (
            [FOREIGN],
            [0],
            range(4, 5),
            range(5),
            ["TimelinePage x-0-3 is of another Incident (uid another)"],
        ),
        ([page(0, 3)], [0], range(6, 7), [0, 1, 2, 3, 6], ["entries 4 to 5 are missing"]),
    ],
    ids=["no pages", "two pages", "a page is gone", "altered", "foreign", "a gap"],
)
def test_what_was_found_and_what_is_wrong(
    pages: list[dict[str, Any]],
    there: list[int],
    newest: range,
    seqs: range | list[int],
    problems: list[str],
) -> None:
    served = {pages[n]["metadata"]["name"]: pages[n] for n in there}

    found = whole(incident(*pages, newest=newest), served)

    assert [e["seq"] for e in found.entries] == list(seqs)
    assert list(found.problems) == problems


def test_the_hash_is_that_of_the_operator() -> None:
    entries = [entry(0), entry(1, "“ü”")]

    assert digest(entries) == the_operators(entries)
