"""Where lines go: colours on a terminal that has them, else the words alone.

rich is imported only where a terminal is there, and only if it is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from ..cleaning import is_clean
from .exits import Code, Ended
from .names import GROUP
from .view.spans import Line, clean, legible, plain

if TYPE_CHECKING:
    from rich.text import Text

__all__ = [
    "STYLES",
    "asked",
    "can_ask",
    "confirmed",
    "console",
    "rendered",
    "say",
    "show",
    "width",
    "write",
]

STYLES: Final = {
    "": "",
    "bold": "bold",
    "dim": "dim",
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "head": "bold cyan",
    "command": "cyan",
    "who": "magenta",
}
_WIDTH: Final = 100
_WIDEST: Final = 180


def width() -> int:
    """Columns to fill: those of the terminal, else 100."""
    if not sys.stdout.isatty():
        return _WIDTH
    return max(60, min(shutil.get_terminal_size((_WIDTH, 24)).columns, _WIDEST))


def console() -> Any:
    """Give rich's console where there is a terminal with colours, else None."""
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(highlight=False, markup=False, emoji=False)


def rendered(lines: Sequence[Line]) -> Text:
    """Give lines as rich knows them."""
    from rich.text import Text

    spans = [part for spans in lines for part in [*legible(spans), ("\n", "")]]
    return Text.assemble(*((text, STYLES[style]) for text, style in spans), end="")


def show(lines: Sequence[Line]) -> None:
    """Print lines on stdout."""
    out = console()
    if out is None:
        click.echo(plain(lines))
    else:
        out.print(rendered(lines), soft_wrap=True, end="")


def say(text: str) -> None:
    """Tell the person something that is no result: on stderr."""
    click.echo(clean(text), err=True)


def write(body: Any, form: str) -> None:
    """Print an object as ``-o json``, ``yaml`` or ``name`` has it."""
    if form == "name":
        for item in body.get("items", [body]):
            click.echo(f"{item['kind'].lower()}.{GROUP}/{item['metadata']['name']}")
    elif form == "json":
        click.echo(
            _exact(
                json.dumps(body, indent=4, ensure_ascii=False), body, partial(json.dumps, indent=4)
            )
        )
    else:
        import yaml

        text = yaml.safe_dump(body, sort_keys=False, allow_unicode=True)
        click.echo(_exact(text, body, partial(yaml.safe_dump, sort_keys=False)), nl=False)


def _exact(text: str, body: Any, escaped: Callable[[Any], Any]) -> str:
    """Give the object as it is; in escapes where its characters would steer a terminal."""
    return text if is_clean(text) else str(escaped(body))


def can_ask() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def asked(what: str, instead: str, default: str | None = None) -> str:
    """Ask for words; without a terminal say which argument is missing."""
    if not can_ask():
        raise Ended(Code.USAGE, f"{what} is missing: {instead}")
    answer: str = click.prompt(what, default=default, err=True)
    return answer.strip()


def confirmed(question: str) -> bool:
    """Ask yes or no; without a terminal end, since nobody can answer."""
    if not can_ask():
        raise Ended(Code.USAGE, f"{question} Nobody is there to answer: add --yes")
    return click.confirm(question, err=True)
