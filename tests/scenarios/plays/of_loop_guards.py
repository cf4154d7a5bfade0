"""Guards that keep changes from following each other too fast, or from going in circles."""

from __future__ import annotations

from tests.e2e.shop import ALICE, V1, entries, only, reasons, until
from tests.scenarios.registry import guard
from tests.scenarios.scene import V2, Scene, guards_of
from tests.support.api import Body
from tests.support.prometheus import BAD

UNDO = {"name": "rollback", "rolloutUndo": {}}
RESTART = {"name": "restart", "rolloutRestart": {}}
SCALE = {"name": "scale-out", "scale": {"by": 1, "max": 9}}


@guard("Cooldown", slow=True)
def cooldown_between_changes(scene: Scene) -> None:
    """A change did not help: the next one waits for the cooldown, and is then offered by itself."""
    scene.furnish(policy={"approvals": {"cooldown": "20s"}})
    scene.tell_load(lambda: scene.by_image("checkout"))
    scene.broken()
    scene.declare()
    scene.proposed()
    scene.approve("scale-out")
    scene.until_reason("VerificationFailed")
    scene.proposed()

    rollback = only(scene.open(remediation="rollback"))
    scene.blocked(rollback, "Cooldown", "20s between two changes", "can be approved from")

    incident = scene.until_reason("ProposalUnblocked")
    assert "ProposalBlocked" not in reasons(incident)
    scene.approve("rollback")
    scene.resolved()
    assert scene.image() == V1


@guard("TooManyChanges")
def too_many_changes(scene: Scene) -> None:
    """A workload was changed as often as the policy allows: the next Incident has to wait."""
    scene.trial(SCALE, approvals={"maxAttempts": 1})
    scene.running()
    scene.command_of(scene.offer())
    scene.resolved()

    scene.declare("again", target={"kind": "Deployment", "name": "checkout"})
    scene.proposed("again")
    proposal = only(scene.open("again"))
    assert "AttemptsUsedUp" not in guards_of(proposal)
    scene.blocked(proposal, "TooManyChanges", "approvals.", incident="again")
    assert scene.workload()["spec"]["replicas"] == 3


@guard("SelfHeal")
def taken_back_by_others(scene: Scene) -> None:
    """A client that calls itself Argo CD takes the change back: it is not fought, and it is said."""
    scene.furnish()
    scene.tell_load(BAD)
    scene.running()
    scene.declare()
    scene.proposed()
    scene.approve("scale-out")
    scene.until_reason("RemediationApplied")
    back = {"spec": {"replicas": 2}}
    argo = scene.api.by("argocd-controller")
    argo.merge("deployments", "checkout", back, scene.namespace).expect_ok()

    incident = scene.until_reason("RemediationReverted")
    told = only(entries(incident, "RemediationReverted"))["message"]
    assert "Taken back by somebody" in told
    assert "Field manager “argocd-controller” (as the client calls itself) wrote it" in told
    assert "It is not fought" in told
    scene.proposed()
    restart = only(scene.open(remediation="restart"))
    scene.warned(restart, "SelfHeal", "“argocd-controller” (as the client calls itself)")
    # Anybody may call himself so: it forbids nothing.
    assert not [g for g in restart["guards"] if g["verdict"] == "Block"]
    assert scene.workload()["spec"]["replicas"] == 2


@guard("Loop")
def circle_of_releases(scene: Scene) -> None:
    """An approved rollback left that release: the next Incident does not go back to it."""
    scene.trial(UNDO)
    # Which release is older is told by whole seconds.
    scene.lasting(scene.running())
    scene.set_image(V2)
    scene.settled()
    scene.command_of(scene.offer())
    scene.resolved()
    scene.settled()

    scene.declare("again", target={"kind": "Deployment", "name": "checkout"})
    scene.proposed("again")
    proposal = only(scene.open("again"))
    scene.blocked(proposal, "Loop", "A-B-A", "An approved rollback left it (", incident="again")
    assert scene.image_of() == V1


@guard("DisruptionBudget")
def disruption_budget_used_up(scene: Scene) -> None:
    """A PodDisruptionBudget allows no disruption: a rollout does not ask it, so people must know."""
    scene.trial(RESTART)
    scene.running()
    selector = {"matchLabels": {"app": "checkout"}}
    budget: Body = {
        "metadata": {"name": "always-two"},
        "spec": {"minAvailable": 2, "selector": selector},
    }
    scene.write("poddisruptionbudgets", budget).expect_ok()

    def counted() -> bool | None:
        found = scene.api.get("poddisruptionbudgets", "always-two", scene.namespace).expect_ok()
        return found.get("status", {}).get("currentHealthy") == 2 or None

    until(counted, "the budget is counted")
    proposal = scene.offer()
    scene.warned(proposal, "DisruptionBudget", "always-two", "allows no disruption now")


@guard("RevertsOnFailure")
def taken_back_as_approved(scene: Scene) -> None:
    """More pods did not help, and are taken back at once: that was approved along."""
    scene.furnish()
    spec = scene.runbook(remediation=[{**SCALE, "onFailure": "Revert"}])["spec"]
    scene.api.merge("runbooks", "shop", {"spec": spec}, scene.namespace).expect_ok()
    scene.tell_load(BAD)
    scene.running()
    scene.declare()
    scene.proposed()
    proposal = only(scene.open())
    told = next(g for g in proposal["guards"] if g["name"] == "RevertsOnFailure")
    assert told["verdict"] == "Clear"
    assert "taken back to 2 replicas" in told["message"]

    scene.command_of(proposal)
    incident = scene.until_reason("RevertCompleted")
    started = only(entries(incident, "RevertStarted"))["message"]
    assert f"{ALICE} approved with it" in started
    assert len(entries(incident, "ApprovalGranted")) == 1
    assert scene.workload()["spec"]["replicas"] == 2
    # It is not tried twice.
    incident = scene.until_phase("Investigating")
    assert not scene.open()


@guard("NoRevert")
def nothing_to_revert(scene: Scene) -> None:
    """A Runbook wants a restart to be taken back, which nothing can do: that is said before."""
    scene.trial({**RESTART, "onFailure": "Revert"})
    scene.two_releases(images=(V1, V2))

    proposal = scene.offer()
    scene.warned(proposal, "NoRevert", "people decide")
    assert "RevertsOnFailure" not in guards_of(proposal)
