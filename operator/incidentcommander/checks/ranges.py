"""How far back ranges in a query look: bounded, whatever stands in them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

__all__ = ["LONGEST", "parse_range", "range_problem", "ranges"]

LONGEST: Final = timedelta(days=366)
"""Further back no incident needs to look, and no message could say it well."""
_RANGE: Final = re.compile(r"\[\s*((?:[0-9]+(?:ms|[smhdwy]))+)\s*(?::[^\]]*)?\]")
_PART: Final = re.compile(r"([0-9]+)(ms|[smhdwy])")
_DIGITS: Final = 12
"""More of them are beyond ``LONGEST`` in any unit but milliseconds, and there too."""
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


def ranges(query: str) -> list[timedelta]:
    """Give every range of a query: ``rate(x[5m])`` has one of five minutes."""
    return [parse_range(text) for text in _RANGE.findall(query)]


def parse_range(text: str) -> timedelta:
    """Read a PromQL range such as ``90s``, ``1h30m`` or ``1d``; more than ``LONGEST`` is cut."""
    total = timedelta()
    for number, unit in _PART.findall(text):
        digits = number.lstrip("0") or "0"
        # Neither an integer of thousands of digits nor a product beyond what a timedelta holds.
        part = _times(int(digits), _UNITS[unit]) if len(digits) <= _DIGITS else LONGEST
        total = min(total + part, LONGEST)
    return total


def _times(number: int, unit: timedelta) -> timedelta:
    return LONGEST if number > LONGEST / unit else number * unit


def range_problem(query: str) -> str | None:
    """Say that a range looks back too far, or None."""
    if any(found >= LONGEST for found in ranges(query)):
        return f"a range looks back {LONGEST.days} days or more; less is allowed"
    return None
