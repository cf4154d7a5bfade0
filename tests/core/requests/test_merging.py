"""Merging by ``spec.duplicateOf``: whose decision it is, what it says, and how it is taken back."""

from __future__ import annotations

from typing import Any

import pytest

from incidentcommander.api.incident import Incident
from incidentcommander.core.evolve import OPERATOR
from tests.support import build
from tests.support.play import Play, World


def other(name: str = "other", **over: Any) -> Incident:
    return build.incident(**build.merged({"metadata": {"name": name}}, over))


def awaiting(*others: Incident, **spec: Any) -> Play:
    world = World()
    world.others = {o.metadata.name: o for o in others}
    play = Play(world=world, spec=spec).tick()
    assert play.phase in {"AwaitingApproval", "Merged"}, play.reasons
    return play


def test_who_merged_it_stands_in_the_timeline() -> None:
    play = awaiting(other()).merge("other", by="alice")

    merged = play.status.entries_of("IncidentMerged")[-1]
    assert (play.phase, merged.actor) == ("Merged", "alice")
    assert merged.message == "alice merged it: it is the same as Incident other: follow that one."


def test_eds_merge_that_came_in_while_the_guard_was_away_is_refused() -> None:
    play = awaiting(other()).edit(duplicateOf={"name": "other"})

    assert play.phase == "AwaitingApproval"
    assert "nobody signed it: the admission guard was away" in play.last("MergeRefused")
    assert len(play.after(minutes=3).all_of("MergeRefused")) == 1
    # Nor is it believed once the guard is back; whoever means it says it again.
    play.edit(title="More exactly")
    assert (play.phase, play.status.unmerged_from) == ("AwaitingApproval", "other")
    assert play.merge(None).merge("other").phase == "Merged"


def test_one_declared_as_a_duplicate_ends_itself_and_nobody_is_named() -> None:
    play = awaiting(other(), duplicateOf={"name": "other"})

    merged = play.status.entries_of("IncidentMerged")[-1]
    assert (play.phase, merged.actor) == ("Merged", OPERATOR)
    assert "It was declared as the same as Incident other" in merged.message


def test_a_decoy_is_told_from_the_same_trouble() -> None:
    decoy = other("decoy", spec={"severity": "SEV4", "target": {"name": "nothing"}})

    said = awaiting(decoy, severity="SEV1").merge("decoy").last("IncidentMerged")

    assert "Its target is another one: Deployment/nothing, not Deployment/checkout." in said
    assert "Its severity is lower: SEV4, not SEV1." in said


@pytest.mark.parametrize("phase", ["Closed", "Dismissed", "Merged"])
def test_what_has_ended_is_followed_by_nobody(phase: str) -> None:
    play = awaiting(other(status={"phase": phase})).merge("other")

    assert play.phase == "AwaitingApproval"
    assert f"has ended ({phase}): nobody follows it" in play.last("MergeRefused")


def test_a_chain_is_refused_unless_the_other_merge_was_taken_back() -> None:
    chained: dict[str, Any] = {"spec": {"duplicateOf": {"name": "third"}}}
    play = awaiting(other(**chained)).merge("other")
    assert "names another in its own spec.duplicateOf" in play.last("MergeRefused")

    back = other(**chained, status={"unmergedFrom": "third"})
    assert awaiting(back).merge("other").phase == "Merged"


def test_a_merged_one_is_reopened_and_its_merge_is_out_of_force() -> None:
    play = awaiting(other()).merge("other").say("reopen", "it is another trouble")

    said = play.last("IncidentReopened")
    assert "alice reopened it: it is another trouble" in said
    assert "spec.duplicateOf still names other and is out of force" in said
    assert """patch incident checkout-5xx --type=merge -p '{"spec":{"duplicateOf":null}}'""" in said
    assert (play.phase, play.status.unmerged_from) == ("AwaitingApproval", "other")
    assert play.status.milestones is not None
    assert play.status.milestones.closed_at is None
    assert play.after(minutes=3).phase == "AwaitingApproval"
    # Another generation with the same reference changes nothing.
    assert play.edit(title="More exactly").phase == "AwaitingApproval"


def test_after_a_reopen_it_is_merged_again_once_spec_says_so_anew() -> None:
    play = awaiting(other(), other("third")).merge("other").say("reopen", "no")
    assert play.merge("third", by="bob").phase == "Merged"

    play.say("reopen", "no").merge(None)
    assert (play.phase, play.status.unmerged_from) == ("AwaitingApproval", None)
    assert play.merge("third").phase == "Merged"


def test_dismissed_and_reopened_a_duplicate_of_stays_what_it_was() -> None:
    play = awaiting(duplicateOf={"name": "missing"})
    play.say("dismiss", "nothing").say("reopen", "something")
    assert play.status.unmerged_from is None


@pytest.mark.parametrize("signed", [True, False])
def test_ed_merges_in_alices_name_while_the_guard_is_away(*, signed: bool) -> None:
    play = awaiting(other())
    play.world.proven = False
    play = play.merge("other", by="alice") if signed else play.edit(duplicateOf={"name": "other"})
    assert play.phase != "Merged"
    assert "who asked for it is not known" in play.last("MergeRefused")

    # The guard comes back, and what was planted meanwhile is not believed.
    play.world.proven = True
    play.world.fingerprint = "another"
    play.after(minutes=10)
    assert (play.phase, play.status.unmerged_from) == ("AwaitingApproval", "other")


def test_what_was_planted_while_guard_and_operator_were_away_is_not_believed() -> None:
    play = awaiting(other())
    play.world.fingerprint = "another"
    play.merge("other", by="alice")
    assert play.phase != "Merged"
    assert "the guard was away or was changed" in play.last("MergeRefused")
    assert play.merge(None).merge("other").phase == "Merged"
