"""Guards of scaling, by hand and by an autoscaler."""

from __future__ import annotations

from typing import Any

from tests.scenarios.registry import guard
from tests.scenarios.scene import Scene
from tests.support.api import Body
from tests.support.proxy import Respond, Rule

AUTOSCALE = {
    "name": "autoscale",
    "autoscale": {"minReplicas": 2, "maxReplicas": 8, "cpuUtilization": 70},
}
KEDA = {"scaledobject.keda.sh/name": "checkout-scaler"}


def scale(**parameters: Any) -> Body:
    """A step of scaling."""
    return {"name": "scale-out", "scale": parameters}


@guard("AutoscalerOwned")
def autoscaler_owns_replicas(scene: Scene) -> None:
    """An autoscaler takes a number set by hand back, and it says how to hold it."""
    scene.trial(scale(by=1, max=9))
    scene.make()
    scene.autoscaler()

    proposal = scene.offer()
    scene.warned(proposal, "AutoscalerOwned", "HPA checkout", '"minReplicas":3')


@guard("KedaOwned")
def keda_owns_replicas(scene: Scene) -> None:
    """KEDA writes its autoscaler again at once: to change that is warned of, and not recommended."""
    scene.trial(AUTOSCALE)
    scene.make()
    scene.autoscaler("keda-hpa-checkout", labels=KEDA)

    scene.warned(scene.offer(), "KedaOwned", "checkout-scaler", "edit scaledobject")


@guard("KedaOwned")
def ed_names_the_owner_like_a_command(scene: Scene) -> None:
    """Ed names the owner of the autoscaler `web$(touch PWNED)`: there is no command to paste."""
    scene.trial(AUTOSCALE)
    scene.make()
    owner = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "uid": "made-up"}
    scene.autoscaler(owners=[{**owner, "name": "web$(touch PWNED)"}])

    proposal = scene.offer()
    said = scene.warned(proposal, "KedaOwned", "“web$(touch PWNED)”", "its name is malformed")
    assert "kubectl" not in said
    commands = [c for guard in proposal["guards"] for c in guard.get("commands", [])]
    typed = [*commands, proposal["command"], proposal["approveCommand"]]
    assert not any(set(command) & set("$`;|&<>()") for command in typed)
    assert "PWNED" not in "".join(typed)


@guard("SeveralAutoscalers")
def several_autoscalers(scene: Scene) -> None:
    """Two autoscalers fight for one Deployment: first one of them has to go."""
    scene.trial(AUTOSCALE)
    scene.make()
    scene.autoscaler("one")
    scene.autoscaler("two")

    scene.blocked(scene.offer(), "SeveralAutoscalers", "one, two", "delete hpa two")


@guard("LowersAutoscaler")
def less_room_than_there_is(scene: Scene) -> None:
    """The autoscaler has more room than the Runbook would give it: that is said before."""
    scene.trial(AUTOSCALE)
    scene.make()
    scene.autoscaler(most=50)

    scene.warned(scene.offer(), "LowersAutoscaler", "1 to 50 replicas", "less room")


@guard("AutoscalerUnknown")
def autoscaler_unknown(scene: Scene) -> None:
    """Whether there is an autoscaler already could not be read, so none is made."""
    scene.trial(AUTOSCALE)
    scene.make()
    scene.observed()
    kind = "horizontalpodautoscalers"
    scene.office.proxy.add(
        Rule(
            lambda r: r.method == "GET" and r.namespace == scene.namespace and r.parts[0] == kind,
            Respond(403, "Forbidden"),
            times=10_000,
        )
    )

    scene.blocked(scene.offer(), "AutoscalerUnknown", "get hpa")


@guard("NoRequests")
def containers_without_requests(scene: Scene) -> None:
    """An autoscaler by CPU does nothing for containers that request none."""
    scene.trial(AUTOSCALE)
    scene.make()
    scene.observed()

    scene.warned(scene.offer(), "NoRequests", "cpu: app", "set resources deployment/checkout")


@guard("ScaleToZero")
def scaling_to_zero(scene: Scene) -> None:
    """To scale to nothing switches the service off, and it says how to come back."""
    scene.trial(scale(replicas=0))
    scene.make()
    scene.observed()

    scene.warned(scene.offer(), "ScaleToZero", "the service is off", "--replicas=2")


@guard("VolumesDeleted")
def volumes_deleted(scene: Scene) -> None:
    """Fewer replicas would delete volumes with their data."""
    scene.trial(scale(by=-1))
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    kept = {"whenScaled": "Delete", "whenDeleted": "Retain"}
    over = {
        "spec": {
            "volumeClaimTemplates": [claim],
            "persistentVolumeClaimRetentionPolicy": kept,
        }
    }
    scene.make("StatefulSet", over=over)
    scene.observed("StatefulSet")

    proposal = scene.offer("StatefulSet")
    scene.warned(proposal, "VolumesDeleted", "checkout-1 are DELETED", "Retain")
