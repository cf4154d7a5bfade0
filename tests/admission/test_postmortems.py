"""Postmortems are completed by people and are part of the record; the operator writes no other ConfigMap."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.admission.conftest import RELEASE, denied_by, until
from tests.admission.scene import ALICE, ERIN, Scene, refused_by
from tests.support.api import Api, Body
from tests.support.objects import complete_postmortem, incident, postmortem

GARBAGE = "system:serviceaccount:kube-system:generic-garbage-collector"
NAMESPACES = "system:serviceaccount:kube-system:namespace-controller"
POLICY = "incident-commander-postmortems"
REPORTS = "incident-commander-reports"
MARK = {"app.kubernetes.io/managed-by": "incident-commander"}


@pytest.fixture(scope="module", autouse=True)
def in_force(scene: Scene) -> None:
    """Wait until both policies are seen to act."""
    probe = scene.admin.dry()
    owned = postmortem(scene.namespace, "probe")
    owned["metadata"]["ownerReferences"] = [OWNER]
    until(lambda: probe.create("postmortems", owned), denied_by(POLICY), "postmortems")
    until(
        lambda: scene.operator.dry().create("configmaps", config_map(scene, "probe")),
        denied_by(REPORTS),
        "reports",
    )


OWNER: Body = {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "y"}


@pytest.fixture
def name(scene: Scene) -> Iterator[str]:
    """A Postmortem, as a person writes one."""
    name = f"pm-{uuid.uuid4().hex[:8]}"
    scene.person(ERIN).create("postmortems", postmortem(scene.namespace, name)).expect_ok()
    yield name
    scene.person("pat").delete("postmortems", name, scene.namespace)


# --- the status ----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [ERIN, ALICE, "admin"])
def test_only_the_operator_writes_the_status(scene: Scene, name: str, who: str) -> None:
    forged = {"status": {"openItems": 0}}
    answer = scene.admin if who == "admin" else scene.admin.as_user(who, "system:masters")

    refused_by(
        answer.merge("postmortems", name, forged, scene.namespace, "status"),
        POLICY,
        "written by the operator only",
    )


def test_the_operator_writes_the_status(scene: Scene, name: str) -> None:
    written = {"status": {"openItems": 0}}

    scene.operator.merge("postmortems", name, written, scene.namespace, "status").expect_ok()


# --- who completes it ----------------------------------------------------------------------------


FINAL: Body = {"spec": {"state": "Final"}}
REVIEW: Body = {"spec": {"state": "Review"}}


def drafted(scene: Scene, postmortem: str, **owner: str) -> None:
    """The operator drafts or adopts it, as it does once the Incident is resolved."""
    # It is there: the garbage collector deletes what belongs to something that is not.
    name = owner.get("name", "checkout-5xx")
    scene.admin.create("incidents", incident(scene.namespace, name))
    uid = scene.admin.get("incidents", name, scene.namespace).expect_ok()["metadata"]["uid"]
    of = {"apiVersion": "incidentcommander.dev/v1alpha1", "kind": "Incident", "uid": uid}
    mark = {"metadata": {"ownerReferences": [{**of, "name": name, **owner}]}}
    scene.operator.merge("postmortems", postmortem, mark, scene.namespace).expect_ok()


def test_a_responder_completes_it(scene: Scene, name: str) -> None:
    spec = {**complete_postmortem("")["spec"], "state": "Review"}

    scene.person(ERIN).merge("postmortems", name, {"spec": spec}, scene.namespace).expect_ok()


def test_ed_swaps_the_text_of_one_that_alice_reads_in_review(scene: Scene, name: str) -> None:
    drafted(scene, name)
    spec = {**complete_postmortem("")["spec"], "state": "Review"}
    scene.person(ERIN).merge("postmortems", name, {"spec": spec}, scene.namespace).expect_ok()

    for swapped in ({"summary": "It was the customers' fault."}, {"state": "Draft"}):
        refused_by(
            scene.person(ERIN).merge("postmortems", name, {"spec": swapped}, scene.namespace),
            POLICY,
            "stays as it is being read",
        )
    # What is no text of it is none of this rule.
    label = {"metadata": {"labels": {"team": "checkout"}}}
    scene.person(ERIN).merge("postmortems", name, label, scene.namespace).expect_ok()
    scene.person(ALICE).merge("postmortems", name, FINAL, scene.namespace).expect_ok()
    scene.person(ALICE).merge("postmortems", name, REVIEW, scene.namespace).expect_ok()
    back = {"spec": {"state": "Draft", "summary": "Mended."}}
    scene.person(ALICE).merge("postmortems", name, back, scene.namespace).expect_ok()


def test_the_operator_writes_one_that_is_in_review(scene: Scene, name: str) -> None:
    drafted(scene, name)
    scene.person(ERIN).merge("postmortems", name, REVIEW, scene.namespace).expect_ok()

    more = {"spec": {"summary": "drafted anew after a reopen"}}
    scene.operator.merge("postmortems", name, more, scene.namespace).expect_ok()


def test_alice_who_may_approve_calls_it_final_and_takes_it_back(scene: Scene, name: str) -> None:
    drafted(scene, name)
    spec = complete_postmortem("")["spec"]

    alice = scene.person(ALICE)
    alice.merge("postmortems", name, {"spec": spec}, scene.namespace).expect_ok()
    alice.merge("postmortems", name, REVIEW, scene.namespace).expect_ok()


@pytest.mark.parametrize("who", [ERIN, ALICE, "admin"])
def test_nobody_creates_a_final_one(scene: Scene, who: str) -> None:
    body = complete_postmortem(scene.namespace, f"beforehand-{who}")

    refused_by(scene.person(who).create("postmortems", body), POLICY, "begins as Draft")


def test_ed_cannot_call_a_drafted_one_final(scene: Scene, name: str) -> None:
    drafted(scene, name)
    spec = complete_postmortem("")["spec"]

    refused_by(
        scene.person(ERIN).merge("postmortems", name, {"spec": spec}, scene.namespace),
        POLICY,
        "the verb approve on incidents",
    )
    scene.person(ERIN).merge("postmortems", name, {"spec": {**spec, "state": "Review"}},
                             scene.namespace).expect_ok()  # fmt: skip


@pytest.mark.parametrize("owner", [None, {"name": "another"}, {"kind": "Service"}])
def test_one_that_the_operator_did_not_draft_becomes_final_by_nobody(
    scene: Scene, name: str, owner: dict[str, str] | None
) -> None:
    if owner:
        drafted(scene, name, **owner)
    spec = complete_postmortem("")["spec"]

    for who in (ERIN, ALICE):
        refused_by(
            scene.person(who).merge("postmortems", name, {"spec": spec}, scene.namespace),
            POLICY,
            "that the operator drafted or adopted",
            "is resolved",
        )


def test_ed_brings_his_own_mark_along(scene: Scene, name: str) -> None:
    owner = {"apiVersion": "incidentcommander.dev/v1alpha1", "kind": "Incident"}
    mark = {"ownerReferences": [{**owner, "name": "checkout-5xx", "uid": "u"}]}
    body = {"metadata": mark, "spec": complete_postmortem("")["spec"]}

    for who in (ERIN, ALICE):
        refused_by(scene.person(who).merge("postmortems", name, body, scene.namespace), POLICY)


def test_ed_marks_the_words_of_alice_as_drafted(scene: Scene, name: str) -> None:
    drafted(scene, name)
    marks = {"metadata": {"annotations": {"incidentcommander.dev/drafted": '{"summary":"ab12"}'}}}

    refused_by(
        scene.person(ERIN).merge("postmortems", name, marks, scene.namespace),
        POLICY,
        "it marks what it drafted",
    )
    scene.operator.merge("postmortems", name, marks, scene.namespace).expect_ok()
    for gone in ({"annotations": None}, {"annotations": {"incidentcommander.dev/drafted": None}}):
        refused_by(
            scene.person(ERIN).merge("postmortems", name, {"metadata": gone}, scene.namespace),
            POLICY,
        )
    body = postmortem(scene.namespace, f"{name}-2")
    body["metadata"]["annotations"] = marks["metadata"]["annotations"]
    refused_by(scene.person(ERIN).create("postmortems", body), POLICY, "it marks what it drafted")


def test_ed_takes_nothing_back_from_the_record(scene: Scene, name: str) -> None:
    drafted(scene, name)
    spec = complete_postmortem("")["spec"]
    scene.person(ALICE).merge("postmortems", name, {"spec": spec}, scene.namespace).expect_ok()

    refused_by(
        scene.person(ERIN).merge("postmortems", name, REVIEW, scene.namespace),
        POLICY,
        "taken back from it",
    )
    items = [{**item, "status": "Done"} for item in spec["actionItems"]]
    # What was agreed is tracked on by everybody.
    scene.person(ERIN).merge("postmortems", name, {"spec": {"actionItems": items}},
                             scene.namespace).expect_ok()  # fmt: skip


def test_who_may_approve_elsewhere_cannot_call_it_final_here(scene: Scene, name: str) -> None:
    drafted(scene, name)
    elsewhere = f"elsewhere-{uuid.uuid4().hex[:8]}"
    scene.admin.create("namespaces", {"metadata": {"name": elsewhere}}).expect_ok()
    rita = scene.person(RITA)
    for space, role in ((scene.namespace, "responder"), (elsewhere, "commander")):
        bind(scene, space, role, RITA)
    spec = complete_postmortem("")["spec"]
    until(
        lambda: rita.dry().merge("postmortems", name, {"spec": {"summary": "x"}}, scene.namespace),
        lambda answer: answer.ok,
        "rita is a responder",
    )

    refused_by(
        rita.merge("postmortems", name, {"spec": spec}, scene.namespace), POLICY, "the verb approve"
    )
    scene.admin.delete("namespaces", elsewhere)
    bind(scene, scene.namespace, "commander", RITA)
    until(
        lambda: rita.merge("postmortems", name, {"spec": spec}, scene.namespace),
        lambda answer: answer.ok,
        "rita may approve in the namespace of the Incident",
    )


RITA = "rita"


def bind(scene: Scene, namespace: str, role: str, person: str) -> None:
    """Give a person a role of the chart in one namespace."""
    group = "rbac.authorization.k8s.io"
    body: Body = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"tests-{role}-{person}", "namespace": namespace},
        "roleRef": {
            "apiGroup": group,
            "kind": "ClusterRole",
            "name": f"incident-commander-{role}",
        },
        "subjects": [{"apiGroup": group, "kind": "User", "name": person}],
    }
    scene.admin.create("rolebindings", body).expect_ok()


def test_the_operator_never_calls_it_final(scene: Scene, name: str) -> None:
    spec = complete_postmortem("")["spec"]
    complete = {"spec": {**spec, "state": "Draft"}}
    scene.operator.merge("postmortems", name, complete, scene.namespace).expect_ok()

    refused_by(
        scene.operator.merge("postmortems", name, FINAL, scene.namespace),
        POLICY,
        "never calls a Postmortem Final",
    )
    refused_by(
        scene.operator.create("postmortems", complete_postmortem(scene.namespace, "at-once")),
        POLICY,
        "that is for people",
    )


@pytest.mark.parametrize(
    "meta", [{"ownerReferences": [OWNER]}, {"finalizers": ["example.com/stay"]}]
)
def test_nobody_ties_it_to_something_else(scene: Scene, name: str, meta: Body) -> None:
    patch = {"metadata": meta}

    refused_by(
        scene.person(ERIN).merge("postmortems", name, patch, scene.namespace),
        POLICY,
        "ownerReferences and finalizers",
    )


# --- deletion ------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [ERIN, ALICE])
def test_deleting_it_needs_the_verb_purge(scene: Scene, name: str, who: str) -> None:
    # With every right of RBAC but purge.
    rights = {"apiGroups": ["incidentcommander.dev"], "resources": ["postmortems"]}
    role = {"metadata": {"name": f"deleter-{name}"}, "rules": [{**rights, "verbs": ["delete"]}]}
    scene.admin.create("clusterroles", role).expect_ok()
    binding: Body = {
        "metadata": {"name": f"deleter-{name}"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": f"deleter-{name}",
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": who}],
    }
    scene.admin.create("clusterrolebindings", binding).expect_ok()
    try:
        until(
            lambda: scene.person(who).delete("postmortems", name, scene.namespace),
            denied_by(POLICY),
            "deletion is refused by the guard",
        )
    finally:
        scene.admin.delete("clusterrolebindings", f"deleter-{name}")
        scene.admin.delete("clusterroles", f"deleter-{name}")


@pytest.mark.parametrize("who", [GARBAGE, NAMESPACES])
def test_it_goes_with_its_incident_and_its_namespace(scene: Scene, name: str, who: str) -> None:
    janitor = scene.admin.as_user(who, "system:masters")

    janitor.delete("postmortems", name, scene.namespace).expect_ok()


def test_who_has_purge_deletes_it(scene: Scene, name: str) -> None:
    scene.person("pat").delete("postmortems", name, scene.namespace).expect_ok()


# --- reports -------------------------------------------------------------------------------------


def config_map(scene: Scene, name: str, labels: Body | None = None) -> Body:
    meta: Body = {"name": name, "namespace": scene.namespace, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "b"}}


def mine(scene: Scene) -> Api:
    """The operator, were it given every right on ConfigMaps."""
    return scene.operator


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("settings", MARK),
        ("checkout-postmortem-2", MARK),
        ("checkout-postmortem", {}),
        ("checkout-postmortem", {"app.kubernetes.io/managed-by": "Helm"}),
    ],
)
def test_the_operator_creates_no_other_config_map(scene: Scene, name: str, labels: Body) -> None:
    refused_by(
        mine(scene).create("configmaps", config_map(scene, name, labels)), REPORTS, "-postmortem"
    )


def test_the_operator_writes_reports(scene: Scene) -> None:
    body = config_map(scene, "shop-postmortem", MARK)

    mine(scene).create("configmaps", body).expect_ok()
    mine(scene).merge("configmaps", "shop-postmortem", {"data": {"a": "c"}}, scene.namespace
                      ).expect_ok()  # fmt: skip


def test_the_operator_takes_nobodys_config_map_over(scene: Scene) -> None:
    scene.admin.create("configmaps", config_map(scene, "theirs-postmortem")).expect_ok()
    patch = {"metadata": {"labels": MARK}, "data": {"a": "c"}}

    refused_by(
        mine(scene).merge("configmaps", "theirs-postmortem", patch, scene.namespace), REPORTS
    )


def test_the_operator_given_the_right_to_delete_config_maps_deletes_none(scene: Scene) -> None:
    meta = {"name": "deletes-config-maps", "namespace": scene.namespace}
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["delete"]}]
    group = "rbac.authorization.k8s.io"
    role = {"apiGroup": group, "kind": "Role", "name": meta["name"]}
    operator = {"kind": "ServiceAccount", "name": RELEASE, "namespace": RELEASE}
    scene.admin.create("roles", {"metadata": meta, "rules": rules}).expect_ok()
    scene.admin.create(
        "rolebindings", {"metadata": meta, "roleRef": role, "subjects": [operator]}
    ).expect_ok()
    scene.admin.create("configmaps", config_map(scene, "kept-postmortem", MARK)).expect_ok()

    # Without the role it is RBAC that refuses.
    until(
        lambda: mine(scene).delete("configmaps", "kept-postmortem", scene.namespace),
        lambda answer: answer.ok or REPORTS in answer.message,
        "the role is seen",
    )
    refused_by(
        mine(scene).delete("configmaps", "kept-postmortem", scene.namespace),
        REPORTS,
        "the operator deletes no ConfigMap",
    )


def test_others_write_config_maps_as_before(scene: Scene) -> None:
    scene.admin.create("configmaps", config_map(scene, "anything")).expect_ok()
    scene.admin.delete("configmaps", "anything", scene.namespace).expect_ok()
