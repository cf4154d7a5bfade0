"""What people say after they have approved: stop it, it was not over."""

from __future__ import annotations

from tests.e2e.shop import ALICE, V1, V2_ERRORS, entries, only
from tests.scenarios.registry import request
from tests.scenarios.scene import Scene
from tests.support.prometheus import BAD, GOOD, Load

NO_TRAFFIC = Load(errors=0.0, requests=0.0)


@request("reject")
def stopped_under_way(scene: Scene) -> None:
    """A rollback is rejected while it is verified: nothing is changed, the way back is offered."""
    scene.furnish()
    scene.tell_load(BAD)
    scene.broken()
    scene.declare()
    scene.proposed()
    scene.tell_load(NO_TRAFFIC)
    taken = scene.approve()
    scene.until_phase("Verifying")

    incident = scene.say(ALICE, "reject", f"{taken}: the old release loses orders")

    stopped = only(entries(incident, "RemediationStopped"))
    assert stopped["actor"] == ALICE
    assert "the old release loses orders" in stopped["message"]
    scene.proposed()
    assert scene.image() == V1
    back = only(scene.open(remediation="revert-rollback"))
    assert (back["revertOf"], back["recommended"]) == (taken, False)
    scene.command_of(back)
    scene.until_reason("RevertCompleted")
    assert scene.image() == V2_ERRORS


@request("reopen")
def reopened(scene: Scene) -> None:
    """It was called resolved and was not over: it is diagnosed again, in the same Incident."""
    scene.furnish()
    scene.tell_load(lambda: scene.by_image("checkout"))
    scene.broken()
    scene.declare()
    scene.proposed()
    scene.tell_load(GOOD)
    scene.say(ALICE, "resolve", "cleared the cache")
    scene.resolved()

    scene.tell_load(BAD)
    incident = scene.say(ALICE, "reopen", "it is back")
    assert "it is back" in only(entries(incident, "IncidentReopened"))["message"]
    scene.proposed()
    scene.tell_load(lambda: scene.by_image("checkout"))
    scene.approve()
    scene.resolved()
    assert scene.image() == V1
