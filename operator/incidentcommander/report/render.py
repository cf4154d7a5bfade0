"""Lays reports out: Markdown for repositories and chats, one HTML page that needs nothing beside itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..cleaning import clean
from ..core.postmortem.completeness import is_hole
from .figures import FORMULAS, Group
from .view import View

__all__ = ["figures_html", "figures_markdown", "html", "markdown"]

_PARAGRAPH: Final = re.compile(r"\n\s*\n")
_LINKING: Final = re.compile(
    r"[\\\[\]]|(?<=\w):(?=//|\S*[(&])|(?<=www)\.|(?<=\w)@(?=\w)", re.IGNORECASE
)
"""What makes a link of words: brackets, ``http:``, ``www.``, an address."""
_LEADING: Final = re.compile(r"^(\s*)(#|>|```|~~~|=+\s*$|--+\s*$|\||\* \*|\+ )")
"""What makes a heading, a quotation, a table or a block of code of a line."""
_REFERENCE: Final = re.compile(r"#(\d+)\b")


def markdown(view: View) -> str:
    """Give the report as Markdown."""
    return _environment("md").get_template("postmortem.md").render(view=view)


def html(view: View) -> str:
    """Give the report as one HTML page."""
    drawn = Markup(view.svg)  # noqa: S704 - made by picture.svg, which escapes
    return _environment("html").get_template("postmortem.html").render(view=view, svg=drawn)


def figures_markdown(groups: Sequence[Group], where: str) -> str:
    """Give the figures of many Incidents as Markdown."""
    template = _environment("md").get_template("figures.md")
    return template.render(groups=groups, where=where, formulas=FORMULAS)


def figures_html(groups: Sequence[Group], where: str) -> str:
    """Give the figures of many Incidents as one HTML page."""
    template = _environment("html").get_template("figures.html")
    return template.render(groups=groups, where=where, formulas=FORMULAS)


@cache
def _environment(kind: str) -> Environment:
    # Markdown has no escaping of its own: its templates pass each text through `text` or `cell`.
    found = Environment(
        loader=PackageLoader("incidentcommander.report", "templates"),
        autoescape=kind == "html",  # noqa: S701 - see above
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.tests["hole"] = is_hole
    found.filters.update(
        text=_text, cell=_cell, blocks=_blocks, why=_why, day=_day, clock=_clock, linked=_linked
    )
    return found


def _text(value: Any) -> str:
    """Keep a text from being read as anything but words and lists by whatever shows the Markdown."""
    return "\n".join(_LEADING.sub(r"\1\\\2", line) for line in _inline(value).splitlines())


def _cell(value: Any) -> str:
    """Keep a text within its cell of a table, or its line."""
    return " ".join(_inline(value).split()).replace("|", "\\|")


def _inline(value: Any) -> str:
    """Leave no HTML, no link (also none by itself) and no image in a text.

    The backslash first: one before a bracket would take the effect of ours away.
    """
    text = clean(str(value or "")).strip().replace("&", "&amp;").replace("<", "&lt;")
    return _LINKING.sub(r"\\\g<0>", text)


def _blocks(value: Any) -> list[tuple[str, list[str]]]:
    """Read paragraphs and lists of `- ` out of a text."""
    found: list[tuple[str, list[str]]] = []
    for block in _PARAGRAPH.split(str(value or "").strip()):
        for line in block.splitlines():
            kind = "list" if line.startswith("- ") else "text"
            if not found or found[-1][0] != kind:
                found.append((kind, []))
            found[-1][1].append(line.removeprefix("- "))
        found.append(("end", []))
    return [block for block in found if block[1]]


def _why(value: Any) -> tuple[str, str]:
    """Take `Why …? → …` apart."""
    question, arrow, answer = str(value).partition(" → ")
    return (question, answer) if arrow else ("", question)


def _day(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC" if value else ""


def _clock(value: datetime) -> str:
    return f"{value:%H:%M:%S}" if value.second else f"{value:%H:%M}"


def _linked(value: Any, known: Sequence[int]) -> Markup:
    """Link each `#12` to that entry at the end of the page."""
    there = set(known)
    escaped = str(Markup.escape(str(value or "")))

    def link(match: re.Match[str]) -> str:
        seq = match[1]
        return f'<a href="#e{seq}">#{seq}</a>' if int(seq) in there else match[0]

    return Markup(_REFERENCE.sub(link, escaped))  # noqa: S704 - escaped just before
