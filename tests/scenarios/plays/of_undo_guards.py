"""Guards of a rollback and a restart: what forbids them, and what people must know before."""

from __future__ import annotations

from tests.e2e.shop import ALICE, V1, V2_ERRORS, V3, entries, only, until
from tests.scenarios.registry import guard
from tests.scenarios.scene import V2, V2_CRASH, Scene, finding
from tests.support.api import Body
from tests.support.build import merged
from tests.support.prometheus import BAD

UNDO = {"name": "rollback", "rolloutUndo": {}}
RESTART = {"name": "restart", "rolloutRestart": {}}
V1_PENDING = "registry.example/shop/app:v1-pending"
V2_UNREADY = "registry.example/shop/app:v2-unready"
NO_ROLLBACK = "incidentcommander.dev/no-rollback"


def pinned(revision: int) -> Body:
    """A rollback to that very revision."""
    return {"name": "rollback", "rolloutUndo": {"toRevision": revision}}


@guard("Paused")
def paused_rollout(scene: Scene) -> None:
    """A paused rollout forbids the undo; the command that is named clears it."""
    scene.trial(UNDO)
    scene.two_releases()
    scene.kubectl.run("rollout", "pause", "deployment/checkout")

    proposal = scene.offer()
    message = scene.blocked(proposal, "Paused", "rollout resume deployment/checkout")

    scene.clear(message)
    again = scene.unblocked()
    assert again["id"] != proposal["id"]
    scene.command_of(again)
    scene.resolved()
    assert scene.image_of() == V1


@guard("NoHistory")
def no_history(scene: Scene) -> None:
    """Without an earlier release there is nothing to go back to, and it says how to keep some."""
    scene.trial(UNDO)
    scene.make(over={"spec": {"revisionHistoryLimit": 0}})
    scene.observed()

    proposal = scene.offer()
    scene.blocked(proposal, "NoHistory", '"revisionHistoryLimit":10', "Roll forward")


@guard("NoWayBack")
def no_way_back(scene: Scene) -> None:
    """Where no history is kept the undo is the last one, and says so."""
    scene.trial(UNDO)
    scene.two_releases(images=(V1, V2_UNREADY), over={"spec": {"revisionHistoryLimit": 0}})

    proposal = scene.offer()
    scene.warned(proposal, "NoWayBack", "revisionHistoryLimit is 0")


@guard("LastWayBack")
def last_way_back(scene: Scene) -> None:
    """A restart would push the only release to go back to out of the history."""
    scene.trial(RESTART)
    scene.make(over={"spec": {"revisionHistoryLimit": 1}})
    scene.settled()
    scene.set_image(V2)
    scene.settled()

    proposal = scene.offer()
    scene.warned(proposal, "LastWayBack", "revision 1", "nothing to roll back to")


@guard("PodsBehind")
def pods_behind(scene: Scene) -> None:
    """Where a rollout hangs, a restart is a release for the pods that still run the old one."""
    scene.trial(RESTART)
    scene.make()
    scene.settled()
    scene.set_image(V1_PENDING)
    scene.observed()

    proposal = scene.offer()
    scene.warned(proposal, "PodsBehind", "run another revision than the template", "v1-pending")


@guard("AlreadyThere")
def already_there(scene: Scene) -> None:
    """The revision that the Runbook pins is the one that runs."""
    scene.trial(pinned(2))
    scene.two_releases()

    scene.blocked(scene.offer(), "AlreadyThere", "revision 2")


@guard("SameRelease")
def same_release(scene: Scene) -> None:
    """The revision that the Runbook pins differs only by a restart."""
    scene.trial(pinned(1))
    scene.make()
    scene.observed()
    scene.kubectl.run("rollout", "restart", "deployment/checkout")
    scene.observed()

    scene.warned(scene.offer(), "SameRelease", "differs only by the time of a restart")


@guard("SeenFailing")
def seen_failing(scene: Scene) -> None:
    """A release that was seen failing in this incident is not gone back to, even if pinned."""
    scene.trial(pinned(2))
    scene.two_releases(images=(V1, V2_CRASH))
    scene.waiting("CrashLoopBackOff")
    incident = scene.trouble()
    finding(incident, "pods", "Failed", "CrashLoopBackOff")
    # Others release again, and that is no better.
    scene.set_image("registry.example/shop/app:v3-crash")
    scene.until_reason("VerificationFailed")
    scene.proposed()

    scene.blocked(scene.whole_history(), "SeenFailing", "Revision 2 was seen failing")


@guard("NoRollback")
def rollback_forbidden(scene: Scene) -> None:
    """A release that came with a migration forbids its rollback, and says why."""
    scene.trial(UNDO)
    template = {"metadata": {"annotations": {NO_ROLLBACK: "the schema was migrated"}}}
    scene.two_releases(then={"spec": {"template": template}})

    scene.blocked(scene.offer(), "NoRollback", "the schema was migrated", "Roll forward")


@guard("ImageNotPulled")
def image_not_pulled(scene: Scene) -> None:
    """The image of the release to go back to cannot be pulled any more."""
    scene.trial(UNDO)
    scene.make(image=V1_PENDING)
    scene.waiting("ImagePullBackOff")
    scene.set_image(V2_UNREADY)
    scene.observed()

    scene.warned(scene.offer(), "ImageNotPulled", V1_PENDING, "cannot pull it")


@guard("Recreate")
def recreated(scene: Scene) -> None:
    """With the strategy Recreate all pods stop before the new ones start."""
    scene.trial(UNDO)
    scene.two_releases(over={"spec": {"strategy": {"type": "Recreate"}}})

    scene.warned(scene.offer(), "Recreate", "all 2 pods", "stop before")


@guard("ScaledToZero")
def scaled_to_zero(scene: Scene) -> None:
    """Nothing runs, so that the undo alone brings nothing back."""
    scene.trial(UNDO)
    scene.two_releases(then={"spec": {"replicas": 0}})

    incident = scene.trouble()
    finding(incident, "pods", "Failed", "ScaledToZero")
    scene.warned(only(scene.open()), "ScaledToZero", "spec.replicas is 0")


@guard("dryRun")
def refused_by_admission(scene: Scene) -> None:
    """Another admission policy refuses the change: that is known before anybody approves."""
    scene.trial(UNDO)
    scene.two_releases()
    name = f"{scene.namespace}-no-old-release"
    policy: Body = {
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["apps"],
                        "apiVersions": ["v1"],
                        "operations": ["UPDATE"],
                        "resources": ["deployments"],
                    }
                ],
                "namespaceSelector": {
                    "matchLabels": {"kubernetes.io/metadata.name": scene.namespace}
                },
            },
            "validations": [
                {
                    "expression": "object.spec.template.spec.containers[0].image != "
                    "oldObject.spec.template.spec.containers[0].image ? false : true",
                    "message": "releases are frozen",
                }
            ],
        },
    }
    binding = {
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    scene.api.create("validatingadmissionpolicies", policy).expect_ok()
    scene.api.create("validatingadmissionpolicybindings", binding).expect_ok()
    try:
        path = "/spec/template/spec/containers/0/image"
        change = [{"op": "replace", "path": path, "value": V3}]
        dry = scene.api.dry()
        until(
            lambda: not dry.patch("deployments", "checkout", change, scene.namespace).ok or None,
            "the policy is in force",
        )

        proposal = scene.offer()
        scene.blocked(proposal, "dryRun", "releases are frozen")
        assert proposal["diff"] == ""
    finally:
        scene.api.delete("validatingadmissionpolicybindings", name)
        scene.api.delete("validatingadmissionpolicies", name)


@guard("AttemptsUsedUp")
def attempts_used_up(scene: Scene) -> None:
    """After as many changes as the policy allows nothing more is offered that could be approved."""
    scene.furnish(policy={"approvals": {"maxAttempts": 1}})
    scene.tell_load(BAD)
    scene.broken()
    scene.declare()
    scene.proposed()
    scene.approve("scale-out")
    incident = scene.until_phase("Investigating")
    failed = only(entries(incident, "VerificationFailed"))["message"]
    assert "All 1 attempts are used up" in failed

    scene.say(ALICE, "diagnose", "what else is there?")
    scene.proposed()
    for proposal in scene.open():
        message = next(g["message"] for g in proposal["guards"] if g["name"] == "AttemptsUsedUp")
        assert "resolve=" in message
        scene.ask(ALICE, "approve", proposal["id"]).expect_refused("AttemptsUsedUp")
    assert scene.workload()["spec"]["replicas"] == 3


@guard("OlderThanRelease")
def trouble_older_than_release(scene: Scene) -> None:
    """Requests failed before the release: a rollback is offered, and not recommended."""
    scene.furnish()
    scene.tell_load(BAD, past=BAD)
    scene.broken()
    scene.declare()

    incident = scene.proposed()
    found = finding(incident, "errors", "Failed", "ErrorRateHigh")
    assert "it speaks against a rollback" in found
    proposal = only(scene.open(remediation="rollback"))
    assert not proposal["recommended"]
    scene.warned(proposal, "OlderThanRelease", "before this release")


@guard("DiffCut")
def diff_too_long(scene: Scene) -> None:
    """What runs is shown first, whatever else changes; what is not shown whole is not recommended."""
    scene.furnish()
    padding = {f"example.com/{n:02}": "x" * 380 for n in range(25)}
    scene.make(over={"spec": {"template": {"metadata": {"annotations": padding}}}})
    scene.observed()
    bare = {"metadata": {"annotations": dict.fromkeys(padding)}}
    release = {"spec": {"containers": [{"name": "app", "image": V2_ERRORS}]}}
    scene.change({"spec": {"template": {**bare, **release}}})
    scene.failing_requests()
    scene.declare()
    scene.proposed()

    proposal = only(scene.open(remediation="rollback"))
    scene.warned(proposal, "DiffCut", "rollout history deployment/checkout --revision=1")
    assert not proposal["recommended"]
    assert f"+      - image: {V1}\n" in proposal["diff"]


CONTROLLER = "system:serviceaccount:kube-system:deployment-controller"


@guard("RevisionEdited")
def revision_edited(scene: Scene) -> None:
    """An old revision was edited where that was not refused: it is not recommended."""
    scene.furnish()
    scene.broken()
    until(lambda: scene.revision() == "2" or None, "the release has a revision")
    (old,) = (r for r in scene.replica_sets() if scene.number_of(r) == "1")
    path = "/spec/template/spec/containers/0/image"
    edit = [{"op": "replace", "path": path, "value": "evil.example/x/app:v1"}]
    # Only what the policy lets through can still do it; the name of the client is ed's.
    by = scene.person(CONTROLLER).by("kubectl-edit")
    by.patch("replicasets", old["metadata"]["name"], edit, scene.namespace).expect_ok()

    scene.failing_requests()
    scene.declare()
    scene.proposed()
    proposal = only(scene.open(remediation="rollback"))
    scene.warned(proposal, "RevisionEdited", "written after it was made", "“kubectl-edit”")
    assert not proposal["recommended"]
    assert "evil.example/x/app:v1" in proposal["summary"]


@guard("RevisionUnseen")
def revision_made_by_others(scene: Scene) -> None:
    """Somebody made a ReplicaSet that looks like an earlier revision: it is not recommended."""
    scene.furnish()
    scene.make()
    scene.observed()
    (mine,) = scene.replica_sets()
    forged = merged(mine, {"metadata": {"name": "checkout-forged", "managedFields": None}})
    for key in ("uid", "resourceVersion", "creationTimestamp"):
        del forged["metadata"][key]
    forged["metadata"]["labels"]["pod-template-hash"] = "forged"
    forged["spec"]["selector"]["matchLabels"]["pod-template-hash"] = "forged"
    forged["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] = "forged"
    forged["spec"]["template"]["spec"]["containers"][0]["image"] = "evil.example/x/app:v1"
    forged["spec"]["replicas"] = 0
    scene.api.by("kubectl-create").create("replicasets", forged).expect_ok()
    scene.lasting(mine)
    scene.set_image(V2_ERRORS)
    until(lambda: scene.revision() not in {None, "1"} or None, "the release has a revision")
    # The controller numbers the release that runs after the highest number that there is.
    numbered = {"metadata": {"annotations": {"deployment.kubernetes.io/revision": "9"}}}
    scene.api.merge("replicasets", "checkout-forged", numbered, scene.namespace).expect_ok()
    until(lambda: scene.revision() == "10" or None, "the release is numbered anew")
    scene.failing_requests()
    scene.declare()
    scene.proposed()

    proposal = only(scene.open(remediation="rollback"))
    scene.warned(proposal, "RevisionUnseen", "another client made it", "“kubectl-create”")
    assert not proposal["recommended"]
