"""What the policies cost: an Incident is kept small, and the largest one is decided as the smallest.

Times are held against others of the same run, generously: what is shown is that no rule goes over
what somebody wrote, not how fast this machine is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from incidentcommander.api.incident import MAX_ENTRIES, MAX_FINDINGS, MAX_GUARDS
from tests.admission.conftest import denied_by, until
from tests.admission.scene import (
    ALICE,
    CAROL,
    ED,
    ERIN,
    OPEN,
    PREFIX,
    Change,
    Scene,
    annotated,
    entry,
    patched,
    proposal,
    refused_by,
    requests,
    status,
)
from tests.support.api import Body

REQUESTS = "incident-commander-requests"
MOST = 64
WORDS = (
    "an Incident has at most 64 labels, annotations and field managers each; this one would have"
)
HUGE = 20_000
"""Empty annotations that once cost each request many seconds: 42,000, half a minute."""


def numbered(count: int, value: str = "") -> dict[str, str]:
    return {f"{number:x}": value for number in range(count)}


def meta(**over: Any) -> Change:
    return patched({"metadata": over})


def timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


# --- an Incident is kept small ----------------------------------------------------------------------


@pytest.mark.parametrize("count", [MOST + 1, HUGE])
@pytest.mark.parametrize("what", ["annotations", "labels"])
def test_ed_fills_an_incident_with_annotations_or_labels(
    scene: Scene, what: str, count: int
) -> None:
    name, ed = scene.incident(status()), scene.person(ED)
    answer = meta(**{what: numbered(count)})(scene, ed, name)
    refused_by(answer, REQUESTS, WORDS, f"{count} {what}")

    created = ed.create("incidents", scene.body(meta={what: numbered(count)}))
    refused_by(created, REQUESTS, WORDS, f"{count} {what}")


@pytest.mark.parametrize("what", ["annotations", "labels"])
def test_sixty_four_are_free_and_do_not_stand_in_the_way_of_a_decision(
    scene: Scene, what: str
) -> None:
    name = scene.incident(status())
    meta(**{what: numbered(MOST)})(scene, scene.person(ED), name).expect_ok()
    requests(note="x")(scene, scene.person(ED), name).expect_ok()
    requests(approve=OPEN)(scene, scene.person(ALICE), name).expect_ok()
    meta(**{what: {"0": None}})(scene, scene.person(ED), name).expect_ok()


def test_ed_fills_an_incident_with_field_managers(scene: Scene) -> None:
    name, ed = scene.incident(status()), scene.person(ED)
    for number in range(100):
        body = scene.body(name) | {"spec": {}}
        del body["spec"]
        body["metadata"]["labels"] = {"a": "b"}
        answer = ed.apply("incidents", body, fieldManager=f"m{number}")
        if not answer.ok:
            break
    refused_by(answer, REQUESTS, WORDS, "65 field managers that apply")
    requests(approve=OPEN)(scene, scene.person(ALICE), name).expect_ok()


def test_rita_applies_the_same_annotations_under_many_field_managers(scene: Scene) -> None:
    name, rita = scene.incident(status()), scene.person(CAROL)
    long = {f"{'a' * 60}.{'b' * 60}.c{number}/{'n' * 60}": "" for number in range(50)}
    for number in range(20):
        body = scene.body(name)
        del body["spec"]
        body["metadata"]["annotations"] = long
        answer = rita.apply("incidents", body, fieldManager=f"m{number}", force="true")
        if not answer.ok:
            break
    refused_by(answer, REQUESTS, "at most 512 annotations and labels together; here")
    requests(approve=OPEN)(scene, scene.person(ALICE), name).expect_ok()


def test_rita_fills_one_annotation_and_still_takes_it_back(scene: Scene) -> None:
    name, rita = scene.incident(status()), scene.person(CAROL)
    refused_by(
        meta(annotations={"a": "x" * 70_000})(scene, rita, name),
        REQUESTS,
        "at most 65536 characters in all",
    )
    meta(annotations={"a": "x" * 60_000})(scene, rita, name).expect_ok()
    meta(annotations={"a": None})(scene, rita, name).expect_ok()


# --- as large as the rules let it become --------------------------------------------------------------

_EVIDENCE = {"query": "q" * 400, "value": "v" * 100, "verdict": "Passed"}
_GUARDS = [
    {"name": f"guard-{guard}", "verdict": "Warn", "message": "m" * 512}
    for guard in range(MAX_GUARDS)
]
_FINDING = {"check": "errorRate", "verdict": "Failed", "reason": "TooMany", "at": entry()["at"]}
LARGEST: Body = status(
    proposals=[
        proposal(id_, guards=_GUARDS, diff="d" * 8000)
        for id_ in (OPEN, *(f"scale-{n:08x}" for n in range(7)))
    ],
    timeline=[entry(seq, message="m" * 512, evidence=_EVIDENCE) for seq in range(MAX_ENTRIES)],
) | {
    "diagnosis": {
        "round": 1,
        "findings": [
            {**_FINDING, "step": f"step-{n}", "message": "m" * 512, "evidence": _EVIDENCE}
            for n in range(MAX_FINDINGS)
        ],
    }
}
FULL = {
    "annotations": numbered(MOST, "x" * 3900),
    "labels": numbered(MOST, "x" * 63),
}
SPEC = {
    "impact": {"symptom": "s" * 256, "summary": "s" * 256},
    "relatedTo": [{"namespace": "shop", "name": f"earlier-{n}"} for n in range(8)],
}
ACTS: dict[str, tuple[str, Change]] = {
    "alice approves": (ALICE, requests(approve=OPEN)),
    "alice rejects": (ALICE, requests(reject=f"{OPEN}: no")),
    "alice dismisses": (ALICE, requests(dismiss="nothing")),
    "alice merges it": (ALICE, patched({"spec": {"duplicateOf": {"name": "other"}}})),
    "alice gives roles": (ALICE, patched({"spec": {"roles": {"comms": ED}}})),
    "ed notes": (ED, requests(note="x")),
    "ed approves": (ED, requests(approve=OPEN)),
    "ed merges it": (ED, patched({"spec": {"duplicateOf": {"name": "other"}}})),
    "ed gives roles": (ED, patched({"spec": {"roles": {"comms": ED}}})),
    "ed misspells": (ED, annotated({PREFIX + "aprove": OPEN})),
    "ed labels it": (ED, meta(labels={"0": "y"})),
    "ed adopts it": (ED, meta(ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap",
                                                "name": f"c{n}", "uid": f"u{n}"} for n in range(999)])),
    "erin forges the status": (
        ERIN,
        lambda s, p, n: p.merge("incidents", n, {"status": {"phase": "Closed"}}, s.namespace, "status"),
    ),
    "erin deletes it": (ERIN, lambda s, p, n: p.delete("incidents", n, s.namespace)),
}  # fmt: skip


def took(scene: Scene, name: str, act: str) -> float:
    """The lesser of two dry runs: what it costs when nothing else is in the way."""
    who, does = ACTS[act]
    person = scene.person(who).dry()
    return min(timed(lambda: does(scene, person, name)) for _ in range(2))


@pytest.fixture(scope="module")
def largest(scene: Scene) -> str:
    """The largest that the rules let in."""
    return scene.incident(LARGEST, meta=FULL, spec=SPEC)


@pytest.mark.parametrize("act", [act for act in ACTS if act != "erin forges the status"])
def test_the_largest_costs_what_its_size_costs_and_the_rules_next_to_nothing(
    scene: Scene, largest: str, act: str
) -> None:
    # The rule about the status looks at the user alone: the rest is reading and writing it.
    plain = took(scene, largest, "erin forges the status")

    assert took(scene, largest, act) < 10 * plain


# --- stored before there were bounds ----------------------------------------------------------------


@pytest.fixture(scope="module")
def stored_before(scene: Scene) -> Iterator[tuple[str, str]]:
    """An Incident as large as it was let in without the rules, and a ConfigMap with the same."""
    admin, space = scene.admin, scene.namespace
    binding = "validatingadmissionpolicybindings"
    name = scene.incident(status())
    forged = annotated({PREFIX + "handled": "7"})
    admin.merge(binding, REQUESTS, {"spec": {"validationActions": ["Warn"]}}).expect_ok()
    until(lambda: forged(scene, admin.dry(), name), lambda a: a.ok, "no rules")
    many = {"annotations": numbered(HUGE), "labels": numbered(1000)}
    meta(**many)(scene, admin, name).expect_ok()
    beside: Body = {"metadata": {"name": "as-large", "namespace": space, **many}}
    admin.create("configmaps", beside).expect_ok()
    admin.merge(binding, REQUESTS, {"spec": {"validationActions": ["Deny", "Audit"]}}).expect_ok()
    small = scene.incident(status())
    until(lambda: forged(scene, admin.dry(), small), denied_by(REQUESTS), "the rules again")
    yield name, "as-large"
    admin.delete("configmaps", "as-large", space)


def test_one_stored_large_before_the_upgrade_is_decided(
    scene: Scene, stored_before: tuple[str, str]
) -> None:
    name, beside = stored_before
    dry, space = scene.admin.dry(), scene.namespace
    touch = {"metadata": {"annotations": {"0": "y"}}}
    plain = timed(lambda: dry.merge("configmaps", beside, touch, space).expect_ok())
    alice = scene.person(ALICE)

    spent = timed(lambda: requests(approve=OPEN)(scene, alice, name).expect_ok())

    assert spent < 10 * plain
    # What was too much is taken away by anybody, and none is put beside it.
    more = meta(annotations={"one-more": ""})(scene, scene.person(ED), name)
    refused_by(more, REQUESTS, WORDS, f"{HUGE + 1} annotations")
    meta(labels=dict.fromkeys(numbered(1000)))(scene, scene.person(ED), name).expect_ok()
