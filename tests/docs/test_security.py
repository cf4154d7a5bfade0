"""Every threat that SECURITY.md lists is played by a test that there is."""

from __future__ import annotations

from typing import Final

import pytest

from tests.docs.test_process import NAMED, ROOT, known_in

PAGE: Final = ROOT / "SECURITY.md"
ROWS: Final = [
    line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "::" in line
]


def test_the_table_is_there() -> None:
    assert len(ROWS) >= 19


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row.split("|")[1:3])[:60])
def test_every_threat_has_a_test(row: str) -> None:
    named = NAMED.findall(row)

    assert named
    assert not [f"{path}::{name}" for path, name in named if name not in known_in(path)]
