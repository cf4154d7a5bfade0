"""Who may change which field of an Incident's spec, and in which phase: docs/fields.md, row by row.

No field may end, redirect or silence an Incident with less right than the request that does the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from incidentcommander.api.base import ApiModel
from incidentcommander.api.incident import Impact, IncidentSpec, Roles
from tests.admission.conftest import CHART
from tests.admission.scene import (
    ALICE,
    APPROVED,
    BOB,
    CAROL,
    ED,
    PREFIX,
    RITA,
    Case,
    Change,
    Scene,
    annotated,
    expect,
    keys,
    patched,
    proposal,
    refused_by,
    requests,
    status,
)
from tests.support.api import Answer, Api
from tests.support.kubectl import Kubectl

POLICY = "incident-commander-fields"
BY = PREFIX + "duplicate-of-by"
NOBODY = status(commander=None, comms=None)
UNOFFERED = status("Investigating", commander=None, comms=None, proposals=[])
DECOY: Mapping[str, Any] = {"duplicateOf": {"name": "decoy"}}
GIVEN = {
    "roles": {"techLead": "tom", "comms": CAROL},
    "impact": {"symptom": "Some payments fail"},
    "warRoom": "https://chat.example/inc-42",
}
LEAD = ("the incident commander (alice)", "or a holder of the verb approve", "take-command=")
OUTSIDE = ("outsiders read spec.impact.symptom and summary", "comms (carol)", "verb approve")
VOID = (
    "voids open proposals",
    "the incident commander is (alice)",
    "verb approve",
    "take-command=",
)
INSIDE = ("stand in every update", "the incident commander (alice)", "verb approve")
FREE: Mapping[str, Mapping[str, Any]] = {
    "the severity": {"severity": "SEV1"},
    "the severity, downwards, which does nothing": {"severity": "SEV4"},
    "how many are affected": {"impact": {"usersAffectedPercent": 80}},
    "facts of the impact": {"impact": {"securityBreach": True, "dataIntegrity": True}},
    "when it began, which is read once": {"startedAt": "2026-11-22T07:00:00Z"},
    "what it is related to": {"relatedTo": [{"namespace": "shop", "name": "earlier"}]},
}
UNLED: Mapping[str, Mapping[str, Any]] = {
    "gives it a better title": {"title": "Checkout: 5xx for all"},
    "opens a war room": {"warRoom": "https://chat.example/2"},
    "turns it to another workload": {"target": {"name": "other"}},
    "names the Runbook": {"runbookRef": {"name": "other"}},
    "names a tech lead and a scribe": {"roles": {"techLead": "tom", "scribe": "sue"}},
}
LEADING: dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {
    "names himself comms": ({"roles": {"comms": ED}}, LEAD),
    "turns it to another workload, and back, and again": ({"target": {"name": "other"}}, VOID),
    "names a Runbook that there is not": ({"runbookRef": {"name": "nix"}}, VOID),
    "names a tech lead": ({"roles": {"techLead": ED}}, LEAD),
    "removes all roles": ({"roles": None}, LEAD),
    "sends everybody to another war room": ({"warRoom": "https://evil.example/"}, INSIDE),
    "removes the war room": ({"warRoom": None}, INSIDE),
    "gives it another title": ({"title": "All is well"}, INSIDE),
    "tells outsiders another symptom": ({"impact": {"symptom": "Send card numbers"}}, OUTSIDE),
    "tells outsiders another impact": ({"impact": {"summary": "Send card numbers"}}, OUTSIDE),
    "silences outsiders": ({"impact": None}, OUTSIDE),
}


def change(**spec: Any) -> Change:
    """Change these fields of spec."""
    return patched({"spec": spec})


ALLOWED = [
    *(
        Case(f"{who}, who may: {what}", who, change(**spec), state=status(), spec=GIVEN)
        for what, (spec, _) in LEADING.items()
        for who in (ALICE, BOB)
    ),
    Case(
        "rita, whom ed named commander, turns it to another workload before anything is offered",
        RITA,
        change(target={"name": "other"}),
        state=status("Investigating", commander=RITA, proposals=[]),
        spec=GIVEN,
    ),
    Case(
        "comms says what outsiders read",
        CAROL,
        change(impact={"symptom": "All payments fail", "summary": "everybody"}),
        spec=GIVEN,
    ),
    *(Case(f"ed changes {what}", ED, change(**spec), spec=GIVEN) for what, spec in FREE.items()),
    *(
        Case(f"nobody commands yet: rita {what}", RITA, change(**spec), state=UNOFFERED, spec=GIVEN)
        for what, spec in UNLED.items()
    ),
    Case("without a commander any approver merges it", BOB, change(**DECOY), state=NOBODY),
    Case("the commander merges it", ALICE, change(**DECOY)),
    Case("the commander merges what is Resolved", ALICE, change(**DECOY), state=status("Resolved")),
    Case(
        "the commander says that it is none",
        ALICE,
        change(duplicateOf=None),
        spec=DECOY,
    ),
]

OFFERED = ("while something is offered or done, it needs the verb approve",)
REFUSED = [
    *(
        Case(
            f"rita {what}",
            RITA,
            change(target={"name": "other"}),
            OFFERED,
            state=state,
            spec=GIVEN,
            policy=POLICY,
        )
        for what, state in {
            "voids what is offered, as the commander whom ed named": status(commander=RITA),
            "has it diagnosed again and voids what is offered meanwhile": status(
                "Diagnosing", commander=None
            ),
        }.items()
    ),
    *(
        Case(f"{who} {what}", who, change(**spec), words, spec=GIVEN, policy=POLICY)
        for what, (spec, words) in LEADING.items()
        for who in (ED, RITA)
    ),
    *(
        Case(
            f"nobody commands yet: ed {what}",
            ED,
            change(**spec),
            ("(nobody yet)", "verb approve"),
            state=NOBODY,
            spec=GIVEN,
            policy=POLICY,
        )
        for what, spec in {
            "makes himself commander": {"roles": {"commander": ED}},
            "names himself comms": {"roles": {"comms": ED}},
            "tells outsiders another symptom": {"impact": {"symptom": "Send card numbers"}},
            "voids what is offered by another workload": {"target": {"name": "other"}},
            "voids what is offered by another Runbook": {"runbookRef": {"name": "nix"}},
        }.items()
    ),
    Case(
        "ed makes himself comms before the first status",
        ED,
        change(roles={"comms": ED}),
        ("(nobody yet)",),
        state=None,
        policy=POLICY,
    ),
    *(
        Case(
            f"{who} {what}",
            who,
            change(**spec),
            ("spec.duplicateOf ends this Incident", "needs the verb approve"),
            state=state,
            spec=given,
            policy=POLICY,
        )
        for who in (ED, RITA)
        for what, spec, given, state in (
            ("ends alice's as a duplicate of a decoy", DECOY, None, status()),
            ("ends one that nobody commands", DECOY, None, NOBODY),
            ("ends one while it is verified", DECOY, None, status("Verifying", proposals=[])),
            ("ends one while it is watched", DECOY, None, status("Monitoring", proposals=[])),
            ("takes a Resolved one away", DECOY, None, status("Resolved", proposals=[])),
            ("points it to another one", DECOY, {"duplicateOf": {"name": "real"}}, status()),
            ("says that it is none", {"duplicateOf": None}, DECOY, status()),
        )
    ),
    *(
        Case(
            f"{who}, who is not the commander, merges it",
            who,
            change(**DECOY),
            ("only the incident commander (alice) changes spec.duplicateOf", "take-command="),
            policy=POLICY,
        )
        for who in (BOB, "admin")
    ),
    *(
        Case(
            f"the commander merges it and {what}",
            ALICE,
            does,
            ("a decision is made alone",),
            spec=GIVEN,
            policy=POLICY,
        )
        for what, does in {
            "lowers the severity": change(**DECOY, severity="SEV4"),
            "labels it": patched({"spec": DECOY, "metadata": {"labels": {"a": "b"}}}),
        }.items()
    ),
    *(
        Case(
            f"ed {what}",
            ED,
            annotated({BY: value}),
            ("the signature duplicate-of-by goes with spec.duplicateOf",),
            state=NOBODY,
            policy=POLICY,
        )
        for what, value in {"signs what nobody merged": ALICE, "signs as himself": ED}.items()
    ),
]


@pytest.mark.parametrize("case", ALLOWED, ids=str)
def test_allowed(scene: Scene, case: Case) -> None:
    expect(scene, case)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(scene: Scene, case: Case) -> None:
    name, _ = expect(scene, case)
    stored = scene.admin.get("incidents", name, scene.namespace).expect_ok()
    assert stored["metadata"]["generation"] == 1


def test_who_merged_it_is_stamped_whatever_was_claimed(scene: Scene) -> None:
    for claimed in (None, {}, {"team": "shop"}, {BY: BOB}):
        name = scene.incident(status())
        patch: dict[str, Any] = {"spec": DECOY}
        if claimed is not None:
            patch["metadata"] = {"annotations": claimed}
        merged = patched(patch)(scene, scene.person(ALICE), name).expect_ok()
        assert merged["metadata"]["annotations"] == {**(claimed or {}), BY: ALICE}

        for value in (None, ED, BOB):
            answer = annotated({BY: value})(scene, scene.person(ED), name)
            refused_by(answer, POLICY, "goes with spec.duplicateOf, and stays as it is")
        undone = change(duplicateOf=None)(scene, scene.person(ALICE), name).expect_ok()
        assert undone["metadata"]["annotations"][BY] == ALICE


def test_ed_declares_one_as_a_duplicate_and_signs_for_nobody(scene: Scene) -> None:
    scene.person(ED).create("incidents", scene.body(**DECOY)).expect_ok()
    forged = scene.body(meta={"annotations": {BY: ALICE}}, **DECOY)
    answer = scene.person(ED).create("incidents", forged)
    refused_by(answer, "incident-commander-requests", "requests cannot be made when an Incident")


def test_ed_does_not_merge_by_apply(scene: Scene, kubectl: Kubectl) -> None:
    body = scene.body()
    ed = kubectl.with_options("--as", ED)
    ed.apply([body])
    body["spec"] |= DECOY
    for way in ((), ("--server-side", "--force-conflicts")):
        ed.expect_refused(
            "apply", *way, "-f", "-", words=["needs the verb approve"], stdin=json.dumps(body)
        )


def test_the_commander_merges_by_apply(scene: Scene, kubectl: Kubectl) -> None:
    body = scene.body()
    alice = kubectl.with_options("--as", ALICE)
    alice.apply([body])
    body["spec"] |= DECOY
    alice.apply([body])
    stored = scene.admin.get("incidents", body["metadata"]["name"], scene.namespace).expect_ok()
    assert stored["metadata"]["annotations"][BY] == ALICE


# --- what the CRD says ------------------------------------------------------------------------------


def crd_refuses(answer: Answer, *words: str) -> None:
    assert answer.reason == "Invalid", answer
    answer.expect_refused(*words)


@pytest.mark.parametrize("state", ["Approved", "Executing"])
def test_alice_does_not_merge_what_is_being_carried_out(scene: Scene, state: str) -> None:
    name = scene.incident(status("Remediating", proposals=[proposal(APPROVED, state)]))
    answer = change(**DECOY)(scene, scene.person(ALICE), name)
    crd_refuses(answer, "spec.duplicateOf is refused while a proposal is Approved or Executing")


@pytest.mark.parametrize("phase", ["Closed", "Dismissed", "Merged"])
@pytest.mark.parametrize(
    "spec",
    [
        {"title": "x"},
        {"severity": "SEV1"},
        {"roles": {"comms": ALICE}},
        {"warRoom": "https://chat.example"},
        {"impact": {"usersAffectedPercent": 1}},
        {"startedAt": "2026-11-22T07:00:00Z"},
        {"runbookRef": {"name": "other"}},
        {"policyRef": {"name": "other"}},
        {"relatedTo": [{"name": "other"}]},
        {"duplicateOf": {"name": "other"}},
        {"target": {"name": "other"}},
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_the_spec_of_an_ended_one_is_frozen(
    scene: Scene, phase: str, spec: Mapping[str, Any]
) -> None:
    name = scene.incident(status(phase, proposals=[]))
    crd_refuses(change(**spec)(scene, scene.person(ALICE), name), "spec is frozen")


PINNED = {
    "name": "default",
    "namespace": "shop",
    "generation": 1,
    "monitorFor": "30m",
    "expireAfter": "15m",
    "cooldown": "5m",
    "maxAttempts": 3,
    "rediagnoseEvery": "10m",
    "postmortem": "None",
}


def test_ed_does_not_bring_another_policy_once_one_is_in_force(scene: Scene) -> None:
    ed: Api = scene.person(ED)
    name = scene.incident(status() | {"policy": PINNED})
    crd_refuses(
        change(policyRef={"name": "no-such-policy"})(scene, ed, name),
        "spec.policyRef is read once, when the Incident is declared",
    )
    unfound = scene.incident(status() | {"policy": PINNED | {"generation": 0}})
    change(policyRef={"name": "the-right-one"})(scene, ed, unfound).expect_ok()


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False), (True, None)])
def test_ed_makes_no_drill_of_it_and_no_incident_of_a_drill(
    scene: Scene, *, before: bool, after: bool | None
) -> None:
    name = scene.incident(status(), spec={"drill": before})
    answer = change(drill=after)(scene, scene.person(ED), name)
    crd_refuses(answer, "drill is immutable: declare a new Incident")


def test_at_most_eight_are_related(scene: Scene) -> None:
    related = [{"namespace": "shop", "name": f"inc-{n}"} for n in range(9)]
    scene.person(ED).create("incidents", scene.body(relatedTo=related[:8])).expect_ok()
    crd_refuses(scene.person(ED).create("incidents", scene.body(relatedTo=related)), "relatedTo")


# --- nothing is forgotten -----------------------------------------------------------------------------


def test_every_field_of_the_model_stands_in_the_policy_and_in_the_table() -> None:
    fields = {f.alias or n for n, f in IncidentSpec.model_fields.items()}
    template = (CHART / "templates" / "guard" / "_cel.tpl").read_text()
    found = re.search(r'specFields" -}}\n\[(.*?)\]', template, re.DOTALL)
    assert found
    assert set(re.findall(r"'(\w+)'", found[1])) == fields

    table = (CHART.parents[1] / "docs" / "fields.md").read_text()
    rows = {cell for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for cell in
            re.findall(r"`([\w.]+)`", row)}  # fmt: skip
    parts: dict[str, type[ApiModel]] = {"roles": Roles, "impact": Impact}
    wanted = {
        f"{field}.{part.alias or name}"
        for field, model in parts.items()
        for name, part in model.model_fields.items()
    }
    assert rows == fields - set(parts) | wanted


def test_what_a_person_asks_first_is_answered_first(scene: Scene) -> None:
    """A request that also changes the spec is told so by the requests' policy, not by the fields'."""
    name = scene.incident(status())
    both = patched({"spec": {"title": "x"}, "metadata": {"annotations": keys({"note": "x"})}})
    refused_by(both(scene, scene.person(ALICE), name), "incident-commander-requests")
    requests(note="x")(scene, scene.person(ED), name).expect_ok()


def test_alice_merges_it_and_says_why_in_a_note_at_once(scene: Scene) -> None:
    both = patched({"spec": DECOY, "metadata": {"annotations": keys({"note": "the same"})}})
    name = scene.incident(status())
    # Two policies refuse it; whose words are shown is the API server's choice.
    both(scene, scene.person(ALICE), name).expect_refused(
        "ValidatingAdmissionPolicy 'incident-commander-", "denied request: a "
    )


@pytest.mark.parametrize("role", ["commander", "comms"])
def test_rita_declares_an_incident_with_herself_in_command(scene: Scene, role: str) -> None:
    body = scene.body(roles={role: RITA})
    refused_by(
        scene.person(RITA).create("incidents", body),
        "incident-commander-requests",
        "naming yourself commander or comms needs the verb approve",
    )
    scene.person(RITA).create("incidents", scene.body(roles={role: ALICE})).expect_ok()
    scene.person(ALICE).create("incidents", scene.body(roles={role: ALICE})).expect_ok()
