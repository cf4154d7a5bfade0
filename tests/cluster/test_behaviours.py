"""A container behaves as its image tag or the pod's annotation says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.conftest import Shop, eventually

ANNOTATION = "simulation.incidentcommander.dev/behaviour"


def ready(pod: dict[str, Any]) -> str:
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", ())}
    return str(conditions.get("Ready", "missing"))


@pytest.mark.parametrize("image", ["shop/web:v1", "shop/web:v1-errors", "shop/web", "r:5000/web"])
def test_good_image_becomes_ready(shop: Shop, image: str) -> None:
    shop.deploy("web", image)
    shop.kubectl.run("rollout", "status", "deployment/web", "--timeout=60s")
    status = shop.container("web", lambda one: one["ready"])
    assert status["image"] == image
    assert status["restartCount"] == 0
    assert "startedAt" in status["state"]["running"]
    (pod,) = shop.pods("web")
    assert pod["status"]["podIP"]
    assert ready(pod) == "True"


@pytest.mark.parametrize(
    ("tag", "reason", "code"), [("crash", "Error", 1), ("oom", "OOMKilled", 137)]
)
def test_bad_image_crashes_again_and_again(shop: Shop, tag: str, reason: str, code: int) -> None:
    shop.deploy("web", f"shop/web:v2-{tag}")
    status = shop.container("web", lambda one: one["restartCount"] >= 2)
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["lastState"]["terminated"]["reason"] == reason
    assert status["lastState"]["terminated"]["exitCode"] == code
    assert not status["ready"]
    assert ready(shop.pods("web")[0]) == "False"


def test_unready_image_runs_but_is_never_ready(shop: Shop) -> None:
    shop.deploy("web", "shop/web:v2-unready")
    status = shop.container("web", lambda one: "running" in one["state"])
    assert not status["ready"]
    assert ready(shop.pods("web")[0]) == "False"


def test_pending_image_cannot_be_pulled(shop: Shop) -> None:
    shop.deploy("web", "shop/web:v2-pending")
    status = shop.container("web", lambda one: "waiting" in one["state"])
    assert status["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert "shop/web:v2-pending" in status["state"]["waiting"]["message"]
    assert shop.pods("web")[0]["status"]["phase"] == "Pending"


def test_annotation_overrides_the_tag(shop: Shop) -> None:
    shop.kubectl.run(
        "run",
        "web",
        "--image=shop/web:v1-crash",
        f"--annotations={ANNOTATION}=unready",
        "-l=app=web",
    )
    assert not shop.container("web", lambda one: "running" in one["state"])["ready"]


def test_good_container_beside_a_bad_one_keeps_running(shop: Shop) -> None:
    containers = [{"name": "web", "image": "web:v1"}, {"name": "side", "image": "side:v1-crash"}]
    pod = {
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {"containers": containers},
    }
    shop.kubectl.apply([{"apiVersion": "v1", "kind": "Pod", **pod}])
    shop.container("web", lambda one: one["name"] == "side" and one["restartCount"] >= 2)
    good = shop.container("web", lambda one: one["name"] == "web")
    assert good["ready"]
    assert good["restartCount"] == 0
    assert ready(shop.pods("web")[0]) == "False"


def test_job_completes_and_deleted_pod_is_gone(shop: Shop) -> None:
    shop.kubectl.run("create", "job", "migrate", "--image=shop/migrate:v1")
    shop.kubectl.run("wait", "--for=condition=Complete", "job/migrate", "--timeout=60s")
    shop.kubectl.run("run", "web", "--image=shop/web:v1", "-l=app=web", "--grace-period=600")
    shop.kubectl.run("delete", "pod", "web", "--wait=false")
    eventually(lambda: None if shop.pods("web") else True, "the end of the pod")
