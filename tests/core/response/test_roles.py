"""Whether somebody is there in time: the roles that the process wants, and business days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidentcommander.api.policy import BusinessHours
from incidentcommander.core.response import business_hours
from tests.support.play import Play


def unfilled(play: Play) -> tuple[str, str]:
    found = next(c for c in play.status.conditions if c.type == "RoleUnfilled")
    return str(found.status), found.message


def commander(play: Play) -> str | None:
    return play.status.roles.commander if play.status.roles else None


@pytest.mark.parametrize(("severity", "minutes"), [("SEV1", 5), ("SEV2", 15), ("SEV3", 60)])
def test_roles_are_wanted_by_the_response_time(severity: str, minutes: int) -> None:
    play = Play(spec={"severity": severity}).tick()
    play.after(minutes=minutes - 1)
    assert unfilled(play)[0] == "False"
    assert "to be taken by" in unfilled(play)[1]
    play.after(minutes=1)
    assert unfilled(play)[0] == "True"
    assert "nobody is commander" in unfilled(play)[1]
    assert len(play.all_of("RoleUnfilled")) == 1


def test_a_sev1_wants_a_tech_lead_and_comms_too() -> None:
    play = Play(spec={"severity": "SEV1", "roles": {"commander": "alice"}}).tick().after(minutes=6)
    assert unfilled(play)[1].startswith("nobody is tech lead, comms, due at ")
    play.edit(roles={"commander": "alice", "techLead": "bob", "comms": "carol"})
    assert unfilled(play) == ("False", "")


def test_whoever_takes_command_in_time_ends_it() -> None:
    play = Play(spec={"severity": "SEV3"}).tick().say("take-command", "mine").after(minutes=90)
    assert unfilled(play) == ("False", "")
    assert play.all_of("RoleUnfilled") == []


def test_who_may_decide_and_acknowledges_first_is_in_command() -> None:
    play = Play(spec={"severity": "SEV3"}).tick()
    play.say("acknowledge", "looking", by="bob")
    assert play.status.roles is None
    play.say("acknowledge", "here", by="alice", approver="true")
    assert commander(play) == "alice"
    assert "alice is in command: nobody was, and who acknowledges and may approve" in play.last(
        "CommandTransferred"
    )
    play.say("acknowledge", "me too", by="carol", approver="true")
    assert commander(play) == "alice"
    assert not any("acknowledge" in name for name in play.incident.metadata.annotations)


def test_people_are_reminded_by_the_internal_channels() -> None:
    play = Play(spec={"severity": "SEV3"}).under(channels=[{"name": "ops", "audience": "Internal"}])
    play.tick().after(minutes=61)
    reminder = next(n for n in play.status.outbox if n.kind == "Escalation")
    assert reminder.channels == ["ops"]
    assert reminder.text.startswith("Nobody is commander, and it was due at ")
    assert 'incidentcommander.dev/take-command="<reason>"' in reminder.text


def test_a_policy_can_want_other_roles() -> None:
    play = Play(spec={"severity": "SEV1"})
    play.under(severities=[{"name": "SEV1", "roles": ["scribe"], "respondWithin": "1m"}]).tick()
    assert unfilled(play.after(minutes=2))[1].startswith("nobody is scribe, due at ")


def test_a_raised_severity_makes_it_sooner() -> None:
    play = Play(spec={"severity": "SEV3"}).tick().after(minutes=10)
    play.edit(impact={"dataIntegrity": True})
    assert play.status.response is not None
    assert play.status.response.due_at - play.world.now == timedelta(minutes=5)


BERLIN: dict[str, Any] = {"timeZone": "Europe/Berlin", "from": "09:00", "to": "17:30"}


@pytest.mark.parametrize(
    ("now", "hours", "begin", "end"),
    [
        # Monday 2026-11-23; before, during and after working hours.
        ("2026-11-23T03:00", {}, "2026-11-23T09:00", "2026-11-23T17:00"),
        ("2026-11-23T12:00", {}, "2026-11-24T09:00", "2026-11-24T17:00"),
        ("2026-11-23T20:00", {}, "2026-11-24T09:00", "2026-11-24T17:00"),
        # A Friday evening, and the weekend.
        ("2026-11-27T18:00", {}, "2026-11-30T09:00", "2026-11-30T17:00"),
        ("2026-11-28T10:00", {}, "2026-11-30T09:00", "2026-11-30T17:00"),
        # Berlin is an hour ahead in winter, two in summer.
        ("2026-11-22T10:00", BERLIN, "2026-11-23T08:00", "2026-11-23T16:30"),
        ("2026-07-05T10:00", BERLIN, "2026-07-06T07:00", "2026-07-06T15:30"),
        # Saturday, 2026-10-24: the clocks go back in the night to Sunday.
        ("2026-10-24T10:00", BERLIN, "2026-10-26T08:00", "2026-10-26T16:30"),
        # One business day a week.
        ("2026-11-25T09:00", {"days": ["Wed"]}, "2026-12-02T09:00", "2026-12-02T17:00"),
        # A zone that does not exist counts as UTC; the policy says so.
        ("2026-11-23T03:00", {"timeZone": "Mars/Base"}, "2026-11-23T09:00", "2026-11-23T17:00"),
    ],
)
def test_business_days(now: str, hours: dict[str, Any], begin: str, end: str) -> None:
    def at(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    given = BusinessHours.model_validate(hours)
    assert business_hours.next_begin(given, at(now)) == at(begin)
    assert business_hours.next_end(given, at(now)) == at(end)


def test_a_sev4_is_due_on_the_next_business_day() -> None:
    play = Play(spec={"severity": "SEV4"}).tick()
    assert play.status.response is not None
    assert play.status.response.due_at.strftime("%a %H:%M") == "Mon 17:00"
