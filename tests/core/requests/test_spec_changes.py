"""What people change in spec: by whom it is believed, and how often it counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidentcommander.core.requests.budget import MOST
from tests.support.play import Play

BBB = {"target": {"kind": "Deployment", "name": "bbb"}}
CHECKOUT = {"target": {"kind": "Deployment", "name": "checkout"}}


def entries(play: Play) -> int:
    return play.status.timeline[-1].seq + 1


def toggled(play: Play, times: int) -> Play:
    for number in range(times):
        play.edit(**(CHECKOUT if number % 2 else BBB))
    return play


class TestHowOften:
    def test_rita_toggles_the_target_and_the_timeline_does_not_fill(self) -> None:
        play = toggled(Play().tick(), 200)

        assert entries(play) < 2 * MOST
        assert play.all_of("SpecIgnored") != []
        assert "take-command" in play.last("SpecIgnored")

    def test_what_was_put_off_counts_when_the_hour_is_over(self) -> None:
        play = toggled(Play().tick(), 201)
        assert play.incident.spec.target.name == "bbb"
        before = play.status.display
        assert before is not None

        play.after(hours=1, minutes=1)

        assert play.status.display is not None
        assert play.status.display.target == "Deployment/bbb"

    def test_once_alice_commands_what_she_says_counts_at_once(self) -> None:
        play = toggled(Play().tick(), 200)
        play.say("take-command", "I lead").edit(**BBB)

        assert play.status.display is not None
        assert play.status.display.target == "Deployment/bbb"

    def test_rita_whom_ed_named_commander_toggles_the_target(self) -> None:
        play = toggled(Play(spec={"roles": {"commander": "rita"}}).tick(), 200)
        assert entries(play) < 2 * MOST

        # alice, who may approve, takes command and is heard at once.
        play.say("take-command", "I lead").edit(target={"kind": "Deployment", "name": "ccc"})
        assert play.status.display is not None
        assert play.status.display.target == "Deployment/ccc"

    def test_rita_whom_ed_named_commander_toggles_who_is_tech_lead(self) -> None:
        play = Play(spec={"roles": {"commander": "rita"}}).tick()
        for number in range(300):
            play.edit(roles={"commander": "rita", "techLead": "ed" if number % 2 else "sue"})

        assert entries(play) < 2 * MOST

    def test_rita_toggles_a_lower_severity(self) -> None:
        play = Play(spec={"severity": "SEV1"}).tick()
        for number in range(400):
            play.edit(severity="SEV4" if number % 2 else "SEV3")

        assert entries(play) < 2 * MOST
        assert play.status.severity == "SEV1"

    def test_a_higher_one_counts_whoever_toggled_before(self) -> None:
        play = Play(spec={"severity": "SEV2"}).tick()
        for number in range(400):
            play.edit(severity="SEV4" if number % 2 else "SEV3")
        play.edit(severity="SEV1")

        assert play.status.severity == "SEV1"


class TestWhoIsBelieved:
    @pytest.mark.parametrize(
        "said",
        [
            BBB,
            {"roles": {"commander": "ed"}},
            {"roles": {"comms": "ed"}},
            {"runbookRef": {"name": "his"}},
        ],
        ids=["target", "commander", "comms", "runbook"],
    )
    def test_ed_writes_it_while_the_guard_is_away(self, said: dict[str, object]) -> None:
        play = Play().tick()
        play.world.proven, play.world.fingerprint = False, "guard-2"
        play.edit(**said)

        assert play.status.display is not None
        assert play.status.display.target == "Deployment/checkout"
        assert play.status.roles is None or "ed" not in play.status.roles.to_api().values()
        assert "SpecChanged" not in play.reasons
        assert "the guard was not proven" in play.last("SpecUnproven")

        # Nor when it is back, whatever else is changed then.
        play.world.proven, play.world.fingerprint = True, "guard-3"
        play.tick().edit(relatedTo=[{"name": "older"}]).tick()
        assert play.status.roles is None or "ed" not in play.status.roles.to_api().values()
        assert play.reasons.count("SpecUnproven") == 1
        assert "SpecChanged" not in play.reasons

    def test_alice_changes_it_under_the_guard_and_it_counts(self) -> None:
        play = Play().tick()
        play.world.proven, play.world.fingerprint = False, "guard-2"
        play.edit(**BBB)
        play.world.proven, play.world.fingerprint = True, "guard-3"
        play.tick()
        play.edit(target={"kind": "Deployment", "name": "ccc"})

        assert play.status.display is not None
        assert play.status.display.target == "Deployment/ccc"

    def test_while_the_guard_cannot_be_asked_it_waits(self) -> None:
        play = Play().tick()
        play.world.proof_fails = True
        play.edit(**BBB)
        assert play.status.display is not None
        assert play.status.display.target == "Deployment/checkout"

        play.world.proof_fails = False
        play.world.now += timedelta(minutes=1)
        play.tick()

        assert play.status.display is not None
        assert play.status.display.target == "Deployment/bbb"

    def test_alice_changes_something_else_and_what_ed_planted_is_not_believed_along(self) -> None:
        play = Play(spec={"roles": {"commander": "alice"}}).tick()
        play.world.proven, play.world.fingerprint = False, "guard-2"
        play.edit(roles={"commander": "alice", "comms": "ed"})
        play.world.proven, play.world.fingerprint = True, "guard-3"
        play.tick()
        play.edit(roles={"commander": "alice", "comms": "ed", "scribe": "sue"}, **BBB)

        assert play.status.roles is not None
        assert (play.status.roles.comms, play.status.roles.scribe) == (None, "sue")
        assert play.status.display is not None
        assert play.status.display.target == "Deployment/bbb"
        # What was right all the time is taken back as ever.
        play.edit(**CHECKOUT)
        assert play.status.display.target == "Deployment/checkout"

    def test_ed_declares_one_with_himself_in_command_while_the_guard_is_away(self) -> None:
        play = Play(spec={"roles": {"commander": "ed", "comms": "ed"}})
        play.world.proven = False
        play.tick()
        assert "no commander yet" in play.last("IncidentDeclared")

        play.world.proven, play.world.fingerprint = True, "guard-2"
        play.tick().edit(relatedTo=[{"name": "older"}])
        assert play.status.roles is None

    def test_one_that_is_declared_while_the_guard_cannot_be_asked_has_its_commander(self) -> None:
        play = Play(spec={"roles": {"commander": "alice"}})
        play.world.proof_fails = True
        play.tick()

        assert play.status.roles is not None
        assert play.status.roles.commander == "alice"
