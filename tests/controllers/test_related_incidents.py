"""Incidents of one target know of each other, and of nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from incidentcommander.api.common import Phase, TargetKind, TargetRef
from incidentcommander.api.incident import (
    Execution,
    ExecutionState,
    Incident,
    MadeChange,
    ProposalTarget,
)
from incidentcommander.controllers.related_incidents import Neighbours
from incidentcommander.core.case import Neighbour
from incidentcommander.observed.workloads import IncidentRef
from tests.support import build
from tests.support.play import Play
from tests.support.shell import Shell

NOW = build.NOW
DAY = timedelta(days=1)
BASE = Play().tick().incident


def incident(
    name: str,
    target: str = "checkout",
    *,
    namespace: str = "shop",
    phase: Phase = Phase.INVESTIGATING,
    acting: str = "",
    changed_at: tuple[datetime, ...] = (),
) -> Incident:
    execution = Execution(
        proposal=acting or "none",
        state=ExecutionState.APPLIED,
        target_uid="uid",
        target_generation=1,
        started_at=NOW,
    )
    status = BASE.status.model_copy(
        update={
            "phase": phase,
            "execution": execution if acting else None,
            "changed_at": list(changed_at),
        }
    )
    meta = BASE.metadata.model_copy(
        update={"name": name, "namespace": namespace, "uid": f"{name}-uid"}
    )
    of = TargetRef(kind=TargetKind.DEPLOYMENT, name=target)
    spec = BASE.spec.model_copy(update={"target": of})
    return BASE.model_copy(update={"metadata": meta, "spec": spec, "status": status})


def ref_of(incident: Incident) -> IncidentRef:
    meta = incident.metadata
    return IncidentRef(meta.namespace, meta.name, meta.uid)


def names(neighbours: Neighbours, of: Incident) -> list[str]:
    return [n.name for n in neighbours.of(of)]


def test_only_the_others_of_the_same_target_count() -> None:
    known = Neighbours()
    mine = incident("a")
    everybody = [
        mine,
        incident("b"),
        incident("c", "another"),
        incident("d", namespace="bank"),
    ]
    woken = [[r.name for r in known.take_notice(ref_of(i), i)] for i in everybody]

    assert woken == [[], ["a"], [], []]
    assert names(known, mine) == ["b"]


def test_the_others_look_when_it_begins_or_ends_to_act_and_not_else() -> None:
    known = Neighbours()
    known.take_notice(ref_of(incident("b")), incident("b"))
    states: list[dict[str, Any]] = [
        {},
        {},
        {"phase": Phase.REMEDIATING, "acting": "rollback-1"},
        {"phase": Phase.REMEDIATING, "acting": "rollback-1", "changed_at": (NOW,)},
        {"phase": Phase.MONITORING},
    ]

    woken = [len(known.take_notice(ref_of(incident("a")), incident("a", **s))) for s in states]

    assert woken == [1, 0, 1, 0, 1]


def test_a_changed_target_changes_the_neighbours() -> None:
    known = Neighbours()
    for one in (incident("a"), incident("b"), incident("c", "another")):
        known.take_notice(ref_of(one), one)
    moved = incident("a", "another")

    known.take_notice(ref_of(moved), moved)

    assert names(known, incident("b")) == []
    assert names(known, moved) == ["c"]


def changing(one: Incident, target: str, at: datetime = NOW) -> Incident:
    """It changed that workload, whatever its spec says now."""
    where = ProposalTarget(kind=TargetKind.DEPLOYMENT, name=target, uid=f"{target}-uid")
    made = MadeChange(at=at, proposal="scale-1", action="scale", target=where)
    status = one.status.model_copy(update={"changes": [made], "changed_at": [at]})
    return one.model_copy(update={"status": status})


def test_rita_turns_her_incident_away_and_what_it_changed_still_counts_there() -> None:
    known = Neighbours()
    hers = changing(incident("a", "another"), "checkout")
    known.take_notice(ref_of(hers), hers)

    (found,) = known.of(incident("b"))
    assert (found.name, found.phase, found.acting) == ("a", Phase.CLOSED, "")
    assert [c.target.name for c in found.changes] == ["checkout"]
    (there,) = known.of(incident("c", "another"))
    assert there.phase is Phase.INVESTIGATING

    again = Neighbours()
    again.recall(hers, NOW)
    assert names(again, incident("b")) == ["a"]


def test_an_ended_one_counts_for_a_day_if_it_changed_the_target() -> None:
    known = Neighbours()
    acted = incident("a", phase=Phase.VERIFYING, acting="rollback-1", changed_at=(NOW,))
    idle = incident("b")
    for one in (acted, idle):
        known.take_notice(ref_of(one), one)
        known.end(ref_of(one), NOW)

    assert known.of(incident("c")) == (Neighbour("a", Phase.CLOSED, "", (NOW,)),)
    known.recall(incident("d", changed_at=(NOW - DAY,)), NOW)
    assert names(known, incident("c")) == ["a"]
    known.recall(incident("e", changed_at=(NOW + DAY,)), NOW + DAY)
    assert names(known, incident("c")) == ["e"]


def test_nothing_is_kept_of_those_that_are_gone() -> None:
    known = Neighbours()
    for number in range(100):
        one = incident(f"inc-{number}", f"target-{number}")
        known.take_notice(ref_of(one), one)
        known.end(ref_of(one), NOW)
        known.end(ref_of(one), NOW)

    assert (known._key_of, known._open, known._ended) == ({}, {}, {})


# --- against the plainest thing that could be right ----------------------------------------------


@dataclass
class Plain:
    """Looks through everything, every time."""

    known: dict[IncidentRef, tuple[TargetRef, Neighbour]] = field(default_factory=dict)
    ended: dict[tuple[str, TargetRef, str], Neighbour] = field(default_factory=dict)

    def of(self, one: Incident) -> set[Neighbour]:
        meta, target = one.metadata, one.spec.target
        return {
            neighbour
            for ref, (followed, neighbour) in self.known.items()
            if followed == target and ref.namespace == meta.namespace and ref.name != meta.name
        } | {
            neighbour
            for (namespace, of, name), neighbour in self.ended.items()
            if namespace == meta.namespace and of == target and name != meta.name
        }

    def take_notice(self, ref: IncidentRef, one: Incident) -> set[IncidentRef]:
        _, before = self.known.get(ref, (None, None))
        now = Neighbour.of(one)
        self.known[ref] = (one.spec.target, now)
        if before is not None and (before.acting, before.phase) == (now.acting, now.phase):
            return set()
        return {
            other
            for other, (followed, _) in self.known.items()
            if followed == one.spec.target and other.namespace == ref.namespace and other != ref
        }

    def end(self, ref: IncidentRef, now: datetime) -> None:
        if ref in self.known:
            target, neighbour = self.known.pop(ref)
            self.remember(ref.namespace, target, neighbour, now)

    def recall(self, one: Incident, now: datetime) -> None:
        self.remember(one.metadata.namespace, one.spec.target, Neighbour.of(one), now)

    def remember(
        self, namespace: str, target: TargetRef, neighbour: Neighbour, now: datetime
    ) -> None:
        oldest = now - DAY
        self.ended = {k: n for k, n in self.ended.items() if n.changed_at[-1] > oldest}
        if neighbour.changed_at and neighbour.changed_at[-1] > oldest:
            self.ended[namespace, target, neighbour.name] = replace(
                neighbour, phase=Phase.CLOSED, acting=""
            )


ACTS: dict[str, Callable[[Any, Incident, datetime], Any]] = {
    "notice": lambda k, i, _: set(k.take_notice(ref_of(i), i)),
    "end": lambda k, i, now: k.end(ref_of(i), now),
    "recall": lambda k, i, now: k.recall(i, now),
}
incidents = st.builds(
    incident,
    st.sampled_from("abc"),
    st.sampled_from(["checkout", "cart"]),
    namespace=st.sampled_from(["shop", "bank"]),
    phase=st.sampled_from([Phase.INVESTIGATING, Phase.REMEDIATING, Phase.CLOSED]),
    acting=st.sampled_from(["", "rollback-1"]),
    changed_at=st.sampled_from([(), (NOW,), (NOW, NOW + timedelta(hours=30))]),
)


@given(st.lists(st.tuples(st.sampled_from(sorted(ACTS)), incidents, st.integers(0, 20))))
def test_it_answers_as_the_plainest_thing_would(
    story: list[tuple[str, Incident, int]],
) -> None:
    quick, plain, now = Neighbours(), Plain(), NOW
    for act, one, hours in story:
        now += timedelta(hours=hours)
        assert ACTS[act](quick, one, now) == ACTS[act](plain, one, now)
        assert set(quick.of(one)) == plain.of(one)


# --- in the runner -------------------------------------------------------------------------------


async def test_the_runner_wakes_the_others_of_a_target_and_forgets_who_is_gone() -> None:
    shell = Shell()
    refs = [shell.store.put(i) for i in (incident("a"), incident("b"), incident("c", "another"))]
    await shell.tick(refs[0])
    await shell.tick(refs[2])
    shell.tally.ticks.clear()

    await shell.tick(refs[1])
    # b looked, and a because of it.
    assert len(shell.tally.ticks) >= 2
    shell.runner.forget(refs[1])

    assert shell.runner._neighbours.of(incident("a")) == ()
