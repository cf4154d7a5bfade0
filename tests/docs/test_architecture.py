"""The pages for contributors name modules that there are, and all wings of the core."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "incidentcommander"
PAGES = sorted((ROOT / "docs" / "development").glob("*.md"))
ARCHITECTURE = (ROOT / "docs" / "development" / "architecture.md").read_text()
QUOTED = re.compile(r"`([a-z_]+(?:/[a-z_.]+)*(?:/|\.py))`")


def missing(text: str) -> list[str]:
    """Paths in backticks that lead nowhere, in the package, the repository or a wing of the core."""
    roots = [
        ROOT,
        PACKAGE,
        PACKAGE / "core",
        *(p for p in (PACKAGE / "core").iterdir() if p.is_dir()),
    ]
    return [path for path in QUOTED.findall(text) if not any((r / path).exists() for r in roots)]


def test_a_path_that_leads_nowhere_is_found() -> None:
    assert missing("see `core/decide.py`, `gone/away.py`") == ["gone/away.py"]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_path_of_the_page_is_there(page: Path) -> None:
    assert missing(page.read_text()) == []


def test_every_wing_of_the_core_stands_in_the_table() -> None:
    wings = [p for p in (PACKAGE / "core").iterdir() if p.is_dir() and p.name != "__pycache__"]
    assert {f"`{w.name}/`" for w in wings} <= set(re.findall(r"`\w+/`", ARCHITECTURE))


def test_every_decision_has_its_record_in_the_list() -> None:
    listed = (ROOT / "docs" / "adr" / "README.md").read_text()
    files = {p.name for p in (ROOT / "docs" / "adr").glob("0*.md")}
    assert set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", listed)) == files
