"""Manual: the instructions are the plan, and nothing is sent."""

from __future__ import annotations

import pytest

from incidentcommander.actions import Plan, Situation
from incidentcommander.actions.manual import ACTION
from incidentcommander.api.common import TargetKind
from incidentcommander.api.runbook import ManualAction, ScaleAction
from tests.support.build import NOW, history, template, workload

WHERE = Situation(workload(), history())


def plan(instructions: str) -> Plan:
    return ACTION.plan(ManualAction(instructions=instructions), WHERE)


def test_the_instructions_are_the_plan() -> None:
    found = plan("\nCall the provider.\n\nAsk for failover.\nWait.\n")

    assert found.summary == (
        "By hand, for Deployment checkout: Call the provider. (and 2 more lines)"
    )
    assert found.instructions == "\nCall the provider.\n\nAsk for failover.\nWait.\n"
    assert found.guards == ()
    assert ACTION.kinds == frozenset(TargetKind)


def test_other_words_are_another_plan() -> None:
    assert plan("a").parameters == plan("a").parameters
    assert plan("a").parameters != plan("a ").parameters


@pytest.mark.parametrize("instructions", ["x" * 4096, "\n" * 4096])
def test_texts_fit_into_their_fields(instructions: str) -> None:
    found = plan(instructions)

    assert 0 < len(found.summary) <= 512
    assert all(len(value) <= 512 for value in found.parameters.values())


def test_nothing_is_sent_and_nothing_can_be_found() -> None:
    parameters = plan("a").parameters

    assert ACTION.write(parameters, WHERE, "m-1", NOW) is None
    assert ACTION.marker(parameters, WHERE) == ""
    assert ACTION.as_planned(parameters, WHERE, NOW) is False


def test_what_people_change_meanwhile_does_not_void_it() -> None:
    found = plan("a")
    released = Situation(workload(spec={"template": template("a:9"), "replicas": 9}), ())
    anew = Situation(workload(metadata={"uid": "other"}), ())

    assert ACTION.depends_on(found.parameters, released) == found.depends_on
    assert ACTION.depends_on(found.parameters, anew) != found.depends_on


def test_it_needs_its_own_parameters() -> None:
    with pytest.raises(TypeError, match="ScaleAction"):
        ACTION.plan(ScaleAction(by=1), WHERE)
