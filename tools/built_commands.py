"""Forbids command lines that are put together by hand: only ``command_line`` may build one.

Part of ``make lint``. Reads the syntax tree of every module of the product, and finds texts that begin
a command and then take in a value: an f-string, a sum, ``%``, ``format``, ``join``. A constant text
is no finding: it holds nobody's words. There is no list of exceptions.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["main", "problems"]

_ROOT: Final = Path(__file__).parent.parent / "operator"
_BUILDER: Final = "command_line.py"
_BEGUN: Final = re.compile(r"(?<![\w/.-])(?:kubectl|helm|argocd|flux)\s(?![^\n]*[.;] )", re.DOTALL)
"""The name of a program and a blank; a sentence that has ended since is prose."""
_ASKED: Final = re.compile(r"\bincidentcommander\.dev/[a-z-]+=|\bannotate\s+inc")
"""A request, whatever stands before it."""
_MESSAGE: Final = "a command is built by incidentcommander.command_line, not put together here"


def problems(source: str) -> list[tuple[int, str]]:
    """Give line and words of every command that a module puts together by hand."""
    return sorted({(node.lineno, text) for node, text in _found(ast.parse(source))})


def _found(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    for node in ast.walk(tree):
        parts = _parts(node) if isinstance(node, ast.expr) else []
        said = ""
        for part in parts:
            if part is None and (_BEGUN.search(said) or _ASKED.search(said)):
                assert isinstance(node, ast.expr)  # noqa: S101 - for the type checker
                yield node, said.strip()
                break
            said += "{}" if part is None else part


def _parts(node: ast.expr) -> list[str | None]:
    """Give what a text is made of, in order; None: a value."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            return [part for value in values for part in _parts(value)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [*_parts(left), *_parts(right)]
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return _split(re.split(r"%[^%]", text))
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return _split(re.split(r"\{[^{}]*\}", text))
        case ast.Call(func=ast.Attribute(value=between, attr="join"), args=[given]):
            return _joined(_parts(between), given)
        case _:
            return [None]


def _joined(between: list[str | None], given: ast.expr) -> list[str | None]:
    """Give what is strung together, where it stands there piece by piece."""
    if not isinstance(given, (ast.List, ast.Tuple)):
        return [None]
    found: list[str | None] = []
    for number, each in enumerate(given.elts):
        found += [*(between if number else []), *_parts(each)]
    return found


def _split(texts: list[str]) -> list[str | None]:
    found: list[str | None] = []
    for number, text in enumerate(texts):
        found += [None, text] if number else [text]
    return found


def main() -> int:
    """Look through the product."""
    failed = False
    for path in sorted(_ROOT.rglob("*.py")):
        if path.name == _BUILDER:
            continue
        for number, words in problems(path.read_text()):
            failed = True
            print(f"{path.relative_to(_ROOT.parent)}:{number}: {words!r}: {_MESSAGE}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
