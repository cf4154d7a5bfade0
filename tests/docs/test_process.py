"""The list of what the process says: every row has a test that exists, or says so honestly."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from incidentcommander.api.common import Severity
from incidentcommander.api.policy import EscalationTrigger, PostmortemNeed, ResponsePolicySpec

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "process.md"
NAMED: Final = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
HONEST: Final = frozenset({"not yet", "people"})


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[-1] != "shown by"]


@cache
def known_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


def test_the_list_is_whole() -> None:
    assert len(rows()) > 80
    assert {len(row) for row in rows()} == {3}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:40])
def test_every_row_has_a_test_or_says_that_there_is_none(row: list[str]) -> None:
    named = NAMED.findall(row[-1])

    assert named or row[-1] in HONEST, row[-1]
    assert not [f"{path}::{name}" for path, name in named if name not in known_in(path)]


@pytest.mark.parametrize(
    ("level", "title", "responds", "cadence", "told"),
    [
        (
            "SEV1",
            "Critical",
            timedelta(minutes=5),
            timedelta(minutes=15),
            ["vp-engineering", "cto"],
        ),
        ("SEV2", "Major", timedelta(minutes=15), timedelta(minutes=30), ["engineering-manager"]),
        ("SEV3", "Moderate", timedelta(hours=1), timedelta(hours=2), ["team-lead"]),
        ("SEV4", "Low", None, timedelta(days=1), ["backlog-triage"]),
    ],
)
def test_the_built_in_values_are_the_table(
    level: str, title: str, responds: timedelta | None, cadence: timedelta, told: list[str]
) -> None:
    rules = ResponsePolicySpec().rules_for(Severity(level))
    nobody = EscalationTrigger.NOT_ACKNOWLEDGED

    assert (rules.title, rules.respond_within, rules.update_every) == (title, responds, cadence)
    assert [line.to for line in rules.escalation or [] if line.trigger is nobody] == told
    assert rules.first_update_within == timedelta(minutes=5)
    assert rules.monitor_for == timedelta(minutes=30)
    assert rules.postmortem_within == timedelta(hours=48)
    required = rules.postmortem is PostmortemNeed.REQUIRED
    assert required == (level in {"SEV1", "SEV2"})


@pytest.mark.parametrize(
    ("level", "words"),
    [
        ("SEV1", ["outage", "data loss", "security breach"]),
        ("SEV2", ["25 %", "key feature"]),
        ("SEV3", ["workaround"]),
        ("SEV4", ["cosmetic", "tech debt"]),
    ],
)
def test_the_built_in_criteria_are_those_of_the_table(level: str, words: list[str]) -> None:
    criteria = (ResponsePolicySpec().rules_for(Severity(level)).criteria or "").lower()

    assert not [word for word in words if word not in criteria]
