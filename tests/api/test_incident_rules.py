"""What of an Incident may change, and when: rules that the API server holds people to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Answer, Api
from tests.support.objects import OPERATOR, incident

pytestmark = pytest.mark.usefixtures("crds")

NAME = "checkout-5xx"
ALERT = {"name": "HighErrorRate", "labels": {"severity": "critical"}}


@pytest.fixture(scope="module")
def operator(api: Api) -> Api:
    return api.as_user(OPERATOR, "system:masters")


def change(api: Api, namespace: str, **spec: Any) -> Answer:
    return api.merge("incidents", NAME, {"spec": spec}, namespace)


def proposal(state: str) -> dict[str, Any]:
    return {
        "id": "rollback-00000000",
        "remediation": "rollback",
        "action": "rolloutUndo",
        "state": state,
        "confidence": "Proven",
        "risk": "Medium",
        "summary": "Roll back to revision 6",
        "reason": "the release is recent and errors are high",
        "target": {"kind": "Deployment", "name": "checkout", "uid": "u"},
        "command": "kubectl rollout undo",
        "approveCommand": "kubectl annotate",
        "verification": {"timeout": "10m", "interval": "30s", "successes": 3, "failures": 3},
        "expiresAt": "2026-11-22T08:15:00Z",
    }


def declared(api: Api, operator: Api, namespace: str, status: dict[str, Any], **spec: Any) -> None:
    api.create("incidents", incident(namespace, **spec)).expect_ok()
    operator.merge("incidents", NAME, {"status": status}, namespace, "status").expect_ok()


FREE = ["Declared", "Diagnosing", "Investigating", "AwaitingApproval"]


@pytest.mark.parametrize("state", ["Approved", "Executing"])
def test_what_a_proposal_in_hand_depends_on_is_fixed(
    api: Api, operator: Api, namespace: str, state: str
) -> None:
    status = {"phase": "Remediating", "proposals": [proposal(state)]}
    declared(api, operator, namespace, status)

    for target in ({"name": "payments"}, {"kind": "StatefulSet"}):
        change(api, namespace, target=target).expect_refused("spec.target is fixed in this phase")
    change(api, namespace, duplicateOf={"name": "other"}).expect_refused(
        "spec.duplicateOf is refused while a proposal is Approved or Executing"
    )
    change(api, namespace, severity="SEV1", title="Worse").expect_ok()


@pytest.mark.parametrize("phase", ["Remediating", "Verifying", "Monitoring", "Resolved"])
def test_rita_retargets_what_was_approved_or_fixed_and_is_refused(
    api: Api, operator: Api, namespace: str, phase: str
) -> None:
    declared(api, operator, namespace, {"phase": phase, "proposals": [proposal("Applied")]})

    for target in ({"name": "payments"}, {"kind": "StatefulSet"}):
        change(api, namespace, target=target).expect_refused(
            "spec.target is fixed in this phase",
            "wait until the phase is Diagnosing or Investigating",
        )
    change(api, namespace, title="Other words", target={"name": "checkout"}).expect_ok()


@pytest.mark.parametrize("phase", FREE)
@pytest.mark.parametrize("state", ["Proposed", "Failed", "Superseded"])
def test_target_is_free_while_nothing_is_approved(
    api: Api, operator: Api, namespace: str, state: str, phase: str
) -> None:
    declared(api, operator, namespace, {"phase": phase, "proposals": [proposal(state)]})

    change(api, namespace, target={"name": "payments"}).expect_ok()


def test_target_is_free_before_the_operator_has_seen_it(api: Api, namespace: str) -> None:
    api.create("incidents", incident(namespace)).expect_ok()

    change(api, namespace, target={"name": "payments"}).expect_ok()


@pytest.mark.parametrize("state", ["Proposed", "Applied", "Verified", "Failed", "Superseded"])
def test_duplicate_of_is_free_otherwise(
    api: Api, operator: Api, namespace: str, state: str
) -> None:
    declared(api, operator, namespace, {"phase": "Verifying", "proposals": [proposal(state)]})

    change(api, namespace, duplicateOf={"name": "other"}).expect_ok()


def test_duplicate_of_stays_what_it_is_while_a_proposal_is_in_hand(
    api: Api, operator: Api, namespace: str
) -> None:
    status = {"phase": "Remediating", "proposals": [proposal("Executing")]}
    declared(api, operator, namespace, status, duplicateOf={"name": "first"})

    change(api, namespace, title="Other words").expect_ok()
    change(api, namespace, duplicateOf={"name": "second"}).expect_refused("spec.duplicateOf")


def test_an_incident_is_no_duplicate_of_itself(api: Api, namespace: str) -> None:
    answer = api.create("incidents", incident(namespace, duplicateOf={"name": NAME}))

    answer.expect_refused("spec.duplicateOf must name another Incident")


@pytest.mark.parametrize("phase", ["Closed", "Dismissed", "Merged"])
def test_the_spec_is_frozen_once_ended(api: Api, operator: Api, namespace: str, phase: str) -> None:
    declared(api, operator, namespace, {"phase": phase})

    change(api, namespace, title="History").expect_refused(
        "spec is frozen: this Incident has ended"
    )
    api.merge("incidents", NAME, {"metadata": {"labels": {"team": "a"}}}, namespace).expect_ok()


def test_the_spec_is_free_until_then(api: Api, operator: Api, namespace: str) -> None:
    declared(api, operator, namespace, {"phase": "Resolved"})

    change(api, namespace, title="More exactly").expect_ok()


def test_a_drill_stays_a_drill(api: Api, namespace: str) -> None:
    api.create("incidents", incident(namespace, drill=True)).expect_ok()

    change(api, namespace, drill=False).expect_refused("spec.drill", "drill is immutable")
    change(api, namespace, drill=None).expect_refused("spec.drill", "drill is immutable")


def test_an_incident_never_becomes_a_drill(api: Api, namespace: str) -> None:
    api.create("incidents", incident(namespace)).expect_ok()

    change(api, namespace, drill=True).expect_refused("spec.drill", "drill is immutable")


@pytest.mark.parametrize(
    "alert",
    [
        pytest.param({"name": "Other"}, id="changed"),
        pytest.param({"labels": {"severity": "info"}}, id="a label changed"),
        pytest.param({"fingerprint": "f"}, id="added to"),
        pytest.param(None, id="removed"),
    ],
)
def test_an_alert_is_fixed(api: Api, namespace: str, alert: dict[str, Any] | None) -> None:
    api.create("incidents", incident(namespace, alert=ALERT)).expect_ok()

    change(api, namespace, alert=alert).expect_refused("spec.alert", "set by intake")


def test_an_alert_is_never_added(api: Api, namespace: str) -> None:
    api.create("incidents", incident(namespace)).expect_ok()

    change(api, namespace, alert=ALERT).expect_refused("spec.alert", "set by intake")


def test_names_leave_room_for_pages_and_events(api: Api, namespace: str) -> None:
    api.create("incidents", incident(namespace, "n" * 63)).expect_ok()

    api.create("incidents", incident(namespace, "n" * 64)).expect_refused(
        "metadata.name must have at most 63 characters"
    )


def test_defaults_are_stored(api: Api, namespace: str) -> None:
    spec = api.create("incidents", incident(namespace, impact={})).expect_ok()["spec"]

    assert spec["severity"] == "SEV2"
    assert spec["drill"] is False
    assert spec["impact"] == {
        "customerReported": False,
        "payingAccounts": False,
        "dataIntegrity": False,
        "securityBreach": False,
    }


@pytest.mark.parametrize(
    "selector", ["spec.target.name=checkout", "spec.target.kind=Deployment", "status.phase=Closed"]
)
def test_incidents_are_found_by_field(
    api: Api, operator: Api, namespace: str, selector: str
) -> None:
    declared(api, operator, namespace, {"phase": "Closed", "severity": "SEV1"})
    other = {"kind": "StatefulSet", "name": "db"}
    api.create("incidents", incident(namespace, "other", target=other)).expect_ok()

    found = api.list("incidents", namespace, fieldSelector=selector).expect_ok()["items"]

    assert [item["metadata"]["name"] for item in found] == [NAME]
