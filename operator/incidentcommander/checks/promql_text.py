"""A light look at the text of a query: quotes closed, brackets in pairs, not empty.

Only Prometheus can parse PromQL; this finds what goes wrong most while a Runbook is written,
before there is anything to ask.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["query_problem"]

_TOKEN: Final = re.compile(
    r"""
    (?P<string> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | `[^`]*` )
  | (?P<comment> \#[^\n]* )
  | (?P<open> [(\[{] )
  | (?P<close> [)\]}] )
  | (?P<quote> ["'`] )
  | (?P<other> [^"'`\#()\[\]{}]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}


def query_problem(text: str) -> str | None:
    """Say what keeps a text from being PromQL, with its position, or None."""
    opened: list[tuple[str, int]] = []
    empty = True
    for token in _TOKEN.finditer(text):
        position = token.start() + 1
        empty = empty and (token.lastgroup == "comment" or not token[0].strip())
        if token.lastgroup == "quote":
            return f"the quote {token[0]} at character {position} is not closed"
        if token.lastgroup == "open":
            opened.append((token[0], position))
        elif token.lastgroup == "close" and (not opened or opened.pop()[0] != _PAIRS[token[0]]):
            return f"the bracket {token[0]} at character {position} closes nothing"
    if opened:
        bracket, position = opened[-1]
        return f"the bracket {bracket} at character {position} is not closed"
    return "the query is empty" if empty else None
