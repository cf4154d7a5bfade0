"""A bug in a whole tick stands in the Incident's status, once, and goes when a tick works again."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from incidentcommander.api.incident import Incident
from incidentcommander.controllers import hands, look
from incidentcommander.core import decide as decisions
from incidentcommander.observed.workloads import IncidentRef
from tests.support import build
from tests.support.shell import Shell, Store


class _Counting(Store):
    def __init__(self) -> None:
        super().__init__()
        self.saves = 0

    @override
    async def save_status(self, incident: Any, status: Any) -> Any:
        self.saves += 1
        return await super().save_status(incident, status)


def shell() -> tuple[Shell, _Counting]:
    made, store = Shell(), _Counting()
    made.store = store
    made.runner._world = hands.Gateways(
        **{name: getattr(made.runner._world, name) for name in hands.Gateways.__slots__}
        | {"incidents": store}
    )
    made.runner._hindered._incidents = store
    return made, store


def condition(incident: Incident, kind: str) -> tuple[str, str, str]:
    found = next(c for c in incident.status.conditions if c.type == kind)
    return str(found.status), found.reason, found.message


def bug(*_: object) -> Any:
    raise ZeroDivisionError("what ed wrote")


def kept(store: Store, ref: IncidentRef) -> Incident:
    return store.kept[ref.namespace, ref.name]


WHERE = {"decide": look, "required": look, "draft_due": decisions, "cleanup": decisions}


@pytest.mark.parametrize("where", WHERE)
async def test_a_bug_is_said_once_where_people_look_and_cleared_when_it_works_again(
    where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made, store = shell()
    ref = store.put(build.incident())
    with monkeypatch.context() as patched:
        patched.setattr(WHERE[where], where, bug)
        for _ in range(5):
            await made.tick(ref)
            made.world.now += timedelta(seconds=7)
        writes = store.saves

        found = kept(store, ref)
        for kind, status in (("Ready", "False"), ("Stalled", "True")):
            said = condition(found, kind)
            assert said[:2] == (status, "InternalError")
            assert said[2].startswith("The operator cannot go on with this Incident: ZeroDivision")
            assert "ed wrote" not in said[2]
        assert found.status.summary.startswith("The operator cannot go on with this Incident: ")
        assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1
        before = writes
        await made.tick(ref)
        assert store.saves == before
    assert made.tally.ticks.count("bug") == 6

    await made.tick(ref)

    found = kept(store, ref)
    assert condition(found, "Stalled")[:2] == ("False", "None")
    assert condition(found, "Ready")[:2] == ("True", "Handled")
    assert "cannot go on" not in found.status.summary


async def test_the_others_go_on_and_the_pauses_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    made, store = shell()
    bad = store.put(build.incident(metadata={"name": "bad", "uid": "bad"}))
    good = store.put(build.incident(metadata={"name": "good", "uid": "good"}))
    decide = decisions.decide

    def decided(case: Any, facts: Any) -> Any:
        return bug() if case.incident.metadata.name == "bad" else decide(case, facts)

    monkeypatch.setattr(look, "decide", decided)
    pauses = []
    for _ in range(14):
        await made.tick(bad, good)
        at = made.runner.schedule._due[bad][0]
        pauses.append((at - made.world.now).total_seconds())

    assert kept(store, good).status.phase != kept(store, bad).status.phase
    assert pauses[0] < 30.0
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300.0


async def test_a_status_that_cannot_be_written_is_said_once_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made, store = shell()
    ref = store.put(build.incident())
    monkeypatch.setattr(look, "decide", bug)
    monkeypatch.setattr(store, "save_status", bug)

    for _ in range(5):
        await made.tick(ref)

    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 2
