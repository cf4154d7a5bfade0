"""Fixtures: the chart installed by the real helm, and people with real roles."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster import Cluster
from tests.admission.scene import (
    ALICE,
    BOB,
    CAROL,
    ED,
    ERIN,
    PREFIX,
    RITA,
    Scene,
    keys,
    page,
    requests,
    status,
)
from tests.support.api import Answer, Api, Body

CHART = Path(__file__).parents[2] / "helm" / "incident-commander"
RELEASE = "incident-commander"
_WITHIN = 60.0

Helm = Callable[..., str]


@pytest.fixture(scope="package")
def helm(cluster: Cluster) -> Helm:
    """The real helm, as the administrator, on our release."""

    def run(*arguments: str) -> str:
        line = [cluster.helm, f"--kubeconfig={cluster.kubeconfig}", "-n", RELEASE, *arguments]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="package")
def scene(helm: Helm, api: Api, crds: list[str]) -> Iterator[Scene]:
    """The guard in force, people who hold roles, and a namespace."""
    # The CRDs stand already, and not by Helm's hand.
    values = ("deployment.enabled=false", "crds.install=false")
    sets = [part for value in values for part in ("--set", value)]
    helm("upgrade", "--install", RELEASE, str(CHART), "--create-namespace", *sets)
    namespace = f"admission-{uuid.uuid4().hex[:8]}"
    api.create("namespaces", {"metadata": {"name": namespace}}).expect_ok()
    grant(api)
    stage = Scene(api, api.with_token(token(api)), namespace, stamps=True)
    try:
        wait_until_in_force(stage)
        yield stage
    finally:
        helm("uninstall", RELEASE)
        for kind in ("clusterroles", "clusterrolebindings"):
            for item in api.list(kind, labelSelector="tests=admission").expect_ok()["items"]:
                api.delete(kind, item["metadata"]["name"])
        until(lambda: _asked_at_creation(api), lambda answer: answer.ok, "the guard is gone")
        api.delete("namespaces", namespace)


def token(api: Api) -> str:
    """A token of the operator's ServiceAccount, as its pod has one."""
    path = f"/api/v1/namespaces/{RELEASE}/serviceaccounts/incident-commander/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return str(api.request("POST", path, body).expect_ok()["status"]["token"])


def grant(api: Api) -> None:
    """Give people their roles, those of the chart and one that is wider than it should be."""
    everything: Body = {
        "apiGroups": ["incidentcommander.dev"],
        "resources": ["incidents", "incidents/status", "timelinepages"],
        "verbs": ["create", "update", "patch", "delete", "deletecollection"],
    }
    _granted(api, "clusterroles", {"metadata": {"name": "tests-editor"}, "rules": [everything]})
    held = {
        "incident-commander-responder": (ALICE, BOB, CAROL, ERIN, ED, RITA, "pat", "ida"),
        "edit": (ED,),
        "incident-commander-commander": (ALICE, BOB),
        "incident-commander-purger": ("pat",),
        "incident-commander-intake": ("ida",),
        "tests-editor": (ALICE, BOB, ERIN),
    }
    for role, people in held.items():
        binding: Body = {
            "metadata": {"name": f"tests-{role}"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": role,
            },
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": person}
                for person in people
            ],
        }
        _granted(api, "clusterrolebindings", binding)


def _granted(api: Api, plural: str, body: Body) -> None:
    meta = body["metadata"]
    answer = api.create(plural, {**body, "metadata": {**meta, "labels": {"tests": "admission"}}})
    assert answer.ok or answer.reason == "AlreadyExists", answer.message


def until(ask: Callable[[], Answer], good: Callable[[Answer], bool], what: str) -> None:
    """Ask until the answer is good."""
    deadline = time.monotonic() + _WITHIN
    while not good(answer := ask()):
        assert time.monotonic() < deadline, f"{what}: not within {_WITHIN:.0f} s: {answer}"
        time.sleep(0.1)


def denied_by(policy: str) -> Callable[[Answer], bool]:
    """Whether an answer is a denial by that policy."""
    return lambda answer: answer.status == 403 and f"'{policy}'" in answer.message


def wait_until_in_force(scene: Scene) -> None:
    """Wait until each policy is seen to act: a new one needs seconds."""
    admin, erin, space = scene.admin.dry(), scene.person(ERIN), scene.namespace
    # New roles, and the stamping policy's view of a new CRD, need a moment as well.
    until(
        lambda: erin.create("incidents", scene.body("probe")),
        lambda answer: answer.ok or answer.reason == "AlreadyExists",
        "erin declares an Incident",
    )
    until(lambda: scene.write("probe", status()), lambda answer: answer.ok, "the operator writes")
    written = {"status": {"phase": "Closed"}}
    asked = scene.body(meta={"annotations": keys({"note": "x"})})
    until(lambda: admin.create("incidents", asked), denied_by(f"{RELEASE}-requests"), "requests")
    until(
        lambda: admin.merge("incidents", "probe", written, space, "status"),
        denied_by(f"{RELEASE}-status"),
        "status",
    )
    until(
        lambda: erin.dry().delete("incidents", "probe", space),
        denied_by(f"{RELEASE}-deletion"),
        "deletion",
    )
    until(
        lambda: erin.dry().merge("incidents", "probe", {"spec": {"roles": {"comms": "x"}}}, space),
        denied_by(f"{RELEASE}-fields"),
        "fields",
    )
    until(
        lambda: admin.create("timelinepages", page(scene, "probe")),
        denied_by(f"{RELEASE}-pages"),
        "pages",
    )
    if scene.stamps:
        note = requests(note="x")
        until(lambda: note(scene, erin.dry(), "probe"), lambda answer: answer.ok, "stamp")


def _asked_at_creation(api: Api) -> Answer:
    body = {
        "apiVersion": f"{PREFIX}v1alpha1",
        "kind": "Incident",
        "metadata": {"name": "probe", "annotations": keys({"note": "x"})},
        "spec": {"title": "probe", "target": {"kind": "Deployment", "name": "probe"}},
    }
    return api.dry().create("incidents", body, "default")
