"""The list of scenarios is complete, and the page in the documents says the same. No cluster."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.scenarios.listing import PAGE, page
from tests.scenarios.plays import SCENARIOS
from tests.scenarios.registry import Group
from tests.scenarios.shipped import SHIPPED, at_pace, without_times

PACKAGE: Final = Path(__file__).parents[2] / "operator" / "incidentcommander"
TRAPS: Final = 7
SAY_A_GUARD: Final = frozenset({"block", "warn", "_block", "_warn", "GuardFinding"})


OF_BUGS_ALONE: Final = {"NotPlanned"}
"""Nothing that anybody could write is known to lead there: tests/core/test_one_step.py makes the bug."""


def about(group: Group) -> set[str]:
    return {s.about for s in SCENARIOS if s.group is group}


def test_every_shipped_runbook_is_played() -> None:
    assert about(Group.RUNBOOK) == set(SHIPPED)


def test_every_trap_is_played() -> None:
    numbers = {int(text.split()[0]) for text in about(Group.TRAP)}
    assert numbers == set(range(1, TRAPS + 1))


def test_every_verdict_is_played() -> None:
    assert about(Group.VERDICT) == {"Passed", "Failed", "Inconclusive", "Error"}


def _called(node: ast.Call) -> str:
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _texts(node: ast.expr | None, known: Mapping[str, str]) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name) if name in known:
            yield known[name]
        case ast.IfExp(body=one, orelse=other):
            yield from (*_texts(one, known), *_texts(other, known))
        case _:
            pass


def _constants(tree: ast.Module) -> dict[str, str]:
    return {
        node.target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def _guards_in_the_code() -> set[str]:
    """Names that the code gives to guards, where it writes them down."""
    found: set[str] = set()
    modules = [*(PACKAGE / "actions").glob("*.py"), *(PACKAGE / "core").rglob("*.py")]
    trees = [ast.parse(module.read_text()) for module in modules]
    # Public names are used where they are imported.
    public = {k: v for t in trees for k, v in _constants(t).items() if not k.startswith("_")}
    for tree in trees:
        known = {**public, **_constants(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _called(node) in SAY_A_GUARD:
                named = {k.arg: k.value for k in node.keywords}
                found.update(_texts(node.args[0] if node.args else named.get("name"), known))
    return found


def test_every_guard_is_shown() -> None:
    shown = {name for scenario in SCENARIOS for name in scenario.guards}

    assert _guards_in_the_code() - shown == OF_BUGS_ALONE, "guards without a scenario"
    assert shown - _guards_in_the_code() == set(), "scenarios of guards that there are not"


def test_the_page_says_what_the_list_says() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.scenarios.listing"


@pytest.mark.parametrize("name", SHIPPED)
def test_only_times_of_a_shipped_runbook_are_shortened(name: str) -> None:
    short, long = at_pace(name, "shop"), SHIPPED[name]

    assert without_times(short["spec"]) == without_times(long["spec"])
    assert short["spec"] != long["spec"]
    assert {k: v for k, v in short.items() if k not in {"metadata", "spec"}} == {
        k: v for k, v in long.items() if k not in {"metadata", "spec"}
    }
