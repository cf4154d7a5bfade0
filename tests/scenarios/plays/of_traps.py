"""The seven traps that a client inherits if it does what kubectl does, and nothing else."""

from __future__ import annotations

import json

from tests.e2e.shop import V1, V2_ERRORS, annotations_of, entries, only, reasons, until
from tests.scenarios.registry import trap
from tests.scenarios.scene import V2, V2_CRASH, Scene
from tests.support.prometheus import BAD

UNDO = {"name": "rollback", "rolloutUndo": {}}
ON_FAILING_PODS = {**UNDO, "when": [{"step": "pods", "verdict": "Failed"}]}
V0 = "registry.example/shop/app:v0"
V2_PENDING = "registry.example/shop/app:v2-pending"


@trap(1, "not idempotent", guards=("NoHistory",))
def undo_does_not_toggle(scene: Scene) -> None:
    """After an undo kubectl's next one releases the bad version; the operator's says what it is."""
    scene.furnish()
    scene.tell_load(BAD)
    scene.broken()
    scene.declare()
    scene.proposed()
    scene.approve()
    scene.until_reason("VerificationFailed")
    incident = scene.proposed()
    scene.rolled_out()
    assert V2_ERRORS in scene.undone_by_kubectl()

    rollback = only(scene.open(remediation="rollback"))
    scene.blocked(rollback, "NoHistory", "seen failing in this incident")
    assert scene.image() == V1
    # To release the bad version again is a choice of its own, and nobody recommends it.
    back = only(scene.open(remediation="revert-rollback"))
    assert (back["risk"], back["recommended"]) == ("High", False)
    assert back["revertOf"] in {p["id"] for p in incident["status"]["proposals"]}


@trap(2, "restart, then undo")
def restart_is_no_release(scene: Scene) -> None:
    """After a restart kubectl goes back to the same image; the operator to the release before."""
    scene.trial(UNDO)
    scene.two_releases(images=(V1, V2_ERRORS))
    scene.kubectl.run("rollout", "restart", "deployment/checkout")
    scene.settled()
    assert V2_ERRORS in scene.undone_by_kubectl()

    proposal = scene.offer()

    assert proposal["command"].endswith("--to-revision=1")
    assert f"+      - image: {V1}" in proposal["diff"]
    assert "the same release, restarted" in proposal["reason"]
    scene.command_of(proposal)
    scene.resolved()
    assert scene.image_of() == V1


@trap(3, "undo before the controller has seen the release", guards=("NotObserved",))
def undo_waits_for_the_controller(scene: Scene) -> None:
    """While the newest release has no revision yet, an undo would go one too far: it is blocked."""
    scene.trial(UNDO)
    scene.two_releases(images=(V0, V1))
    quota = {"metadata": {"name": "revisions"}, "spec": {"hard": {"count/replicasets.apps": "2"}}}
    scene.write("resourcequotas", quota).expect_ok()

    def counted() -> bool | None:
        found = scene.api.get("resourcequotas", "revisions", scene.namespace).expect_ok()
        return (found.get("status", {}).get("used") or None) and True

    until(counted, "the quota is in force")
    scene.set_image(V2_ERRORS)

    proposal = scene.offer()
    scene.blocked(proposal, "NotObserved", "rollout status")
    assert V0 in scene.undone_by_kubectl()

    scene.api.delete("resourcequotas", "revisions", scene.namespace).expect_ok()
    # A change of the object makes the controller look again at once.
    scene.change({"metadata": {"annotations": {"looked": "again"}}})
    scene.observed()
    # Diagnosed anew, or offered anew at once, since the undo would drop that annotation: as it comes.
    proposal = scene.unblocked()
    assert f"+      - image: {V1}" in proposal["diff"]
    scene.command_of(proposal)
    scene.resolved()
    assert scene.image_of() == V1


@trap(4, "the deadline of the rollout before")
def exceeded_deadline_is_stale(scene: Scene) -> None:
    """The failed release has exceeded its deadline; that is not held against the rollback."""
    scene.trial(ON_FAILING_PODS)
    scene.running(spec={"progressDeadlineSeconds": 2})
    scene.set_image(V2_PENDING)

    def exceeded() -> bool | None:
        conditions = scene.workload()["status"].get("conditions", [])
        return any(c.get("reason") == "ProgressDeadlineExceeded" for c in conditions) or None

    until(exceeded, "the deadline is exceeded")
    said = scene.kubectl.attempt("rollout", "status", "deployment/checkout", "--watch=false")
    assert "exceeded its progress deadline" in said.err

    scene.trouble()
    proposal = only(scene.open())
    scene.command_of(proposal)
    incident = scene.resolved()

    assert "RolloutCompleted" in reasons(incident)
    assert "RemediationFailed" not in reasons(incident)
    assert incident["status"]["attempt"] == 1


@trap(5, "the stuck pod of a StatefulSet", guards=("PodsStuck",))
def stuck_pod_is_deleted(scene: Scene) -> None:
    """The undo of a StatefulSet alone would wait for ever; its broken pod is deleted with it."""
    scene.trial(ON_FAILING_PODS)
    scene.running("StatefulSet")
    scene.set_image(V2_CRASH, "StatefulSet")
    scene.waiting("CrashLoopBackOff")
    before = {p["metadata"]["name"]: p["metadata"]["uid"] for p in scene.pods()}

    proposal = scene.offer("StatefulSet")
    scene.warned(proposal, "PodsStuck", "would wait for ever", "checkout-1")
    assert "then delete pod checkout-1" in proposal["summary"]

    scene.command_of(proposal)
    incident = scene.resolved()
    deleted = only(entries(incident, "PodDeletionStarted"))
    assert before["checkout-1"] in deleted["message"]
    scene.settled("StatefulSet")
    after = {p["metadata"]["name"]: p["metadata"]["uid"] for p in scene.pods()}
    assert {name for name in after if after[name] != before[name]} == {"checkout-1"}


@trap(6, "annotations are dropped", guards=("AnnotationsDropped",))
def dropped_annotations_are_named(scene: Scene) -> None:
    """An undo drops annotations of the Deployment as kubectl does; which, is said before."""
    scene.trial(UNDO)
    scene.two_releases()
    scene.change({"metadata": {"annotations": {"example.com/owner": "payments"}}})
    scene.observed()

    proposal = scene.offer()
    scene.warned(
        proposal, "AnnotationsDropped", "example.com/owner", "annotate deployment/checkout"
    )

    scene.command_of(proposal)
    scene.resolved()
    assert "example.com/owner" not in annotations_of(scene.workload())
    # What the operator needs to know of its own change is still there.
    scene.acted(proposal)


@trap(7, "last-applied is stale", guards=("LastAppliedStale",))
def stale_manifest_is_said(scene: Scene) -> None:
    """After an undo the next kubectl apply releases the bad version again; that is said before."""
    scene.trial(UNDO)
    scene.kubectl.apply([scene.manifest()])
    scene.observed()
    scene.kubectl.apply([scene.manifest(image=V2)])
    scene.observed()

    proposal = scene.offer()
    scene.warned(proposal, "LastAppliedStale", "kubectl apply", "Revert the manifest too")

    scene.command_of(proposal)
    scene.resolved()
    body = scene.workload()
    key = "kubectl.kubernetes.io/last-applied-configuration"
    assert V2 in json.dumps(json.loads(annotations_of(body)[key]))
    assert scene.image_of() == V1
    scene.kubectl.apply([scene.manifest(image=V2)])
    assert scene.image_of() == V2
