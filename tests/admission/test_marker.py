"""The operator's mark on a workload, and its field manager, are its own: real kubectl, as ed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.admission.conftest import RELEASE, until
from tests.admission.scene import ED, PREFIX, Scene, status
from tests.support.api import Body
from tests.support.kubectl import Kubectl

MARK = PREFIX + "applied"
WORDS = [
    "ValidatingAdmissionPolicy 'incident-commander-marker'",
    "incidentcommander.dev/applied is the operator's",
]
MANAGER = [
    "ValidatingAdmissionPolicy 'incident-commander-marker'",
    "the field manager incident-commander is the operator's",
]
KINDS = ["deployment", "statefulset", "daemonset", "hpa"]


def workload(kind: str, name: str, space: str, **annotations: str) -> Body:
    """A workload of that kind, or an autoscaler."""
    meta = {"name": name, "namespace": space, "annotations": annotations}
    if kind == "HorizontalPodAutoscaler":
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        spec: dict[str, Any] = {"maxReplicas": 3, "scaleTargetRef": reference}
        return {"apiVersion": "autoscaling/v2", "kind": kind, "metadata": meta, "spec": spec}
    labels = {"app": name}
    pod = {"containers": [{"name": "app", "image": "registry.example/app:v1"}]}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec}


@pytest.fixture(scope="module")
def ed(scene: Scene, kubectl: Kubectl) -> Iterator[Kubectl]:
    """Ed, in a namespace with one object of each kind, some with the operator's mark."""
    for kind in ("Deployment", "StatefulSet", "DaemonSet", "HorizontalPodAutoscaler"):
        kubectl.apply(
            workload(kind, name, scene.namespace, **marks)
            for name, marks in (("plain", {}), ("marked", {MARK: "rollback-1.abc"}))
        )
    person = kubectl.with_options("--as", ED, "-n", scene.namespace)
    probe = {"metadata": {"annotations": {MARK: "probe"}}}
    until(
        lambda: scene.person(ED).dry().merge("deployments", "plain", probe, scene.namespace),
        lambda answer: "incident-commander-marker" in answer.message,
        "the marker's policy",
    )
    yield person
    for kind in KINDS:
        kubectl.run("delete", kind, "plain", "marked", "-n", scene.namespace)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["plain", "marked"])
def test_ed_sets_or_changes_the_mark(ed: Kubectl, kind: str, name: str) -> None:
    forged = f"{MARK}=rollback-deadbeef, which failed"
    ed.expect_refused("annotate", kind, name, "--overwrite", forged, words=WORDS)
    patch = json.dumps({"metadata": {"annotations": {MARK: ""}}})
    ed.expect_refused("patch", kind, name, "--type=merge", "-p", patch, words=WORDS)


@pytest.mark.parametrize("kind", KINDS)
def test_ed_goes_on_with_his_work_beside_the_mark(ed: Kubectl, kind: str) -> None:
    ed.run("annotate", kind, "marked", "team=shop", "--overwrite")
    ed.run("annotate", kind, "marked", f"{MARK}=rollback-1.abc", "--overwrite")
    ed.run("annotate", kind, "marked", f"{MARK}-", "--dry-run=server")


def test_an_undo_by_kubectl_brings_an_old_mark_back_with_its_template(ed: Kubectl) -> None:
    """That is what `kubectl rollout undo` does with every annotation of the old revision."""
    undo = {
        "metadata": {"annotations": {MARK: "restart-0.older"}},
        "spec": {"template": {"metadata": {"annotations": {"release": "older"}}}},
    }
    ed.run("patch", "deployment", "marked", "-p", json.dumps(undo), "--dry-run=server")


@pytest.mark.parametrize("kind", KINDS)
def test_ed_writes_under_the_operators_field_manager(ed: Kubectl, kind: str) -> None:
    manager = "--field-manager=incident-commander"
    ed.expect_refused("annotate", kind, "plain", "team=shop", manager, words=MANAGER)
    ed.run("annotate", kind, "plain", "team=shop", "--field-manager=incident-commanders")


def test_ed_creates_or_applies_under_the_operators_field_manager(ed: Kubectl) -> None:
    body = workload("Deployment", "new", "", team="shop")
    del body["metadata"]["namespace"]
    manager, said = "--field-manager=incident-commander", json.dumps(body)
    ed.expect_refused("create", "-f", "-", manager, stdin=said, words=MANAGER)
    ed.expect_refused("apply", "--server-side", "-f", "-", manager, stdin=said, words=MANAGER)


def test_ed_writes_an_incident_under_the_operators_field_manager(scene: Scene, ed: Kubectl) -> None:
    name = scene.incident(status())
    manager = "--field-manager=incident-commander"
    ed.expect_refused("annotate", "incident", name, f"{PREFIX}note=x", manager, words=MANAGER)


def test_the_operator_does_both(scene: Scene, ed: Kubectl) -> None:
    ours = scene.operator.dry().by(RELEASE)
    patch = {"metadata": {"annotations": {MARK: "rollback-2.def"}}}
    for plural in ("deployments", "statefulsets", "daemonsets", "horizontalpodautoscalers"):
        ours.merge(plural, "marked", patch, scene.namespace).expect_ok()
