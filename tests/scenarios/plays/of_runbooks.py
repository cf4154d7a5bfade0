"""Each shipped Runbook, with all others installed beside it: something breaks, and is put right."""

from __future__ import annotations

import json

from tests.e2e.shop import ALICE, ERIN, V1, V2_ERRORS, entries, only, reasons
from tests.scenarios.metrics import Asked
from tests.scenarios.registry import runbook
from tests.scenarios.scene import (
    BEHAVIOUR,
    V2_CRASH,
    Scene,
    finding,
    guards_of,
    recommended,
)
from tests.support.api import Body
from tests.support.prometheus import BAD, GOOD

V2_OOM = "registry.example/shop/app:v2-oom"
V2_UNREADY = "registry.example/shop/app:v2-unready"
CPU = {"resources": {"requests": {"cpu": "100m"}}}

_LONGER_THAN_A_SYNC = "6s"
"""Autoscalers look every 15 s: three samples must take longer."""


def by_name(incident: Body) -> dict[str, Body]:
    """The open proposals by remediation."""
    return {
        p["remediation"]: p for p in incident["status"]["proposals"] if p["state"] == "Proposed"
    }


def shows_the_rollback(scene: Scene, incident: Body, kind: str, name: str, bad: str) -> Body:
    """Check that a rollback to the first release is recommended, with all that it takes."""
    proposal = recommended(incident)
    assert (proposal["action"], proposal["confidence"]) == ("rolloutUndo", "Proven")
    assert f"-      - image: {bad}" in proposal["diff"]
    assert f"+      - image: {V1}" in proposal["diff"]
    undo = f"kubectl -n {scene.namespace} rollout undo {kind.lower()}/{name} --to-revision=1"
    assert proposal["command"].startswith(undo)
    assert not [g for g in proposal["guards"] if g["verdict"] == "Block"]
    return proposal


@runbook("deployment-regression")
def bad_release(scene: Scene) -> None:
    """A release answers with errors while all its pods are ready, and is rolled back."""
    scene.shipped_runbooks()
    scene.running()
    scene.set_image(V2_ERRORS)
    scene.settled()
    scene.failing_requests()

    incident = scene.trouble()

    scene.chosen(incident, "deployment-regression")
    assert V2_ERRORS in finding(incident, "rollout", "Failed", "RecentRollout")
    assert "req/s fail" in finding(incident, "errors", "Failed", "ErrorRateHigh")
    finding(incident, "pods", "Passed", "PodsHealthy")
    proposal = shows_the_rollback(scene, incident, "Deployment", "checkout", V2_ERRORS)
    assert proposal["remediation"] == "rollback"
    assert not proposal["guards"]
    others = {n: p["confidence"] for n, p in by_name(incident).items() if n != "rollback"}
    assert others == {"restart": "Unproven", "scale-out": "Unproven"}

    scene.command_of(proposal)
    scene.resolved()
    assert scene.image_of() == V1
    scene.acted(proposal)


@runbook("crash-loop")
def crash_loop(scene: Scene) -> None:
    """A release crashes at its start, the alert of crash loops comes in, and it is rolled back."""
    scene.shipped_runbooks()
    scene.running()
    scene.set_image(V2_CRASH)
    scene.waiting("CrashLoopBackOff")

    scene.alarm("KubePodCrashLooping")
    incident = scene.proposed()

    scene.chosen(incident, "crash-loop")
    assert "Only the new pods fail" in finding(incident, "pods", "Failed", "CrashLoopBackOff")
    proposal = shows_the_rollback(scene, incident, "Deployment", "checkout", V2_CRASH)
    assert set(by_name(incident)) == {"rollback", "restart"}

    scene.command_of(proposal)
    scene.resolved()
    scene.settled()
    assert scene.image_of() == V1
    scene.acted(proposal)


@runbook("oom-kill")
def memory_limit_too_low(scene: Scene) -> None:
    """Pods are killed for memory; people reject the rollback and raise the limit by hand."""
    scene.shipped_runbooks()
    scene.running()
    scene.set_image(V2_OOM)
    scene.waiting("CrashLoopBackOff")

    scene.alarm("KubernetesContainerOomKiller")
    incident = scene.proposed()

    scene.chosen(incident, "oom-kill")
    assert "out of memory" in finding(incident, "pods", "Failed", "OOMKilled")
    finding(incident, "memory", "Inconclusive", "NoData")
    offered = by_name(incident)
    assert recommended(incident)["remediation"] == "rollback"
    assert {n: p["confidence"] for n, p in offered.items()} == {
        "rollback": "Proven",
        "raise-memory-limit": "Proven",
        "scale-out": "Unproven",
    }
    assert "Raise the memory limit" in offered["raise-memory-limit"]["diff"]

    scene.say(ALICE, "reject", f"{offered['rollback']['id']}: it would lose the new orders")
    scene.approve("raise-memory-limit")
    scene.until_reason("RemediationStarted")
    limits = {"name": "app", "resources": {"limits": {"memory": "2Gi"}}}
    template = {
        "metadata": {"annotations": {BEHAVIOUR: "healthy"}},
        "spec": {"containers": [limits]},
    }
    patch = {"spec": {"template": template}}
    scene.kubectl.run("patch", "deployment/checkout", "-p", json.dumps(patch))
    scene.settled()
    scene.say(ALICE, "confirm", "limits raised to 2Gi, no kill since")

    scene.resolved()
    assert scene.image_of() == V2_OOM
    scene.not_acted()


@runbook("saturation")
def saturated_without_autoscaler(scene: Scene) -> None:
    """Containers are throttled and nothing scales them: two more pods help."""
    _throttled(scene)

    scene.alarm("CPUThrottlingHigh")
    incident = scene.proposed()

    scene.chosen(incident, "saturation")
    finding(incident, "throttling", "Failed", "ThresholdExceeded")
    finding(incident, "hpa", "Passed", "NoAutoscaler")
    proposal = recommended(incident)
    assert (proposal["remediation"], proposal["risk"]) == ("scale-out", "Low")
    assert proposal["onFailure"] == "Revert"
    assert "-  replicas: 2" in proposal["diff"]
    assert "+  replicas: 4" in proposal["diff"]
    assert proposal["command"].endswith("scale deployment/checkout --replicas=4")
    assert set(by_name(incident)) == {"scale-out", "autoscale"}

    scene.command_of(proposal)
    scene.resolved()
    assert scene.workload()["spec"]["replicas"] == 4
    scene.acted(proposal)


@runbook("saturation", slow=True)
def saturated_then_autoscaled(scene: Scene) -> None:
    """Containers are throttled, and people choose the autoscaler, which adds pods at once."""
    _throttled(scene, _LONGER_THAN_A_SYNC)

    scene.alarm("CPUThrottlingHigh")
    proposal = by_name(scene.proposed())["autoscale"]
    assert "kind: HorizontalPodAutoscaler" in proposal["diff"]
    assert proposal["command"].endswith("autoscale deployment/checkout --min=3 --max=20 --cpu=70%")
    assert not proposal["guards"]

    scene.command_of(proposal)
    scene.resolved()
    made = scene.api.get("horizontalpodautoscalers", "checkout", scene.namespace).expect_ok()
    assert (made["spec"]["minReplicas"], made["spec"]["maxReplicas"]) == (3, 20)
    assert scene.workload()["spec"]["replicas"] >= 3


def _throttled(scene: Scene, interval: str = "1s") -> None:
    scene.shipped_runbooks(interval)
    container = {"name": "app", "image": V1, **CPU}
    scene.running(spec={"template": {"spec": {"containers": [container]}}})

    def share(asked: Asked) -> float | None:
        if "throttled" not in asked.query:
            return None
        few = scene.workload()["spec"]["replicas"] < 3
        return 0.6 if few and not asked.past else 0.05

    scene.tell(share)


@runbook("saturation-at-maximum", slow=True)
def autoscaler_at_maximum(scene: Scene) -> None:
    """The autoscaler may add no more pods though it wants to; its maximum is raised."""
    scene.shipped_runbooks(_LONGER_THAN_A_SYNC)
    container = {"name": "app", "image": V1, **CPU}
    scene.running(spec={"template": {"spec": {"containers": [container]}}})
    scene.usage.share(scene.namespace, 400)
    scene.autoscaler(most=2)
    scene.limited()

    scene.alarm("KubeHpaMaxedOut", labels={"horizontalpodautoscaler": "checkout"})
    incident = scene.proposed()

    scene.chosen(incident, "saturation-at-maximum")
    assert "has no room left" in finding(incident, "hpa", "Failed", "AtMaximum")
    proposal = recommended(incident)
    assert proposal["remediation"] == "raise-maximum"
    assert "-  maxReplicas: 2" in proposal["diff"]
    assert "+  maxReplicas: 30" in proposal["diff"]
    assert "patch hpa checkout --type=merge -p" in proposal["command"]
    assert set(by_name(incident)) == {"raise-maximum", "shed-load"}

    scene.command_of(proposal)
    scene.resolved()
    assert scene.workload()["spec"]["replicas"] > 2


@runbook("stuck-rollout", slow=True)
def release_never_ready(scene: Scene) -> None:
    """New pods run and never become ready; the old ones serve on until it is rolled back."""
    scene.shipped_runbooks()
    scene.running()
    scene.set_image(V2_UNREADY)
    scene.unready_for_long()

    scene.alarm("KubeDeploymentRolloutStuck")
    incident = scene.proposed()

    scene.chosen(incident, "stuck-rollout")
    assert "Only the new pods fail" in finding(incident, "pods", "Failed", "NotReady")
    finding(incident, "rollout", "Failed", "RecentRollout")
    proposal = shows_the_rollback(scene, incident, "Deployment", "checkout", V2_UNREADY)
    assert set(by_name(incident)) == {"rollback"}

    scene.command_of(proposal)
    scene.resolved()
    assert scene.image_of() == V1
    scene.acted(proposal)


@runbook("statefulset-update-stuck", guards=("PodsStuck",))
def stateful_update_stuck(scene: Scene) -> None:
    """A StatefulSet waits for its broken pod; the rollback deletes that too, as was approved."""
    scene.shipped_runbooks()
    scene.running("StatefulSet", "db")
    scene.set_image(V2_CRASH, "StatefulSet", "db")
    scene.waiting("CrashLoopBackOff", "db")

    scene.alarm("KubeStatefulSetUpdateNotRolledOut", "StatefulSet", "db")
    incident = scene.proposed("db")

    scene.chosen(incident, "statefulset-update-stuck")
    finding(incident, "pods", "Failed", "CrashLoopBackOff")
    proposal = shows_the_rollback(scene, incident, "StatefulSet", "db", V2_CRASH)
    assert proposal["command"].endswith(f"&& kubectl -n {scene.namespace} delete pod db-1")
    assert "PodsStuck" in guards_of(proposal)

    scene.approve("rollback", "db")
    incident = scene.resolved("db")
    assert "PodDeleted" in reasons(incident)
    assert scene.image_of("StatefulSet", "db") == V1
    scene.settled("StatefulSet", "db")
    scene.acted(proposal, "StatefulSet", "db")


@runbook("daemonset-rollout-broken")
def daemon_rollout_broken(scene: Scene) -> None:
    """The new release of a DaemonSet crashes on its first node, and is rolled back."""
    scene.shipped_runbooks()
    scene.running("DaemonSet", "agent")
    scene.set_image(V2_CRASH, "DaemonSet", "agent")
    scene.waiting("CrashLoopBackOff", "agent")

    scene.alarm("KubeDaemonSetRolloutStuck", "DaemonSet", "agent")
    incident = scene.proposed("agent")

    scene.chosen(incident, "daemonset-rollout-broken")
    assert "Only the new pods fail" in finding(incident, "pods", "Failed", "CrashLoopBackOff")
    proposal = shows_the_rollback(scene, incident, "DaemonSet", "agent", V2_CRASH)

    scene.approve("rollback", "agent")
    scene.resolved("agent")
    assert scene.image_of("DaemonSet", "agent") == V1
    scene.settled("DaemonSet", "agent")
    scene.acted(proposal, "DaemonSet", "agent")


@runbook("dependency-down")
def dependency_down(scene: Scene) -> None:
    """The database is down: nothing that acts is offered, and people wait until it is back."""
    scene.shipped_runbooks()
    scene.running()
    scene.make("StatefulSet", "db", V2_CRASH)
    scene.waiting("CrashLoopBackOff", "db")
    scene.tell_load(lambda: GOOD if scene.image_of("StatefulSet", "db") == V1 else BAD)

    incident = scene.trouble(runbookRef={"name": "dependency-down"})

    scene.chosen(incident, "dependency-down")
    assert "StatefulSet db" in finding(incident, "database", "Failed", "DependencyDown").replace(
        "/", " "
    )
    finding(incident, "errors", "Failed", "ErrorRateHigh")
    proposal = recommended(incident)
    assert set(by_name(incident)) == {"wait-for-the-database"}
    assert proposal["diff"].startswith("Nothing to do here")
    assert proposal["action"] == "manual"

    scene.command_of(proposal)
    scene.until_reason("RemediationStarted")
    scene.set_image(V1, "StatefulSet", "db")
    scene.kubectl.run("delete", "pod", "db-0")
    scene.settled("StatefulSet", "db")
    scene.say(ALICE, "confirm", "the database is up again")

    scene.resolved()
    scene.not_acted()
    assert scene.workload()["metadata"]["generation"] == 1


@runbook("config-change")
def configuration_changed(scene: Scene) -> None:
    """A ConfigMap was changed: people put it back, and a restart makes the pods read it."""
    scene.shipped_runbooks()
    settings: Body = {"metadata": {"name": "settings"}, "data": {"mode": "works"}}
    made = scene.write("configmaps", settings).expect_ok()
    container = {
        "name": "app",
        "image": V1,
        "envFrom": [{"configMapRef": {"name": "settings"}}],
    }
    scene.running(spec={"template": {"spec": {"containers": [container]}}})
    scene.lasting(made)
    edited = {"data": {"mode": "breaks"}}
    scene.api.by("kubectl-edit").merge(
        "configmaps", "settings", edited, scene.namespace
    ).expect_ok()
    # What the processes make of it.
    for pod in scene.pods():
        broken = {"metadata": {"annotations": {BEHAVIOUR: "errors"}}}
        scene.api.merge("pods", pod["metadata"]["name"], broken, scene.namespace).expect_ok()
    scene.failing_requests()

    incident = scene.trouble(runbookRef={"name": "config-change"})

    scene.chosen(incident, "config-change")
    found = finding(incident, "changes", "Failed", "RecentChange")
    assert "ConfigMap settings changed" in found
    assert "kubectl-edit" in found
    finding(incident, "rollout", "Passed", "NoHistory")
    proposal = recommended(incident)
    assert proposal["remediation"] == "restore-configuration"
    assert "does not bring it back" in proposal["diff"]
    # No rollback is offered: there was no release.
    assert set(by_name(incident)) == {"restore-configuration", "restart"}

    scene.command_of(proposal)
    scene.until_reason("RemediationStarted")
    restored = {"data": settings["data"]}
    scene.api.merge("configmaps", "settings", restored, scene.namespace).expect_ok()
    scene.say(ALICE, "confirm", "the ConfigMap is as it was")
    # The pods have read it at their start, and know nothing of that.
    incident = scene.until_reason("VerificationFailed")
    assert "did not help" in only(entries(incident, "VerificationFailed"))["message"]
    incident = scene.proposed()
    restart = recommended(incident)
    assert restart["remediation"] == "restart"
    assert restart["command"].endswith("rollout restart deployment/checkout")

    scene.command_of(restart)
    scene.resolved()
    scene.acted(restart)
    template = scene.workload()["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]


@runbook("deployment-regression")
def false_alarm(scene: Scene) -> None:
    """Few errors and all pods available: a dismissal is suggested, and left to people."""
    scene.shipped_runbooks()
    scene.running()

    def quiet(asked: Asked) -> float:
        query = asked.query
        if "kube_deployment_status_replicas_unavailable" in query:
            return 0.0
        if "/" in query:
            return 0.001
        return 0.1 if "code=~" in query else 100.0

    scene.tell(quiet)
    scene.declare()

    incident = scene.until_reason("FalseAlarmSuspected")
    hint = only(entries(incident, "FalseAlarmSuspected"))["message"]
    assert "no-errors" in hint
    assert "dismiss=" in hint
    scene.ask(ERIN, "dismiss", "it is quiet").expect_refused("verb approve")
    scene.say(ALICE, "dismiss", "it is quiet")
    scene.until_phase("Dismissed")
    scene.not_acted()
