"""Requests while the guard is away: claims, and nothing is done that needs a right."""

from __future__ import annotations

from datetime import timedelta

import pytest
from typing_extensions import override

from incidentcommander.core.requests.reading import KEYS
from incidentcommander.core.requests.trust import NEEDS_RIGHT
from incidentcommander.observed.needs import Answer, Question
from incidentcommander.observed.workloads import GuardProof, Unavailable
from tests.support.play import Play, World

SAYS = {
    "approve": "",
    "reject": "",
    "take-command": "ed commands now",
    "severity": "SEV4: it is nothing",
    "confirm": "looks good",
    "resolve": "fixed by hand",
    "dismiss": "a false alarm",
    "reopen": "it is back",
    "update-external": "We pay refunds",
    "acknowledge": "on it",
    "note": "the cache was cold",
    "update": "we look at the cache",
    "root-cause": "a cold cache",
    "propose": "restart",
    "diagnose": "again please",
}
HARMLESS = sorted(set(KEYS) - NEEDS_RIGHT)


def awaiting() -> Play:
    play = Play(spec={"roles": {"commander": "alice"}}).tick()
    assert play.phase == "AwaitingApproval"
    return play


def commander(play: Play) -> str | None:
    return play.status.roles.commander if play.status.roles else None


def phase_for(key: str) -> Play:
    """An Incident that would obey: Dismissed for ``reopen``, Verifying for ``confirm``."""
    play = awaiting()
    if key == "reopen":
        return play.say("dismiss", "a false alarm")
    if key == "confirm":
        return play.say("approve", play.open("rollback"))
    return play


def value_for(play: Play, key: str) -> str:
    return SAYS[key] or play.open("rollback")


@pytest.mark.parametrize("key", sorted(NEEDS_RIGHT))
def test_ed_in_the_name_of_alice_while_the_guard_is_known_to_be_missing(key: str) -> None:
    play = phase_for(key)
    play.world.proven, play.world.fingerprint = False, "guard-2"
    value, before = value_for(play, key), play.status
    play.say(key, value, by="alice")

    after = play.status
    told = play.last("RequestRefused")
    assert "the guard was not proven when this was found" in told
    assert "by somebody under the name alice, was refused" in told
    assert "say it again" in told
    # What does not hold any more because the guard is away is another matter.
    same = ("severity", "roles", "approval", "execution", "verification", "monitoring", "rejected")
    assert {n: getattr(after, n) for n in same} == {n: getattr(before, n) for n in same}
    new = [e for e in after.timeline if e.seq > before.timeline[-1].seq]
    assert {e.actor for e in new} == {"operator"}, "never: alice approved"
    assert not play.world.changes or key == "confirm"
    assert after.handled is not None
    assert key in after.handled.keys, "it does not wait for the guard to come back"


@pytest.mark.parametrize("key", HARMLESS)
def test_harmless_words_are_somebodys_while_the_guard_is_missing(key: str) -> None:
    play = awaiting()
    play.world.proven, play.world.fingerprint = False, "guard-2"
    before = play.status.timeline[-1].seq
    play.say(key, SAYS[key], by="alice")

    new = [e for e in play.status.timeline if e.seq > before]
    assert {e.actor for e in new} == {"operator"}
    assert "somebody under the name alice" in " ".join(e.message for e in new)


def test_ed_acknowledges_as_an_approver_and_gets_no_command() -> None:
    play = Play().tick()
    play.world.proven = False
    play.say("acknowledge", "on it", by="ed", approver="true")

    assert commander(play) is None
    assert "IncidentAcknowledged" in play.reasons


@pytest.mark.parametrize("key", sorted(NEEDS_RIGHT))
def test_what_was_planted_while_the_guard_was_away_is_not_believed_when_it_is_back(
    key: str,
) -> None:
    # The operator was down meanwhile: it sees the request under a guard that is whole again.
    play = phase_for(key)
    play.world.fingerprint = "guard-reinstalled"
    before = play.status.timeline[-1].seq
    play.say(key, value_for(play, key), by="alice")

    told = play.last("RequestRefused")
    assert "the guard was away or was changed since this Incident was last seen" in told
    new = [e for e in play.status.timeline if e.seq > before]
    assert "alice" not in {e.actor for e in new}


def test_alice_says_it_again_and_it_is_done() -> None:
    play = awaiting()
    play.world.fingerprint = "guard-reinstalled"
    play.say("take-command", "mine", by="bob")
    assert "RequestRefused" in play.reasons
    play.say("take-command", "mine", by="bob")

    assert commander(play) == "bob"


def test_after_an_upgrade_of_the_guard_that_the_operator_saw_nobody_says_it_twice() -> None:
    play = awaiting()
    play.world.fingerprint = "guard-upgraded"
    play.tick()
    play.say("take-command", "mine", by="bob")

    assert "RequestRefused" not in play.reasons
    assert commander(play) == "bob"


def test_an_approval_planted_behind_a_note_is_not_believed_either() -> None:
    # A note was recorded, its annotation is still there, and the guard is noted anew meanwhile.
    play = awaiting()
    play.said("note", "as I said").tick(crash_after=1)
    play.world.fingerprint = "guard-reinstalled"
    play.planted({"approve": play.open("rollback"), "approve-by": "alice"})
    play.planted({"take-command": "mine", "take-command-by": "ed"})
    play.tick()

    assert commander(play) == "alice"
    assert play.status.approval is None
    assert not play.world.changes
    assert "ApprovalGranted" not in play.reasons


def test_the_mark_of_an_approver_that_was_left_behind_is_removed_before_it_counts() -> None:
    play = Play().tick()
    play.world.fingerprint = "guard-reinstalled"
    play.planted({"acknowledge-approver": "true", "dismiss-by": "alice"})
    play.tick()
    assert not any("approver" in k or "dismiss" in k for k in play.incident.metadata.annotations)
    play.say("acknowledge", "on it", by="ed")

    assert commander(play) is None


@pytest.mark.parametrize(
    ("since", "believed"),
    [
        (timedelta(seconds=-5), True),
        (timedelta(), True),
        (timedelta(seconds=5), False),
        (None, False),
    ],
)
def test_what_is_said_before_the_first_look_needs_a_guard_that_was_watched_all_the_while(
    since: timedelta | None, *, believed: bool
) -> None:
    play = Play(metadata=came_later("take-command"))
    play.guard_since = None if since is None else play.world.now + since
    play.say("take-command", "mine", by="bob")

    assert (commander(play) == "bob") is believed
    assert ("RequestRefused" in play.reasons) is not believed


def came_later(key: str) -> dict[str, object]:
    """Metadata of an Incident on which a request was made after it was created."""
    field = f"f:incidentcommander.dev/{key}"
    said: dict[str, object] = {"f:metadata": {"f:annotations": {field: {}}}}
    return {"managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsV1": said}]}


def test_while_the_guard_cannot_be_asked_requests_wait_and_the_rest_goes_on() -> None:
    world = Mute()
    play = Play(world, spec={"roles": {"commander": "alice"}}).tick()
    world.mute = True
    play.say("take-command", "mine", by="bob")
    assert "RequestRefused" not in play.reasons
    wake = play.decisions[-1].wake_at
    assert wake is not None
    assert wake <= world.now + timedelta(seconds=10)

    world.mute = False
    play.tick()
    assert commander(play) == "bob"


class Mute(World):
    """A world whose API server does not say whether the guard stands."""

    mute = False

    @override
    def answer(self, question: Question) -> Answer:
        found = super().answer(question)
        if isinstance(found, GuardProof) and self.mute:
            return Unavailable("the guard", "connection refused")
        return found


def test_alice_approves_in_the_moment_in_which_it_is_offered_anew_under_another_guard() -> None:
    play = Play().tick()
    play.world.fingerprint = "guard-2"
    play.said("approve", play.open("rollback"), by="alice")
    # The look dies after it has recorded the one that nobody vouches for, and offered anew.
    while "ProposalSuperseded" not in play.reasons:
        play.tick(crash_after=1)

    # Nothing was removed yet, but whatever comes from here on comes under the guard.
    assert play.status.handled is not None
    assert play.status.handled.guard == "guard-2"


def test_ed_plants_a_decision_beside_one_that_is_recorded_while_the_guard_is_away() -> None:
    play = Play().tick()
    play.said("note", "it is slow").tick(crash_after=1)
    play.world.fingerprint, play.guard_since = "guard-2", None
    play.planted({"dismiss": "nothing", "dismiss-by": "alice"}).tick()

    assert play.phase != "Dismissed"
    assert "RequestRefused" in play.reasons
