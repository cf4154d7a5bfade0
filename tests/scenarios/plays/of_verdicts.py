"""The four verdicts: what each lets the operator offer, and what it makes of it afterwards."""

from __future__ import annotations

from tests.e2e.shop import ALICE, V1, entries, marks, only, reasons
from tests.scenarios.registry import verdict
from tests.scenarios.scene import Scene, finding
from tests.support.prometheus import BAD, GOOD, Broken, Load

NO_TRAFFIC = Load(errors=0.0, requests=0.0)


@verdict("Passed")
def passed_offers_nothing(scene: Scene) -> None:
    """What is good refutes a remediation: none is offered, and people are told what to do."""
    scene.furnish()
    scene.tell_load(GOOD)
    scene.broken()
    scene.declare()

    incident = scene.until_phase("Investigating")
    finding(incident, "errors", "Passed", "ErrorRateNormal")
    assert (
        "no remediation of Runbook shop fits"
        in only(entries(incident, "NothingToOffer"))["message"]
    )
    assert not incident["status"].get("proposals")
    scene.not_acted()


@verdict("Failed")
def failed_proves_and_refutes(scene: Scene) -> None:
    """What is bad proves a remediation; bad afterwards, it is given up for the next attempt."""
    scene.furnish()
    scene.tell_load(BAD)
    scene.broken()
    scene.declare()

    incident = scene.proposed()
    finding(incident, "errors", "Failed", "ErrorRateHigh")
    offered = {p["remediation"]: p["confidence"] for p in scene.open()}
    assert offered == dict.fromkeys(("rollback", "restart", "scale-out"), "Proven")
    scene.approve("restart")
    incident = scene.until_reason("VerificationFailed")
    assert "2 bad samples in a row" in only(entries(incident, "VerificationFailed"))["message"]
    incident = scene.proposed()
    assert incident["status"]["attempt"] == 2
    assert {p["remediation"] for p in scene.open()} == {"rollback", "scale-out"}


def _shop_in_a_hurry(scene: Scene) -> None:
    scene.furnish()
    # Enough for its rollout on a machine that is busy; the same time ends the verification.
    patch = {"spec": {"verification": {"timeout": "20s"}}}
    scene.api.merge("runbooks", "shop", patch, scene.namespace).expect_ok()


def _nothing_was_taken_back(scene: Scene, told: str) -> None:
    """Approve what is unproven; without data it is neither called good nor taken back."""
    proposal = only(scene.open(remediation="rollback"))
    assert (proposal["confidence"], proposal["recommended"]) == ("Unproven", False)
    assert told in proposal["reason"]
    scene.approve()
    incident = scene.until_reason("VerificationTimedOut")
    assert incident["status"]["phase"] == "Investigating"
    message = only(entries(incident, "VerificationTimedOut"))["message"]
    assert "`confirm`" in message
    assert "`resolve`" in message
    assert "VerificationFailed" not in reasons(incident)
    body = scene.workload()
    assert marks(body, proposal["id"])
    assert scene.image_of() == V1


@verdict("Inconclusive")
def inconclusive_is_no_proof(scene: Scene) -> None:
    """Too few requests prove nothing: what depends on them is not recommended, nor taken back."""
    _shop_in_a_hurry(scene)
    scene.tell_load(NO_TRAFFIC)
    scene.broken()
    scene.declare()

    incident = scene.proposed()
    finding(incident, "errors", "Inconclusive", "TooFewRequests")
    _nothing_was_taken_back(scene, "too few to judge")
    # A person who looked ends it.
    scene.say(ALICE, "confirm", "I bought something, it works")
    scene.until_phase("Monitoring")
    scene.say(ALICE, "confirm", "and again")
    scene.resolved()


@verdict("Error")
def error_is_no_proof(scene: Scene) -> None:
    """Prometheus cannot be asked: nothing is recommended for that, and nothing taken back."""
    _shop_in_a_hurry(scene)
    scene.tell(lambda _: Broken(503, "overloaded"))
    scene.broken()
    scene.declare()

    incident = scene.proposed()
    finding(incident, "errors", "Error", "PrometheusUnavailable")
    _nothing_was_taken_back(scene, "errors is Error")
    # Prometheus is back, and people say that they did the rest.
    scene.tell_load(GOOD)
    scene.say(ALICE, "resolve", "restarted Prometheus")
    scene.resolved()
