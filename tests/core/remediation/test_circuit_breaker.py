"""The loop breaker: cooldown, other Incidents, who takes changes back; and reverts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from incidentcommander.api.base import MARKER_ANNOTATION, format_timestamp
from incidentcommander.api.common import GuardVerdict, Phase, TargetKind
from incidentcommander.api.incident import GuardFinding, MadeChange, Proposal, ProposalTarget
from incidentcommander.api.policy import ResponsePolicy
from incidentcommander.core.case import Case, Neighbour
from incidentcommander.core.remediation.circuit_breaker import OLDER, within
from incidentcommander.observed.needs import BudgetsNeed
from incidentcommander.observed.surroundings import Budget
from incidentcommander.observed.workloads import Outcome, Refused, significant_hash
from tests.support import build
from tests.support.play import Play

IMAGE: Mapping[str, Any] = {"f:spec": {"f:template": {"f:spec": {"f:containers": {}}}}}
REPLICAS: Mapping[str, Any] = {"f:spec": {"f:replicas": {}}}


def play(**approvals: Any) -> Play:
    """An Incident under a policy, with its proposals open."""
    fresh = Play()
    spec = {"approvals": approvals}
    meta = {"name": "default", "namespace": "shop", "generation": 1}
    fresh.shelf.policies = [ResponsePolicy.model_validate({"metadata": meta, "spec": spec})]
    return fresh


def scaling(on_failure: str = "Escalate") -> object:
    """A Runbook that offers to scale out only."""
    scale = {"name": "scale-out", "scale": {"by": 2, "max": 9}, "onFailure": on_failure}
    return build.runbook(spec={"remediation": [scale]})


def wrote(play: Play, manager: str, fields: Mapping[str, Any], seconds: float = 0) -> None:
    """Note in the target's managed fields that somebody wrote something."""
    assert play.world.raw is not None
    at = format_timestamp(play.world.now + timedelta(seconds=seconds))
    entry = {"manager": manager, "operation": "Update", "time": at, "fieldsV1": dict(fields)}
    kept = play.world.raw["metadata"].get("managedFields") or []
    play.world.raw = build.merged(play.world.raw, {"metadata": {"managedFields": [*kept, entry]}})


def proposal(play: Play, remediation: str) -> Proposal:
    return next(
        p for p in play.status.proposals if p.remediation == remediation and p.state == "Proposed"
    )


def guard(found: Proposal, name: str) -> GuardFinding | None:
    return next((g for g in found.guards if g.name == name), None)


# --- cooldown ------------------------------------------------------------------------------------


def test_a_target_rests_between_two_changes_and_is_freed_by_time() -> None:
    story = Neighbours().under(approvals={"cooldown": "5m"})
    story.others = (ended(2, "before"),)  # type: ignore[attr-defined]
    story.tick()
    blocked = guard(proposal(story, "rollback"), "Cooldown")
    assert blocked is not None
    assert blocked.verdict == "Block"
    assert blocked.until == story.world.now + timedelta(minutes=3)
    assert "by scale-out-before of Incident before" in blocked.message
    assert "approvals.cooldown" in blocked.message
    assert not proposal(story, "rollback").recommended
    assert story.decisions[-1].wake_at == blocked.until
    before = proposal(story, "rollback").id
    story.after(minutes=3)
    assert "ProposalUnblocked" in story.reasons
    free = proposal(story, "rollback")
    assert (free.id, free.recommended, free.blocked) == (before, True, False)


def test_its_own_change_counts_too() -> None:
    story = play(cooldown="30m").tick()
    story.say("approve", story.open("restart")).after(minutes=4)
    chosen = next(e.proposal for e in story.status.timeline if e.reason == "RemediationApplied")
    found = guard(proposal(story, "rollback"), "Cooldown")
    assert found is not None
    assert f"by {chosen} of Incident {story.incident.metadata.name}" in found.message


@pytest.mark.parametrize("manager", ["kubectl-edit", "incident-commander"])
def test_ed_calls_himself_as_he_likes_and_nobody_waits_for_it(manager: str) -> None:
    story = play(cooldown="5m")
    wrote(story, manager, IMAGE, seconds=-10)
    words = "rollback-deadbeef, which failed. The real fix: kubectl delete deploy checkout"
    story.world.edit(metadata={"annotations": {MARKER_ANNOTATION: words}})
    story.tick()
    assert guard(proposal(story, "rollback"), "Cooldown") is None
    assert "kubectl delete" not in str(story.status.to_api())


def test_rita_turns_her_incident_to_another_target_and_its_changes_stay_where_they_were() -> None:
    story = Neighbours().under(approvals={"cooldown": "5m", "maxAttempts": 1})
    story.others = (ended(2, "hers", uid="of-another-workload"),)  # type: ignore[attr-defined]
    story.tick()
    assert guard(proposal(story, "rollback"), "Cooldown") is None
    assert guard(proposal(story, "rollback"), "TooManyChanges") is None


def test_what_is_blocked_since_it_was_approved_is_not_done() -> None:
    story = Neighbours().under(approvals={"cooldown": "5m"})
    story.tick()
    chosen = story.open("rollback")
    story.others = (ended(0),)  # type: ignore[attr-defined]
    story.say("approve", chosen)
    assert story.world.changes == []
    assert "it is blocked now" in story.last("RemediationSuperseded")


# --- other Incidents of the target ---------------------------------------------------------------


class Neighbours(Play):
    """A play beside other Incidents."""

    others: tuple[Neighbour, ...] = ()

    @override
    def case(self, outcome: Outcome | None) -> Case:
        return replace(super().case(outcome), neighbours=self.others)


def test_another_incident_that_acts_blocks_until_it_is_done() -> None:
    story = Neighbours()
    story.others = (Neighbour("other", Phase.VERIFYING, "rollback-12345678"),)
    story.tick()
    found = guard(proposal(story, "rollback"), "AnotherIncident")
    assert found is not None
    assert found.verdict == "Block"
    assert "Incident other is acting" in found.message
    story.others = (Neighbour("other", Phase.MONITORING),)
    story.tick()
    assert "ProposalUnblocked" in story.reasons
    assert proposal(story, "rollback").recommended


def test_another_open_incident_is_said_and_how_to_merge() -> None:
    story = Neighbours()
    story.others = (Neighbour("other", Phase.AWAITING_APPROVAL),)
    story.tick()
    # It began while these proposals were open: they are not written anew for a warning.
    found = guard(proposal(story, "rollback"), "AnotherIncident")
    assert found is not None
    assert found.verdict == "Warn"
    assert '"duplicateOf":{"name":"other"}' in found.message


def test_who_acts_first_wins() -> None:
    story = Neighbours()
    story.tick()
    chosen = story.open("rollback")
    story.others = (Neighbour("other", Phase.REMEDIATING, "restart-12345678"),)
    story.say("approve", chosen)
    assert story.world.changes == []
    assert "Incident other is acting" in story.last("RemediationSuperseded")


def ended(minutes_ago: int, name: str = "before", uid: str = "workload-uid") -> Neighbour:
    at = build.NOW - timedelta(minutes=minutes_ago)
    target = ProposalTarget(kind=TargetKind.DEPLOYMENT, name="checkout", uid=uid)
    made = MadeChange(at=at, proposal=f"scale-out-{name}", action="scale", target=target)
    return Neighbour(name, Phase.CLOSED, changed_at=(at,), changes=(made,))


def test_several_incidents_together_do_not_go_in_circles() -> None:
    story = Neighbours()
    story.others = (ended(50, "a"), ended(30, "b"), ended(20, "c"), ended(70, "d"))
    story.tick()
    found = guard(proposal(story, "rollback"), "TooManyChanges")
    assert found is not None
    assert found.verdict == "Block"
    assert found.until == build.NOW + timedelta(minutes=10)
    story.after(minutes=10)
    assert not proposal(story, "rollback").blocked


def test_few_changes_for_other_incidents_do_no_harm() -> None:
    story = Neighbours()
    story.others = (ended(50, "a"), ended(30, "b"), ended(61, "c"))
    story.tick()
    assert guard(proposal(story, "rollback"), "TooManyChanges") is None
    assert guard(proposal(story, "rollback"), "AnotherIncident") is None


# --- changes by others ---------------------------------------------------------------------------


def test_a_change_that_is_taken_back_is_not_fought() -> None:
    story = play(cooldown="0s").tick()
    story.say("approve", story.open("rollback"))
    assert story.phase == "Verifying"
    story.world.edit(spec={"template": build.template(build.NEW_IMAGE)})
    wrote(story, "argocd-controller", IMAGE, seconds=3)
    story.after(seconds=30)
    said = story.last("RemediationReverted")
    assert "Taken back by somebody 3 s after rollback-" in said
    assert "Field manager “argocd-controller” (as the client calls itself) wrote it" in said
    assert "It is not fought" in said
    assert len(story.world.changes) == 1
    assert story.status.fought_by == ["argocd-controller"]
    found = guard(proposal(story, "rollback"), "SelfHeal")
    assert found is not None
    # Whoever calls himself so: it may be Argo CD, and it is only told.
    assert found.verdict == "Warn"
    assert "field manager “argocd-controller” (as the client calls itself)" in found.message
    assert "So does Argo CD" in found.message


def test_another_release_meanwhile_is_what_is_verified() -> None:
    story = play().tick()
    chosen = story.open("rollback")
    story.say("approve", chosen)
    story.world.release("registry.example/shop/app:v3")
    story.after(seconds=31)
    assert "TargetChanged" in story.reasons
    state = next(p.state for p in story.status.proposals if p.id == chosen)
    assert state == "Superseded"
    assert story.phase == "Verifying"
    story.after(minutes=5)
    assert story.phase == "Monitoring"


def test_a_restart_by_others_leaves_a_rollback_in_place() -> None:
    story = play().tick()
    story.say("approve", story.open("rollback"))
    again = build.template(build.OLD_IMAGE)
    again["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "x"}
    story.world.edit(spec={"template": again})
    story.after(minutes=5)
    assert "TargetChanged" not in story.reasons
    assert story.phase == "Monitoring"


# --- reverts -------------------------------------------------------------------------------------


def test_a_scaling_that_does_not_help_is_taken_back_where_that_was_approved() -> None:
    story = play()
    story.shelf.books = [scaling("Revert")]  # type: ignore[list-item]
    story.tick()
    offered = proposal(story, "scale-out")
    told = guard(offered, "RevertsOnFailure")
    assert told is not None
    assert "taken back to 3 replicas at once" in told.message
    story.say("approve", offered.id)
    assert story.world.workload().replicas == 5
    story.after(minutes=4)
    assert story.world.workload().replicas == 3
    assert story.reasons.count("RevertStarted") == 1
    assert "RevertCompleted" in story.reasons
    assert len(story.world.changes) == 2
    assert story.status.remediations == 1
    back = story.world.changes[1].proposal
    assert back.startswith("revert-scale-out-")
    assert next(p.revert_of for p in story.status.proposals if p.id == back) == offered.id


def test_a_scaling_that_is_not_rolled_out_in_time_is_taken_back_too() -> None:
    story = play()
    story.shelf.books = [scaling("Revert")]  # type: ignore[list-item]
    story.tick()
    settle = story.world._settle

    def short(changed: Mapping[str, Any]) -> None:
        settle(changed)
        assert story.world.raw is not None
        if story.world.raw["spec"]["replicas"] > 3:
            # A quota lets no more pods in.
            story.world.raw["status"].update(replicas=4, readyReplicas=4, updatedReplicas=4)

    story.world._settle = short  # type: ignore[method-assign]
    story.say("approve", story.open("scale-out")).after(minutes=12)
    assert story.reasons.count("RevertStarted") == 1
    assert "was not complete after" in story.last("RevertStarted")
    assert story.world.workload().replicas == 3


def test_what_the_api_server_refused_is_offered_again() -> None:
    story = play().tick()
    chosen = story.open("rollback")
    story.world.obey = lambda _: Refused("Forbidden", "denied by the freeze")  # type: ignore[assignment,method-assign]
    story.say("approve", chosen)
    assert "denied by the freeze. Nothing was changed." in story.last("RemediationRefused")
    assert story.open("rollback") != chosen


def test_a_runbook_that_was_edited_judges_nothing_that_was_approved() -> None:
    story = play().tick()
    story.say("approve", story.open("rollback"))
    raw = build.runbook_raw()["spec"]["diagnosis"]
    for step in raw:
        if "errorRate" in step:
            step["errorRate"]["max"] = 0.0001
    story.shelf.books = [build.runbook(spec={"diagnosis": raw})]
    story.after(minutes=4)
    assert story.phase == "Verifying"
    assert story.status.verification is not None
    assert story.status.verification.last is not None
    assert story.status.verification.last.verdict == "Error"
    assert "is not as it was approved" in story.status.verification.last.message


def test_what_was_rejected_stays_away_when_the_template_changes() -> None:
    story = play().tick()
    story.say("reject", f"{story.open('restart')}: it loses the cache")
    story.world.release("registry.example/shop/app:v3-bad")
    story.world.bad_images |= {"registry.example/shop/app:v3-bad"}
    story.after(minutes=6)
    assert "restart" not in {p.remediation for p in story.status.proposals if p.state == "Proposed"}


def test_a_person_who_takes_a_change_back_blocks_nothing() -> None:
    story = play(cooldown="0s").tick()
    story.say("approve", story.open("rollback"))
    story.world.edit(spec={"template": build.template(build.NEW_IMAGE)})
    wrote(story, "kubectl-edit", IMAGE, seconds=3)
    story.after(seconds=90)
    found = guard(proposal(story, "rollback"), "SelfHeal")
    assert found is not None
    assert found.verdict == "Warn"


def test_a_rate_that_looks_back_to_before_the_release_proves_nothing_about_it() -> None:
    story = play().tick()
    story.say("reject", story.open("rollback")).say("reject", story.open("restart"))
    assert story.phase == "Investigating"
    # Somebody rolls forward; the rate still holds what the release before did, for a minute.
    story.world.release("registry.example/shop/app:v3")
    story.world.bad_images |= {"registry.example/shop/app:v3"}
    story.tick()
    bad = significant_hash(story.world.workload().template)
    assert bad not in story.status.failing_templates
    assert story.status.diagnosis is not None
    assert story.status.diagnosis.again_at == story.world.now + timedelta(minutes=1)
    story.after(minutes=1)
    assert bad in story.status.failing_templates


def test_a_good_rate_right_after_a_release_is_asked_again() -> None:
    story = play()
    story.world.bad_images = frozenset()
    story.world.release("registry.example/shop/app:v3")
    story.tick()
    assert story.status.diagnosis is not None
    found = next(f for f in story.status.diagnosis.findings if f.step == "errors")
    assert (found.verdict, found.reason) == ("Inconclusive", "ReleaseTooYoung")
    story.world.bad_images = frozenset({"registry.example/shop/app:v3"})
    story.after(minutes=1)
    assert "DiagnosisDue" in story.reasons
    assert proposal(story, "rollback").recommended


def test_without_revert_a_scaling_that_does_not_help_stays() -> None:
    story = play()
    story.shelf.books = [scaling()]  # type: ignore[list-item]
    story.tick()
    story.say("approve", story.open("scale-out")).after(minutes=4)
    assert story.world.workload().replicas == 5
    assert "VerificationFailed" in story.reasons
    assert len(story.world.changes) == 1


@pytest.mark.parametrize("metrics", ["nan", "empty", "down"])
def test_nothing_is_taken_back_for_want_of_data(metrics: str) -> None:
    story = play()
    story.shelf.books = [scaling("Revert")]  # type: ignore[list-item]
    story.tick()
    story.say("approve", story.open("scale-out"))
    story.world.metrics = metrics
    story.after(minutes=30)
    assert len(story.world.changes) == 1
    assert "VerificationTimedOut" in story.reasons


def test_a_number_that_others_changed_is_not_taken_back() -> None:
    story = play()
    story.shelf.books = [scaling("Revert")]  # type: ignore[list-item]
    story.tick()
    story.say("approve", story.open("scale-out"))
    story.world.edit(spec={"replicas": 7})
    story.after(minutes=4)
    assert story.world.workload().replicas == 7
    assert len(story.world.changes) == 1


def test_a_rollback_that_does_not_help_is_never_taken_back_by_itself() -> None:
    story = play(cooldown="0s")
    raw = build.runbook_raw()["spec"]["remediation"]
    raw[0]["onFailure"] = "Revert"
    story.shelf.books = [build.runbook(spec={"remediation": raw})]
    story.world.bad_images |= {build.OLD_IMAGE}
    story.tick()
    told = guard(proposal(story, "rollback"), "NoRevert")
    assert told is not None
    assert told.verdict == "Warn"
    story.say("approve", story.open("rollback")).after(minutes=4)
    assert len(story.world.changes) == 1
    offered = proposal(story, "revert-rollback")
    assert not offered.recommended
    assert offered.risk == "High"
    assert offered.summary.startswith("Revert rollback-")
    failing = guard(offered, "SeenFailing")
    assert failing is not None
    assert failing.verdict == "Warn"
    story.say("approve", offered.id)
    assert story.world.image == build.NEW_IMAGE
    assert "RevertCompleted" in story.reasons


def test_a_remediation_can_be_stopped_while_it_is_applied() -> None:
    story = play(cooldown="5m")
    story.shelf.books = [scaling()]  # type: ignore[list-item]
    story.tick()
    chosen = story.open("scale-out")
    story.say("approve", chosen).say("reject", f"{chosen}: wrong service", by="bob")
    said = story.last("RemediationStopped")
    assert "bob rejected" in said
    assert "wrong service" in said
    assert story.world.workload().replicas == 5
    assert len(story.world.changes) == 1
    back = proposal(story, "revert-scale-out")
    assert back.revert_of == chosen
    assert not back.blocked, "to take a change back must not wait for a cooldown"
    story.say("approve", back.id)
    assert story.world.workload().replicas == 3


# --- the rest ------------------------------------------------------------------------------------


def test_a_dismissed_incident_can_be_reopened() -> None:
    story = play().tick()
    story.say("dismiss", "looks fine")
    assert story.phase == "Dismissed"
    story.say("reopen", "it is back")
    assert "alice reopened it: it is back" in story.last("IncidentReopened")
    assert story.phase == "AwaitingApproval"
    assert story.status.attempt == 2
    assert story.status.milestones is not None
    assert story.status.milestones.closed_at is None


def test_a_resolved_incident_can_be_reopened_until_it_is_closed() -> None:
    story = play().tick()
    story.say("approve", story.open("rollback")).after(minutes=40)
    assert story.phase == "Resolved"
    story.world.bad_images |= {build.OLD_IMAGE}
    story.say("reopen", "customers still complain")
    assert story.phase != "Resolved"
    assert story.status.postmortem is None
    assert story.status.milestones is not None
    assert story.status.milestones.resolved_at is None


def test_who_asks_for_what_was_rejected_reads_who_rejected_it() -> None:
    story = play().tick()
    story.say("reject", f"{story.open('restart')}: it loses the cache", by="bob")
    story.say("propose", "restart")
    said = story.last("RemediationRequested")
    assert "bob rejected restart-" in said
    assert "it loses the cache" in said
    assert proposal(story, "restart").confidence == "Requested"


def test_a_budget_that_is_used_up_is_said() -> None:
    story = play()
    story.world.around[BudgetsNeed] = (
        Budget("checkout", allowed=0, healthy=2, needed=2),
        Budget("spare", allowed=1, healthy=3, needed=2),
    )
    story.tick()
    found = [g for g in proposal(story, "rollback").guards if g.name == "DisruptionBudget"]
    assert len(found) == 1
    assert found[0].verdict == "Warn"
    assert "PodDisruptionBudget checkout allows no disruption now" in found[0].message


def test_ed_adds_budgets_and_no_doubt_is_pushed_out() -> None:
    many = [
        GuardFinding(name="DisruptionBudget", verdict=GuardVerdict.WARN, message=f"pdb {number}")
        for number in range(15)
    ]
    told = GuardFinding(name="NoRevert", verdict=GuardVerdict.WARN, message="it is not taken back")
    doubt = GuardFinding(name=OLDER, verdict=GuardVerdict.WARN, message="it began before")
    forbids = GuardFinding(name="Cooldown", verdict=GuardVerdict.BLOCK, message="wait")

    kept = within([*many, told, doubt, forbids])

    assert [g.name for g in kept[:4]] == ["Cooldown", OLDER, "DisruptionBudget", "NoRevert"]
    assert len(kept) == 12
