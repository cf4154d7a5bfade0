"""Who may say what to an Incident: every row of the policy `incident-commander-requests`.

Each row that must be allowed stands beside those that must be refused: a rule that is silently
true, or silently false, fails here.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from incidentcommander.api.incident import MAX_GUARDS
from tests.admission.scene import (
    ALICE,
    APPROVED,
    BLOCKED,
    BOB,
    CAROL,
    ERIN,
    OPEN,
    PREFIX,
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

EXECUTING = status("Remediating", proposals=[proposal(APPROVED, "Executing")])
NOBODY = status(commander=None)
NOTE = {"note": "pods crash since 08:00"}


def both(annotations: dict[str, str | None], rest: dict[str, object]) -> Change:
    """A request together with something else, in one write."""
    meta = dict(rest.pop("metadata", {}) or {})  # type: ignore[call-overload]
    more = meta.pop("annotations", {})
    return patched({"metadata": {"annotations": {**annotations, **more}, **meta}, **rest})


def approving(**rest: object) -> Change:
    """The commander's approval together with something else."""
    return both({PREFIX + "approve": OPEN}, dict(rest))


ALLOWED = [
    Case("the commander approves", ALICE, requests(approve=OPEN)),
    Case("without a commander any approver approves", BOB, requests(approve=OPEN), state=NOBODY),
    Case("the commander rejects by id", ALICE, requests(reject=OPEN)),
    Case("the commander rejects with a reason", ALICE, requests(reject=f"{OPEN}: not at noon")),
    Case("the commander rejects a blocked one", ALICE, requests(reject=BLOCKED)),
    *(
        Case(
            f"the commander rejects what is {state}",
            ALICE,
            requests(reject=f"{APPROVED}: stop"),
            state=status("Remediating", proposals=[proposal(APPROVED, state)]),
        )
        for state in ("Approved", "Executing", "Applied")
    ),
    Case("another approver takes command", BOB, requests(take_command="alice is asleep")),
    Case("a responder acknowledges", CAROL, requests(acknowledge="looking")),
    Case("an editor leaves a note", ERIN, requests(**NOTE)),
    Case("a note may be back-dated", ERIN, requests(note="@02:41 alarms went off")),
    Case("an editor posts an update", ERIN, requests(update="we look at the release")),
    Case("an editor names the root cause", ERIN, requests(root_cause="a missing index")),
    Case("an editor asks for a remediation", ERIN, requests(propose="scale-out")),
    Case("an editor asks for diagnosis", ERIN, requests(diagnose="again please")),
    Case("comms speaks to outsiders", CAROL, requests(update_external="We are on it.")),
    Case("the commander speaks to outsiders", ALICE, requests(update_external="We are on it.")),
    Case("any approver sets the severity", BOB, requests(severity="SEV3: only batch jobs")),
    Case("a severity needs no space", BOB, requests(severity="SEV4:cosmetic")),
    Case(
        "the commander confirms",
        ALICE,
        requests(confirm="checkout works"),
        state=status("Verifying"),
    ),
    Case("the commander resolves", ALICE, requests(resolve="config was fixed by hand")),
    Case("the commander dismisses", ALICE, requests(dismiss="a test of the alert")),
    *(
        Case(
            f"the commander reopens what is {phase}",
            ALICE,
            requests(reopen="it is back"),
            state=status(phase, proposals=[]),
        )
        for phase in ("Resolved", "Dismissed", "Merged")
    ),
    Case("a note on a merged one", ERIN, requests(**NOTE), state=status("Merged", proposals=[])),
    Case("1000 characters are taken", ERIN, requests(note="ä" * 1000)),
    Case("several words at once", ERIN, requests(note="x", root_cause="y", acknowledge="z")),
    Case("another request while one is pending", ERIN, requests(diagnose="now"), pending=NOTE),
    Case(
        "saying the pending words again is no change",
        ERIN,
        annotated(keys(NOTE)),
        pending=NOTE,
    ),
    Case("other annotations are free", ERIN, annotated({"team": "shop"})),
    Case("other labels are free", ERIN, patched({"metadata": {"labels": {"team": "shop"}}})),
    Case("the spec is free", ERIN, patched({"spec": {"severity": "SEV1"}})),
    Case(
        "an editor changes the spec while a request is pending",
        ERIN,
        patched({"spec": {"severity": "SEV1"}}),
        pending=NOTE,
    ),
    Case("a dry run of an approval", ALICE, lambda s, p, n: requests(approve=OPEN)(s, p.dry(), n)),
    Case(
        "an approver says so beside an acknowledgement",
        BOB,
        requests(acknowledge="here", acknowledge_approver="true"),
    ),
    Case("a note before the first status", ERIN, requests(**NOTE), state=None),
]

REFUSED = [
    Case(
        "a responder claims to be an approver",
        CAROL,
        requests(acknowledge="here", acknowledge_approver="true"),
        ("acknowledge-approver needs the verb approve",),
    ),
    Case(
        "an approver says so without acknowledging",
        BOB,
        annotated({PREFIX + "acknowledge-approver": "true"}),
        ("acknowledge-approver goes with the request acknowledge",),
    ),
    # One row per rule of the design, in its order.
    Case(
        "2 the operator approves",
        "operator",
        requests(approve=OPEN),
        ("the operator makes no requests",),
        state=NOBODY,
    ),
    Case("2 the operator notes", "operator", requests(**NOTE), ("the operator makes no requests",)),
    Case(
        "2 the operator changes what was said",
        "operator",
        annotated(keys({"note": "something else"})),
        ("the operator makes no requests",),
        pending=NOTE,
    ),
    Case(
        "2 the operator changes who said it",
        "operator",
        annotated({PREFIX + "note-by": ALICE}),
        ("the operator makes no requests",),
        pending=NOTE,
    ),
    Case(
        "3 a second note while one is pending",
        ERIN,
        requests(note="and more"),
        ("incidentcommander.dev/note is being handled: try again in a moment",),
        pending=NOTE,
    ),
    Case(
        "3 a person removes a request",
        ERIN,
        annotated({PREFIX + "note": None, PREFIX + "note-by": None}),
        ("is being handled",),
        pending=NOTE,
    ),
    Case(
        "3 cluster-admin removes a request",
        "admin",
        annotated({PREFIX + "note": None, PREFIX + "note-by": None}),
        ("is being handled",),
        pending=NOTE,
    ),
    Case(
        "5 a lone signature",
        ERIN,
        annotated({PREFIX + "approve-by": ALICE}),
        ("a signature (-by) goes with its request",),
    ),
    Case(
        "5 a forged signature on somebody's note",
        BOB,
        annotated({PREFIX + "note-by": BOB}),
        ("a signature (-by) goes with its request",),
        pending=NOTE,
    ),
    Case(
        "5 a removed signature",
        ERIN,
        annotated({PREFIX + "note-by": None}),
        ("a signature (-by) goes with its request",),
        pending=NOTE,
    ),
    Case("6 an editor approves", ERIN, requests(approve=OPEN), ("needs the verb approve",)),
    Case(
        "6 an editor approves where there is no commander",
        ERIN,
        requests(approve=OPEN),
        ("needs the verb approve",),
        state=NOBODY,
    ),
    *(
        Case(f"6 an editor says {key}", ERIN, requests(**{key: value}), ("needs the verb approve",))
        for key, value in {
            "reject": OPEN,
            "confirm": "fine",
            "resolve": "fine",
            "dismiss": "nothing",
            "reopen": "again",
            "take_command": "mine",
            "severity": "SEV4: nothing",
        }.items()
    ),
    *(
        Case(
            f"7 an approver who is not the commander says {key}",
            BOB,
            requests(**{key: value}),
            (
                "only the incident commander (alice) decides this",
                "take-command=",
                "kubectl annotate",
            ),
        )
        for key, value in {
            "approve": OPEN,
            "reject": OPEN,
            "confirm": "fine",
            "resolve": "fine",
            "dismiss": "nothing",
        }.items()
    ),
    Case(
        "7 an approver who is not the commander reopens",
        BOB,
        requests(reopen="again"),
        ("only the incident commander (alice)",),
        state=status("Resolved"),
    ),
    Case(
        "7 cluster-admin is not the commander",
        "admin",
        requests(approve=OPEN),
        ("only the incident commander (alice)",),
    ),
    Case(
        "8 no such proposal",
        ALICE,
        requests(approve="rollback-00000000"),
        ("there is no open proposal rollback-00000000; open now: rollback-1a2b3c4d, restart-",),
    ),
    Case(
        "8 an id with more behind it",
        ALICE,
        requests(approve=f"{OPEN}: yes"),
        ("there is no open proposal",),
    ),
    Case(
        "8 nothing to approve",
        ALICE,
        requests(approve="yes"),
        ("none is open now",),
        state=status(proposals=[]),
    ),
    Case(
        "8 before the first status",
        ALICE,
        requests(approve=OPEN),
        ("none is open now",),
        state=None,
    ),
    *(
        Case(
            f"8 a proposal that is {state}",
            ALICE,
            requests(approve=OPEN),
            ("there is no open proposal rollback-1a2b3c4d",),
            state=status(proposals=[proposal(OPEN, state)]),
        )
        for state in (
            "Approved",
            "Executing",
            "Applied",
            "Verified",
            "Failed",
            "Rejected",
            "Expired",
            "Superseded",
        )
    ),
    Case(
        "8 a blocked proposal",
        ALICE,
        requests(approve=BLOCKED),
        ("proposal restart-0badc0de is blocked: paused: the Deployment is paused",),
    ),
    Case("9 with a label", ALICE, approving(metadata={"labels": {"a": "b"}}), ("nothing else",)),
    Case("9 with a spec", ALICE, approving(spec={"severity": "SEV1"}), ("nothing else",)),
    Case(
        "9 with another target",
        ALICE,
        approving(spec={"target": {"kind": "Deployment", "name": "other"}}),
        ("nothing else",),
    ),
    Case(
        "9 with another annotation",
        ALICE,
        approving(metadata={"annotations": {"a": "b"}}),
        ("nothing else",),
    ),
    Case(
        "9 without an annotation that was there",
        ALICE,
        approving(metadata={"annotations": {"team": None}}),
        ("nothing else",),
        meta={"annotations": {"team": "shop"}},
    ),
    Case(
        "9 with a finalizer",
        ALICE,
        approving(metadata={"finalizers": ["a.example/b"]}),
        ("nothing else",),
    ),
    Case(
        "9 with an owner",
        ALICE,
        approving(
            metadata={
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b"}
                ]
            }
        ),
        ("nothing else",),
    ),
    Case(
        "9 a note with a label",
        ERIN,
        both({PREFIX + "note": "x"}, {"metadata": {"labels": {"a": "b"}}}),
        ("nothing else",),
    ),
    Case(
        "9 approve with a note",
        ALICE,
        requests(approve=OPEN, note="x"),
        ("decision is made alone",),
    ),
    Case(
        "9 two decisions",
        ALICE,
        requests(approve=OPEN, dismiss="nothing"),
        ("decision is made alone",),
    ),
    Case(
        "9 command and approval at once",
        BOB,
        requests(take_command="mine", approve=OPEN),
        ("decision is made alone",),
    ),
    *(
        Case(
            f"10 {who} adds {what}",
            who,
            patched({"metadata": {what: value}}),
            ("ownerReferences and finalizers of an Incident are the operator's",),
        )
        for who in (ERIN, ALICE, "admin")
        for what, value in {
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "no-such-uid"}
            ],
            "finalizers": ["a.example/b"],
        }.items()
    ),
    Case(
        "10 an editor removes a finalizer",
        ERIN,
        patched({"metadata": {"finalizers": None}}),
        ("ownerReferences and finalizers",),
        meta={"finalizers": ["incidentcommander.dev/keep"]},
    ),
    *(
        Case(
            f"11 {who} {what}",
            who,
            patched({"metadata": {"labels": labels}}),
            ("labels under incidentcommander.dev/ are the operator's",),
            meta={"labels": {PREFIX + "kept": "a"}},
        )
        for who in (ERIN, ALICE, "admin")
        for what, labels in {
            "closes it": {PREFIX + "closed": "true"},
            "changes a label": {PREFIX + "kept": "b"},
            "removes a label": {PREFIX + "kept": None},
        }.items()
    ),
    # What stands beside the table.
    *(
        Case(
            f"a closed one is told: {next(iter(said))}",
            who,
            requests(**said),
            ("this Incident has ended: declare a new Incident that links this one",),
            state=status("Dismissed", proposals=[]),
            meta={"labels": {PREFIX + "closed": "true"}},
        )
        for who, said in (
            (ERIN, NOTE),
            (ALICE, {"reopen": "again"}),
            (BOB, {"take_command": "mine"}),
            ("admin", {"root_cause": "x"}),
        )
    ),
    Case(
        "a Closed one is told something before its label is there",
        ERIN,
        requests(**NOTE),
        ("this Incident has ended",),
        state=status("Closed", proposals=[]),
    ),
    *(
        Case(
            f"dismissed while a proposal is {state}",
            ALICE,
            requests(dismiss="nothing"),
            (f"proposal {APPROVED} is being carried out",),
            state=status("Remediating", proposals=[proposal(APPROVED, state)]),
        )
        for state in ("Approved", "Executing")
    ),
    *(
        Case(
            f"reopened while {phase}",
            ALICE,
            requests(reopen="again"),
            (
                f"only a Resolved, Dismissed or Merged Incident can be reopened; this one is {phase}",
            ),
            state=status(phase),
        )
        for phase in ("AwaitingApproval", "Monitoring")
    ),
    Case(
        "an editor speaks to outsiders",
        ERIN,
        requests(update_external="All is well."),
        ("only the incident commander (alice) or comms (carol) speaks to outsiders",),
    ),
    Case(
        "an approver who is neither speaks to outsiders",
        BOB,
        requests(update_external="All is well."),
        ("speaks to outsiders",),
    ),
    Case(
        "nobody speaks to outsiders yet",
        BOB,
        requests(update_external="All is well."),
        ("(nobody yet) or comms (nobody yet)", "take-command="),
        state=status(commander=None, comms=None),
    ),
    Case(
        "an editor marks requests as handled",
        ERIN,
        annotated({PREFIX + "handled": "7"}),
        ("incidentcommander.dev/handled is the operator's",),
    ),
    Case(
        "cluster-admin marks requests as handled",
        "admin",
        annotated({PREFIX + "handled": "7"}),
        ("incidentcommander.dev/handled is the operator's",),
    ),
    Case(
        "an editor removes what the operator handled",
        ERIN,
        annotated({PREFIX + "handled": None}),
        ("incidentcommander.dev/handled is the operator's",),
        meta={"annotations": {PREFIX + "handled": "3"}},
    ),
    Case("an empty note", ERIN, requests(note=""), ("1 to 1000 characters",)),
    Case("a note of 1001 characters", ERIN, requests(note="x" * 1001), ("1 to 1000 characters",)),
    Case(
        "a misspelt request",
        ALICE,
        annotated({PREFIX + "aprove": OPEN}),
        ("there is no such request; the requests are approve, reject,",),
    ),
    *(
        Case(
            f"severity said as {value}",
            BOB,
            requests(severity=value),
            ('severity="SEV3: <reason>"',),
        )
        for value in ("SEV3", "SEV3:", "SEV3:  ", "SEV5: x", "sev1: x", "lower", "x SEV1: y")
    ),
    *(
        Case(
            f"reject said as {value}",
            ALICE,
            requests(reject=value),
            ("reject names a proposal", 'reject="<id>: <reason>"', f"now: {OPEN}"),
        )
        for value in ("no", f"no {OPEN}", f"{OPEN} no", ": no")
    ),
    *(
        Case(
            f"reject of one that is {state}",
            ALICE,
            requests(reject=OPEN),
            ("there is none now",),
            state=status(proposals=[proposal(OPEN, state)]),
        )
        for state in ("Verified", "Failed", "Rejected", "Expired", "Superseded")
    ),
    Case(
        "propose said as a sentence",
        ERIN,
        requests(propose="scale out please"),
        ("propose names a remediation",),
    ),
]


@pytest.mark.parametrize("case", ALLOWED, ids=str)
def test_allowed(scene: Scene, case: Case) -> None:
    name, answer = expect(scene, case)
    # Whatever was added is signed with the name of the person who said it.
    annotations = answer.body["metadata"].get("annotations", {})
    signed = {value for key, value in annotations.items() if key.endswith("-by")}
    assert signed <= {case.who, ERIN if case.pending else case.who}
    beside = ("-by", "-approver")
    said = [k for k in annotations if k.startswith(PREFIX) and not k.endswith(beside)]
    assert all(f"{key}-by" in annotations for key in said), name


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(scene: Scene, case: Case) -> None:
    name, _ = expect(scene, case)
    stored = scene.admin.get("incidents", name, scene.namespace).expect_ok()
    annotations = stored["metadata"].get("annotations", {})
    if stored["metadata"].get("finalizers"):
        patched({"metadata": {"finalizers": None}})(scene, scene.operator, name).expect_ok()
    # Nothing of it was kept.
    left = {k for k in annotations if k.startswith(PREFIX) and k != PREFIX + "handled"}
    assert left == ({PREFIX + "note", PREFIX + "note-by"} if case.pending else set())


# --- ways to write the same -----------------------------------------------------------------------


def merge_patch(scene: Scene, person: Api, name: str, annotations: dict[str, str]) -> Answer:
    return annotated(annotations)(scene, person, name)


def json_patch(scene: Scene, person: Api, name: str, annotations: dict[str, str]) -> Answer:
    add = {"op": "add", "path": "/metadata/annotations", "value": annotations}
    return person.patch("incidents", name, [add], scene.namespace)


def applied(scene: Scene, person: Api, name: str, annotations: dict[str, str]) -> Answer:
    body = {
        "apiVersion": f"{PREFIX}v1alpha1",
        "kind": "Incident",
        "metadata": {"name": name, "namespace": scene.namespace, "annotations": annotations},
    }
    return person.apply("incidents", body, force="true")


def put(scene: Scene, person: Api, name: str, annotations: dict[str, str]) -> Answer:
    body = person.get("incidents", name, scene.namespace).expect_ok()
    body["metadata"]["annotations"] = annotations
    return person.replace("incidents", body)


Way = Callable[[Scene, Api, str, dict[str, str]], Answer]
WAYS: list[Way] = [merge_patch, json_patch, applied, put]


@pytest.mark.parametrize("way", WAYS)
def test_an_editor_cannot_approve_by_any_kind_of_write(scene: Scene, way: Way) -> None:
    name = scene.incident(status())
    answer = way(scene, scene.person(ERIN), name, keys({"approve": OPEN, "approve-by": ALICE}))
    refused_by(answer, "incident-commander-requests", "needs the verb approve")


@pytest.mark.parametrize("way", WAYS)
def test_the_commander_can_approve_by_any_kind_of_write(scene: Scene, way: Way) -> None:
    name = scene.incident(status())
    answer = way(scene, scene.person(ALICE), name, keys({"approve": OPEN}))
    assert answer.expect_ok()["metadata"]["annotations"][PREFIX + "approve-by"] == ALICE


@pytest.mark.parametrize("way", WAYS)
def test_a_false_claim_is_overwritten_by_the_true_name(scene: Scene, way: Way) -> None:
    name = scene.incident(status())
    answer = way(scene, scene.person(ERIN), name, keys({"note": "x", "note-by": ALICE}))
    assert answer.expect_ok()["metadata"]["annotations"][PREFIX + "note-by"] == ERIN


@pytest.mark.parametrize(("who", "may"), [(BOB, "true"), (CAROL, None)])
def test_who_acknowledges_is_stamped_as_approver_or_not(
    scene: Scene, who: str, may: str | None
) -> None:
    name = scene.incident(NOBODY)

    answer = requests(acknowledge="here")(scene, scene.person(who), name)

    stamped = answer.expect_ok()["metadata"]["annotations"]
    assert stamped.get(PREFIX + "acknowledge-approver") == may
    remove = annotated({PREFIX + "acknowledge-approver": "false" if may is None else None})
    refused = remove(scene, scene.person(ERIN), name)
    assert "acknowledge-approver goes with the request acknowledge" in refused.message


@pytest.mark.parametrize("sub", ["status"])
@pytest.mark.parametrize("who", [ERIN, "operator"])
def test_an_annotation_cannot_come_in_by_the_status(scene: Scene, sub: str, who: str) -> None:
    name = scene.incident(status())
    patch = {"metadata": {"annotations": keys({"approve": OPEN, "approve-by": ALICE})}}
    scene.person(who).merge("incidents", name, patch, scene.namespace, sub)
    stored = scene.admin.get("incidents", name, scene.namespace).expect_ok()
    assert "annotations" not in stored["metadata"]


# --- creation ------------------------------------------------------------------------------------

OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b"}


@pytest.mark.parametrize("who", [ERIN, ALICE, "admin"])
@pytest.mark.parametrize(
    "said", [{"approve": OPEN}, {"note": "x"}, {"approve-by": ALICE}, {"dismiss": "x"}], ids=str
)
def test_no_request_at_creation(scene: Scene, who: str, said: dict[str, str]) -> None:
    body = scene.body(meta={"annotations": keys(said)})
    refused_by(
        scene.person(who).create("incidents", body),
        "incident-commander-requests",
        "requests cannot be made when an Incident is created",
    )


def test_no_request_at_creation_by_apply(scene: Scene) -> None:
    body = scene.body(meta={"annotations": keys({"approve": OPEN})})
    refused_by(
        scene.person(ERIN).apply("incidents", body),
        "incident-commander-requests",
        "requests cannot be made when an Incident is created",
    )


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ({"labels": {PREFIX + "closed": "true"}}, "labels under incidentcommander.dev/"),
        ({"labels": {PREFIX + "any": "x"}}, "labels under incidentcommander.dev/"),
        ({"ownerReferences": [OWNER]}, "ownerReferences and finalizers"),
        ({"finalizers": ["a.example/b"]}, "ownerReferences and finalizers"),
        ({"annotations": {PREFIX + "handled": "3"}}, "handled is the operator's"),
        ({"annotations": {PREFIX + "aprove": "x"}}, "there is no such request"),
    ],
    ids=str,
)
@pytest.mark.parametrize("who", [ERIN, "admin"])
def test_what_is_the_operators_is_refused_at_creation(
    scene: Scene, who: str, meta: dict[str, object], words: str
) -> None:
    answer = scene.person(who).create("incidents", scene.body(meta=meta))
    refused_by(answer, "incident-commander-requests", words)


def test_other_labels_and_annotations_are_free_at_creation(scene: Scene) -> None:
    meta = {"labels": {"team": "shop"}, "annotations": {"a.example/b": "c"}}
    scene.person(ERIN).create("incidents", scene.body(meta=meta)).expect_ok()


ALERT = {"name": "HighErrorRate", "labels": {"severity": "page"}}


def test_an_alert_is_set_by_who_has_the_verb_intake(scene: Scene) -> None:
    scene.person("ida").create("incidents", scene.body(alert=ALERT)).expect_ok()


@pytest.mark.parametrize("who", [ERIN, ALICE])
def test_an_alert_is_refused_without_the_verb_intake(scene: Scene, who: str) -> None:
    answer = scene.person(who).create("incidents", scene.body(alert=ALERT))
    refused_by(answer, "incident-commander-requests", "spec.alert is set by intake", "leave it out")


@pytest.mark.parametrize("alert", [ALERT, {"name": "Other"}, None], ids=str)
def test_an_alert_is_neither_added_nor_changed_nor_removed(
    scene: Scene, alert: dict[str, object] | None
) -> None:
    body = scene.body() if alert is ALERT else scene.body(alert=ALERT)
    scene.admin.create("incidents", body).expect_ok()
    name = body["metadata"]["name"]
    answer = scene.admin.merge("incidents", name, {"spec": {"alert": alert}}, scene.namespace)
    assert "alert is set by intake" in answer.expect_refused()


# --- the operator --------------------------------------------------------------------------------


def test_the_operator_removes_what_it_took(scene: Scene) -> None:
    name = scene.incident(status(), pending=NOTE)
    gone = {PREFIX + "note": None, PREFIX + "note-by": None, PREFIX + "handled": "1"}
    answer = annotated(gone)(scene, scene.operator, name)
    assert answer.expect_ok()["metadata"]["annotations"] == {PREFIX + "handled": "1"}
    requests(**NOTE)(scene, scene.person(ERIN), name).expect_ok()


def test_the_operator_closes_an_incident(scene: Scene) -> None:
    name = scene.incident(status("Closed", proposals=[]))
    patched({"metadata": {"labels": {PREFIX + "closed": "true"}}})(
        scene, scene.operator, name
    ).expect_ok()


def test_the_operators_proof_is_denied_by_name_under_a_dry_run(scene: Scene) -> None:
    name = scene.incident(status())
    forged = keys({"approve": OPEN, "approve-by": ALICE})
    answer = annotated(forged)(scene, scene.operator.dry(), name)
    refused_by(answer, "incident-commander-requests", "the operator makes no requests")


# --- impersonation -------------------------------------------------------------------------------


def test_nobody_acts_as_the_commander_without_the_right_to_impersonate(scene: Scene) -> None:
    name = scene.incident(status())
    token_path = f"/api/v1/namespaces/{scene.namespace}/serviceaccounts/default/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = scene.admin.request("POST", token_path, body).expect_ok()
    robot = scene.admin.with_token(answer["status"]["token"]).as_user(ALICE)
    assert "cannot impersonate" in requests(approve=OPEN)(scene, robot, name).expect_refused()


def test_the_operator_cannot_impersonate_the_commander(scene: Scene) -> None:
    name = scene.incident(status())
    answer = requests(approve=OPEN)(scene, scene.operator.as_user(ALICE), name)
    assert "cannot impersonate" in answer.expect_refused()


# --- what a person types -------------------------------------------------------------------------


def test_one_line_of_kubectl_is_all_that_a_person_types(scene: Scene, kubectl: Kubectl) -> None:
    name = scene.incident(status())
    line = ("annotate", "incident", name, "-n", scene.namespace, f"{PREFIX}approve={OPEN}")
    bob, alice = (kubectl.with_options("--as", person) for person in (BOB, ALICE))
    said = bob.expect_refused(*line, words=["only the incident commander (alice) decides this"])
    # The way out can be copied from the refusal.
    assert f"kubectl annotate incident {name} -n {scene.namespace} {PREFIX}take-command=" in said
    alice.run(*line)
    annotations = kubectl.json("get", "incident", name, "-n", scene.namespace)["metadata"]
    assert annotations["annotations"] == keys({"approve": OPEN, "approve-by": ALICE})


def test_apply_goes_on_beside_requests(scene: Scene, kubectl: Kubectl) -> None:
    erin = kubectl.with_options("--as", ERIN)
    body = scene.body()
    name = body["metadata"]["name"]
    erin.apply([body])
    erin.run("annotate", "incident", name, "-n", scene.namespace, f"{PREFIX}note=crash")
    body["spec"]["severity"] = "SEV1"
    erin.apply([body])
    erin.apply([body], "--server-side", "--force-conflicts")
    stored = scene.admin.get("incidents", name, scene.namespace).expect_ok()
    assert stored["metadata"]["annotations"][PREFIX + "note"] == "crash"
    assert stored["spec"]["severity"] == "SEV1"


# --- the largest objects -------------------------------------------------------------------------

# An expression that costs too much is a refusal: the rules must be affordable at the limits.
MANY = {f"team.example/annotation-{number:04}": "x" * 3900 for number in range(64)}
LONG = [
    proposal(
        f"{'r' * 40}-{number:08x}",
        guards=[
            {
                "name": f"guard-{guard}",
                "verdict": "Block" if number == 7 else "Warn",
                "message": "m" * 512,
            }
            for guard in range(MAX_GUARDS)
        ],
    )
    for number in range(8)
]


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (ERIN, {"note": "n" * 1000, "root_cause": "r" * 1000, "update": "u" * 1000}),
        (ALICE, {"approve": LONG[6]["id"]}),
        (ALICE, {"reject": f"{LONG[7]['id']}: {'x' * 900}"}),
    ],
    ids=str,
)
def test_the_rules_are_affordable_at_the_limits(
    scene: Scene, who: str, said: dict[str, str]
) -> None:
    large = {"annotations": MANY, "labels": {f"label-{number}": "x" for number in range(64)}}
    name = scene.incident(status(proposals=LONG), meta=large)
    requests(**said)(scene, scene.person(who), name).expect_ok()


def test_a_refusal_at_the_limits_still_says_why(scene: Scene) -> None:
    name = scene.incident(status(proposals=LONG), meta={"annotations": MANY})
    for wanted, words in (
        ("unknown", ("there is no open proposal unknown; open now: rrr",)),
        (
            LONG[7]["id"],
            ("is blocked: guard-0: mmm", f"(and {MAX_GUARDS - 1} more: see its guards"),
        ),
    ):
        answer = requests(approve=wanted)(scene, scene.person(ALICE), name)
        refused_by(answer, "incident-commander-requests", *words)
