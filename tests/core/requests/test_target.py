"""What was approved concerns one workload, by uid, to its end: whatever ``spec.target`` says then.

The API server refuses to change ``spec.target`` meanwhile (``tests/api``); here it does not, as where
its rule was taken away: the operator is not misled either. rita may patch Incidents, ed workloads
too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from typing_extensions import override

from incidentcommander.api.base import GROUP
from incidentcommander.api.common import TargetKind
from incidentcommander.api.incident import Proposal
from incidentcommander.controllers.related_incidents import Neighbours
from incidentcommander.core.case import Case
from incidentcommander.core.diagnosis.sampling import sample
from incidentcommander.core.evolve import Draft
from incidentcommander.core.remediation.external_changes import changed_by_others
from incidentcommander.core.remediation.preflight import drift_of
from incidentcommander.core.remediation.reverts import approved_revert
from incidentcommander.core.remediation.situation import situation
from incidentcommander.observed.needs import (
    Answer,
    AutoscalersNeed,
    DryRunNeed,
    Facts,
    Need,
    PodsNeed,
    QueryNeed,
    Question,
    RevisionsNeed,
    WorkloadNeed,
)
from incidentcommander.observed.workloads import DryRun, IncidentRef
from tests.support import build
from tests.support.play import Play, World

OTHER = "payments"
NAMED = 'sum(rate(http_requests_total{{deployment="{{{{ target.name }}}}"{code}}}[1m]))'
ERRORS = NAMED.format(code=',code=~"5.."')
TOTAL = NAMED.format(code="")


@dataclass
class Town(World):
    """A world with another workload beside the target; it knows what was asked of which."""

    beside: dict[str, Any] = field(
        default_factory=lambda: build.workload_raw(
            metadata={"name": OTHER, "uid": "payments-uid"}, spec={"replicas": 5}
        )
    )
    asked: list[Question] = field(default_factory=list)

    @override
    def answer(self, question: Question) -> Answer:
        self.asked.append(question)
        about = WorkloadNeed | RevisionsNeed | PodsNeed | DryRunNeed
        if isinstance(question, about) and question.name == OTHER:
            return self._of_the_other(question)
        return super().answer(question)

    def _of_the_other(
        self, question: WorkloadNeed | RevisionsNeed | PodsNeed | DryRunNeed
    ) -> Answer:
        if isinstance(question, DryRunNeed):
            return DryRun(self.beside, self.beside)
        if isinstance(question, WorkloadNeed):
            return build.workload(
                metadata={"name": OTHER, "uid": "payments-uid"}, spec=self.beside["spec"]
            )
        if isinstance(question, RevisionsNeed):
            return tuple(self.revisions)
        return tuple(build.pod(name=f"{OTHER}-{n}") for n in range(5))

    def told_of(self, since: int) -> set[str]:
        """Names of the workloads that anything was asked about."""
        named = (WorkloadNeed, RevisionsNeed, PodsNeed, DryRunNeed)
        asked = self.asked[since:]
        names = {q.name for q in asked if isinstance(q, named)}
        return names | {OTHER for q in asked if isinstance(q, QueryNeed) and OTHER in q.query}


SCALE = {"name": "scale-out", "scale": {"by": 2, "max": 20}, "onFailure": "Revert"}


def awaiting(remediation: dict[str, Any] | None = None) -> tuple[Play, Town]:
    """One remediation is offered, for a target that goes on failing."""
    world = Town(bad_images=frozenset({build.NEW_IMAGE, build.OLD_IMAGE}))
    play = Play(world)
    errors = {"errors": ERRORS, "total": TOTAL, "max": 0.05}
    steps = [{"name": "pods", "podStatus": {}}, {"name": "errors", "errorRate": errors}]
    spec = {"remediation": [remediation or SCALE], "diagnosis": steps}
    play.shelf.books = [build.runbook(spec=spec)]
    return play.tick(), world


def verifying(remediation: dict[str, Any] | None = None) -> tuple[Play, Town]:
    """It was approved and done, and is verified now."""
    play, world = awaiting(remediation)
    play.say("approve", play.status.open_proposals[0].id)
    assert play.phase == "Verifying"
    return play, world


def recreate(world: World, **over: Any) -> None:
    """Delete the target and make it anew, under the same name."""
    assert world.raw is not None
    world.raw = build.merged(
        world.raw, {"metadata": {"uid": "another-uid", "generation": 1}, **over}
    )
    world._settle(world.raw)


def test_rita_retargets_after_the_approval_and_only_what_was_approved_is_taken_back() -> None:
    play, world = verifying()
    since = len(world.asked)

    play.edit(target={"name": OTHER})
    play.after(minutes=4)

    assert [c.write.name for c in world.changes] == ["checkout", "checkout"]
    assert world.raw is not None
    assert world.raw["spec"]["replicas"] == 3
    assert "Scale Deployment checkout from 5 to 3 replicas" in play.last("RevertStarted")
    until = next(n for n, e in enumerate(play.status.timeline) if e.reason == "RevertCompleted")
    assert not any(OTHER in e.message for e in play.status.timeline[:until])
    assert world.told_of(since) >= {"checkout"}


def test_ed_retargets_to_a_healthy_workload_and_nothing_is_taken_for_good() -> None:
    play, world = verifying({"name": "restart", "rolloutRestart": {}})
    since = len(world.asked)

    play.edit(target={"name": OTHER})
    play.after(seconds=60)

    assert play.phase == "Verifying"
    assert world.told_of(since) == {"checkout"}
    assert play.status.display is not None
    assert play.status.display.target == "Deployment/checkout"
    assert not {"VerificationPassed", "IncidentResolved"} & set(play.reasons)


def test_ed_retargets_and_nobody_is_said_to_have_changed_anything() -> None:
    play, world = verifying()
    world.beside["spec"]["replicas"] = 6

    play.edit(target={"name": OTHER})
    play.after(seconds=60)

    assert not {"TargetChanged", "RemediationReverted", "TargetReplaced"} & set(play.reasons)


@pytest.mark.parametrize("phase", ["Verifying", "Monitoring"])
def test_ed_replaces_the_workload_and_the_new_one_is_not_taken_for_it(phase: str) -> None:
    play, world = verifying({"name": "restart", "rolloutRestart": {}})
    if phase == "Monitoring":
        play.say("confirm", "good on the dashboard")
    assert play.phase == phase
    world.bad_images = frozenset()

    recreate(world)
    play.after(minutes=1)

    said = play.last("TargetReplaced")
    assert "Deployment checkout was deleted and made anew (uid workload-uid before" in said
    assert "VerificationPassed" not in play.reasons
    assert "IncidentResolved" not in play.reasons
    assert len(world.changes) == 1
    assert play.status.target is None
    assert {d.status.proposals[0].state for d in play.decisions if d.status.proposals} >= {"Failed"}


def test_ed_replaces_the_workload_by_a_failing_one_and_the_revert_leaves_it_alone() -> None:
    play, world = verifying()

    recreate(world)
    play.after(minutes=4)

    assert [c.write.name for c in world.changes] == ["checkout"]
    assert "RevertStarted" not in play.reasons
    assert "TargetReplaced" in play.reasons


@pytest.mark.parametrize("writes", [1, 2, 3])
def test_ed_copies_the_workload_with_its_marker_and_it_is_not_taken_for_done(writes: int) -> None:
    play, world = awaiting()
    ask = {f"{GROUP}/approve": play.open("scale-out"), f"{GROUP}/approve-by": "alice"}
    play.annotate(ask)
    play.tick(crash_after=writes)
    done = len(world.changes)

    recreate(world)
    play.tick()

    assert len(world.changes) == done
    assert "RemediationApplied" not in play.reasons
    assert "it was deleted and made anew" in play.last("RemediationSuperseded")


def test_ed_replaces_the_workload_while_it_is_rolled_out() -> None:
    play, world = awaiting()
    settle = world._settle

    def slowly(changed: Any) -> None:
        settle(changed)
        assert world.raw is not None
        world.raw["status"]["updatedReplicas"] = 0

    world._settle = slowly  # type: ignore[method-assign]
    play.say("approve", play.open("scale-out"))
    assert play.phase == "Remediating"

    recreate(world)
    play.after(seconds=10)

    assert "TargetReplaced" in play.reasons
    assert len(world.changes) == 1


def test_the_target_changed_in_spec_before_the_approval_was_taken_voids_it_with_true_words() -> (
    None
):
    play, world = awaiting()
    offered = play.open("scale-out")
    play.annotate({f"{GROUP}/approve": offered, f"{GROUP}/approve-by": "alice"})

    play.edit(target={"name": OTHER})

    refused = play.last("RequestRefused")
    assert "spec.target was changed meanwhile, from Deployment/checkout to Deployment/payments" in (
        refused
    )
    assert world.changes == []
    assert "ApprovalGranted" not in play.reasons
    assert "made anew" not in " ".join(e.message for e in play.status.timeline)
    assert "target Deployment/payments" in play.last("SpecChanged")
    assert {p.target.name for p in play.status.open_proposals} == {OTHER}


@pytest.mark.parametrize("key", ["resolve", "confirm"])
def test_ed_retargets_before_a_word_of_alice_is_taken_and_it_counts_for_nothing(key: str) -> None:
    play, _world = awaiting()
    play.annotate({f"{GROUP}/{key}": "fixed by hand", f"{GROUP}/{key}-by": "alice"})

    play.edit(target={"name": OTHER})

    assert "spec.target was changed meanwhile" in play.last("RequestRefused")
    assert play.phase == "AwaitingApproval"


def test_what_people_fixed_is_pinned_at_the_first_look() -> None:
    play, world = awaiting()
    play.say("resolve", "fixed by hand")
    assert play.status.target is not None
    assert (play.status.target.name, play.status.target.uid) == ("checkout", "")

    play.after(seconds=31)
    assert play.status.target.uid == "workload-uid"
    world.bad_images = frozenset()
    recreate(world)
    play.after(minutes=1)

    assert "TargetReplaced" in play.reasons
    assert "VerificationPassed" not in play.reasons


def test_rita_retargets_after_a_time_out_and_an_old_verification_is_confirmed_for_nothing() -> None:
    play, world = verifying({"name": "restart", "rolloutRestart": {}})
    world.metrics = "down"
    play.after(minutes=11)
    assert play.phase == "Investigating"
    # People may turn to another workload now, though the approval is still told.
    assert (bool(play.status.approval), play.status.bound) == (True, None)

    play.edit(target={"name": OTHER})
    world.metrics = "up"
    play.after(minutes=1)
    play.say("confirm", "good on the dashboard")

    assert play.status.approval is None
    assert "VerificationConfirmed" not in play.reasons


def test_what_was_stopped_is_never_offered_to_be_taken_back_on_another_workload() -> None:
    play, _world = verifying()
    play.say("reject", f"{play.status.proposals[0].id}: wrong")
    assert any(p.remediation == "revert-scale-out" for p in play.status.open_proposals)

    play.edit(target={"name": OTHER})

    assert play.phase in {"AwaitingApproval", "Investigating"}
    assert not any(p.remediation == "revert-scale-out" for p in play.status.open_proposals)


def test_ed_toggles_target_and_runbook_and_nothing_is_forgotten() -> None:
    play, world = verifying({"name": "restart", "rolloutRestart": {}})
    play.after(minutes=4)
    known = (
        play.status.failing_templates,
        play.status.rejected,
        play.status.remediations,
        play.status.attempt,
    )
    assert all(known)

    # What is seen now is good: only memory knows what failed.
    world.bad_images = frozenset()
    play.edit(target={"name": OTHER})
    play.edit(target={"name": "checkout"})
    second = build.runbook(metadata={"name": "second"})
    play.shelf.books = [*play.shelf.books, second]
    play.edit(runbookRef={"name": "second"})
    play.edit(runbookRef={"name": "deployment-regression"})

    assert play.reasons.count("SpecChanged") >= 3
    status = play.status
    assert set(known[0]) <= set(status.failing_templates)
    assert set(known[1]) <= set(status.rejected)
    assert status.remediations == known[2]
    assert status.attempt >= known[3]
    assert world.changes[0].write.name == "checkout"


def test_a_change_of_spec_beside_a_request_is_not_lost() -> None:
    play, _world = awaiting()
    play.annotate({f"{GROUP}/note": "seen", f"{GROUP}/note-by": "rita"})

    play.edit(severity="SEV1")

    assert play.status.severity == "SEV1"
    assert "seen" in play.last("NoteAdded")


def test_neighbours_hold_an_incident_by_what_it_acts_on() -> None:
    play, _world = verifying()
    other = build.incident(metadata={"name": "second", "uid": "second-uid"})
    known = Neighbours()
    play.edit(target={"name": OTHER})

    known.take_notice(IncidentRef("shop", "checkout-5xx"), play.incident)

    assert [n.name for n in known.of(other)] == [play.incident.metadata.name]


def test_a_target_that_is_gone_is_no_other_one() -> None:
    play, world = verifying()
    world.raw = None
    play.after(minutes=1)

    assert "TargetReplaced" not in play.reasons
    assert "Deployment/checkout is gone" in " ".join(e.message for e in play.status.timeline)


def test_what_people_fixed_and_confirmed_before_any_look_is_pinned_while_it_is_watched() -> None:
    play, world = awaiting()
    play.say("resolve", "fixed by hand")
    play.say("confirm", "good on the dashboard")
    assert play.phase == "Monitoring"
    assert play.status.target is not None
    play.after(seconds=31)
    assert play.status.target.uid == "workload-uid"

    recreate(world)
    play.after(minutes=1)

    assert "TargetReplaced" in play.reasons


def test_rita_retargets_while_others_change_it_and_the_workload_is_still_what_is_watched() -> None:
    play, world = awaiting({"name": "restart", "rolloutRestart": {}})
    play.annotate({f"{GROUP}/approve": play.open("restart"), f"{GROUP}/approve-by": "alice"})
    play.tick(crash_after=1)
    assert play.phase == "Remediating"

    world.release("shop/checkout:v9")
    play.edit(target={"name": OTHER})
    assert "Verifying what others made of it" in play.last("RemediationSuperseded")
    assert (play.status.approval, play.phase) == (None, "Verifying")
    assert _pinned(play) == ("checkout", "workload-uid")

    play.say("confirm", "good on the dashboard")
    assert play.phase == "Monitoring"
    assert _pinned(play) == ("checkout", "workload-uid")


def _pinned(play: Play) -> tuple[str, str]:
    assert play.status.target is not None
    return play.status.target.name, play.status.target.uid


@pytest.mark.parametrize("approved", [False, True])
def test_ed_puts_another_release_in_its_place_and_it_is_no_fix_of_others(*, approved: bool) -> None:
    play, world = awaiting({"name": "restart", "rolloutRestart": {}})
    if approved:
        ask = {f"{GROUP}/approve": play.open("restart"), f"{GROUP}/approve-by": "alice"}
        play.annotate(ask)
        play.tick(crash_after=1)

    recreate(world, spec={"template": build.template("evil.example/checkout:v1")})
    play.tick()

    said = " ".join(e.message for e in play.status.timeline)
    assert "it was deleted and made anew" in said
    assert "Verifying what others made of it" not in said
    assert play.status.target is None
    assert world.changes == []


def replaced() -> tuple[Case, Facts, Proposal]:
    """What was applied is verified; what is read now is another one of that name, of other size."""
    play, world = verifying()
    recreate(world, spec={"replicas": 9})
    case = play.case(None)
    around = AutoscalersNeed(TargetKind.DEPLOYMENT, "shop", "checkout")
    needs: list[Need] = [case.target.workload, case.target.revisions, case.target.pods, around]
    facts = Facts().with_({need: world.answer(need) for need in needs})
    return case, facts, play.status.proposals[0]


def test_no_step_takes_a_workload_for_the_one_of_that_name_before_it() -> None:
    """Each compares the uid itself: none relies on another having looked before."""
    case, facts, applied = replaced()
    live = situation(case, facts)
    assert live is not None

    seen, _ = sample(case, facts, applied.verification)
    assert (seen.verdict, "another one, of the same name" in seen.message) == ("Error", True)
    assert approved_revert(case, live, applied) is None
    assert changed_by_others(case, Draft(case.status, case.now), facts) is None
    inert = applied.model_copy(update={"parameters": {"notPlanned": "ValueError"}})
    for each in (applied, inert):
        assert drift_of(case, each, live) == "it was deleted and made anew"
