"""Updates: the first in time, then by cadence, in the fixed form, whoever speaks."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.support.play import Play

FORM = re.compile(
    r"^STATUS: [^|]+ \| IMPACT: [^|]+ \| ACTIONS: [^|]+ \| NEXT UPDATE: \d\d:\d\d UTC"
)


def play(severity: str = "SEV2", **spec: Any) -> Play:
    return Play(spec={"severity": severity, **spec}).tick()


def posted(story: Play) -> list[str]:
    return [e.message for e in story.status.timeline if e.reason == "UpdatePosted"]


def next_due(story: Play) -> timedelta:
    assert story.status.updates is not None
    assert story.status.updates.next_due_at is not None
    return story.status.updates.next_due_at - story.world.now


def test_the_first_is_due_five_minutes_after_the_declaration() -> None:
    story = play(impact={"symptom": "some payments fail", "summary": "a tenth of customers"})
    assert next_due(story) == timedelta(minutes=5)
    assert story.decisions[-1].wake_at == story.world.now + timedelta(minutes=5)
    assert posted(story) == []
    story.after(minutes=5)
    assert posted(story)[0] == (
        "We are aware of some payments fail. Impact: a tenth of customers. Investigating. "
        "Next update in 30 minutes."
    )
    assert len(posted(story)) == 1


@pytest.mark.parametrize(
    ("severity", "cadence"),
    [("SEV1", "15 minutes"), ("SEV2", "30 minutes"), ("SEV3", "2 hours"), ("SEV4", "1 day")],
)
def test_the_cadence_follows_the_severity(severity: str, cadence: str) -> None:
    assert f"Next update in {cadence}." in posted(play(severity).after(minutes=5))[0]


@pytest.mark.parametrize(("severity", "minutes"), [("SEV1", 15), ("SEV2", 30), ("SEV3", 120)])
def test_then_one_by_cadence(severity: str, minutes: int) -> None:
    story = play(severity).after(minutes=5)
    assert next_due(story) == timedelta(minutes=minutes)
    story.after(minutes=minutes)
    assert len(posted(story)) == 2
    assert FORM.match(posted(story)[1]), posted(story)[1]


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    story = play("SEV1").after(minutes=21)
    assert "Impact: not known yet, we are investigating." in posted(story)[0]
    assert "IMPACT: not known yet, we are investigating |" in posted(story)[1]


def test_after_the_end_nobody_promises_another_update() -> None:
    story = play("SEV1").after(minutes=2)
    story.say("approve", story.open("rollback")).after(minutes=40)
    assert story.phase == "Resolved"
    before = len(posted(story))
    story.say("update", "one more thing")
    assert len(posted(story)) == before
    assert story.status.timeline[-1].reason == "RequestRefused"


def test_what_is_due_on_another_day_says_which() -> None:
    story = play("SEV4").after(minutes=6)
    assert story.status.display is not None
    assert story.status.display.next_update == "2026-11-23 08:35 UTC"


def test_a_blocked_proposal_is_not_called_a_fix() -> None:
    story = Play(spec={"severity": "SEV1"})
    story.world.revisions = story.world.revisions[-1:]
    story.world.metrics = "up"
    story.tick().after(minutes=21)
    assert all("A fix is proposed" not in text for text in posted(story)[1:])


def test_a_person_speaks_first_and_the_clock_starts_again() -> None:
    story = play("SEV1").after(minutes=2)
    story.say("update", "looking at the | database", by="bob")
    assert "ACTIONS: looking at the / database |" in posted(story)[0]
    assert story.status.timeline[-1].actor == "bob"
    assert next_due(story) == timedelta(minutes=15)
    story.after(minutes=14)
    assert len(posted(story)) == 1


def test_a_raised_severity_brings_the_next_one_forward() -> None:
    story = play("SEV3").after(minutes=5)
    assert next_due(story) == timedelta(hours=2)
    story.edit(impact={"dataIntegrity": True})
    assert next_due(story) == timedelta(minutes=15)


def test_the_operator_was_away_when_it_was_due() -> None:
    story = play("SEV1").after(minutes=5)
    story.world.now += timedelta(hours=2)
    story.tick()
    assert len(posted(story)) == 2, "one is enough to catch up"
    assert next_due(story) == timedelta(minutes=15)


def test_the_last_one_says_how_long_it_took_and_none_follows() -> None:
    story = play("SEV3")
    story.say("approve", story.open("rollback")).after(hours=3)
    assert posted(story)[-1].startswith("Resolved. Done: Roll back Deployment checkout")
    assert re.search(r"Duration: \d+ minutes\.", posted(story)[-1])
    assert story.status.updates is not None
    assert story.status.updates.next_due_at is None
    assert story.status.display is not None
    assert story.status.display.next_update is None


def test_a_false_alarm_is_called_off_where_somebody_was_told() -> None:
    quiet = play().say("dismiss", "nothing")
    assert posted(quiet) == []
    told = play().after(minutes=6)
    told.say("dismiss", "nothing")
    assert posted(told)[-1].startswith("Closed as a false alarm.")


def test_it_starts_again_when_it_is_reopened() -> None:
    story = play().say("dismiss", "nothing")
    story.say("reopen", "it is back")
    assert next_due(story) == timedelta(minutes=5)


def test_the_war_room_stands_in_every_internal_one() -> None:
    story = play("SEV1", warRoom="https://chat.example/inc-42").after(minutes=20)
    assert all("War room: https://chat.example/inc-42" in text for text in posted(story))


def test_the_root_cause_is_recorded_once_people_know_it() -> None:
    story = play().say("root-cause", "the connection pool is too small", by="bob")
    assert story.status.root_cause is not None
    assert story.status.root_cause.by == "bob"
    assert "internal only" in story.last("RootCauseRecorded")
