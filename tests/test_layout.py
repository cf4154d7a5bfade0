"""The source root `operator/` must stay a plain folder; functions and modules stay readable."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_the_source_root_is_no_package() -> None:
    # With an __init__.py there, `import operator` finds ours, and Python itself breaks.
    assert not list((ROOT / "operator").glob("*.py"))
    assert operator.eq(1, 1)


PACKAGE = ROOT / "operator" / "incidentcommander"
MODULES = sorted(PACKAGE.rglob("*.py"))
LINES, BODY = 280, 30
LISTS = ("api", "observed")
"""Fields and values, one after the other: a list is not easier to read in two files."""
PUT_TOGETHER = {"serve"}
"""The composition root: a list of parts, as well."""


def _long(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            told = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (node.end_lineno or 0) - told[0].lineno + 1 if told else 0
            if lines > BODY and node.name not in PUT_TOGETHER:
                yield f"{node.name}: {lines} lines"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_functions_and_modules_are_short(module: Path) -> None:
    assert list(_long(module)) == []
    if module.relative_to(PACKAGE).parts[0] in LISTS or module.name == "main.py":
        return
    assert module.read_text().count("\n") <= LINES
