"""Whoever fills the timeline does not brick the Incident: bounded by person and hour, room for the end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidentcommander.api.common import GuardVerdict
from incidentcommander.api.incident import (
    MAX_ENTRIES,
    MAX_GUARDS,
    MAX_PAGES,
    MAX_SPEAKERS,
    GuardFinding,
    PageRef,
)
from incidentcommander.core.record.timeline_pages import page_due
from incidentcommander.core.remediation import circuit_breaker
from incidentcommander.core.requests import budget
from tests.support.play import Play

PER_PAGE = 48
MOST = 12
"""Of entries in an hour: fewer than there may be, so that the tests are quick."""


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    assert budget.MOST == 120
    monkeypatch.setattr(budget, "MOST", MOST)


def awaiting() -> Play:
    play = Play(spec={"roles": {"commander": "alice"}}).tick()
    assert play.phase == "AwaitingApproval"
    return play


def entries(play: Play) -> int:
    return play.status.timeline[-1].seq + 1


def crowd(play: Play, pages: int, inside: int | None = None) -> Play:
    """Give it so many pages, as if its entries had moved there; ``inside``: entries in the object."""
    refs = [
        PageRef(
            name=f"checkout-5xx-{n}",
            from_seq=n * PER_PAGE,
            to_seq=(n + 1) * PER_PAGE - 1,
            sha256="0" * 64,
        )
        for n in range(pages)
    ]
    here = play.status.timeline
    here = (here * (1 + (inside or 0) // len(here)))[: inside or len(here)]
    timeline = [
        e.model_copy(update={"seq": pages * PER_PAGE + n, "phase": play.status.phase})
        for n, e in enumerate(here)
    ]
    status = play.status.model_copy(update={"timeline_pages": refs, "timeline": timeline})
    play.incident = play.incident.model_copy(update={"status": status})
    return play


def in_order(play: Play) -> None:
    """What the schema asks for: no gaps, and no more than there may be."""
    status = play.status
    after = status.timeline_pages[-1].to_seq + 1 if status.timeline_pages else 0
    assert [e.seq for e in status.timeline] == list(range(after, after + len(status.timeline)))
    assert len(status.timeline) <= MAX_ENTRIES
    assert len(status.timeline_pages) <= MAX_PAGES
    assert len(status.speakers) <= MAX_SPEAKERS


@pytest.mark.parametrize("key", ["note", "update", "diagnose"])
def test_ed_floods_and_is_not_recorded_beyond_his_hour(key: str) -> None:
    play = awaiting()
    before = entries(play)
    for _ in range(3 * MOST):
        play.say(key, "x" * 1000 if key != "diagnose" else "again", by="ed")

    by_ed = [m for m in play.all_of("RequestsIgnored") if "requests of ed" in m]
    told = sum("requests of ed" in e.message for p in play.pages for e in p.spec.entries
               if e.reason == "RequestsIgnored")  # fmt: skip
    assert len(by_ed) + told == 1, "it is said once, not for each"
    # A round of diagnosis is counted by a guess of its entries.
    assert entries(play) - before < MOST + 60
    assert play.status.speakers[0].ignored > MOST
    in_order(play)


def test_the_others_are_heard_meanwhile_and_alice_decides() -> None:
    play = awaiting()
    for _ in range(2 * MOST):
        play.say("note", "x", by="ed")
    play.say("note", "I see it in the database, too", by="carol")
    assert play.last("NoteAdded").startswith("I see it")
    play.say("approve", play.open("rollback"))

    assert play.world.changes
    assert play.last("ApprovalGranted").startswith("alice approved")


def test_after_his_hour_ed_is_heard_again_and_what_was_not_is_counted() -> None:
    play = awaiting()
    for _ in range(MOST + 7):
        play.say("note", "x", by="ed")
    play.world.now += timedelta(hours=1)
    play.say("note", "this one counts", by="ed")

    assert "7 requests of ed were not recorded" in play.last("RequestsIgnored")
    assert play.last("NoteAdded") == "this one counts"
    assert [(s.by, s.entries, s.ignored) for s in play.status.speakers] == [("ed", 1, 0)]


def test_a_hundred_names_are_one_once_there_are_too_many_and_so_are_all_that_nobody_vouches_for() -> (
    None
):
    play = awaiting()
    for n in range(20):
        play.say("note", "x", by=f"user-{n}")
    in_order(play)
    assert [s.entries for s in play.status.speakers if not s.by] == [20 - MAX_SPEAKERS + 1]

    play = awaiting()
    play.world.proven = False
    for n in range(2 * MOST):
        play.say("take-command", "mine", by=f"user-{n}")
    assert [s.by for s in play.status.speakers] == [""]
    assert sum(len(p.spec.entries) for p in play.pages) + len(play.status.timeline) < MOST + 60


# --- near the limit ------------------------------------------------------------------------------


def test_notes_are_refused_first_and_decisions_are_taken() -> None:
    play = crowd(awaiting(), MAX_PAGES - 64).tick()
    assert play.status.timeline_room == "NoNotes"
    assert play.reasons.count("TimelineCrowded") == 1
    before = entries(play)
    for _ in range(10):
        play.say("note", "x", by="ed")
    assert entries(play) == before

    play.say("approve", play.open("rollback"))
    assert "ApprovalGranted" in play.reasons
    in_order(play)


def test_then_what_comes_again_and_again_is_not_written() -> None:
    play = crowd(awaiting(), MAX_PAGES - 32).tick()
    assert play.status.timeline_room == "Deciding"
    before = entries(play)
    updates = play.status.updates
    play.after(hours=1)

    assert "UpdatePosted" not in play.reasons[play.reasons.index("TimelineCrowded") :]
    assert updates is not None
    assert play.status.updates is not None
    assert play.status.updates.count > updates.count, "they are posted all the same"
    assert entries(play) - before < 60
    in_order(play)


@pytest.mark.parametrize(
    ("pages", "inside"),
    [
        (MAX_PAGES - 4, 63),
        (MAX_PAGES - 1, MAX_ENTRIES),
        (MAX_PAGES, 10),
        (MAX_PAGES, MAX_ENTRIES - 4),
        (MAX_PAGES, MAX_ENTRIES),
    ],
)
def test_an_incident_at_the_limit_is_still_resolved_and_dismissed(pages: int, inside: int) -> None:
    ends = {
        "Dismissed": ("dismiss", "a false alarm"),
        "Resolved": ("resolve", "we switched the flag off"),
    }
    for phase, (key, said) in ends.items():
        play = crowd(awaiting(), pages, inside).tick()
        for n in range(4):
            play.say("note", "x", by="ed")
            play.edit(target={"name": "checkout" if n % 2 else "cart"})
        play.edit(target={"name": "checkout"})
        play.world.bad_images = frozenset()
        play.say("resolve" if key == "resolve" else key, said)
        play.after(minutes=40)

        assert play.phase == phase, play.reasons[-5:]
        in_order(play)
        assert page_due(play.incident, 64) is None


def test_the_very_last_entry_says_how_it_ended() -> None:
    play = crowd(awaiting(), MAX_PAGES, MAX_ENTRIES - 4).tick()
    for _ in range(10):
        play.say("severity", "SEV1: everything is down")
    play.say("dismiss", "a false alarm")

    assert play.phase == "Dismissed"
    assert play.reasons[-1] == "IncidentDismissed"


def test_ed_adds_budgets_that_warn_and_what_forbids_is_still_there() -> None:
    warns = [
        GuardFinding(name="Budget", verdict=GuardVerdict.WARN, message=f"budget {n}")
        for n in range(2 * MAX_GUARDS)
    ]
    block = GuardFinding(name="Cooldown", verdict=GuardVerdict.BLOCK, message="too soon")

    found = circuit_breaker.within([*warns, block])

    assert len(found) == MAX_GUARDS
    assert block in found
