"""JSON that others wrote, read within bounds: what no schema has judged.

For annotations, answers of programs and whatever else is text with JSON in it. It never costs more
than its bounds, and fails in one way only. What it gives may still have any shape: ``inside`` looks
into it without failing.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

__all__ = ["DEEPEST", "LONGEST", "ForeignError", "inside", "parsed"]

LONGEST: Final = 1024 * 1024
"""Most characters that are read; annotations of one object have 256 KiB together."""
DEEPEST: Final = 64
"""Most brackets within brackets; a Deployment with all that it can have needs less than twenty."""

# A string that is not closed reaches to the end: each character is looked at once.
_BRACKETS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_OPENING: Final = frozenset("[{")
_CLOSING: Final = frozenset("]}")


class ForeignError(ValueError):
    """The text is not read. The message says why, and repeats nothing of it."""


def parsed(text: str | bytes, *, longest: int = LONGEST, deepest: int = DEEPEST) -> Any:
    """Read a text as JSON: as RFC 8259 has it, so neither NaN nor half a surrogate pair.

    Raises
    ------
    ForeignError
        If it is too long, nested too deeply, or no JSON. No other error leaves this function.
    """
    if len(text) > longest:
        raise ForeignError(f"it has {len(text)} characters; at most {longest} are read")
    try:
        whole = text.decode() if isinstance(text, bytes) else text
        _check_depth(whole, deepest)
        found = json.loads(whole, parse_constant=_refused, parse_float=_finite)
        if r"\ud" in whole.lower():
            # Half a surrogate pair is no text: whatever writes it later would fail.
            json.dumps(found, ensure_ascii=False).encode()
    except ForeignError:
        raise
    except (ValueError, RecursionError, MemoryError, TypeError) as error:
        # Not chained: the text of the error can repeat what was read.
        raise ForeignError(f"it is no JSON ({type(error).__name__})") from None
    return found


def inside(value: Any, *path: str | int) -> Any:
    """Look into what was read, by keys and positions; None where there is nothing."""
    for step in path:
        match value, step:
            case dict(), str():
                value = value.get(step)
            case list(), int() if -len(value) <= step < len(value):
                value = value[step]
            case _:
                return None
    return value


def _check_depth(text: str, deepest: int) -> None:
    depth = 0
    for token in _BRACKETS.finditer(text):
        if token[0] in _OPENING:
            depth += 1
            if depth > deepest:
                raise ForeignError(f"it is nested more than {deepest} deep")
        elif token[0] in _CLOSING:
            depth -= 1


def _refused(constant: str) -> None:
    raise ForeignError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ForeignError("a number in it is out of range")
    return number
