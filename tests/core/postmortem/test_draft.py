"""The draft says what the timeline proves, names nobody, and asks for the rest."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from incidentcommander.api.incident import TimelineEntry
from incidentcommander.api.postmortem import MAX_ROWS
from incidentcommander.core.postmortem.completeness import holes
from incidentcommander.core.postmortem.draft import draft
from incidentcommander.core.postmortem.narrative import Cast, clean, in_words
from tests.postmortem.stories import NAMES, drafted, ended_by_people, rolled_back
from tests.support import build
from tests.support.play import Play


@pytest.fixture(scope="module")
def story() -> Play:
    return rolled_back()


@pytest.fixture(scope="module")
def hard() -> Play:
    return ended_by_people()


@pytest.mark.parametrize("play", [rolled_back, ended_by_people])
def test_nobody_is_named(play: object) -> None:
    told = json.dumps(drafted(play()).to_api())  # type: ignore[operator]

    assert [name for name in NAMES if name.partition("@")[0] in told] == []
    assert "kubectl" not in told, "commands were for that hour"


def test_every_row_has_its_entry(story: Play) -> None:
    rows = drafted(story).timeline
    by_source = {f"#{e.seq}": e for e in story.status.timeline}

    assert [row.at for row in rows] == sorted(row.at for row in rows)
    for row in rows:
        entry = by_source[row.source]
        assert row.at == (entry.event_time or entry.at)


def test_every_figure_of_the_impact_stands_in_the_entry_that_it_names(story: Play) -> None:
    impact = drafted(story).impact
    assert impact is not None
    assert len(impact.measured) == 2
    for figure in impact.measured:
        (seq,) = re.findall(r"#(\d+)", figure)
        evidence = story.status.timeline[int(seq)].evidence
        assert evidence is not None
        assert str(evidence.value) in figure
    assert impact.users_affected == "Customers cannot pay; 30 % of users, as declared"
    assert impact.duration == "2026-11-22 08:30 - 2026-11-22 09:04 UTC (34 min)"


def test_the_summary_says_what_happened_who_was_affected_and_how_it_ended(story: Play) -> None:
    summary = drafted(story).summary

    assert "Checkout returns 5xx (SEV2)" in summary
    assert "30 % of users" in summary
    assert "Roll back Deployment checkout from revision 7" in summary
    assert "resolved after 34 min" in summary


def test_the_root_cause_that_people_recorded_is_the_immediate_cause(story: Play) -> None:
    factors = drafted(story).contributing_factors

    assert factors is not None
    assert factors.immediate == (
        "Root cause, as recorded: a responder's flag divides by the number of discounts (#17)."
    )


def test_without_one_it_is_what_the_diagnosis_found(hard: Play) -> None:
    spec = drafted(hard)

    assert spec.contributing_factors is not None
    assert "40 % of 60 req/s fail" in str(spec.contributing_factors.immediate)
    assert spec.five_whys[0].startswith("Why “Checkout returns 5xx”? → ")
    assert all(why.startswith("TODO") for why in spec.five_whys[1:])


def test_what_only_people_know_is_left_to_them(story: Play) -> None:
    lacking = holes(drafted(story))

    assert {"author", "impact.revenue", "lessons", "fiveWhys (1 of 5)", "followUpReviewAt"} <= {
        *lacking
    }
    assert "actionItems AI-1: owner" in lacking
    assert not {"summary", "whatHappened", "wentWell", "wentPoorly"} & {*lacking}


def test_what_went_well_and_poorly_carries_figures(story: Play) -> None:
    spec = drafted(story)

    assert "Acknowledged after 1 min (SEV2: within 15 min). (#7)" in spec.went_well
    assert "Decided 3 min after the first proposal (#5, #9)." in spec.went_well
    assert any(p.startswith("The first remediation worked: Roll back") for p in spec.went_well)
    assert any(p.startswith("Updates: 2, all in time: first after 5 min") for p in spec.went_well)
    assert "Unfilled to the end: tech lead." in spec.went_poorly


def test_a_hard_one_says_what_was_slow(hard: Play) -> None:
    poorly = drafted(hard).went_poorly

    assert "Nobody acknowledged it." in poorly or any("Acknowledged after" in p for p in poorly)
    assert any(p.startswith("Proposals expired undecided 2 time(s)") for p in poorly)
    assert any(p.startswith("No remediation of the Runbook ended it: ") for p in poorly)
    assert any("commander" in p for p in poorly if p.startswith("Unfilled"))


def test_action_items_come_from_the_evidence_and_have_no_owner(story: Play, hard: Play) -> None:
    items = drafted(story).action_items
    assert [i.id for i in items] == [f"AI-{n}" for n in range(1, len(items) + 1)]
    assert {i.owner for i in items} == {None}
    assert {i.due for i in items} == {None}
    told = " / ".join(i.action for i in items)
    assert "Mend what revision 7 of Deployment checkout broke" in told
    assert "fails on what this release did: errors (#4)" in told

    others = " / ".join(i.action for i in drafted(hard).action_items)
    assert "Add what people did to the Runbook deployment-regression" in others
    assert "revision 7" not in others, "nothing was rolled back"


def test_a_rollback_under_gitops_leaves_the_revert_to_be_landed() -> None:
    play = rolled_back()
    guard = {"name": "GitOpsOwned", "verdict": "Warn", "message": "Argo CD owns it"}
    proposals = [p.model_validate({**p.to_api(), "guards": [guard]}) for p in play.status.proposals]
    status = play.status.model_copy(update={"proposals": proposals})
    incident = play.incident.model_copy(update={"status": status})

    first = draft(incident, status.timeline, play.world.now).action_items[0]

    assert (first.priority, first.action) == (
        "P0",
        "Land the revert in Git: Deployment checkout was rolled back in the cluster only",
    )


def test_an_open_incident_can_be_told_too() -> None:
    play = Play().tick()

    spec = drafted(play)

    assert spec.resolved_at is None
    assert spec.impact is not None
    assert str(spec.impact.duration).startswith("TODO")


def test_a_long_timeline_is_cut_in_its_middle_and_says_so(story: Play) -> None:
    last = story.status.timeline[-1]
    more = [
        last.model_copy(update={"seq": n, "reason": "NoteAdded", "actor": "bob"})
        for n in range(last.seq + 1, 600)
    ]

    rows = draft(story.incident, [*story.status.timeline, *more], story.world.now).timeline

    assert len(rows) == MAX_ROWS
    assert sum("entries are left out here" in row.event for row in rows) == 1
    assert rows[-1].source == "#599"


def entry(actor: str, message: str) -> TimelineEntry:
    return TimelineEntry.model_validate(
        {
            "seq": 0,
            "at": build.NOW,
            "phase": "Declared",
            "reason": "NoteAdded",
            "actor": actor,
            "message": message,
        }
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("alice took command", "the commander took command"),
        ("commander alice.", "with a commander."),
        ("ask bob.", "ask a responder."),
        ("bob's idea", "a responder's idea"),
        ("bob@example.com wrote", "a responder wrote"),
        ("Deployment/bob is not bob-web", "Deployment/bob is not bob-web"),
        ("bobby", "bobby"),
        ("image shop/bob:v2", "image shop/bob:v2"),
        ("alice and bob", "the commander and a responder"),
    ],
)
def test_names_become_roles_and_nothing_else_does(text: str, told: str) -> None:
    incident = build.incident(spec={"roles": {"commander": "alice"}})
    cast = Cast.of(incident, [entry("bob", "")])

    assert cast.told(text) == told


def test_machines_are_told_as_such() -> None:
    cast = Cast.of(build.incident(), [entry("system:serviceaccount:argocd:app", "")])

    assert cast.role("operator") == "the operator"
    assert cast.role("kubernetes") == "Kubernetes"
    assert cast.role("system:serviceaccount:argocd:app") == "an automation"
    assert cast.role("somebody new") == "a responder"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "60 min"),
        (3600, "1 h"),
        (11100, "3 h 5 min"),
    ],
)
def test_times_in_words(seconds: int, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words


def test_commands_are_left_out() -> None:
    assert clean("Take it: kubectl -n shop annotate x\n") == "Take it"
    assert (
        clean("SEV1, told at once. Acknowledge by 09:00: kubectl -n shop x")
        == "SEV1, told at once."
    )
    assert clean("the helm is ours") == "the helm is ours"
