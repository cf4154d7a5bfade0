"""An id stands for one plan in an Incident's life, and an approval for all that was shown.

ed may edit old revisions, annotations and the target while alice reads. Whatever he does, what is sent
is what was offered under the id that she pasted, or nothing is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidentcommander.actions import all_actions, content
from incidentcommander.api.base import GROUP, format_timestamp
from incidentcommander.api.common import OnFailure
from incidentcommander.api.incident import MAX_ISSUED, IncidentStatus
from incidentcommander.core.case import Case
from incidentcommander.core.proposal_ids import issued
from incidentcommander.core.remediation.identity import digest_of, named
from incidentcommander.core.remediation.situation import situation
from incidentcommander.observed.needs import AutoscalersNeed, Facts
from incidentcommander.observed.workloads import Outcome, digest, significant_hash, template_hash
from tests.actions.hpa import autoscaler
from tests.support import build
from tests.support.play import Play

LISTED: Final = [
    {"name": "rollback", "rolloutUndo": {}},
    {"name": "restart", "rolloutRestart": {}},
    {"name": "scale-out", "scale": {"by": 2, "max": 9}},
    {"name": "autoscale", "autoscale": {"minReplicas": 3, "maxReplicas": 20}},
]


def offering(*remediations: Mapping[str, Any]) -> Play:
    """These remediations are offered."""
    play = Play()
    play.shelf.books = [build.runbook(spec={"remediation": list(remediations) or LISTED})]
    return play.tick()


def proposed(play: Play, remediation: str) -> Any:
    return next(
        p for p in play.status.proposals if p.remediation == remediation and p.state == "Proposed"
    )


def edit_old(play: Play, **annotations: str) -> None:
    """Ed annotates the revision to go back to."""
    play.world.revisions = [
        replace(r, annotations={**r.annotations, **annotations}) for r in play.world.revisions
    ]


def swap(play: Play, image: str, note: str = "") -> None:
    """Ed edits the template of the revision to go back to."""
    edited = build.template(image, annotations={"example.com/build": note} if note else None)
    play.world.revisions = [
        replace(r, template=edited) if r.number < 7 else r for r in play.world.revisions
    ]


# --- an id and its digest ------------------------------------------------------------------------


def test_an_id_ends_in_eight_drawn_digits_and_its_digest_is_whole() -> None:
    first, second = offering(), Play()
    second.shelf.books = first.shelf.books
    second.world.now += timedelta(seconds=1)
    second.tick()

    one, two = proposed(first, "scale-out"), proposed(second, "scale-out")
    assert (one.digest, len(one.digest)) == (two.digest, 64)
    assert one.id != two.id
    assert [p.id.rpartition("-")[0] for p in (one, two)] == ["scale-out", "scale-out"]
    assert f"{GROUP}/approve={one.id}" in one.approve_command


def test_the_same_plan_keeps_its_id_when_it_is_diagnosed_again_and_after_it_expired() -> None:
    play = offering()
    before = {p.id: p.digest for p in play.status.open_proposals}

    play.say("diagnose", "again")
    play.after(minutes=16)

    assert {p.id: p.digest for p in play.status.open_proposals} == before
    assert "what was offered still stands" in play.last("ProposalsConfirmed")


def test_ed_swaps_the_revision_and_what_alice_read_is_not_what_is_confirmed() -> None:
    play = offering(LISTED[0])
    read = proposed(play, "rollback")

    swap(play, "evil.example/checkout:v1")
    play.say("diagnose", "again")

    now = proposed(play, "rollback")
    assert (now.id != read.id, now.digest != read.digest) == (True, True)
    play.say("approve", read.id)
    assert play.world.changes == []


def test_the_approval_records_the_digest_of_what_was_read() -> None:
    play = offering()
    read = proposed(play, "restart")

    play.say("approve", read.id)

    assert play.status.approval is not None
    assert (play.status.approval.proposal, play.status.approval.digest) == (read.id, read.digest)


NOTES: Final = {"external-dns": "pay.example.com", "kubernetes.io/change-cause": "alice did it"}


def test_ed_annotates_the_old_revision_after_the_offer_and_voids_nothing() -> None:
    play = offering(LISTED[0])
    read = proposed(play, "rollback")

    edit_old(play, **NOTES)
    play.tick()

    assert proposed(play, "rollback").id == read.id


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_ed_annotates_the_old_revision_and_what_is_written_is_what_alice_was_shown(
    writes: int,
) -> None:
    play = offering(LISTED[0])
    play.annotate({f"{GROUP}/approve": play.open("rollback"), f"{GROUP}/approve-by": "alice"})
    if writes:
        play.tick(crash_after=writes)

    edit_old(play, **NOTES)
    play.tick()

    assert len(play.world.changes) == 1
    sent = json.dumps(play.world.changes[0].write.patch)
    assert not [key for key in NOTES if key in sent]


def test_ed_has_all_pods_replaced_at_once_after_the_offer_and_alice_is_told() -> None:
    play = offering(LISTED[0])
    read = proposed(play, "rollback")

    play.world.edit(spec={"strategy": {"type": "Recreate"}})
    play.tick()

    assert proposed(play, "rollback").id != read.id


def test_ed_puts_another_annotation_on_the_target_each_second_and_keeps_no_approval_away() -> None:
    play = offering(LISTED[0])
    read = proposed(play, "rollback").id
    for number in range(20):
        play.world.edit(metadata={"annotations": {f"k{number}": "1", f"k{number - 1}": None}})
        play.tick()
    assert play.reasons.count("ProposalSuperseded") == 0

    play.say("approve", read)

    assert len(play.world.changes) == 1
    assert play.world.raw is not None
    assert "k19" in play.world.raw["metadata"]["annotations"], "nobody was shown that it is dropped"


def test_the_guard_is_another_one_after_the_approval_and_nothing_is_done() -> None:
    """While it was another one, who knows who approved."""
    play = offering(LISTED[1])
    play.annotate({f"{GROUP}/approve": play.open("restart"), f"{GROUP}/approve-by": "alice"})
    play.tick(crash_after=1)

    play.world.fingerprint = "guard-2"
    play.guard_seen = False
    play.tick()

    assert play.world.changes == []
    assert "RemediationStarted" not in play.reasons


def test_what_a_controller_keeps_on_the_target_voids_nothing() -> None:
    play = offering(LISTED[0])
    read = proposed(play, "rollback").id

    play.world.edit(metadata={"annotations": {build.REVISION_ANNOTATION: "8"}})
    play.tick()

    assert play.open("rollback") == read


def test_an_approval_of_another_digest_is_not_carried_out() -> None:
    play = offering(LISTED[1])
    play.annotate({f"{GROUP}/approve": play.open("restart"), f"{GROUP}/approve-by": "alice"})
    play.tick(crash_after=1)
    assert play.status.approval is not None
    other = play.status.approval.model_copy(update={"digest": "0" * 64})

    play.save(play.status.model_copy(update={"approval": other}))
    play.tick()

    assert play.world.changes == []
    assert "approved under this id is another plan" in play.last("RemediationSuperseded")


def test_ed_makes_any_one_part_another_and_it_is_another_plan() -> None:
    """An approval is for all of it: nothing may be another one under the same digest."""
    play = offering(LISTED[2])
    case = play.case(None)
    needs = (case.target.workload, case.target.revisions, case.target.pods)
    live = situation(case, Facts().with_({q: play.world.answer(q) for q in needs}))
    assert live is not None
    # What writes nothing: each part speaks for itself, and not by what would be written.
    inert = proposed(play, "scale-out").model_copy(update={"parameters": {"notPlanned": "a"}})
    target, plan = inert.target, inert.verification

    def of(case: Case = case, guard: str = "guard-1", **over: Any) -> str:
        return digest_of(case, inert.model_copy(update=over), live, guard)

    def within(**over: Any) -> Case:
        return replace(case, incident=case.incident.model_copy(update=over))

    parts = {
        "uid of the Incident": of(
            within(metadata=case.incident.metadata.model_copy(update={"uid": "another"}))
        ),
        "attempt": of(within(status=case.status.model_copy(update={"attempt": 2}))),
        "remediation": of(remediation="another"),
        "what it takes back": of(revert_of="scale-out-00000000"),
        "action": of(action="rolloutRestart"),
        "kind": of(target=target.model_copy(update={"kind": "StatefulSet"})),
        "name": of(target=target.model_copy(update={"name": "another"})),
        "uid": of(target=target.model_copy(update={"uid": "another"})),
        "parameters": of(parameters={"notPlanned": "b"}),
        "what it depends on": of(depends_on={**inert.depends_on, "replicas": "4"}),
        "verification": of(verification=plan.model_copy(update={"successes": plan.successes + 1})),
        "on failure": of(on_failure=OnFailure.REVERT),
        "guard": of(guard="guard-2"),
    }

    assert [part for part, found in parts.items() if found == of()] == []
    assert len(set(parts.values())) == len(parts)


# --- draws ---------------------------------------------------------------------------------------


def test_a_number_that_was_given_once_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    play = offering(LISTED[2])
    first = play.open("scale-out")

    def poor(_: Case, *purpose: str, digits: int) -> str:
        """Give the number of the first offer, as often as it is asked once."""
        return first[-digits:] if purpose[-1] == "0" else digest(purpose)[:digits]

    monkeypatch.setattr(Case, "drawn", poor)
    play.world.edit(spec={"replicas": 4})
    play.tick()

    assert play.open("scale-out") != first


def test_numbers_are_remembered_when_their_proposals_and_entries_are_gone() -> None:
    play = offering(LISTED[2])
    first = play.open("scale-out")
    play.world.edit(spec={"replicas": 4})
    play.tick()

    forgotten = play.status.model_copy(update={"proposals": [], "timeline": []})
    assert first[-8:] in forgotten.issued
    full = IncidentStatus(issued=[f"{n:08x}" for n in range(MAX_ISSUED)])
    assert len(issued(full, play.status.proposals)) == MAX_ISSUED
    assert first[-8:] in issued(full, play.status.proposals)


@pytest.mark.parametrize("left", ["issued", "proposals", "timeline"])
def test_no_number_is_given_twice_whatever_is_left_of_it(
    left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = offering(LISTED[2])
    first = proposed(play, "scale-out")
    known = ("issued", "proposals", "timeline")
    forgotten: dict[str, list[Any]] = {name: [] for name in known if name != left}
    status = play.status.model_copy(update=forgotten)
    case = replace(play.case(None), incident=play.incident.model_copy(update={"status": status}))
    needs = (case.target.workload, case.target.revisions, case.target.pods)
    live = situation(case, Facts().with_({q: play.world.answer(q) for q in needs}))
    assert live is not None

    def poor(_: Case, *purpose: str, digits: int) -> str:
        """Give the number of the first offer, then one and the same, then others."""
        few = {"0": first.id[-digits:], "1": "1" * digits}
        return few.get(purpose[-1]) or digest(purpose)[:digits]

    monkeypatch.setattr(Case, "drawn", poor)
    plans = [first.model_copy(update={"remediation": name}) for name in ("one", "two")]
    given = [p.id.rpartition("-")[2] for p in (first, *named(case, plans, live, "guard-1"))]

    assert len(set(given)) == 3


# --- whatever ed does ----------------------------------------------------------------------------


def _told(change: Mapping[str, Any] | None) -> str:
    return json.dumps(change, sort_keys=True)


@dataclass
class Watch:
    """A play that notes what each id stood for when it was first offered."""

    play: Play
    meant: dict[str, tuple[str, str]]

    @classmethod
    def begin(cls) -> Watch:
        play = Play()
        play.world.around[AutoscalersNeed] = (autoscaler(),)
        play.shelf.books = [build.runbook(spec={"remediation": LISTED})]
        watch = cls(play, {})
        obey = play.world.obey

        def watched(command: Any) -> Outcome:
            approval, execution = play.status.approval, play.status.execution
            assert approval is not None
            assert execution is not None
            # The time of a restart is no part of what is approved.
            time = format_timestamp(execution.started_at)
            sent = _told(content.essence(command.write)).replace(time, "1970-01-01T00:00:00Z")
            assert (approval.digest, sent) == watch.meant[command.proposal]
            return obey(command)

        play.world.obey = watched  # type: ignore[method-assign]
        play.tick()
        watch.note()
        return watch

    def note(self) -> None:
        """Hold every id that is open against what it stood for before."""
        play = self.play
        facts, case = Facts(), play.case(None)
        needs = (case.target.workload, case.target.revisions, case.target.pods)
        facts = facts.with_({q: play.world.answer(q) for q in needs})
        live = situation(case, facts)
        assert live is not None
        found = play.world.around[AutoscalersNeed]
        live = replace(live, autoscalers=found)  # type: ignore[arg-type]
        for decision in play.decisions:
            for proposal in decision.status.proposals:
                known = self.meant.get(proposal.id)
                assert known is None or known[0] == proposal.digest
        for proposal in play.status.open_proposals:
            action = all_actions()[proposal.action]
            would = _told(content.content(action, proposal.parameters, live))
            assert self.meant.setdefault(proposal.id, (proposal.digest, would))[1] == would


Step = Callable[[Watch], object]
IMAGES: Final = st.sampled_from(["shop/checkout:v1", "evil.example/checkout:v1"])
FEW: Final = st.sampled_from(["1", "2", ""])


def _approve(watch: Watch, index: int) -> None:
    ids = [p.id for p in watch.play.status.proposals] or ["rollback-00000000"]
    ask = {f"{GROUP}/approve": ids[index % len(ids)], f"{GROUP}/approve-by": "alice"}
    watch.play.annotate(ask)


STEPS: Final[st.SearchStrategy[Step]] = st.one_of(
    st.builds(lambda i, n: lambda w: swap(w.play, i, n), IMAGES, FEW),
    st.builds(lambda n: lambda w: edit_old(w.play, note=n), FEW),
    st.builds(lambda n: lambda w: w.play.world.edit(metadata={"annotations": {"note": n}}), FEW),
    st.builds(lambda n: lambda w: w.play.world.edit(spec={"replicas": n}), st.integers(3, 5)),
    st.builds(lambda n: lambda w: _approve(w, n), st.integers(0, 7)),
    st.builds(lambda n: lambda w: w.play.tick(crash_after=n), st.integers(1, 3)),
    st.just(lambda w: w.play.say("diagnose", "again")),
    st.just(lambda w: w.play.after(minutes=16)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=2, max_size=10))
def test_no_two_plans_share_an_id_and_what_is_sent_is_what_was_offered_under_it(
    steps: list[Step],
) -> None:
    watch = Watch.begin()
    for step in steps:
        step(watch)
        watch.play.tick()
        watch.note()


@given(
    first=st.dictionaries(st.sampled_from("abc"), st.text(max_size=3), max_size=3),
    second=st.dictionaries(st.sampled_from("abc"), st.text(max_size=3), max_size=3),
)
def test_hashes_of_templates_are_whole_and_tell_any_two_apart(
    first: dict[str, str], second: dict[str, str]
) -> None:
    one, two = ({"metadata": {"annotations": a}} for a in (first, second))

    for hashed in (template_hash, significant_hash):
        assert len(hashed(one)) == 64
        assert (hashed(one) == hashed(two)) == (first == second)
