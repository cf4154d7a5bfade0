"""From Resolved to Closed, by a given clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidentcommander.api.postmortem import Postmortem
from incidentcommander.core.postmortem.owed import draft_due
from tests.support import objects
from tests.support.objects import complete_postmortem, postmortem
from tests.support.play import Play


def resolved() -> Play:
    play = Play().tick()
    play.say("approve", play.open("rollback")).after(minutes=40)
    assert play.phase == "Resolved"
    return play


def review(body: dict[str, Any]) -> Postmortem:
    """A Postmortem with the mark that the operator drafted or adopted it."""
    return Postmortem.model_validate(objects.drafted(body))


def with_draft(**spec: Any) -> Play:
    play = resolved()
    assert play.reasons[-1] == "PostmortemDrafted"
    assert not draft_due(play.incident)
    play.world.postmortems["checkout-5xx"] = review(postmortem("shop", **spec))
    return play.tick()


def test_a_draft_is_recorded_with_its_name_its_time_and_what_to_do() -> None:
    play = with_draft()

    assert play.phase == "Resolved"
    assert play.status.postmortem is not None
    assert play.status.postmortem.name == "checkout-5xx"
    told = play.last("PostmortemDrafted")
    assert "drafted in memory. It is due 2026-11-24" in told
    assert told.endswith("kubectl -n shop edit postmortem checkout-5xx")


@pytest.mark.parametrize("state", ["Draft", "Review"])
def test_only_a_final_one_closes(state: str) -> None:
    assert with_draft(state=state).phase == "Resolved"


def test_a_final_one_closes_with_the_words_of_the_last_update() -> None:
    play = with_draft()
    play.world.postmortems["checkout-5xx"] = review(complete_postmortem("shop"))
    play.tick()

    assert play.phase == "Closed"
    assert play.last("IncidentClosed").startswith("Follow-up review scheduled.")
    assert "2 of 2 action items are open" in play.last("PostmortemCompleted")
    assert play.status.milestones is not None
    assert play.status.milestones.closed_at == play.world.now


def test_a_final_one_without_a_follow_up_review_does_not_close() -> None:
    play = with_draft()
    body = complete_postmortem("shop")
    del body["spec"]["followUpReviewAt"]
    play.world.postmortems["checkout-5xx"] = review(body)

    assert play.tick().phase == "Resolved"


def test_it_is_overdue_after_48_hours_and_that_is_said_once() -> None:
    play = with_draft()
    assert play.status.postmortem is not None
    due = play.status.postmortem.due_at
    assert play.decisions[-1].wake_at == due

    play.after(hours=47)
    assert "PostmortemOverdue" not in play.reasons
    play.after(hours=4)
    play.after(days=10)

    assert play.reasons.count("PostmortemOverdue") == 1
    entry = next(e for e in play.status.timeline if e.reason == "PostmortemOverdue")
    assert due is not None
    assert due <= entry.at <= due + timedelta(seconds=2)
    overdue = next(c for c in play.status.conditions if c.type == "PostmortemOverdue")
    assert overdue.status == "True"
    assert play.decisions[-1].wake_at is None


def test_one_that_was_deleted_is_drafted_anew() -> None:
    play = with_draft()
    play.world.postmortems.clear()
    play.tick()

    assert play.reasons[-2:] == ["PostmortemLost", "PostmortemDrafted"]


@pytest.mark.parametrize("uid", ["", "of-another-incident"])
def test_ed_puts_a_final_one_of_his_under_that_name_and_the_incident_stays_open(uid: str) -> None:
    play = with_draft()
    body = complete_postmortem("shop")
    his = objects.drafted(body, uid) if uid else body
    play.world.postmortems["checkout-5xx"] = Postmortem.model_validate(his)
    play.tick()

    assert play.phase == "Resolved"
    assert "IncidentClosed" not in play.reasons
    assert "neither drafted nor adopted here" in play.last("PostmortemLost")
    assert play.reasons[-1] == "PostmortemDrafted"
    assert play.status.postmortem is not None
    assert play.status.postmortem.name != "checkout-5xx"


def final(play: Play) -> Play:
    play.world.postmortems["checkout-5xx"] = review(complete_postmortem("shop"))
    return play.tick()


def test_ed_sets_it_final_while_the_guard_is_away_and_that_closes_nothing() -> None:
    play = with_draft()
    play.world.proven, play.world.fingerprint = False, "guard-2"
    final(play)
    assert play.phase == "Resolved"
    play.world.proven, play.world.fingerprint = True, "guard-reinstalled"
    play.tick().tick()

    assert play.phase == "Resolved"
    assert play.reasons.count("PostmortemUnproven") == 1
    assert "who set it is not known" in play.last("PostmortemUnproven")


def test_nor_does_one_that_the_operator_finds_when_it_comes_back() -> None:
    play = with_draft()
    play.world.fingerprint = "guard-reinstalled"
    final(play)
    assert play.phase == "Resolved"

    # alice reads it, takes it back and sets it Final again, under the guard.
    play.world.postmortems["checkout-5xx"] = review(complete_postmortem("shop", state="Review"))
    play.tick()
    assert final(play).phase == "Closed"


def test_an_upgrade_of_the_guard_while_it_is_a_draft_costs_nobody_anything() -> None:
    play = with_draft()
    play.world.fingerprint = "guard-upgraded"
    play.tick()

    assert final(play).phase == "Closed"


def test_a_reopened_incident_owes_a_new_time_and_finds_the_same_draft() -> None:
    play = with_draft()
    play.say("reopen", "it is back")

    assert play.status.postmortem is None
    assert not draft_due(play.incident)
