"""Postmortems are completed by people and are part of the record; the operator writes no other ConfigMap."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.admission.conftest import denied_by, until
from tests.admission.scene import ALICE, ERIN, Scene, refused_by
from tests.support.api import Api, Body
from tests.support.objects import complete_postmortem, postmortem

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


def test_a_responder_completes_it(scene: Scene, name: str) -> None:
    spec = complete_postmortem("")["spec"]

    scene.person(ERIN).merge("postmortems", name, {"spec": spec}, scene.namespace).expect_ok()


def test_the_operator_never_calls_it_final(scene: Scene, name: str) -> None:
    spec = complete_postmortem("")["spec"]
    drafted = {"spec": {**spec, "state": "Draft"}}
    scene.operator.merge("postmortems", name, drafted, scene.namespace).expect_ok()

    refused_by(
        scene.operator.merge("postmortems", name, {"spec": {"state": "Final"}}, scene.namespace),
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


def test_others_write_config_maps_as_before(scene: Scene) -> None:
    scene.admin.create("configmaps", config_map(scene, "anything")).expect_ok()
    scene.admin.delete("configmaps", "anything", scene.namespace).expect_ok()
