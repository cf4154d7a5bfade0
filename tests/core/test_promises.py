"""The promises, over generated histories: whatever people and the world do, in any order.

A command that changes the target exists only with a matching, unexpired approval by a person; each
approval changes the target at most once, and "done" is said only of what was done, whatever ed
writes on the target between any two writes; the timeline never has a gap; and no history makes a
decision fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidentcommander.api.base import GROUP, MARKER_ANNOTATION
from incidentcommander.core.evolve import OPERATOR
from incidentcommander.observed.needs import AutoscalersNeed
from incidentcommander.observed.surroundings import Autoscaler
from incidentcommander.observed.workloads import Applied
from tests.actions.hpa import autoscaler
from tests.support import build
from tests.support.play import Play

PEOPLE: Final = ("alice", "bob", "")
REMEDIATIONS: Final = ("rollback", "restart", "scale-out", "autoscale")


def _runbook() -> object:
    listed = build.runbook_raw()["spec"]["remediation"]
    more = [
        *listed,
        {"name": "scale-out", "scale": {"by": 2, "max": 6}, "onFailure": "Revert"},
        {"name": "autoscale", "autoscale": {"minReplicas": 2, "maxReplicas": 12}},
    ]
    return build.runbook(spec={"remediation": more})


class Story:
    """A play with the promises checked at every change of the target."""

    def __init__(self) -> None:
        self.play = Play(spec={"severity": "SEV4"})
        self.play.shelf.books = [_runbook()]  # type: ignore[list-item]
        self.granted: dict[str, int] = {}
        self.ambush: Callable[[Story], object] | None = None
        """What ed does just before the next request arrives."""
        obey = self.play.world.obey

        def watched(command: object) -> object:
            self._check_allowed(command.proposal)  # type: ignore[attr-defined]
            ambush, self.ambush = self.ambush, None
            if ambush is not None:
                ambush(self)
            outcome = obey(command)  # type: ignore[arg-type]
            if isinstance(outcome, Applied):
                self.granted[command.proposal] = self.granted.get(command.proposal, 0) + 1  # type: ignore[attr-defined]
            return outcome

        self.play.world.obey = watched  # type: ignore[method-assign,assignment]
        self.play.tick()

    def _check_allowed(self, proposal_id: str) -> None:
        status = self.play.status
        proposal = status.proposal(proposal_id)
        assert proposal is not None
        assert proposal.state == "Executing"
        if proposal.approved_along:
            # A revert that was part of what was approved: the promises are about that one.
            taken = status.proposal(proposal.revert_of or "")
            assert taken is not None
            assert (taken.state, taken.on_failure) == ("Failed", "Revert")
            assert taken.action in {"scale", "autoscale"}
            proposal_id, proposal = taken.id, taken
        else:
            assert status.approval is not None
            assert status.approval.proposal == proposal_id
            assert status.execution is not None
            assert status.execution.proposal == proposal_id
            assert status.approval.at < proposal.expires_at
        assert not proposal.blocked
        assert status.approval is not None
        assert status.approval.by in {"alice", "bob"}
        assert status.guard is not None
        assert status.execution is not None
        granted = [e for e in status.timeline if e.reason == "ApprovalGranted"]
        assert any(e.proposal == proposal_id and e.actor != OPERATOR for e in granted)

    def check(self) -> None:
        """Check what must hold at rest."""
        status = self.play.status
        seqs = [e.seq for e in status.timeline]
        assert seqs == list(range(len(seqs)))
        allowing = {"ApprovalGranted", "RevertStarted"}
        approvals = [e.proposal for e in status.timeline if e.reason in allowing]
        for proposal_id, count in self.granted.items():
            assert count <= approvals.count(proposal_id)
        applied = [e for e in status.timeline if e.reason == "RemediationApplied"]
        assert len(applied) <= len(approvals)
        made = [c.proposal for c in self.play.world.changes]
        said = [e.proposal for e in applied]
        for done in {*said, *made}:
            assert said.count(done) <= made.count(done or "") <= approvals.count(done)
        assert status.remediations <= len(made)
        assert sum(p.state in {"Approved", "Executing"} for p in status.proposals) <= 1


def _open_or_made_up(story: Story, index: int) -> str:
    known = [p.id for p in story.play.status.proposals]
    return known[index % len(known)] if known else "rollback-00000000"


def _say(key: str) -> st.SearchStrategy[Callable[[Story], object]]:
    def build_step(person: str, index: int) -> Callable[[Story], object]:
        def step(story: Story) -> object:
            values = {
                "approve": _open_or_made_up(story, index),
                "reject": _open_or_made_up(story, index) + ": no",
                "propose": REMEDIATIONS[index % len(REMEDIATIONS)],
                "note": "@02:41 seen",
                "severity": "SEV3: better",
            }
            return story.play.say(key, values.get(key, "because"), by=person)

        return step

    return st.builds(build_step, st.sampled_from(PEOPLE), st.integers(0, 7))


def _world(**changes: object) -> st.SearchStrategy[Callable[[Story], object]]:
    def step(story: Story) -> object:
        for name, value in changes.items():
            setattr(story.play.world, name, value)
        return story.play.tick()

    return st.just(step)


def _release(image: str) -> st.SearchStrategy[Callable[[Story], object]]:
    def step(story: Story) -> object:
        if story.play.world.raw is not None:
            story.play.world.release(image)
        return story.play.tick()

    return st.just(step)


def _scaled(replicas: int) -> Callable[[Story], object]:
    def step(story: Story) -> object:
        if story.play.world.raw is not None:
            story.play.world.edit(spec={"replicas": replicas})
        return story.play.tick()

    return step


def _crash(writes: int) -> Callable[[Story], object]:
    return lambda story: story.play.tick(crash_after=writes)


def _silent_approval(writes: int) -> Callable[[Story], object]:
    """An approval during whose handling the operator dies after so many writes."""

    def step(story: Story) -> object:
        proposal = _open_or_made_up(story, 0)
        annotations = {"approve": proposal, "approve-by": "alice"}
        story.play.annotate({f"incidentcommander.dev/{k}": v for k, v in annotations.items()})
        return story.play.tick(crash_after=writes)

    return step


def _annotated(story: Story, marker: str | None) -> None:
    """Ed writes the marker on the target and on its autoscaler, or takes it away."""
    world, over = story.play.world, {"metadata": {"annotations": {MARKER_ANNOTATION: marker}}}
    if world.raw is not None:
        world.edit(**over)
    _told(story, over)


def _told(story: Story, over: Mapping[str, Any]) -> None:
    """Ed changes the autoscaler, if there is one."""
    found = story.play.world.around.get(AutoscalersNeed, ())
    assert isinstance(found, tuple)
    for old in (a for a in found if isinstance(a, Autoscaler)):
        version = str(int(old.resource_version) + 1)
        raw = build.merged(build.merged(old.raw, over), {"metadata": {"resourceVersion": version}})
        now = Autoscaler(old.namespace, old.name, old.uid, version, raw)
        story.play.world.around[AutoscalersNeed] = (now,)


def _plant(story: Story) -> None:
    """Ed knows the ids, and the nonce of an intent."""
    execution = story.play.status.execution
    if execution is not None:
        _annotated(story, f"{execution.proposal}.{execution.nonce}")
    else:
        _annotated(story, _open_or_made_up(story, 0))


def _wipe(story: Story) -> None:
    _annotated(story, None)


def _restore(story: Story) -> None:
    """Ed makes everything as it was in the beginning."""
    if story.play.world.raw is not None:
        story.play.world.edit(spec={"template": None})
        story.play.world.edit(spec={"replicas": 3, "template": build.template()})
    _told(story, {"spec": {"minReplicas": 1, "maxReplicas": 10}})


def _cover_up(story: Story) -> None:
    _restore(story)
    _wipe(story)


def _make_autoscaler(story: Story) -> None:
    story.play.world.around[AutoscalersNeed] = (autoscaler(),)


def _delete_autoscaler(story: Story) -> None:
    story.play.world.around[AutoscalersNeed] = ()


def _bump(story: Story) -> None:
    """Ed raises the generation, and changes nothing that matters."""
    if story.play.world.raw is not None:
        seconds = story.play.world.raw["spec"].get("minReadySeconds", 0)
        story.play.world.edit(spec={"minReadySeconds": seconds + 1})


TAMPERING: Final = (
    *(_plant, _wipe, _restore, _cover_up, _bump),
    *(_make_autoscaler, _delete_autoscaler),
)


def _ambush(tampering: Callable[[Story], object]) -> Callable[[Story], object]:
    def step(story: Story) -> None:
        story.ambush = tampering

    return step


def _then(
    first: Callable[[Story], object], second: Callable[[Story], object]
) -> Callable[[Story], object]:
    """One after the other, and then the operator looks."""

    def step(story: Story) -> object:
        first(story)
        second(story)
        return story.play.tick()

    return step


def _unwatched(story: Story) -> None:
    """Time passes while the operator is away."""
    story.play.world.now += timedelta(minutes=16)


STEPS: Final = st.one_of(
    st.just(_unwatched),
    *(
        _say(key)
        for key in (
            *("approve", "approve", "approve", "reject", "take-command", "acknowledge", "note"),
            *("propose", "diagnose", "confirm", "resolve", "dismiss", "reopen", "severity"),
        )
    ),
    _world(metrics="down"),
    _world(metrics="up"),
    _world(metrics="nan"),
    _world(proven=False, fingerprint="off"),
    _world(proven=True, fingerprint="again"),
    _world(reachable=False),
    _world(reachable=True),
    _world(lose_response=True),
    _world(bad_images=frozenset()),
    _world(bad_images=frozenset({build.NEW_IMAGE, build.OLD_IMAGE})),
    _release(build.OLD_IMAGE),
    _release(build.NEW_IMAGE),
    _release("shop/checkout:hotfix"),
    st.builds(_scaled, st.integers(0, 6)),
    st.builds(_crash, st.integers(1, 6)),
    st.builds(_silent_approval, st.integers(1, 6)),
    st.builds(_then, st.builds(_silent_approval, st.integers(1, 6)), st.sampled_from(TAMPERING)),
    st.sampled_from(TAMPERING),
    st.builds(_ambush, st.sampled_from(TAMPERING)),
    st.builds(
        lambda minutes: lambda story: story.play.after(minutes=minutes), st.sampled_from([1, 4, 16])
    ),
)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps=st.lists(STEPS, min_size=1, max_size=12))
def test_whatever_happens_nothing_is_changed_without_approval(
    steps: list[Callable[[Story], object]],
) -> None:
    story = Story()
    for step in steps:
        step(story)
        story.check()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, max_size=6))
def test_with_healthy_facts_and_an_approving_commander_the_end_is_reached(
    steps: list[Callable[[Story], object]],
) -> None:
    story = Story()
    for step in steps:
        step(story)
    play, world = story.play, story.play.world
    world.metrics, world.reachable, world.proven = "up", True, True
    world.fingerprint, world.bad_images, world.lose_response = "healed", frozenset(), False
    if world.raw is not None:
        world.edit(spec={"replicas": 3})
    commander = play.status.roles.commander if play.status.roles else None
    for _ in range(12):
        play.after(minutes=6)
        offered = [p for p in play.status.proposals if p.state == "Proposed" and not p.blocked]
        if play.phase == "AwaitingApproval" and offered:
            play.say("approve", offered[0].id, by=commander or "alice")
        elif play.phase in {"Investigating", "AwaitingApproval"}:
            play.say("resolve", "it is good now", by=commander or "alice")
    assert play.phase in {"Resolved", "Closed", "Dismissed"}, (play.phase, play.reasons[-6:])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    index=st.integers(0, len(REMEDIATIONS) - 1),
    there=st.booleans(),
    writes=st.integers(1, 6),
    lost=st.booleans(),
    tampering=st.lists(st.sampled_from(TAMPERING), min_size=1, max_size=3),
    ambush=st.sampled_from(TAMPERING),
)
def test_whatever_ed_does_between_two_writes_it_is_done_once_or_said_not_to_be_known(
    index: int,
    there: bool,  # noqa: FBT001
    writes: int,
    lost: bool,  # noqa: FBT001
    tampering: list[Callable[[Story], object]],
    ambush: Callable[[Story], object],
) -> None:
    story = Story()
    if there:
        _make_autoscaler(story)
    story.play.say("propose", REMEDIATIONS[index])
    offered = story.play.open(REMEDIATIONS[index])
    story.ambush = ambush
    story.play.world.lose_response = lost
    said = {"approve": offered, "approve-by": "alice"}
    story.play.annotate({f"{GROUP}/{key}": value for key, value in said.items()})
    story.play.tick(crash_after=writes)
    for one in tampering:
        one(story)
    story.play.tick()
    story.check()
    story.play.after(seconds=30)
    story.check()
