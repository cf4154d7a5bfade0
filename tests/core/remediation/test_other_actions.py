"""Remediations that are no patch of the target: an autoscaler, and what people do."""

from __future__ import annotations

from typing import Any

import pytest
from typing_extensions import override

from incidentcommander.api.base import GROUP
from incidentcommander.observed.needs import Answer, AutoscalersNeed, DryRunNeed
from incidentcommander.observed.surroundings import Autoscaler
from incidentcommander.observed.workloads import Outcome, Unavailable
from tests.actions.hpa import autoscaler
from tests.support import build
from tests.support.play import Play, World


def awaiting(remediation: dict[str, Any], *autoscalers: Autoscaler) -> Play:
    """One remediation is offered."""
    play = Play()
    play.world.around[AutoscalersNeed] = autoscalers
    play.shelf.books = [build.runbook(spec={"remediation": [{"name": "it", **remediation}]})]
    return play.tick()


def approve(play: Play, *, crash_after: int | None = None) -> Play:
    play.annotate({f"{GROUP}/approve": play.open("it"), f"{GROUP}/approve-by": "alice"})
    return play.tick(crash_after=crash_after)


# --- autoscale -----------------------------------------------------------------------------------

INTENT_WRITTEN = 2
"""Writes until the intent is in the status."""
WIDER = {"autoscale": {"minReplicas": 3, "maxReplicas": 20, "cpuUtilization": 70}}


def told(play: Play) -> list[tuple[int, int]]:
    found = play.world.around[AutoscalersNeed]
    assert isinstance(found, tuple)
    return [(a.least, a.most) for a in found if isinstance(a, Autoscaler)]


@pytest.mark.parametrize("before", [(), (autoscaler(),)])
@pytest.mark.parametrize("writes", [None, *range(1, 8)])
def test_an_autoscaler_is_written_once(before: tuple[Autoscaler, ...], writes: int | None) -> None:
    play = approve(awaiting(WIDER, *before), crash_after=writes)
    if not before and writes == INTENT_WRITTEN:
        # What was made and deleted again would leave no trace: it is offered anew.
        play.tick()
        assert "is not known" in play.last("RemediationSuperseded")
        assert play.world.changes == []
        approve(play)
    play.after(seconds=30)

    assert told(play) == [(3, 20)]
    assert [c.write.resource for c in play.world.changes] == ["horizontalpodautoscalers"]
    assert play.reasons.count("RemediationApplied") == 1
    assert play.phase == "Verifying"


def test_an_autoscaler_that_others_change_voids_the_proposal() -> None:
    play = awaiting(WIDER, autoscaler())
    first = play.open("it")
    play.world.around[AutoscalersNeed] = (autoscaler(spec={"maxReplicas": 11}),)
    play.after(seconds=1)

    assert play.open("it") != first
    assert play.phase == "AwaitingApproval"


@pytest.mark.parametrize("writes", [1, 2, 3])
def test_nothing_is_done_while_autoscalers_cannot_be_read(writes: int) -> None:
    play = awaiting(WIDER, autoscaler())
    approve(play, crash_after=writes)
    made = len(play.world.changes)
    known = play.world.around[AutoscalersNeed]
    play.world.around[AutoscalersNeed] = Unavailable("autoscalers", "connection refused")
    play.after(seconds=30)
    assert len(play.world.changes) == made
    assert play.phase == "Remediating"

    play.world.around[AutoscalersNeed] = known
    play.after(seconds=30)
    assert told(play) == [(3, 20)]
    assert len(play.world.changes) == 1
    assert play.phase == "Verifying"


def test_one_that_is_made_meanwhile_is_not_overwritten() -> None:
    play = awaiting(WIDER)
    obey = play.world.obey

    def late(command: Any) -> Outcome:
        play.world.around[AutoscalersNeed] = (autoscaler(),)
        return obey(command)

    play.world.obey = late  # type: ignore[method-assign]
    approve(play)

    assert told(play) == [(1, 10)]
    assert play.world.changes == []
    assert "RemediationSuperseded" in play.reasons


# --- manual --------------------------------------------------------------------------------------

BY_HAND = {"manual": {"instructions": "Fail over.\nTell the provider."}}


def test_people_do_it_and_confirm_ends_it() -> None:
    play = awaiting(BY_HAND)
    (proposal,) = play.status.proposals
    assert proposal.diff == "Fail over.\nTell the provider."
    play = approve(play).after(minutes=30)
    assert play.phase == "Remediating"
    assert f"{GROUP}/confirm=" in play.last("RemediationStarted")

    play.world.bad_images = frozenset()
    play.say("confirm", "it failed over", by="bob")

    assert play.world.changes == []
    assert "bob says: it failed over." in play.last("RemediationApplied")
    assert play.phase == "Verifying"
    play.after(minutes=5)
    assert play.phase == "Monitoring"


def test_what_people_change_while_they_work_is_no_drift() -> None:
    play = approve(awaiting(BY_HAND))
    play.world.release("checkout:hotfix")
    play.after(minutes=1)

    assert play.phase == "Remediating"
    play.say("confirm", "done")
    assert play.phase == "Verifying"


def test_a_dry_run_is_asked_without_the_tests_of_what_it_changes() -> None:
    """Somebody who annotates the target every second must not keep every plan from being seen."""
    asked: list[str] = []

    class Noting(World):
        @override
        def _dry_run(self, need: DryRunNeed) -> Answer:
            asked.append(need.patch)
            return super()._dry_run(need)

    play = Play(world=Noting()).tick()

    assert asked
    assert not [patch for patch in asked if '"test"' in patch]
    assert all(p.diff for p in play.status.proposals if p.action == "rolloutUndo")
