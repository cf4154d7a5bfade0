"""Lays out an Incident's timeline as a table for a terminal.

The demo ends with it. It reads the plain object and asks nobody.
"""

from __future__ import annotations

import textwrap
from typing import Any, Final

__all__ = ["table"]

_COLUMNS: Final = ("SEQ", "TIME", "PHASE", "REASON", "ACTOR")
_EVIDENCE: Final = ("query", "value", "threshold", "verdict")
_GAP: Final = "  "
_INDENT: Final = " " * (len(_COLUMNS[0]) + len(_GAP))


def table(timeline: list[dict[str, Any]], width: int) -> str:
    """Give one row per entry; its message and its evidence stand below it."""
    rows = [_cells(entry) for entry in timeline]
    widths = [max(len(row[i]) for row in [_COLUMNS, *rows]) for i in range(len(_COLUMNS))]
    lines = [_row(_COLUMNS, widths)]
    for entry, cells in zip(timeline, rows, strict=True):
        lines += [_row(cells, widths), *_wrapped(entry["message"], width, "")]
        evidence = entry.get("evidence") or {}
        for key in _EVIDENCE:
            if key in evidence:
                lines += _wrapped(f"{key:<11}{evidence[key]}", width, "| ")
    return "\n".join(lines)


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    clock = entry["at"][11:19]
    return (str(entry["seq"]), clock, entry["phase"], entry["reason"], entry["actor"])


def _row(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return _GAP.join(padded).rstrip()


def _wrapped(text: str, width: int, mark: str) -> list[str]:
    first = _INDENT + mark
    rest = first + " " * 11 if mark else first
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )
