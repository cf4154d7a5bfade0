"""Guards of StatefulSets and DaemonSets: what a changed template does not reach by itself."""

from __future__ import annotations

from tests.e2e.shop import V1
from tests.scenarios.registry import guard
from tests.scenarios.scene import V2, Scene
from tests.support.proxy import Respond, Rule

UNDO = {"name": "rollback", "rolloutUndo": {}}
V1_CRASH = "registry.example/shop/app:v1-crash"
CAUSE = "kubernetes.io/change-cause"


@guard("OnDelete")
def replaced_by_hand(scene: Scene) -> None:
    """With the strategy OnDelete pods stay as they are until somebody deletes them."""
    scene.trial(UNDO)
    scene.running("StatefulSet", spec={"updateStrategy": {"type": "OnDelete"}})
    scene.set_image(V2, "StatefulSet")
    scene.observed("StatefulSet")

    proposal = scene.offer("StatefulSet")
    scene.warned(proposal, "OnDelete", "deleted by hand")
    before = {p["metadata"]["uid"] for p in scene.pods()}
    scene.command_of(proposal)
    scene.until_reason("RemediationApplied")
    scene.observed("StatefulSet")
    assert scene.image_of("StatefulSet") == V1
    assert {p["metadata"]["uid"] for p in scene.pods()} == before


@guard("Partitioned")
def partitioned(scene: Scene) -> None:
    """Pods below the partition keep what they have, and it says how to reach them."""
    scene.trial(UNDO)
    strategy = {"rollingUpdate": {"partition": 1}, "type": "RollingUpdate"}
    scene.running("StatefulSet", spec={"updateStrategy": strategy})
    scene.set_image(V2, "StatefulSet")
    scene.observed("StatefulSet")

    proposal = scene.offer("StatefulSet")
    scene.warned(proposal, "Partitioned", "partition 1", '"partition":0')


@guard("WaitsForPod")
def waits_below_the_partition(scene: Scene) -> None:
    """A broken pod that the undo does not reach holds up all others."""
    scene.trial(UNDO)
    strategy = {"rollingUpdate": {"partition": 1}, "type": "RollingUpdate"}
    scene.make("StatefulSet", image=V1_CRASH, over={"spec": {"updateStrategy": strategy}})
    scene.waiting("CrashLoopBackOff")
    scene.set_image(V2, "StatefulSet")
    scene.observed("StatefulSet")

    proposal = scene.offer("StatefulSet")
    scene.warned(proposal, "WaitsForPod", "checkout-0", "describe pod checkout-0")


@guard("PodsUnknown")
def pods_unknown(scene: Scene) -> None:
    """Whether a broken pod is in the way cannot be read, and that is said."""
    scene.trial(UNDO)
    scene.running("StatefulSet")
    scene.set_image(V2, "StatefulSet")
    scene.observed("StatefulSet")
    scene.office.proxy.add(
        Rule(
            lambda r: r.method == "GET" and r.namespace == scene.namespace and r.parts == ("pods",),
            Respond(403, "Forbidden"),
            times=10_000,
        )
    )

    proposal = scene.offer("StatefulSet")
    scene.warned(proposal, "PodsUnknown", "could not be read", "get pods")


@guard("ChangeCauseStays")
def change_cause_stays(scene: Scene) -> None:
    """The undo of a StatefulSet leaves the change-cause of the release that it leaves behind."""
    scene.trial(UNDO)
    scene.make("StatefulSet", over={"metadata": {"annotations": {CAUSE: "first"}}})
    scene.observed("StatefulSet")
    scene.set_image(V2, "StatefulSet")
    scene.change({"metadata": {"annotations": {CAUSE: "second"}}}, "StatefulSet")
    scene.observed("StatefulSet")

    proposal = scene.offer("StatefulSet")
    scene.warned(proposal, "ChangeCauseStays", "second", "--overwrite", f"{CAUSE}=first")


@guard("NoNodes")
def no_nodes(scene: Scene) -> None:
    """No node is eligible for the DaemonSet, so that no pod starts."""
    scene.trial(UNDO)
    nowhere = {"spec": {"template": {"spec": {"nodeSelector": {"nowhere": "at-all"}}}}}
    scene.two_releases("DaemonSet", over=nowhere)

    scene.warned(scene.offer("DaemonSet"), "NoNodes", "No node is eligible")
