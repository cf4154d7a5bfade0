"""Entries of a timeline as lines: when, who, what, and what it says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from ..kubectl import Body
from ..objects import when
from .spans import Line, Span, Style, bulleted, clean, line, wrapped

__all__ = ["day_and_time", "entry_lines", "short_lines", "timeline_lines"]

_BAD: Final = ("Failed", "Refused", "Relapse", "Lost", "Stalled", "Unguarded", "TimedOut")
_GOOD: Final = ("Passed", "Resolved", "Granted", "Applied", "Completed", "Confirmed", "Closed")
_MACHINES: Final = frozenset({"operator", "kubernetes"})


def timeline_lines(
    found: Sequence[Body], width: int, *, evidence: bool = False, commands: Collection[str] = ()
) -> list[Line]:
    """Give all entries in full, each day under its date; ``commands``: those that are known."""
    lines: list[Line] = []
    day = None
    for entry in found:
        moment = _at(entry)
        if moment.date() != day:
            day = moment.date()
            lines.append(line((f"{day} (UTC)", "head")))
        lines += entry_lines(entry, width, evidence=evidence, commands=commands)
    return lines


def entry_lines(
    entry: Body, width: int, *, evidence: bool = False, commands: Collection[str] = ()
) -> list[Line]:
    """Give one entry in full; ``commands``: those that are known."""
    moment = _at(entry)
    parts: list[str | Span] = [
        (f"{entry['seq']:>4} ", "dim"),
        f"{moment:%H:%M:%S}  ",
        (entry["reason"], _style(entry)),
        (f"  {entry['phase']}", "dim"),
    ]
    if entry["actor"] not in _MACHINES:
        parts += ["  by ", (clean(entry["actor"]), "who")]
    happened = when(entry.get("eventTime"))
    if happened is not None:
        parts.append((f"  (happened {day_and_time(happened, moment)})", "dim"))
    lines = [line(*parts), *wrapped(entry["message"], width, " " * 5, "", commands)]
    return lines + (_evidence(entry, width) if evidence else [])


def short_lines(found: Sequence[Body], width: int) -> list[Line]:
    """Give entries in one line each, cut to the width."""
    who = max((len(clean(e["actor"])) for e in found), default=0)
    lines: list[Line] = []
    for entry in found:
        reason, actor = entry["reason"], clean(entry["actor"]).ljust(min(who, 20))
        before = f"  {_at(entry):%H:%M:%S}  {actor[:20]}  {reason}  "
        room = max(20, width - len(before))
        text = clean(entry["message"]).replace("\n", " ")
        said = text if len(text) <= room else f"{text[: room - 1]}…"
        lines.append(
            line(
                f"  {_at(entry):%H:%M:%S}  ",
                (actor[:20], "" if entry["actor"] in _MACHINES else "who"),
                "  ",
                (reason, _style(entry)),
                "  ",
                said,
            )
        )
    return lines


def day_and_time(moment: datetime, other: datetime) -> str:
    """Write a moment beside another one: its date only where that differs."""
    moment = moment.astimezone(UTC)
    same = moment.date() == other.astimezone(UTC).date()
    return f"{moment:%H:%M:%S}" if same else f"{moment:%Y-%m-%d %H:%M:%S}"


def _evidence(entry: Body, width: int) -> list[Line]:
    lines: list[Line] = []
    for name, value in (entry.get("evidence") or {}).items():
        lines += bulleted(line(("     " + name + ": ", "dim")), str(value), width, "dim")
    return lines


def _at(entry: Body) -> datetime:
    moment = when(entry["at"])
    if moment is None:
        raise ValueError(f"entry {entry['seq']} has no time")
    return moment.astimezone(UTC)


def _style(entry: Body) -> Style:
    reason = str(entry["reason"])
    if any(part in reason for part in _BAD):
        return "bad"
    return "good" if any(part in reason for part in _GOOD) else "bold"
