"""show --watch: the screen, redrawn with every change; without a terminal, entries as they come."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from . import terminal
from .kubectl import Body, Kubectl
from .names import ENDED
from .objects import commands_of, entries, last_seq, name_of, namespace_of, now, status_of
from .pages import record
from .stream import Watch
from .view.detail import Detail
from .view.screen import screen
from .view.spans import Line, line
from .view.timeline import entry_lines

__all__ = ["fitting", "follow"]

_TICK: Final = 1.0
_TAIL: Final = 10


def follow(kubectl: Kubectl, incident: Body, detail: Detail) -> None:
    """Show it until it is over, or until Ctrl-C."""
    here = Kubectl(namespace_of(incident), kubectl.flags, kubectl.quiet)
    here.print(here.words("get", "incident", name_of(incident), "--watch"))
    out = terminal.console()
    with contextlib.suppress(KeyboardInterrupt), Watch(here, name_of(incident)) as watch:
        if out is None:
            _print_entries(here, incident, watch, detail)
        else:
            _redraw(here, incident, watch, out, detail)


def _redraw(kubectl: Kubectl, incident: Body, watch: Watch, out: Any, detail: Detail) -> None:
    from rich.live import Live

    with Live(console=out, screen=True, auto_refresh=False) as live:
        while True:
            lines = _screen(kubectl, incident, watch, out.size.height, detail)
            live.update(terminal.rendered(lines), refresh=True)
            if _over(incident):
                break
            incident = watch.next(_TICK) or incident
    terminal.show(screen(incident, now(), terminal.width(), kubectl, detail))


def _screen(
    kubectl: Kubectl, incident: Body, watch: Watch, height: int, detail: Detail
) -> list[Line]:
    """Give as much as the terminal has room for."""
    width = terminal.width()
    trouble = [line((f"NOT UP TO DATE: {watch.trouble}", "bad"))] if watch.trouble else []
    lines: list[Line] = []
    for less in sorted((d for d in Detail if d <= detail), reverse=True):
        lines = [*trouble, *screen(incident, now(), width, kubectl, less)]
        if sum(_rows(each, width) for each in lines) <= height:
            return lines
    return fitting(lines, width, height)


def fitting(lines: list[Line], width: int, height: int) -> list[Line]:
    """Leave out what is in the middle of too much, and say so."""
    tail = lines[-_TAIL:]
    room = height - 1 - sum(_rows(each, width) for each in tail)
    head: list[Line] = []
    for each in lines[:-_TAIL]:
        room -= _rows(each, width)
        if room < 0:
            more = len(lines) - len(head) - len(tail)
            return [*head, line((f"… {more} lines: without --watch they are shown", "dim")), *tail]
        head.append(each)
    return lines


def _rows(spans: Line, width: int) -> int:
    return 1 + max(0, sum(len(text) for text, _ in spans) - 1) // width


def _print_entries(kubectl: Kubectl, incident: Body, watch: Watch, detail: Detail) -> None:
    width = terminal.width()
    terminal.show([*screen(incident, now(), width, kubectl, detail), line()])
    shown, told = last_seq(incident), ""
    while not _over(incident):
        incident = watch.next(_TICK) or incident
        if watch.trouble not in {"", told}:
            terminal.say(watch.trouble)
        told = watch.trouble
        new = _new(kubectl, incident, shown)
        if new:
            known = commands_of(incident)
            lines = [entry_lines(entry, width, commands=known) for entry in new]
            terminal.show([part for entry in lines for part in entry])
            shown = last_seq(incident)


def _new(kubectl: Kubectl, incident: Body, shown: int) -> list[Body]:
    """Give the entries after that one, from pages too where they have moved meanwhile."""
    found = entries(incident)
    if found and found[0]["seq"] > shown + 1:
        found = list(record(kubectl, incident).entries)
    return [entry for entry in found if entry["seq"] > shown]


def _over(incident: Body) -> bool:
    return status_of(incident).get("phase") in ENDED
