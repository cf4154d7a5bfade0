"""A revision is what ran: nobody edits the pod template of a ReplicaSet that a Deployment made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.admission.conftest import denied_by, until
from tests.admission.scene import ED, Scene
from tests.support.api import Answer, Body

REVISIONS = "incident-commander-revisions"
KEPT = {"app": "kept"}


def _deployment(namespace: str) -> Body:
    containers = [{"name": "app", "image": "registry.example/app:v1"}]
    return {
        "metadata": {"name": "kept", "namespace": namespace},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": KEPT},
            "template": {"metadata": {"labels": KEPT}, "spec": {"containers": containers}},
        },
    }


@pytest.fixture(scope="module")
def revision(scene: Scene) -> Iterator[Body]:
    """A ReplicaSet as the Deployment controller makes it, once the policy is in force."""
    scene.admin.create("deployments", _deployment(scene.namespace)).expect_ok()
    found: list[Body] = []

    def made() -> Answer:
        answer = scene.admin.list("replicasets", scene.namespace, labelSelector="app=kept")
        found[:] = answer.expect_ok()["items"]
        return answer

    until(made, lambda _: bool(found), "the controller has made a revision")
    until(lambda: _edit(scene, found[0], "probe", dry=True), denied_by(REVISIONS), "in force")
    yield found[0]
    scene.admin.delete("deployments", "kept", scene.namespace)


def _edit(scene: Scene, revision: Body, image: str, *, dry: bool = False, **how: str) -> Answer:
    person = scene.person(ED).dry() if dry else scene.person(ED)
    path = "/spec/template/spec/containers/0/image"
    patch = [{"op": "replace", "path": path, "value": image}]
    name = revision["metadata"]["name"]
    return person.with_query(**how).patch("replicasets", name, patch, scene.namespace)


@pytest.mark.parametrize("manager", ["kubectl-edit", "kube-controller-manager"])
def test_ed_edits_an_old_revision(scene: Scene, revision: Body, manager: str) -> None:
    answer = _edit(scene, revision, "evil.example/x/app:v1", fieldManager=manager)

    answer.expect_refused("not edited", REVISIONS)


@pytest.mark.parametrize(
    "template",
    [
        {"metadata": {"annotations": {"example.com/padding": "x"}}},
        {"spec": {"containers": [{"name": "app", "image": "evil.example/x/app:v1"}]}},
        {"spec": {"serviceAccountName": "admin"}},
    ],
    ids=["annotations", "containers", "whose rights"],
)
def test_ed_writes_something_else_into_it(scene: Scene, revision: Body, template: Body) -> None:
    name = revision["metadata"]["name"]
    patch = {"spec": {"template": template}}
    answer = scene.person(ED).merge("replicasets", name, patch, scene.namespace)

    answer.expect_refused("not edited", REVISIONS)


def test_ed_takes_it_away_from_its_deployment_first(scene: Scene, revision: Body) -> None:
    # Its controller would adopt it again, edited; the selector keeps saying who made it.
    name, ed = revision["metadata"]["name"], scene.person(ED)
    orphan = {"metadata": {"ownerReferences": None, "labels": {"app": None}}}
    ed.merge("replicasets", name, orphan, scene.namespace).expect_ok()

    _edit(scene, revision, "evil.example/x/app:v1").expect_refused("not edited", REVISIONS)
    back = {"metadata": {"labels": KEPT}}
    ed.merge("replicasets", name, back, scene.namespace).expect_ok()


NUMBER = "deployment.kubernetes.io/revision"


@pytest.mark.parametrize("key", [NUMBER, f"{NUMBER}-history"])
@pytest.mark.parametrize("value", ["7", None])
def test_ed_numbers_a_revision_anew(
    scene: Scene, revision: Body, key: str, value: str | None
) -> None:
    noted = {"metadata": {"annotations": {key: value}}}
    if value is None and key not in revision["metadata"]["annotations"]:
        noted["metadata"]["annotations"] = {NUMBER: None}
    name = revision["metadata"]["name"]

    answer = scene.person(ED).merge("replicasets", name, noted, scene.namespace)

    answer.expect_refused("given by the Deployment controller", REVISIONS)


@pytest.mark.parametrize("owned", [True, False], ids=["owned", "to be adopted"])
def test_ed_makes_a_revision_that_never_ran(scene: Scene, revision: Body, *, owned: bool) -> None:
    forged = _deployment(scene.namespace)
    labels = {**KEPT, "pod-template-hash": "5d8f9c7b6"}
    owners = revision["metadata"]["ownerReferences"] if owned else []
    forged["metadata"] = {
        "name": "kept-5d8f9c7b6",
        "namespace": scene.namespace,
        "labels": labels,
        "annotations": {NUMBER: "1"},
        "ownerReferences": owners,
    }
    forged["spec"]["selector"] = {"matchLabels": labels}
    forged["spec"]["template"]["metadata"]["labels"] = labels

    person = scene.person(ED).with_query(fieldManager="kube-controller-manager")
    answer = person.create("replicasets", forged)

    answer.expect_refused("given by the Deployment controller", REVISIONS)
    # Who restores a backup may.
    scene.admin.dry().create("replicasets", forged).expect_ok()


def test_what_is_no_part_of_the_template_may_be_changed(scene: Scene, revision: Body) -> None:
    noted = {"metadata": {"annotations": {"example.com/note": "x"}}}
    name = revision["metadata"]["name"]

    scene.person(ED).merge("replicasets", name, noted, scene.namespace).expect_ok()


def test_a_replica_set_of_no_deployment_is_its_owners(scene: Scene) -> None:
    own = _deployment(scene.namespace)
    labels = {"app": "alone"}
    own["metadata"]["name"] = "alone"
    own["spec"]["selector"] = {"matchLabels": labels}
    own["spec"]["template"]["metadata"]["labels"] = labels
    made = scene.person(ED).create("replicasets", own).expect_ok()

    _edit(scene, made, "registry.example/app:v2").expect_ok()
    scene.admin.delete("replicasets", "alone", scene.namespace)


def test_the_deployment_still_rolls_out(scene: Scene, revision: Body) -> None:
    path = "/spec/template/spec/containers/0/image"
    patch = [{"op": "replace", "path": path, "value": "registry.example/app:v2"}]
    scene.person(ED).patch("deployments", "kept", patch, scene.namespace).expect_ok()

    until(
        lambda: scene.admin.get("deployments", "kept", scene.namespace),
        # The third, where the controller has counted what ed orphaned and gave back.
        lambda answer: (
            answer.expect_ok()["metadata"]["annotations"].get("deployment.kubernetes.io/revision")
            in {"2", "3"}
        ),
        "a second revision",
    )
