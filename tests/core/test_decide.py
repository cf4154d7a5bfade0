"""Whole incidents, decided: each test is one story, played with a given clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidentcommander.api.base import format_timestamp
from incidentcommander.api.incident import MAX_ENTRY_TEXT, Evidence
from incidentcommander.api.policy import ResponsePolicy
from incidentcommander.core.diagnosis import lookback
from incidentcommander.core.evolve import TRANSITIONS, ForbiddenTransitionError, Step, evolve
from incidentcommander.observed.workloads import Unavailable
from tests.support import build
from tests.support.play import Play


def _awaiting(**over: Any) -> Play:
    play = Play(**over).tick()
    assert play.phase == "AwaitingApproval", play.reasons
    return play


def test_from_declaration_to_resolution() -> None:
    play = _awaiting(spec={"roles": {"commander": "alice"}})
    play.say("approve", play.open("rollback"))
    assert play.world.image == build.OLD_IMAGE
    assert play.phase == "Verifying"
    play.after(minutes=3)
    assert play.phase == "Monitoring"
    play.after(minutes=31)

    assert play.phase == "Resolved"
    assert play.reasons == [
        "IncidentDeclared",
        "DiagnosisStarted",
        "DiagnosisStepFinished",
        "DiagnosisStepFinished",
        "DiagnosisStepFinished",
        "ProposalOffered",
        "ProposalOffered",
        "ApprovalGranted",
        "RemediationStarted",
        "RemediationApplied",
        "RolloutCompleted",
        "VerificationSampled",
        "VerificationPassed",
        "MonitoringSampled",
        "UpdatePosted",
        "IncidentResolved",
        "UpdatePosted",
        "PostmortemDrafted",
    ]
    assert [e.seq for e in play.status.timeline] == list(range(18))
    assert len(play.world.changes) == 1
    assert play.status.durations is not None
    assert play.status.durations.resolve is not None


def test_the_proven_remediation_is_recommended_and_the_other_is_not() -> None:
    play = _awaiting()
    rollback, restart = play.status.proposals
    assert (rollback.recommended, rollback.confidence) == (True, "Proven")
    assert (restart.recommended, restart.confidence) == (False, "Unproven")
    assert play.status.summary.count(rollback.approve_command) == 1


def test_a_severity_that_needs_no_postmortem_is_closed_at_once() -> None:
    play = _awaiting(spec={"severity": "SEV4"})
    play.say("approve", play.open("restart"))
    play.world.bad_images = frozenset()
    play.after(minutes=40)
    assert play.phase == "Closed"


def test_a_rollback_owes_a_postmortem_whatever_the_severity() -> None:
    play = _awaiting(spec={"severity": "SEV4"})
    play.say("approve", play.open("rollback")).after(minutes=40)
    assert play.phase == "Resolved"
    assert play.status.postmortem is not None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param("rollback-00000000", "no such proposal", id="an unknown id"),
        pytest.param("", "empty", id="an empty value"),
    ],
)
def test_an_approval_that_names_nothing_does_nothing(value: str, said: str) -> None:
    play = _awaiting()
    play.say("approve", value)
    assert said in play.last("RequestRefused")
    assert not play.world.changes


def test_an_approval_by_somebody_else_than_the_commander_does_nothing() -> None:
    play = _awaiting(spec={"roles": {"commander": "alice"}})
    play.say("approve", play.open("rollback"), by="bob")
    assert "only the incident commander (alice)" in play.last("RequestRefused")
    assert not play.world.changes


def test_an_unsigned_approval_does_nothing() -> None:
    play = _awaiting()
    play.say("approve", play.open("rollback"), by="")
    assert "not signed" in play.last("RequestRefused")
    assert not play.world.changes


def test_an_approval_that_comes_after_expiry_does_nothing() -> None:
    play = _awaiting()
    proposal = play.open("rollback")
    play.world.now += timedelta(minutes=16)
    play.say("approve", proposal)
    assert "expired" in play.last("RequestRefused")
    assert not play.world.changes


def test_an_expired_proposal_comes_back_with_the_same_id() -> None:
    play = _awaiting()
    before = play.open("rollback")
    play.after(minutes=16)
    assert "ProposalExpired" in play.reasons
    assert play.open("rollback") == before


def test_requests_at_creation_are_refused() -> None:
    annotations = {
        "incidentcommander.dev/approve": "rollback-00000000",
        "incidentcommander.dev/approve-by": "mallory",
    }
    play = Play(metadata={"annotations": annotations}).tick()
    assert "at creation" in play.last("RequestRefused")
    assert play.reasons.index("RequestRefused") < play.reasons.index("DiagnosisStepFinished")
    assert "incidentcommander.dev/approve" not in play.incident.metadata.annotations


def test_a_target_changed_since_the_approval_is_left_alone_and_verified() -> None:
    play = _awaiting()
    proposal = play.open("rollback")
    play.world.release("shop/checkout:hotfix")
    play.say("approve", proposal)
    assert not play.world.changes
    assert play.phase == "Verifying"
    assert play.world.image == "shop/checkout:hotfix"
    play.after(minutes=3)
    assert play.phase == "Monitoring"


def test_a_hotfix_that_does_not_help_leads_to_proposals_with_new_ids() -> None:
    play = _awaiting()
    old = {p.id for p in play.status.proposals}
    play.world.bad_images |= {"shop/checkout:hotfix"}
    play.world.release("shop/checkout:hotfix")
    play.tick()
    assert "ProposalSuperseded" in play.reasons
    assert play.phase == "Verifying"
    play.after(minutes=5)
    assert play.phase == "AwaitingApproval"
    assert not old & {p.id for p in play.status.proposals if p.state == "Proposed"}


def test_a_change_to_a_release_seen_failing_is_left_to_people() -> None:
    play = _awaiting()
    play.world.release("shop/checkout:hotfix")
    play.world.bad_images |= {"shop/checkout:hotfix"}
    play.tick().after(minutes=5)
    assert play.phase == "AwaitingApproval"
    play.world.release(build.NEW_IMAGE)
    play.tick()
    assert play.phase == "Investigating"
    assert "seen failing" in play.last("ProposalSuperseded")


def test_other_drift_voids_only_what_depends_on_it() -> None:
    play = _awaiting()
    play.shelf.books = [
        build.runbook(
            spec={
                "remediation": [
                    *build.runbook_raw()["spec"]["remediation"],
                    {"name": "scale-out", "scale": {"by": 2}},
                ]
            }
        )
    ]
    play.say("diagnose", "again")
    scale, rollback = play.open("scale-out"), play.open("rollback")
    play.world.edit(spec={"replicas": 4})
    play.tick()
    assert play.phase == "AwaitingApproval"
    assert play.open("rollback") == rollback
    assert play.open("scale-out") != scale


def test_what_waits_for_the_controller_is_offered_again_once_it_has_seen_the_release() -> None:
    play = Play()
    undo = {"name": "rollback", "rolloutUndo": {}}
    play.shelf.books = [build.runbook(spec={"remediation": [undo]})]
    whole = play.world.revisions
    play.world.revisions = [r for r in whole if r.images != (build.NEW_IMAGE,)]
    play.tick()
    before = play.status.proposal(play.open("rollback"))
    assert before is not None
    assert [g.name for g in before.guards if g.verdict == "Block"] == ["NotObserved"]

    play.world.revisions = whole
    play.tick()

    assert play.phase == "AwaitingApproval"
    assert "the history is whole" in play.last("DiagnosisResumed")
    after = play.status.proposal(play.open("rollback"))
    assert after is not None
    assert not after.blocked
    assert play.reasons.count("DiagnosisResumed") == 1


def test_an_offer_names_what_to_mind() -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    play = Play()
    play.world.edit(metadata={"annotations": applied})
    play.tick()

    offer = next(e.message for e in play.status.timeline if e.reason == "ProposalOffered")
    assert "risk Medium; mind LastAppliedStale)." in offer
    assert offer.endswith(f"approve={play.open('rollback')}")


@pytest.mark.parametrize("writes", [None, 1, 2])
def test_an_approved_scaling_that_drifted_is_not_done_and_offered_anew(writes: int | None) -> None:
    play = Play()
    scale_out = {"name": "scale-out", "scale": {"by": 2}}
    play.shelf.books = [build.runbook(spec={"remediation": [scale_out]})]
    wanted = play.tick().open("scale-out")
    key = "incidentcommander.dev/approve"
    if writes is None:
        play.world.edit(spec={"replicas": 4})
        play.say("approve", wanted)
    else:
        play.annotate({key: wanted, f"{key}-by": "alice"})
        play.tick(crash_after=writes)
        play.world.edit(spec={"replicas": 4})
        play.tick()

    # The template is the one that fails, but nobody has released it: there is nothing to verify.
    assert play.phase == "AwaitingApproval"
    assert "it had 3 replicas, now 4" in play.last("RemediationSuperseded")
    assert play.open("scale-out") != wanted
    assert not play.world.changes


@pytest.mark.parametrize("metrics", ["down", "empty", "nan"])
def test_without_numbers_nothing_is_recommended_and_nothing_verified(metrics: str) -> None:
    play = Play()
    play.world.metrics = metrics
    play.tick()
    errors = next(f for f in play.status.diagnosis.findings if f.step == "errors")  # type: ignore[union-attr]
    assert errors.verdict in {"Error", "Inconclusive"}
    assert not any(p.recommended for p in play.status.proposals)
    play.say("approve", play.open("rollback")).after(minutes=11)
    assert play.phase == "Investigating"
    assert "confirm" in play.last("VerificationTimedOut")
    assert len(play.world.changes) == 1
    play.say("confirm", "I looked at the dashboard")
    assert play.phase == "Monitoring"


def test_a_remediation_that_does_not_help_is_not_offered_again() -> None:
    play = _awaiting()
    play.world.bad_images |= {build.OLD_IMAGE}
    play.say("approve", play.open("rollback")).after(minutes=5)
    assert "VerificationFailed" in play.reasons
    assert play.status.attempt == 2
    assert all(p.remediation != "rollback" for p in play.status.proposals if p.state == "Proposed")


def test_a_relapse_reopens_the_loop() -> None:
    play = _awaiting()
    play.say("approve", play.open("rollback")).after(minutes=3)
    assert play.phase == "Monitoring"
    play.world.bad_images |= {build.OLD_IMAGE}
    play.after(minutes=3)
    assert "RelapseDetected" in play.reasons
    assert play.status.attempt == 2


def test_when_all_attempts_are_used_up_people_investigate() -> None:
    play = Play()
    play.shelf.policies = [
        ResponsePolicy.model_validate(
            {
                "metadata": {"name": "default", "namespace": "shop", "generation": 1},
                "spec": {"approvals": {"maxAttempts": 1}},
            }
        )
    ]
    play.tick()
    play.world.bad_images |= {build.OLD_IMAGE}
    play.say("approve", play.open("rollback")).after(minutes=4)
    assert play.phase == "Investigating"
    assert "All 1 attempts are used up" in play.last("VerificationFailed")


def test_an_unproven_guard_offers_nothing_and_a_restored_one_new_ids() -> None:
    play = _awaiting()
    old = {p.id for p in play.status.proposals}
    play.world.fingerprint, play.world.proven = "guard-2", False
    play.tick()
    assert play.phase == "Investigating"
    assert _condition(play, "ApprovalGuarded") == "False"
    assert all(p.state == "Superseded" for p in play.status.proposals)
    play.world.proven = True
    play.after(seconds=15)
    assert play.phase == "AwaitingApproval"
    assert not old & {p.id for p in play.status.proposals if p.state == "Proposed"}


def test_a_guard_that_goes_away_after_the_approval_stops_the_change() -> None:
    play = _awaiting()
    play.said("approve", play.open("rollback")).tick(crash_after=1)
    assert play.status.approval is not None
    play.world.proven = False
    play.tick()
    assert not play.world.changes
    assert "not guarded" in play.last("RemediationSuperseded")


def test_a_missing_target_stalls_and_goes_on_when_it_is_there() -> None:
    play = Play()
    raw, play.world.raw = play.world.raw, None
    play.tick()
    assert play.phase == "Investigating"
    assert play.status.stalled is not None
    assert play.status.stalled.startswith("spec.target: Deployment checkout not found")
    assert _condition(play, "Ready") == "False"
    assert _condition(play, "Stalled") == "True"
    play.world.raw = raw
    play.after(seconds=15)
    assert play.phase == "AwaitingApproval"
    assert _condition(play, "Stalled") == "False"


def test_a_missing_runbook_stalls_and_no_match_does_not() -> None:
    named = Play(spec={"runbookRef": {"name": "nowhere"}}).tick()
    assert named.status.stalled is not None
    assert named.status.stalled.startswith("spec.runbookRef.name: no Runbook nowhere")
    unmatched = Play()
    unmatched.shelf.books = []
    unmatched.tick()
    assert unmatched.status.stalled is None
    assert unmatched.phase == "Investigating"
    assert {f.step for f in unmatched.status.diagnosis.findings} == {"pods", "rollout"}  # type: ignore[union-attr]


def test_rejecting_the_last_proposal_leaves_it_to_people() -> None:
    play = _awaiting()
    play.say("reject", f"{play.open('restart')}: no use")
    assert play.phase == "AwaitingApproval"
    play.say("reject", play.open("rollback"))
    assert play.phase == "Investigating"
    play.say("diagnose", "again")
    assert not [p for p in play.status.proposals if p.state == "Proposed"]
    play.say("propose", "rollback")
    assert play.status.proposals[0].confidence == "Requested"


def test_taking_command_carries_a_brief_and_voids_nothing() -> None:
    play = _awaiting(spec={"roles": {"commander": "alice"}})
    proposal = play.open("rollback")
    play.say("take-command", "alice is asleep", by="bob")
    assert play.status.roles is not None
    assert play.status.roles.commander == "bob"
    assert proposal in play.last("CommandTransferred")
    play.say("approve", proposal, by="bob")
    assert len(play.world.changes) == 1


def test_a_note_can_be_back_dated() -> None:
    play = _awaiting()
    play.say("note", "@08:12 first customer called")
    entry = play.status.timeline[-1]
    assert (entry.reason, entry.message) == ("NoteAdded", "first customer called")
    assert entry.event_time == build.NOW.replace(hour=8, minute=12)
    play.say("note", "@23:59 before midnight")
    yesterday = play.status.timeline[-1].event_time
    assert yesterday == build.NOW.replace(hour=23, minute=59) - timedelta(days=1)


def test_people_fix_it_by_other_means() -> None:
    play = _awaiting()
    play.world.bad_images = frozenset()
    play.say("resolve", "flushed the cache").after(minutes=3)
    assert play.phase == "Monitoring"
    assert not play.world.changes


def test_a_false_alarm_is_dismissed() -> None:
    play = _awaiting()
    play.say("dismiss", "load test")
    assert play.phase == "Dismissed"
    assert _condition(play, "Closed") == "True"


def test_nothing_is_confirmed_that_was_neither_changed_nor_verified() -> None:
    play = _awaiting()
    for proposal in list(play.status.open_proposals):
        play.say("reject", f"{proposal.id}: no")
    assert play.phase == "Investigating"
    play.say("confirm", "looks fine")
    assert play.phase == "Investigating"
    assert "if people fixed it, say resolve" in play.last("RequestRefused")


def test_a_relapse_takes_the_mitigation_back() -> None:
    play = _awaiting()
    play.say("approve", play.open("rollback")).after(minutes=4)
    assert play.phase == "Monitoring"
    before = play.status.durations
    assert before is not None
    assert before.mitigate is not None
    play.world.bad_images = frozenset({play.world.image})
    play.after(minutes=5)
    assert "RelapseDetected" in play.reasons
    after = play.status.durations
    assert after is not None
    assert after.mitigate is None


def test_a_start_in_the_future_is_counted_from_the_creation() -> None:
    later = format_timestamp(build.NOW + timedelta(hours=1))
    play = Play(spec={"startedAt": later}).tick()
    assert play.status.milestones is not None
    assert play.status.milestones.started_at == build.NOW
    assert "lies in the future" in play.last("IncidentDeclared")


def test_a_duplicate_is_merged_once_the_other_exists() -> None:
    play = _awaiting().merge("other")
    assert "no Incident other" in play.last("MergeRefused")
    play.world.others["other"] = build.incident(metadata={"name": "other"})
    play.tick()
    assert play.phase == "Merged"


def test_changing_the_severity_brings_its_policy() -> None:
    play = _awaiting(spec={"severity": "SEV4"})
    assert play.status.policy is not None
    assert play.status.policy.postmortem == "OnRollback"
    play.edit(severity="SEV1")
    assert play.status.severity == "SEV1"
    assert play.status.policy is not None
    assert play.status.policy.postmortem == "Required"
    assert "From SEV4 to SEV1" in play.last("SeverityRaised")


def test_every_condition_is_there_from_the_first_status_on() -> None:
    play = Play()
    play.tick(crash_after=1)
    assert {c.type for c in play.status.conditions} == {
        *("Ready", "Reconciling", "Stalled", "Acknowledged", "Diagnosed", "Approved"),
        *("Remediated", "Verified", "Resolved", "Closed", "UpdateOverdue", "RoleUnfilled"),
        *("ApprovalGuarded", "PostmortemOverdue"),
    }


def test_a_resting_incident_writes_nothing() -> None:
    play = _awaiting()
    writes = play.written
    for _ in range(5):
        play.tick()
    assert play.written == writes


@pytest.mark.parametrize("writes", range(1, 12))
@pytest.mark.parametrize("remediation", ["rollback", "restart"])
def test_a_crash_after_any_write_changes_the_target_once(remediation: str, writes: int) -> None:
    play = Play()
    play.tick(crash_after=writes)
    play.tick()
    approved = play.open(remediation)
    play.annotate(
        {"incidentcommander.dev/approve": approved, "incidentcommander.dev/approve-by": "alice"}
    )
    play.tick(crash_after=writes)
    play.tick()
    if remediation == "restart":
        play.world.bad_images = frozenset()
    play.after(minutes=4)
    assert play.phase == "Monitoring", play.reasons
    assert len(play.world.changes) == 1
    for reason in ("ApprovalGranted", "RemediationStarted", "RemediationApplied"):
        assert play.reasons.count(reason) == 1
    assert [e.seq for e in play.status.timeline] == list(range(len(play.status.timeline)))


def test_a_lost_answer_is_found_by_its_marker() -> None:
    play = _awaiting()
    play.world.lose_response = True
    play.say("approve", play.open("rollback")).tick()
    assert "marker was found" in play.last("RemediationApplied")
    assert len(play.world.changes) == 1


def test_after_a_crash_a_target_that_moved_is_never_changed() -> None:
    play = _awaiting()
    play.annotate(
        {
            "incidentcommander.dev/approve": play.open("rollback"),
            "incidentcommander.dev/approve-by": "alice",
        }
    )
    play.tick(crash_after=2)
    assert play.reasons[-1] == "RemediationStarted"
    play.world.edit(spec={"replicas": 9})
    play.tick()
    assert not play.world.changes
    assert "interrupted" in play.last("RemediationSuperseded")


def test_a_conflict_of_no_consequence_is_retried_with_the_new_generation() -> None:
    play = _awaiting()
    world = play.world
    # Somebody scales just before the patch arrives.
    meddled: list[bool] = []
    obey = world.obey

    def first_scale(command: object) -> object:
        if not meddled:
            meddled.append(True)
            world.edit(spec={"replicas": 5})
        return obey(command)  # type: ignore[arg-type]

    world.obey = first_scale  # type: ignore[method-assign,assignment]
    play.say("approve", play.open("rollback"))
    assert "RemediationRetried" in play.reasons
    assert len(world.changes) == 1


def test_an_unreachable_target_is_waited_for_and_not_guessed_at() -> None:
    play = _awaiting()
    play.world.reachable = False
    play.say("approve", play.open("rollback"))
    assert play.phase == "Remediating"
    assert not play.world.changes
    play.world.reachable = True
    play.tick()
    assert len(play.world.changes) == 1


def test_phases_follow_only_as_the_contract_says() -> None:
    status = Play().tick().status
    for phase, allowed in TRANSITIONS.items():
        current = status.model_copy(update={"phase": phase})
        for wanted in TRANSITIONS:
            step = Step("Tried", "", phase=wanted)
            if wanted in allowed or wanted is phase:
                assert evolve(current, step, build.NOW).phase is wanted
            else:
                with pytest.raises(ForbiddenTransitionError):
                    evolve(current, step, build.NOW)


def test_unavailable_is_never_good() -> None:
    play = _awaiting()
    play.say("approve", play.open("rollback"))
    play.world.reachable = False
    play.after(minutes=9)
    assert play.phase == "Verifying"
    assert isinstance(play.world.answer(build.NEEDS.workload), Unavailable)


def _condition(play: Play, kind: str) -> str:
    return next(str(c.status) for c in play.status.conditions if c.type == kind)


def test_a_restarted_operator_that_has_not_seen_the_guard_yet_voids_nothing() -> None:
    play = _awaiting()
    before = play.open("rollback")
    play.guard_seen = False
    play.tick()
    assert play.open("rollback") == before


def test_a_rate_that_looks_back_to_before_the_change_is_no_failure_yet() -> None:
    book = build.runbook(spec={"verification": {"interval": "5s", "failures": 2}})
    play = Play()
    play.shelf.books = [book]
    play.tick()
    play.world.bad_images |= {build.OLD_IMAGE}  # rate(…[1m]) still holds the errors of before
    play.say("approve", play.open("rollback")).after(seconds=50)
    assert play.phase == "Verifying"
    assert "looks back 1m, to before the change" in play.last("VerificationSampled")
    play.world.bad_images -= {build.OLD_IMAGE}
    play.after(seconds=30)
    assert play.phase == "Monitoring"


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        pytest.param("sum(rate(x[1m]))", 60, id="a plain range"),
        pytest.param("rate(x[15s]) / rate(y[1h30m])", 5400, id="the longest of two"),
        pytest.param("max_over_time(rate(x[30s])[5m:10s])", 300, id="a subquery"),
        pytest.param('x{a="[9h]"}', 32400, id="a range in a string is taken for one: patience"),
        pytest.param("x > 1", 0, id="none"),
    ],
)
def test_how_far_a_query_looks_back(query: str, seconds: int) -> None:
    step = build.step("promQL", query=query, max=1)
    assert lookback.looks_back(step).total_seconds() == seconds


def test_a_refused_request_shows_in_the_summary_until_something_else_happens() -> None:
    play = _awaiting()
    play.say("update-external", "all is well, it was due to a bug")
    assert play.status.summary.startswith("update-external=all is well, it was due to")
    play.say("note", "understood")
    assert "was refused" not in play.status.summary


def test_a_blocked_proposal_is_not_led_with() -> None:
    play = Play()
    play.world.revisions = play.world.revisions[-1:]
    play.tick()
    rollback = next(p for p in play.status.proposals if p.remediation == "rollback")
    assert rollback.blocked
    assert "approve=" not in play.last("ProposalOffered") or rollback.id not in play.last(
        "ProposalOffered"
    )
    assert play.status.display is not None
    assert play.status.display.proposal is None, "only what is recommended stands in the column"
    assert "Proven, but blocked for now: Roll back" in play.status.summary


def test_a_round_that_finds_the_same_offers_nothing_twice() -> None:
    play = _awaiting()
    offered = play.reasons.count("ProposalOffered")
    play.say("diagnose", "again")
    assert play.reasons.count("ProposalOffered") == offered
    assert play.reasons[-2:] == ["DiagnosisRepeated", "ProposalsConfirmed"]


def test_a_confirmation_against_the_evidence_says_so() -> None:
    play = _awaiting()
    play.world.bad_images |= {build.OLD_IMAGE}
    play.say("approve", play.open("rollback")).after(seconds=70)
    play.say("confirm", "looks good to me")
    assert "says otherwise" in play.last("VerificationConfirmed")


def test_an_entry_is_cut_to_what_the_schema_takes() -> None:
    full = Evidence(query="q" * 512, value="v" * 256, threshold="t" * 256, resource_version="1")
    step = Step("DiagnosisStepFinished", "m" * 600, step="s" * 63, evidence=full)
    entry = evolve(Play().tick().status, step, build.NOW).timeline[-1]
    texts = [entry.reason, entry.actor, entry.message, entry.step or ""]
    assert entry.evidence is not None
    texts += [entry.evidence.query or "", entry.evidence.value or ""]
    texts += [entry.evidence.threshold or "", entry.evidence.resource_version or ""]
    assert sum(map(len, texts)) <= MAX_ENTRY_TEXT
    assert entry.evidence.value == "v" * 256


def _managed(key: str, *, with_spec: bool, seconds_after: int = 0) -> dict[str, Any]:
    owned: dict[str, Any] = {
        "f:metadata": {"f:annotations": {f"f:incidentcommander.dev/{key}": {}}}
    }
    at = build.NOW + timedelta(seconds=seconds_after)
    return {
        "manager": "kubectl",
        "time": format_timestamp(at),
        "fieldsV1": owned | ({"f:spec": {}} if with_spec else {}),
    }


@pytest.mark.parametrize(
    ("entry", "taken"),
    [
        pytest.param(_managed("note", with_spec=True), False, id="in the object as created"),
        pytest.param(_managed("note", with_spec=False), True, id="annotated in the same second"),
        pytest.param(
            _managed("note", with_spec=True, seconds_after=9), True, id="applied again later"
        ),
    ],
)
def test_what_was_said_while_the_operator_was_away_is_taken(
    entry: dict[str, Any],
    taken: bool,  # noqa: FBT001 - a column of the table
) -> None:
    said = {"incidentcommander.dev/note": "first call", "incidentcommander.dev/note-by": "bob"}
    play = Play(metadata={"annotations": said, "managedFields": [entry]}).tick()
    assert ("NoteAdded" in play.reasons) is taken
    assert ("RequestRefused" in play.reasons) is not taken
    assert not any("note" in key for key in play.incident.metadata.annotations)


def test_a_forged_number_of_handled_requests_hides_nothing() -> None:
    forged = {"incidentcommander.dev/handled": "7", "incidentcommander.dev/approve": "x"}
    play = Play(metadata={"annotations": forged}).tick()
    assert play.reasons.index("RequestRefused") < play.reasons.index("DiagnosisStepFinished")


def test_a_target_deleted_while_proposals_are_open_stalls() -> None:
    play = _awaiting()
    play.world.raw = None
    play.tick()
    assert play.phase == "Investigating"
    assert _condition(play, "Stalled") == "True"
    assert all(p.state == "Superseded" for p in play.status.proposals)


def test_a_restart_that_did_not_help_is_not_offered_again() -> None:
    play = _awaiting()
    play.say("approve", play.open("restart")).after(minutes=5)
    assert "VerificationFailed" in play.reasons
    assert not [
        p for p in play.status.proposals if (p.remediation, p.state) == ("restart", "Proposed")
    ]
    assert not [p for p in play.status.proposals if p.state == "Failed" and p.recommended]


def test_long_words_are_kept_whole() -> None:
    play = _awaiting()
    words = "".join(f"{n:03d} " for n in range(240)).strip()
    play.say("note", words)
    parts = [e.message.split(") ", 1)[1] for e in play.status.timeline if e.reason == "NoteAdded"]
    assert "".join(parts) == words
    play.say("acknowledge", words)
    parts = [
        e.message.split(") ", 1)[1] for e in play.status.timeline if e.reason == "RequestQuoted"
    ]
    assert "".join(parts) == words


def test_a_policy_that_says_nothing_of_postmortems_leaves_the_default() -> None:
    play = Play()
    play.shelf.policies = [
        ResponsePolicy.model_validate(
            {
                "metadata": {"name": "default", "namespace": "shop", "generation": 1},
                "spec": {"severities": [{"name": "SEV2", "monitorFor": "15s"}]},
            }
        )
    ]
    play.tick()
    assert play.status.policy is not None
    assert (play.status.policy.postmortem, play.status.policy.generation) == ("Required", 1)


def test_a_missing_policy_stalls() -> None:
    play = Play(spec={"policyRef": {"name": "nowhere"}}).tick()
    assert play.status.stalled is not None
    assert play.status.stalled.startswith("spec.policyRef.name: no ResponsePolicy nowhere")


def test_a_wrong_duplicate_is_said_at_once() -> None:
    play = Play(spec={"duplicateOf": {"name": "other"}}).tick()
    assert "no Incident other" in play.last("MergeRefused")
    assert play.phase == "AwaitingApproval"


def test_rita_proposes_what_is_proven_and_it_stays_recommended() -> None:
    play = _awaiting()
    before = next(p for p in play.status.proposals if p.remediation == "rollback")
    assert before.recommended

    play.say("propose", "rollback", by="rita")

    after = next(
        p for p in play.status.proposals if p.state == "Proposed" and p.action == before.action
    )
    assert (after.id, after.recommended, after.confidence) == (before.id, True, "Proven")


def _watched() -> Play:
    play = _awaiting()
    play.say("approve", play.open("rollback")).after(minutes=5)
    assert play.phase == "Monitoring"
    return play


def test_ed_releases_his_own_during_the_watch_and_blinds_it_and_it_is_not_resolved() -> None:
    play = _watched()
    play.world.release("registry.example/shop/checkout:evil")
    play.world.metrics = "empty"
    play.after(minutes=40)

    assert "TargetChanged" in play.reasons
    assert play.phase == "Monitoring"

    play.world.metrics = "up"
    play.after(minutes=5)
    assert play.phase == "Resolved"
    told = play.last("UpdatePosted")
    assert "others changed it since" in told
