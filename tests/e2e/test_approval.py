"""Only what was shown and approved is done; whatever else is said is refused, and says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.shop import (
    ALICE,
    BOB,
    ERIN,
    GROUP,
    MARKER,
    V1,
    V2_ERRORS,
    V3,
    V4_ERRORS,
    Shop,
    annotations_of,
    entries,
    marks,
    only,
    reasons,
    whole_timeline,
)
from tests.support.api import Body
from tests.support.prometheus import BAD, GOOD


def untouched(shop: Shop) -> None:
    """Check that the operator changed nothing of the target."""
    deployment = shop.deployment()
    assert MARKER not in annotations_of(deployment)
    assert deployment["spec"]["replicas"] == 2
    changes = [w for w in shop.office.writes("checkout", shop.namespace) if w.parts[0] != "events"]
    assert not [w for w in changes if w.parts[0] == "deployments"]


def ids(incident: Body, state: str = "Proposed") -> dict[str, str]:
    """The ids of proposals in that state, by remediation."""
    proposals = incident["status"]["proposals"]
    return {p["remediation"]: p["id"] for p in proposals if p["state"] == state}


# --- approving -----------------------------------------------------------------------------------


def test_the_approved_proposal_is_done_and_the_others_void_in_one_write(shop: Shop) -> None:
    incident = shop.in_trouble(roles={"commander": ALICE})
    offered = ids(incident)
    assert only(p["remediation"] for p in incident["status"]["proposals"] if p["recommended"]) == (
        "rollback"
    )

    shop.approve("rollback")

    incident = shop.until_phase("Resolved", "Closed")
    whole_timeline(incident)
    assert shop.states() == {
        offered["rollback"]: "Verified",
        offered["restart"]: "Superseded",
        offered["scale-out"]: "Superseded",
    }
    granting = only(
        w
        for w in shop.office.writes("checkout", shop.namespace)
        if w.parts[-1] == "status" and "ApprovalGranted" in str(w.body)
    )
    assert granting.committed
    states = {p["id"]: p["state"] for p in granting.answer["status"]["proposals"]}
    assert states == {
        offered["rollback"]: "Approved",
        offered["restart"]: "Superseded",
        offered["scale-out"]: "Superseded",
    }
    entry = only(entries(incident, "ApprovalGranted"))
    assert (entry["actor"], entry["proposal"]) == (ALICE, offered["rollback"])
    assert marks(shop.deployment(), offered["rollback"])


def test_a_wrong_id_is_refused(shop: Shop) -> None:
    incident = shop.in_trouble()
    shop.ask(ALICE, "approve", "rollback-00000000").expect_refused(
        "there is no open proposal rollback-00000000", *ids(incident).values()
    )
    untouched(shop)


def test_who_may_not_approve_is_refused(shop: Shop) -> None:
    incident = shop.in_trouble(roles={"commander": ALICE})
    wanted = ids(incident)["rollback"]
    shop.ask(ERIN, "approve", wanted).expect_refused("verb approve")
    shop.ask(BOB, "approve", wanted).expect_refused("incident commander (alice)", "take-command")
    untouched(shop)


def test_a_rejected_proposal_stays_rejected(shop: Shop) -> None:
    offered = ids(shop.in_trouble())

    incident = shop.say(ALICE, "reject", f"{offered['rollback']}: it would lose the migration")

    assert shop.states()[offered["rollback"]] == "Rejected"
    entry = only(entries(incident, "ProposalRejected"))
    assert (entry["actor"], entry["proposal"]) == (ALICE, offered["rollback"])
    assert "it would lose the migration" in entry["message"]
    shop.ask(ALICE, "approve", offered["rollback"]).expect_refused("no open proposal")
    shop.say(ALICE, "diagnose", "again")
    incident = shop.until_seen(
        lambda i: i["status"]["diagnosis"]["round"] == 2 and i["status"]["phase"] != "Diagnosing"
    )
    assert ids(incident).keys() == {"restart", "scale-out"}
    untouched(shop)


def test_when_all_are_rejected_people_investigate(shop: Shop) -> None:
    for wanted in ids(shop.in_trouble()).values():
        shop.say(ALICE, "reject", wanted)
    assert shop.incident()["status"]["phase"] == "Investigating"
    untouched(shop)

    shop.say(ERIN, "propose", "restart")
    incident = shop.until_phase("AwaitingApproval")
    assert only(p for p in incident["status"]["proposals"] if p["state"] == "Proposed")[
        "confidence"
    ] == ("Requested")


@pytest.fixture
def hasty(shop: Shop) -> Shop:
    """A shop where proposals expire soon."""
    spec = {"spec": {"approvals": {"expireAfter": "3s"}}}
    shop.api.merge("responsepolicies", "default", spec, shop.namespace).expect_ok()
    return shop


def test_what_expired_comes_back_under_the_same_id(hasty: Shop) -> None:
    before = ids(hasty.in_trouble())
    incident = hasty.until_reason("ProposalExpired")
    incident = hasty.until_seen(lambda i: bool(entries(i, "ProposalExpired")) and bool(ids(i)))
    assert ids(incident) == before
    assert len(incident["status"]["proposals"]) == len(before)
    untouched(hasty)


@pytest.fixture
def asleep(hasty: Shop) -> Iterator[Shop]:
    """A shop where proposals expire soon, and the operator is started again afterwards."""
    yield hasty
    hasty.office.revive()


def test_an_expired_proposal_is_not_done(asleep: Shop) -> None:
    incident = asleep.in_trouble()
    wanted = ids(incident)["rollback"]
    asleep.office.operator.kill()
    # The API server does not know the time: only the operator sees that it came too late.
    expires = only(p for p in incident["status"]["proposals"] if p["id"] == wanted)["expiresAt"]
    asleep.until_time(expires)
    asleep.ask(ALICE, "approve", wanted).expect_ok()

    asleep.office.revive()

    incident = asleep.until_reason("RequestRefused")
    entry = only(entries(incident, "RequestRefused"))
    assert entry["actor"] == ALICE
    assert f"approve={wanted} was refused" in entry["message"]
    assert "expired at" in entry["message"]
    untouched(asleep)


# --- what others do meanwhile --------------------------------------------------------------------


def test_when_others_release_nothing_is_done_and_their_release_is_verified(shop: Shop) -> None:
    before = ids(shop.in_trouble())

    shop.release(V3)

    incident = shop.until_phase("Resolved", "Closed")
    assert set(shop.states().values()) == {"Superseded"}
    assert set(shop.states()) == set(before.values())
    phases = [e["phase"] for e in entries(incident)]
    assert "Verifying" in phases
    assert "Remediating" not in phases
    shop.ask(ALICE, "approve", before["rollback"]).expect_refused("no open proposal")
    untouched(shop)


def test_when_the_release_of_others_fails_there_are_new_proposals(shop: Shop) -> None:
    before = ids(shop.in_trouble())

    shop.release(V4_ERRORS)

    shop.until_reason("VerificationFailed")
    incident = shop.until_phase("AwaitingApproval")
    after = ids(incident)
    assert not set(before.values()) & set(after.values())
    shop.ask(ALICE, "approve", before["rollback"]).expect_refused("no open proposal")
    untouched(shop)

    # Back to what was seen failing before: there is nothing to verify.
    shop.release(V2_ERRORS)
    incident = shop.until_seen(lambda i: reasons(i).count("ProposalSuperseded") == 2)
    assert entries(incident, "ProposalSuperseded")[-1]["phase"] == "Investigating"
    untouched(shop)


def test_other_replicas_void_only_the_proposal_that_counts_them(shop: Shop) -> None:
    before = ids(shop.in_trouble())

    patch = {"spec": {"replicas": 4}}
    shop.api.merge("deployments", "checkout", patch, shop.namespace).expect_ok()

    incident = shop.until_seen(
        lambda i: ids(i).get("scale-out", "-") not in ["-", *before.values()]
    )
    after = ids(incident)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"scale-out"}
    shop.until_phase("AwaitingApproval")
    shop.ask(ALICE, "approve", before["scale-out"]).expect_refused("no open proposal")
    shop.ask(ALICE, "approve", after["rollback"]).expect_ok()
    incident = shop.until_phase("Resolved", "Closed")
    assert only(entries(incident, "RemediationApplied"))["proposal"] == after["rollback"]


def test_other_replicas_leave_the_phase_as_it_is(shop: Shop) -> None:
    before = ids(shop.in_trouble())

    patch = {"spec": {"replicas": 4}}
    shop.api.merge("deployments", "checkout", patch, shop.namespace).expect_ok()

    incident = shop.until_reason("ProposalSuperseded")
    incident = shop.until_seen(
        lambda i: ids(i).get("scale-out", "-") not in ["-", *before.values()]
    )
    first = reasons(incident).index("ProposalOffered")
    assert {e["phase"] for e in entries(incident)[first:]} == {"AwaitingApproval"}


def test_a_change_of_others_between_approval_and_action_is_never_overwritten(shop: Shop) -> None:
    before = ids(shop.in_trouble())
    # The operator is dead while the approval and the release of others come in.
    shop.office.operator.kill()
    try:
        shop.ask(ALICE, "approve", before["rollback"]).expect_ok()
        shop.release(V3)
    finally:
        shop.office.revive()

    incident = shop.until_phase("Resolved", "Closed")

    assert len(entries(incident, "ApprovalGranted")) == 1
    superseded = only(entries(incident, "RemediationSuperseded"))
    assert f"{before['rollback']} was not done" in superseded["message"]
    assert not entries(incident, "RemediationStarted")
    assert shop.image() == V3
    untouched(shop)


# --- what people say -----------------------------------------------------------------------------


def test_words_are_recorded_with_their_author_and_taken_away(shop: Shop) -> None:
    shop.in_trouble()

    incident = shop.say(ERIN, "note", "the queue is growing")
    assert only(entries(incident, "NoteAdded"))["actor"] == ERIN
    # The same words again: without --overwrite, and recorded again.
    incident = shop.say(ERIN, "note", "the queue is growing")
    notes = entries(incident, "NoteAdded")
    assert [n["message"] for n in notes] == ["the queue is growing"] * 2

    incident = shop.say(BOB, "note", "@02:41 first alert, looked harmless")
    dated = entries(incident, "NoteAdded")[-1]
    assert dated["message"] == "first alert, looked harmless"
    assert dated["eventTime"].endswith("T02:41:00Z")
    assert dated["eventTime"] < dated["at"]

    incident = shop.say(BOB, "acknowledge", "on it")
    assert only(entries(incident, "IncidentAcknowledged"))["actor"] == BOB
    assert "acknowledgedAt" in incident["status"]["milestones"]

    keys = {key for key in annotations_of(incident) if key.startswith(GROUP)}
    assert keys == {f"{GROUP}/handled"}
    whole_timeline(incident)
    untouched(shop)


def test_command_is_taken_with_a_brief(shop: Shop) -> None:
    offered = ids(shop.in_trouble(roles={"commander": ALICE}))
    shop.ask(ERIN, "take-command", "nobody else").expect_refused("verb approve")

    incident = shop.say(BOB, "take-command", "alice sleeps")

    entry = only(entries(incident, "CommandTransferred"))
    assert entry["actor"] == BOB
    for word in ("alice sleeps", "from alice", "AwaitingApproval", "errors", offered["rollback"]):
        assert word in entry["message"]
    assert incident["status"]["roles"]["commander"] == BOB
    # Nothing was voided, and the old commander decides no more.
    assert ids(incident) == offered
    shop.ask(ALICE, "approve", offered["rollback"]).expect_refused("incident commander (bob)")
    shop.approve("rollback", by=BOB)
    incident = shop.until_reason("RemediationApplied")
    assert only(entries(incident, "ApprovalGranted"))["actor"] == BOB


def test_diagnosis_can_be_asked_for(shop: Shop) -> None:
    before = ids(shop.in_trouble())
    incident = shop.say(ERIN, "diagnose", "the cache was cleared")
    entry = only(entries(incident, "DiagnosisRequested"))
    assert entry["actor"] == ERIN
    assert "the cache was cleared" in entry["message"]
    incident = shop.until_phase("AwaitingApproval")
    assert ids(incident) == before


def test_a_remediation_can_be_asked_for_whatever_its_when_says(shop: Shop) -> None:
    shop.prometheus.says(shop.namespace, GOOD)
    shop.broken()
    shop.declare()
    shop.until_phase("Investigating")

    shop.say(ERIN, "propose", "scale-out")
    incident = shop.until_phase("AwaitingApproval")
    offered = only(incident["status"]["proposals"])
    assert (offered["remediation"], offered["confidence"]) == ("scale-out", "Requested")
    assert not offered["recommended"]

    incident = shop.say(ERIN, "propose", "reboot")
    refused = only(entries(incident, "RequestRefused"))
    for word in ("propose=reboot", "rollback", "restart", "scale-out"):
        assert word in refused["message"]


def test_what_people_tell_each_other_is_recorded(shop: Shop) -> None:
    shop.in_trouble()
    shop.say(ERIN, "update", "we are looking into it")
    shop.say(ERIN, "root-cause", "a missing index")
    incident = shop.say(ALICE, "severity", "SEV3: only batch jobs")

    assert "ACTIONS: we are looking into it |" in only(entries(incident, "UpdatePosted"))["message"]
    assert incident["status"]["rootCause"]["by"] == ERIN
    assert only(entries(incident, "SeverityLowered"))["actor"] == ALICE
    assert incident["status"]["severity"] == "SEV3"
    assert incident["status"]["phase"] == "AwaitingApproval"


def test_words_for_outsiders_are_recorded_or_held_back(shop: Shop) -> None:
    shop.in_trouble(roles={"commander": ALICE})
    incident = shop.say(ALICE, "update-external", "We are looking into it.")
    entry = only(entries(incident, "ExternalUpdatePosted"))
    assert entry["actor"] == ALICE
    assert "| ACTIONS: We are looking into it | NEXT UPDATE: " in entry["message"]
    assert "sent nowhere" in entry["message"], "the policy has no external channel"

    incident = shop.say(ALICE, "update-external", "It is probably the database.")
    entry = only(entries(incident, "RequestRefused"))
    assert "it speculates about the cause (“probably”)" in entry["message"]
    assert incident["status"]["phase"] == "AwaitingApproval"


def test_people_fixed_it_by_other_means(shop: Shop) -> None:
    shop.in_trouble()
    shop.prometheus.says(shop.namespace, GOOD)
    shop.ask(ERIN, "resolve", "cleared the cache").expect_refused("verb approve")

    incident = shop.say(ALICE, "resolve", "cleared the cache")

    entry = only(entries(incident, "ResolvedByPeople"))
    assert (entry["actor"], entry["phase"]) == (ALICE, "Verifying")
    shop.until_phase("Resolved", "Closed")
    untouched(shop)


def test_what_people_say_is_fixed_is_verified(shop: Shop) -> None:
    before = ids(shop.in_trouble())
    shop.prometheus.says(shop.namespace, BAD)

    shop.say(ALICE, "resolve", "cleared the cache")

    shop.until_reason("VerificationFailed")
    incident = shop.until_phase("AwaitingApproval")
    assert not set(before.values()) & set(ids(incident).values())
    untouched(shop)


def test_a_false_alarm_is_dismissed(shop: Shop) -> None:
    offered = ids(shop.in_trouble())
    shop.ask(ERIN, "dismiss", "it is a drill").expect_refused("verb approve")

    incident = shop.say(ALICE, "dismiss", "it is a drill")

    assert incident["status"]["phase"] == "Dismissed"
    entry = only(entries(incident, "IncidentDismissed"))
    assert entry["actor"] == ALICE
    assert "it is a drill" in entry["message"]
    assert set(shop.states().values()) == {"Superseded"}
    shop.ask(ALICE, "approve", offered["rollback"]).expect_refused("no open proposal")
    untouched(shop)


def test_an_incident_is_not_created_with_requests(shop: Shop) -> None:
    shop.broken()
    body = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Incident",
        "metadata": {
            "name": "checkout",
            "namespace": shop.namespace,
            "annotations": {f"{GROUP}/approve": "rollback-00000000"},
        },
        "spec": {"title": "x", "target": {"kind": "Deployment", "name": "checkout"}},
    }
    answer = shop.person(ALICE).create("incidents", body)
    answer.expect_refused("requests cannot be made when an Incident is created")


def test_ed_writes_the_marker_before_the_approval_and_it_is_done_all_the_same(shop: Shop) -> None:
    shop.in_trouble()
    offered = only(shop.open(remediation="rollback"))["id"]
    patch = {"metadata": {"annotations": {MARKER: offered}}}
    # Where the guard lets him.
    let = shop.api.merge("deployments", "checkout", patch, shop.namespace).ok

    shop.approve("rollback")

    incident = shop.until_reason("RemediationApplied")
    assert (
        "The API server confirmed it." in only(entries(incident, "RemediationApplied"))["message"]
    )
    started = only(entries(incident, "RemediationStarted"))["message"]
    assert ("It is not believed." in started) is let
    assert shop.image() == V1
    assert marks(shop.deployment(), offered)
    assert len(incident["status"]["changes"]) == 1
