"""Escalation: who is told when something has not happened in time, once, by the policy's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.play import Play

OPS = {"name": "ops", "audience": "Internal"}
BOARD = {"name": "board", "audience": "Executive"}
MANAGER = {"name": "engineering-manager", "audience": "Executive"}


def story(severity: str, *channels: dict[str, Any], **spec: Any) -> Play:
    play = Play(spec={"severity": severity, "roles": {"commander": "alice"}, **spec})
    return play.under(channels=list(channels)).tick()


def told(play: Play) -> list[tuple[str, float]]:
    """Who was told, and how many minutes after the declaration."""
    assert play.status.milestones is not None
    start = play.status.milestones.declared_at
    assert start is not None
    return [(e.to, (e.at - start) / timedelta(minutes=1)) for e in play.status.escalations]


def test_a_sev1_is_told_to_the_vp_and_the_cto_at_once() -> None:
    play = story("SEV1")
    assert told(play) == [("vp-engineering", 0), ("cto", 0)]
    assert play.all_of("EscalationRaised")[0] == (
        "To vp-engineering (the policy has no channel: tell them yourself): SEV1, told at once. "
        "Acknowledge: kubectl -n shop annotate incident checkout-5xx "
        "incidentcommander.dev/acknowledge=me"
    )


def test_a_severity_raised_to_sev1_tells_them_though_it_was_acknowledged() -> None:
    play = story("SEV2").say("acknowledge", "here")
    play.edit(impact={"usersAffectedPercent": 100})
    assert [who for who, _ in told(play)] == ["vp-engineering", "cto"]


def test_a_sev2_that_nobody_acknowledges_goes_to_the_manager_after_15_minutes() -> None:
    play = story("SEV2").after(minutes=14)
    assert ("engineering-manager", 10) in told(play), "a proposal waits for a decision"
    before = len(told(play))
    play.after(minutes=2)
    assert told(play)[before:] == [("engineering-manager", 15)]
    assert "nobody has acknowledged for 15m (limit 15m)" in play.last("EscalationRaised")


def test_acknowledging_in_time_stops_it() -> None:
    play = story("SEV2").after(minutes=3)
    play.say("acknowledge", "on it").after(minutes=30)
    assert "NotAcknowledged" not in {e.trigger for e in play.status.escalations}


@pytest.mark.parametrize(
    ("severity", "to", "minutes"),
    [("SEV1", "executives", 30), ("SEV2", "vp-engineering", 120)],
)
def test_no_root_cause_in_time_goes_to_the_next_tier(severity: str, to: str, minutes: int) -> None:
    play = story(severity)
    play.say("reject", f"{play.open('rollback')}: no").say("acknowledge", "here")
    play.after(minutes=minutes - 1)
    assert (to, minutes) not in told(play)
    play.after(minutes=2)
    assert (to, minutes) in told(play)


def test_a_sev2_without_a_root_cause_becomes_a_sev1() -> None:
    play = story("SEV2").say("acknowledge", "here").after(minutes=121)
    assert play.status.severity == "SEV1"
    assert play.last("SeverityRaised") == "From SEV2 to SEV1: NoRootCause: no root cause after 2h."
    assert {"vp-engineering", "cto", "executives"} <= {who for who, _ in told(play)}


def test_that_rule_can_be_switched_off() -> None:
    play = Play(spec={"severity": "SEV2"})
    play.under(rules=[{"name": "NoRootCause", "enabled": False}]).tick().after(minutes=121)
    assert play.status.severity == "SEV2"
    assert "NoRootCause" in {e.trigger for e in play.status.escalations}


def test_a_root_cause_stops_its_clock() -> None:
    play = story("SEV1").say("root-cause", "a lock").after(minutes=40)
    assert "NoRootCause" not in {e.trigger for e in play.status.escalations}


def test_a_verified_fix_stops_its_clock() -> None:
    play = story("SEV1")
    play.say("approve", play.open("rollback")).after(minutes=31)
    assert play.phase == "Monitoring"
    assert "NoRootCause" not in {e.trigger for e in play.status.escalations}


def test_a_waiting_approval_is_told_once_however_often_it_expires() -> None:
    play = story("SEV1").say("root-cause", "known").after(minutes=59)
    waiting = [e for e in play.status.escalations if e.trigger == "ApprovalWaiting"]
    assert [(e.to, e.at - e.since) for e in waiting] == [
        ("engineering-manager", timedelta(minutes=5))
    ]
    assert "ProposalExpired" in play.reasons


def test_a_decision_ends_the_waiting() -> None:
    play = story("SEV1").after(minutes=2)
    play.say("approve", play.open("rollback")).after(minutes=20)
    assert "ApprovalWaiting" not in {e.trigger for e in play.status.escalations}
    assert play.status.waiting_since is None


def test_the_channel_of_that_name_is_used_else_executives_else_internal() -> None:
    own = story("SEV2", OPS, BOARD, MANAGER).after(minutes=11)
    assert own.status.outbox[-1].channels == ["engineering-manager"]
    board = story("SEV2", OPS, BOARD).after(minutes=11)
    assert board.status.outbox[-1].channels == ["board"]
    assert "no channel has that name, so by board" in board.last("EscalationRaised")
    ops = story("SEV2", OPS).after(minutes=11)
    assert ops.status.outbox[-1].channels == ["ops"]
    assert ops.status.outbox[-1].kind == "Escalation"
    assert ops.status.outbox[-1].subject.startswith("ESCALATION [SEV2] checkout-5xx: ")
    assert "a proposal has waited for a decision for 10m" in ops.status.outbox[-1].text


def test_a_sev3_waits_for_the_next_stand_up() -> None:
    # NOW is a Sunday: the next business day begins on Monday at 09:00 UTC.
    play = story("SEV3").after(hours=25)
    assert told(play)[0][0] == "team-lead"
    at = play.status.escalations[0].at
    assert (at.strftime("%a %H:%M")) == "Mon 09:00"
    assert "(limit by the next business day)" in play.last("EscalationRaised")


def test_nothing_is_told_twice_after_a_restart() -> None:
    play = story("SEV1").after(minutes=31)
    before = told(play)
    play.guard_seen = False
    play.tick().tick()
    assert told(play) == before


def test_what_is_over_escalates_no_more() -> None:
    play = story("SEV2").say("dismiss", "nothing").after(minutes=200)
    assert told(play) == []
