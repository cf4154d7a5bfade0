"""Lines of styled text: the one form between what is known and what a terminal shows.

A style is a word for what it means; the terminal knows colours, a pipe gets the words alone.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from ... import cleaning

__all__ = [
    "Line",
    "Span",
    "Style",
    "bulleted",
    "clean",
    "legible",
    "line",
    "plain",
    "table",
    "wrapped",
]

Style: TypeAlias = Literal["", "bold", "dim", "good", "bad", "warn", "head", "command", "who"]
Span: TypeAlias = tuple[str, Style]
Line: TypeAlias = tuple[Span, ...]


def clean(text: str) -> str:
    """Take out what would steer a terminal: people and images name things as they like."""
    return cleaning.clean(text).replace("\t", "    ")


def line(*parts: str | Span) -> Line:
    """Put a line together; bare strings have no style."""
    return tuple((part, "") if isinstance(part, str) else part for part in parts)


def plain(lines: Iterable[Line]) -> str:
    """Give the words alone."""
    return "\n".join("".join(text for text, _ in spans).rstrip() for spans in map(legible, lines))


def legible(spans: Line) -> Line:
    """Give a line that steers no terminal, whoever forgot to clean a part of it."""
    return tuple((cleaning.clean_line(text), style) for text, style in spans)


def wrapped(
    text: str, width: int, indent: str = "", style: Style = "", commands: Collection[str] = ()
) -> list[Line]:
    """Break a text into lines of that width.

    Parameters
    ----------
    commands
        Those that are known from a field of their own, or made here: where the text has one, it
        stands on a line of its own, unbroken, to be copied. Nothing else in a text is offered as
        one, whatever it looks like: people have their words in there.
    """
    lines: list[Line] = []
    for words, command in _pieces(clean(text), commands):
        if command:
            lines.append(line(f"{indent}  ", (words, "command")))
            continue
        for paragraph in words.splitlines():
            broken = textwrap.wrap(paragraph, max(20, width - len(indent)), break_on_hyphens=False)
            lines += [line(indent, (piece, style)) for piece in broken]
    return lines


def bulleted(
    first: Line, text: str, width: int, style: Style = "", commands: Collection[str] = ()
) -> list[Line]:
    """Break a text into lines that stand right of ``first``."""
    indent = " " * sum(len(part) for part, _ in first)
    lines = wrapped(text, width, indent, style, commands)
    if not lines:
        return [first]
    return [(*first, *lines[0][1:]), *lines[1:]]


def _pieces(text: str, commands: Collection[str]) -> Iterator[tuple[str, bool]]:
    """Split a text into words and known commands; of two that begin alike the longer one is meant."""
    start = 0
    longest = sorted(filter(None, commands), key=len, reverse=True)
    known = "|".join(re.escape(command) for command in longest)
    for found in re.finditer(rf"(?<!\S)(?:{known})(?=[\s;]|$)", text) if known else ():
        before = text[start : found.start()].strip()
        if before:
            yield before, False
        yield found.group(), True
        after = text[found.end() :]
        start = found.end() + (len(after) - len(after.lstrip(" ;")))
    rest = text[start:].strip()
    if rest:
        yield rest, False


def table(rows: Sequence[Sequence[Span]], gap: int = 3) -> list[Line]:
    """Put cells below each other; the last column is as long as it is."""
    widths = [max(len(row[n][0]) for row in rows) for n in range(len(rows[0]))]
    widths[-1] = 0
    return [
        tuple(
            (text.ljust(w + gap) if w else text, style)
            for (text, style), w in zip(row, widths, strict=True)
        )
        for row in rows
    ]
