"""What Prometheus cannot say is neither good nor bad: nothing is recommended, passed or undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.conftest import Hire, Open
from tests.e2e.shop import ALICE, V1, Office, Shop, entries, only, reasons
from tests.support.api import Body
from tests.support.prometheus import BAD, GOOD, Broken, FakePrometheus, Load, Series, State

SPEECHLESS: Mapping[str, tuple[State, str]] = {
    "too slow": (Broken(after=20.0), "Error"),
    "500": (Broken(500, '{"status":"error","errorType":"internal","error":"disk"}'), "Error"),
    "503 of a proxy": (Broken(503, "<html>no backend</html>"), "Error"),
    "refused query": (Broken(400, '{"status":"error","errorType":"bad_data"}'), "Error"),
    "no JSON": (Broken(body="<html>login</html>"), "Error"),
    "another JSON": (Broken(body='{"status":"success","data":7}'), "Error"),
    "nothing": (Broken(body=""), "Error"),
    "several series": (Series(("0.1", "0.2")), "Error"),
    "no number": (Series(("many",)), "Error"),
    "no series": (Series(()), "Inconclusive"),
    "NaN": (Series(("NaN",)), "Inconclusive"),
    "infinity": (Series(("+Inf",)), "Inconclusive"),
    "too few requests": (Load(errors=0.1, requests=0.2), "Inconclusive"),
}


@pytest.fixture(scope="module")
def office(hire: Hire) -> Office:
    """An operator that does not wait long for metrics."""
    return hire(PROMETHEUS_TIMEOUT="2s")


@pytest.fixture(scope="module")
def diagnosed(open_shop: Open, office: Office) -> Mapping[str, Body]:
    """An Incident under each of these, diagnosed."""

    def diagnose(what: str) -> Body:
        shop = open_shop(lambda _: office).furnish()
        shop.prometheus.says(shop.namespace, SPEECHLESS[what][0])
        shop.broken()
        shop.declare()
        return shop.until_phase("AwaitingApproval")

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(SPEECHLESS, pool.map(diagnose, SPEECHLESS), strict=True))


def offered_unproven(incident: Body, verdict: str) -> None:
    """Check that nothing is claimed, and that the rollback is offered with what is missing."""
    finding = only(f for f in incident["status"]["diagnosis"]["findings"] if f["step"] == "errors")
    assert finding["verdict"] == verdict, finding
    assert finding["message"]
    proposals = {p["remediation"]: p for p in incident["status"]["proposals"]}
    rollback = proposals["rollback"]
    assert rollback["confidence"] == "Unproven"
    assert "errors is" in rollback["reason"]
    assert not [p for p in proposals.values() if p["recommended"]]


@pytest.mark.parametrize("what", SPEECHLESS)
def test_what_it_cannot_say_proves_nothing(diagnosed: Mapping[str, Body], what: str) -> None:
    offered_unproven(diagnosed[what], SPEECHLESS[what][1])


@pytest.fixture
def no_prometheus(prometheus: FakePrometheus) -> Iterator[None]:
    """Nobody listens there."""
    prometheus.stop()
    yield
    prometheus.start()


def test_that_nobody_listens_proves_nothing(no_prometheus: None, shop: Shop) -> None:
    shop.broken()
    shop.declare()
    incident = shop.until_phase("AwaitingApproval")
    offered_unproven(incident, "Error")
    finding = only(f for f in incident["status"]["diagnosis"]["findings"] if f["step"] == "errors")
    assert shop.prometheus.url in finding["message"]


# --- verification --------------------------------------------------------------------------------


@pytest.fixture
def blind(shop: Shop) -> Shop:
    """A shop whose rollback is done; then Prometheus falls silent, before it can be verified."""
    spec = {"verification": {"timeout": "8s", "interval": "1s", "checks": ["errors"]}}
    shop.api.merge("runbooks", "shop", {"spec": spec}, shop.namespace).expect_ok()
    shop.prometheus.says(shop.namespace, BAD)
    shop.broken()
    shop.declare(severity="SEV3")
    shop.until_phase("AwaitingApproval")
    # The operator asks for errors once more only when it verifies.
    shop.prometheus.says(shop.namespace, Broken(503, "no backend"))
    shop.approve("rollback")
    return shop


def changed_once(shop: Shop) -> None:
    """Check that the target was changed by the approved rollback and by nothing else."""
    writes = shop.office.writes("checkout", shop.namespace)
    assert len([w for w in writes if w.parts[0] == "deployments" and w.committed]) == 1
    assert shop.image() == V1
    assert shop.deployment()["metadata"]["generation"] == 3


def test_without_it_nothing_is_verified_and_nothing_undone(blind: Shop) -> None:
    incident = blind.until_phase("Investigating")

    timed_out = only(entries(incident, "VerificationTimedOut"))
    for word in ("confirm", "resolve"):
        assert word in timed_out["message"]
    assert "VerificationPassed" not in reasons(incident)
    assert "VerificationFailed" not in reasons(incident)
    verdicts = {e["evidence"]["verdict"] for e in entries(incident, "VerificationSampled")}
    assert not verdicts & {"Passed", "Failed"}
    changed_once(blind)

    confirmed = blind.say(ALICE, "confirm", "customers can pay again")
    entry = only(entries(confirmed, "VerificationConfirmed"))
    assert (entry["actor"], entry["phase"]) == (ALICE, "Monitoring")
    assert "customers can pay again" in entry["message"]
    # No good sample, no end: it watches on until there is one.
    blind.until_reason("MonitoringSampled")
    blind.prometheus.says(blind.namespace, GOOD)
    blind.until_phase("Resolved", "Closed")
    changed_once(blind)


def test_what_was_confirmed_is_watched_by_the_same_checks(blind: Shop) -> None:
    blind.until_phase("Investigating")
    blind.say(ALICE, "confirm", "customers can pay again")
    incident = blind.until_reason("MonitoringSampled")
    assert only(entries(incident, "MonitoringSampled"))["evidence"]["verdict"] == "Error"


def test_people_stand_in_for_what_cannot_be_asked(blind: Shop) -> None:
    blind.until_phase("Verifying")
    confirmed = blind.say(ALICE, "confirm", "customers can pay again")
    assert entries(confirmed, "VerificationConfirmed")[0]["phase"] == "Monitoring"
    blind.say(ALICE, "confirm", "still good")
    incident = blind.until_phase("Resolved", "Closed")
    assert "VerificationPassed" not in reasons(incident)
    changed_once(blind)


def test_what_people_fixed_is_verified_from_where_time_ran_out(blind: Shop) -> None:
    blind.until_phase("Investigating")
    blind.prometheus.says(blind.namespace, GOOD)
    blind.say(ALICE, "resolve", "restarted the metrics")
    incident = blind.until_phase("Resolved", "Closed")
    assert reasons(incident).index("ResolvedByPeople") < reasons(incident).index(
        "VerificationPassed"
    )
    changed_once(blind)
