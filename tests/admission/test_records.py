"""What is written down stays: the status, the deletion and the pages of Incidents."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.admission.conftest import until
from tests.admission.scene import (
    ALICE,
    BOB,
    ERIN,
    OPEN,
    PREFIX,
    Change,
    Scene,
    entry,
    keys,
    page,
    patched,
    refused_by,
    requests,
    status,
)
from tests.support.api import Answer, Api, Body

GARBAGE = "system:serviceaccount:kube-system:generic-garbage-collector"
NAMESPACES = "system:serviceaccount:kube-system:namespace-controller"

# --- the status ----------------------------------------------------------------------------------

FORGED = {"phase": "Resolved"}


def merged(scene: Scene, person: Api, name: str) -> Answer:
    return person.merge("incidents", name, {"status": FORGED}, scene.namespace, "status")


def json_patched(scene: Scene, person: Api, name: str) -> Answer:
    change = {"op": "add", "path": "/status/phase", "value": "Resolved"}
    return person.patch("incidents", name, [change], scene.namespace, "status")


def applied(scene: Scene, person: Api, name: str) -> Answer:
    body = scene.body(name)
    del body["spec"]
    return person.apply("incidents", {**body, "status": FORGED}, "status", force="true")


def put(scene: Scene, person: Api, name: str) -> Answer:
    body = person.get("incidents", name, scene.namespace).expect_ok()
    return person.replace(
        "incidents", {**body, "status": FORGED | {"timeline": [entry()]}}, "status"
    )


@pytest.mark.parametrize("way", [merged, json_patched, applied, put])
@pytest.mark.parametrize("who", [ERIN, ALICE, "admin"])
def test_only_the_operator_writes_the_status(scene: Scene, who: str, way: Change) -> None:
    name = scene.incident(status())
    refused_by(
        way(scene, scene.person(who), name),
        "incident-commander-status",
        "written by the operator only",
    )


@pytest.mark.parametrize("way", [merged, json_patched, applied, put])
def test_the_operator_writes_the_status(scene: Scene, way: Change) -> None:
    name = scene.incident(status())
    assert way(scene, scene.operator, name).expect_ok()["status"]["phase"] == "Resolved"


def test_the_status_does_not_come_in_by_the_spec(scene: Scene) -> None:
    name = scene.incident(status())
    patched({"status": FORGED})(scene, scene.person(ERIN), name)
    stored = scene.admin.get("incidents", name, scene.namespace).expect_ok()
    assert stored["status"]["phase"] == "AwaitingApproval"


def test_the_status_does_not_come_in_by_creation(scene: Scene) -> None:
    body = scene.body() | {"status": status()}
    stored = scene.person(ERIN).create("incidents", body).expect_ok()
    assert "proposals" not in stored.get("status", {})


@pytest.mark.parametrize("who", ["operator", "admin", ERIN])
def test_the_probe_is_refused_whoever_sends_it(scene: Scene, who: str) -> None:
    name = scene.incident(status())
    probe = scene.person(who).dry().by("incident-commander-probe")
    refused_by(merged(scene, probe, name), "incident-commander-status")


def test_the_probe_of_the_operator_is_told_that_it_is_the_probe(scene: Scene) -> None:
    name = scene.incident(status())
    for view in (scene.operator, scene.operator.dry()):
        answer = merged(scene, view.by("incident-commander-probe"), name)
        refused_by(answer, "incident-commander-status", "incident-commander-probe writes nothing")


# --- deletion ------------------------------------------------------------------------------------

PAGED = [{"name": "p", "fromSeq": 0, "toSeq": 0, "sha256": "0" * 64}]


@pytest.mark.parametrize("who", [ERIN, ALICE, BOB, GARBAGE])
def test_an_incident_with_a_timeline_is_not_deleted(scene: Scene, who: str) -> None:
    name = scene.incident(status())
    answer = scene.person(who).delete("incidents", name, scene.namespace)
    refused_by(answer, "incident-commander-deletion", "needs the verb purge")
    scene.admin.get("incidents", name, scene.namespace).expect_ok()


@pytest.mark.parametrize("policy", ["Foreground", "Background", "Orphan"])
def test_no_way_of_deleting_goes_round_it(scene: Scene, policy: str) -> None:
    name = scene.incident(status())
    answer = scene.person(ERIN).delete(
        "incidents", name, scene.namespace, propagationPolicy=policy, gracePeriodSeconds="0"
    )
    refused_by(answer, "incident-commander-deletion")
    stored = scene.admin.get("incidents", name, scene.namespace).expect_ok()
    assert "finalizers" not in stored["metadata"]


def test_a_whole_collection_is_not_deleted(scene: Scene) -> None:
    name = scene.incident(status())
    path = f"/apis/incidentcommander.dev/v1alpha1/namespaces/{scene.namespace}/incidents"
    only = {"fieldSelector": f"metadata.name={name}"}
    refused_by(
        scene.person(ERIN).request("DELETE", path, query=only), "incident-commander-deletion"
    )
    scene.admin.get("incidents", name, scene.namespace).expect_ok()
    scene.person("pat").request("DELETE", path, query=only).expect_ok()
    assert scene.admin.get("incidents", name, scene.namespace).status == 404


def test_one_whose_timeline_is_paged_is_not_deleted(scene: Scene) -> None:
    name = scene.incident(status(timeline=[entry(1)]) | {"timelinePages": PAGED})
    answer = scene.person(ERIN).delete("incidents", name, scene.namespace)
    refused_by(answer, "incident-commander-deletion")


@pytest.mark.parametrize("who", ["pat", "admin", NAMESPACES])
def test_who_has_the_verb_purge_deletes_it(scene: Scene, who: str) -> None:
    name = scene.incident(status())
    scene.person(who).delete("incidents", name, scene.namespace).expect_ok()
    assert scene.admin.get("incidents", name, scene.namespace).status == 404


@pytest.mark.parametrize("state", [None, {"phase": "Declared"}], ids=str)
def test_without_a_timeline_an_editor_deletes_it(scene: Scene, state: Body | None) -> None:
    name = scene.incident(state)
    scene.person(ERIN).delete("incidents", name, scene.namespace).expect_ok()


def test_it_cannot_be_replaced_by_another_of_the_same_name(scene: Scene) -> None:
    name = scene.incident(status())
    erin = scene.person(ERIN)
    refused_by(erin.delete("incidents", name, scene.namespace), "incident-commander-deletion")
    assert erin.create("incidents", scene.body(name)).reason == "AlreadyExists"


def test_an_owner_that_does_not_exist_cannot_have_it_collected(scene: Scene) -> None:
    name = scene.incident(status())
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": str(uuid.uuid4())}
    adopt = patched({"metadata": {"ownerReferences": [owner]}})
    refused_by(adopt(scene, scene.person(ERIN), name), "incident-commander-requests")


def test_a_deleted_namespace_takes_its_incidents_with_it(scene: Scene) -> None:
    name = f"admission-{uuid.uuid4().hex[:8]}"
    scene.admin.create("namespaces", {"metadata": {"name": name}}).expect_ok()
    other = Scene(scene.admin, scene.operator, name, stamps=scene.stamps)
    incident = other.incident(status())
    owner = {"apiVersion": f"{PREFIX}v1alpha1", "kind": "Incident", "name": incident}
    uid = scene.admin.get("incidents", incident, name).body["metadata"]["uid"]
    owned = page(other, "page", ownerReferences=[owner | {"uid": uid}])
    scene.operator.create("timelinepages", owned).expect_ok()
    scene.admin.delete("namespaces", name).expect_ok()
    until(lambda: scene.admin.get("namespaces", name), lambda a: a.status == 404, "gone")


# --- pages ---------------------------------------------------------------------------------------


def new_page(scene: Scene, **meta: Any) -> str:
    body = page(scene, f"page-{uuid.uuid4().hex[:8]}", **meta)
    scene.operator.create("timelinepages", body).expect_ok()
    return str(body["metadata"]["name"])


@pytest.mark.parametrize("who", [ERIN, ALICE, "admin", GARBAGE])
def test_only_the_operator_writes_a_page(scene: Scene, who: str) -> None:
    answer = scene.person(who).create("timelinepages", page(scene, "forged"))
    assert answer.status == 403
    if who != GARBAGE:  # RBAC already refuses it
        refused_by(answer, "incident-commander-pages", "written by the operator only")


@pytest.mark.parametrize("who", [ERIN, ALICE, "admin"])
@pytest.mark.parametrize(
    "patch",
    [
        {"metadata": {"labels": {"a": "b"}}},
        {
            "metadata": {
                "ownerReferences": [{"apiVersion": "v1", "kind": "A", "name": "a", "uid": "b"}]
            }
        },
        {"metadata": {"finalizers": ["a.example/b"]}},
    ],
    ids=str,
)
def test_only_the_operator_changes_a_page(scene: Scene, who: str, patch: Body) -> None:
    answer = scene.person(who).merge("timelinepages", new_page(scene), patch, scene.namespace)
    refused_by(answer, "incident-commander-pages", "written by the operator only")


def test_nobody_changes_what_stands_on_a_page(scene: Scene) -> None:
    name = new_page(scene)
    patch = {"spec": {"sha256": "1" * 64}}
    for who in (ERIN, "admin", GARBAGE):
        assert not scene.person(who).merge("timelinepages", name, patch, scene.namespace).ok


def test_the_garbage_collector_removes_a_finalizer_of_a_page(scene: Scene) -> None:
    # The operator itself may create pages and not change them: RBAC, and the schema.
    name = new_page(scene, finalizers=["foregroundDeletion"])
    patch = {"metadata": {"finalizers": None}}
    scene.person(GARBAGE).merge("timelinepages", name, patch, scene.namespace).expect_ok()


@pytest.mark.parametrize("who", [ERIN, ALICE])
def test_a_page_is_not_deleted(scene: Scene, who: str) -> None:
    answer = scene.person(who).delete("timelinepages", new_page(scene), scene.namespace)
    refused_by(answer, "incident-commander-pages", "needs the verb purge")


@pytest.mark.parametrize("who", ["pat", "admin", GARBAGE, NAMESPACES])
def test_a_page_is_deleted_by(scene: Scene, who: str) -> None:
    scene.person(who).delete("timelinepages", new_page(scene), scene.namespace).expect_ok()


def test_a_purged_incident_takes_its_pages_with_it(scene: Scene) -> None:
    name = scene.incident(status())
    uid = scene.admin.get("incidents", name, scene.namespace).body["metadata"]["uid"]
    owner = {"apiVersion": f"{PREFIX}v1alpha1", "kind": "Incident", "name": name, "uid": uid}
    owned = new_page(scene, ownerReferences=[owner])
    scene.person("pat").delete("incidents", name, scene.namespace).expect_ok()
    until(
        lambda: scene.admin.get("timelinepages", owned, scene.namespace),
        lambda answer: answer.status == 404,
        "the real garbage collector removes the page",
    )


# --- what people and the operator hold -----------------------------------------------------------


def may(scene: Scene, who: str, verb: str, group: str, resource: str, **more: str) -> bool:
    """Ask the API server whether somebody may do something in the namespace."""
    what = {"verb": verb, "group": group, "resource": resource, "namespace": scene.namespace}
    answer = scene.person(who).request(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": what | more},
        },
    )
    return bool(answer.expect_ok()["status"]["allowed"])


OURS = "incidentcommander.dev"


@pytest.mark.parametrize(
    ("verb", "group", "resource"),
    [
        ("approve", OURS, "incidents"),
        ("purge", OURS, "incidents"),
        ("delete", OURS, "incidents"),
        ("delete", OURS, "timelinepages"),
        ("patch", OURS, "timelinepages"),
        ("patch", OURS, "runbooks"),
        ("get", "", "secrets"),
        ("create", "", "pods"),
        ("create", "", "pods/exec"),
        ("delete", "apps", "deployments"),
        ("create", "apps", "deployments"),
        ("impersonate", "", "users"),
        ("create", "rbac.authorization.k8s.io", "rolebindings"),
        *(
            (verb, "admissionregistration.k8s.io", f"{sort}admissionpolic{end}")
            for verb in ("create", "patch", "update", "delete")
            for sort in ("validating", "mutating")
            for end in ("ies", "ybindings")
        ),
    ],
)
def test_the_operator_may_not(scene: Scene, verb: str, group: str, resource: str) -> None:
    assert not may(scene, "operator", verb, group, resource)


@pytest.mark.parametrize(
    ("verb", "group", "resource"),
    [
        ("patch", "apps", "deployments"),
        ("patch", OURS, "incidents/status"),
        ("watch", OURS, "incidents"),
        ("watch", "admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
        ("create", "events.k8s.io", "events"),
    ],
)
def test_the_operator_may(scene: Scene, verb: str, group: str, resource: str) -> None:
    resource, _, sub = resource.partition("/")
    assert may(scene, "operator", verb, group, resource, subresource=sub)


@pytest.mark.parametrize("role", ["view", "edit", "admin"])
@pytest.mark.parametrize("verb", ["approve", "purge", "intake", "patch", "create", "delete"])
def test_built_in_roles_only_read_incidents(scene: Scene, role: str, verb: str) -> None:
    rules = scene.admin.get("clusterroles", role).expect_ok()["rules"]
    ours = [rule for rule in rules if OURS in rule.get("apiGroups", [])]
    assert ours
    assert not any(verb in rule["verbs"] or "*" in rule["verbs"] for rule in ours)


def test_who_holds_approve_cannot_be_made_by_a_namespace_admin(scene: Scene) -> None:
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "mallory"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole"}
    scene.admin.create(
        "rolebindings",
        {
            "metadata": {"name": "mallory", "namespace": scene.namespace},
            "roleRef": reference | {"name": "admin"},
            "subjects": [subject],
        },
    ).expect_ok()
    mallory = scene.person("mallory")
    binding = {
        "metadata": {"name": "self", "namespace": scene.namespace},
        "roleRef": reference | {"name": "incident-commander-commander"},
        "subjects": [subject],
    }
    until(
        lambda: mallory.create("rolebindings", binding),
        lambda answer: not answer.ok and "attempting to grant RBAC permissions" in answer.message,
        "an admin of the namespace, once RBAC has seen it, cannot grant what they do not hold",
    )


# --- the guard itself ----------------------------------------------------------------------------


def test_every_part_of_the_guard_is_labelled_and_bound(scene: Scene) -> None:
    chosen = "app.kubernetes.io/name=incident-commander,incidentcommander.dev/guard=true"
    found = {
        plural: {
            item["metadata"]["name"]: item["spec"]
            for item in scene.admin.list(plural, labelSelector=chosen).expect_ok()["items"]
        }
        for plural in (
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
        )
    }
    parts = (
        *("requests", "fields", "status", "deletion", "pages", "postmortems", "reports"),
        *("marker", "revisions"),
    )
    rules = {f"incident-commander-{part}" for part in parts}
    assert set(found["validatingadmissionpolicies"]) == rules
    assert set(found["validatingadmissionpolicybindings"]) == rules
    assert set(found["mutatingadmissionpolicies"]) == {"incident-commander-stamp"}
    assert set(found["mutatingadmissionpolicybindings"]) == {"incident-commander-stamp"}
    for name, spec in found["validatingadmissionpolicybindings"].items():
        assert spec["policyName"] == name
        assert sorted(spec["validationActions"]) == ["Audit", "Deny"]
        assert "matchResources" not in spec
    for name, spec in found["validatingadmissionpolicies"].items():
        # By the mark nothing is decided: a write to a workload goes on where it cannot be judged.
        second_line = name == "incident-commander-marker"
        assert spec["failurePolicy"] == ("Ignore" if second_line else "Fail")
        assert {validation["reason"] for validation in spec["validations"]} == {"Forbidden"}


def test_a_binding_put_back_is_another_one(scene: Scene) -> None:
    # What was forged in between stays; the operator sees it by the new uid in its fingerprint.
    name = "incident-commander-pages"
    plural = "validatingadmissionpolicybindings"
    before = scene.admin.get(plural, name).expect_ok()
    scene.admin.delete(plural, name).expect_ok()
    body = {key: value for key, value in before.items() if key != "metadata"}
    kept = ("name", "labels", "annotations")
    body["metadata"] = {key: before["metadata"][key] for key in kept}
    after = scene.admin.create(plural, body).expect_ok()
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    until(
        lambda: scene.person(ERIN).dry().create("timelinepages", page(scene, "forged")),
        lambda answer: not answer.ok,
        "the policy is in force again",
    )


def test_a_wide_role_is_no_way_past_the_name(scene: Scene) -> None:
    # Who may do everything still acts under their own name only.
    name = scene.incident(status())
    forged = keys({"approve": OPEN, "approve-by": ALICE})
    patch = {"metadata": {"annotations": forged}}
    answer = scene.admin.merge("incidents", name, patch, scene.namespace)
    refused_by(answer, "incident-commander-requests", "only the incident commander (alice)")
    assert requests(note="x")(scene, scene.admin, name).ok
