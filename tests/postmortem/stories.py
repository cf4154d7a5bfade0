"""Incidents whose Postmortems are drafted in tests: played, so that the timeline is a real one."""

from __future__ import annotations

from typing import Any

from incidentcommander.api.postmortem import Postmortem, PostmortemSpec
from incidentcommander.core.postmortem.draft import draft
from tests.support import build
from tests.support.objects import COMPLETE
from tests.support.play import Play

IMPACT = {
    "symptom": "Some payments fail",
    "summary": "Customers cannot pay",
    "usersAffectedPercent": 30,
}
NAMES = ("alice", "bob", "carol", "dave@example.com")
ROLES = {"commander": "alice", "comms": "carol", "scribe": "dave@example.com"}


def rolled_back(**over: Any) -> Play:
    """A release broke it; it was acknowledged, discussed, rolled back and watched."""
    play = Play(spec={"roles": ROLES, "impact": IMPACT, **over}).tick()
    play.after(minutes=1)
    play.say("acknowledge", "on it, says alice", by="alice")
    play.say("note", "@08:20 bob saw carts | without <b>discounts</b>\nbob@example.com", by="bob")
    play.after(minutes=2)
    play.say("approve", play.open("rollback"))
    play.after(minutes=3)
    play.say("root-cause", "bob's flag divides by the number of discounts", by="bob")
    play.after(minutes=40)
    assert play.phase == "Resolved"
    return play


def ended_by_people() -> Play:
    """Nobody decided in time, one remediation failed, and people fixed it in the end."""
    play = Play(spec={"roles": {}, "severity": "SEV1"}).tick()
    play.after(minutes=16)
    play.say("approve", play.open("restart"))
    play.after(minutes=6)
    play.world.bad_images = frozenset()
    play.say("resolve", "bob switched the flag off", by="bob")
    play.after(minutes=40)
    assert play.phase == "Resolved", play.reasons
    return play


def drafted(play: Play) -> PostmortemSpec:
    """Draft from all its entries."""
    return draft(play.incident, play.status.timeline, play.world.now)


def postmortem(play: Play, generation: int = 1, **spec: Any) -> Postmortem:
    """Give the Postmortem as drafted, with fields that people wrote."""
    meta = {
        "name": "checkout-5xx",
        "namespace": build.NAMESPACE,
        "uid": "postmortem-uid",
        "generation": generation,
    }
    return Postmortem.model_validate({"metadata": meta, "spec": {**drafted(play).to_api(), **spec}})


def completed(play: Play) -> Postmortem:
    """Give one that people completed."""
    return postmortem(play, 4, **{**COMPLETE, "state": "Final"})
