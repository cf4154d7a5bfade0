"""show --watch: the screen, redrawn with every change; without a terminal, entries as they come."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from collections.abc import Iterator
from typing import IO, Any, Final

from . import terminal
from .kubectl import Body, Kubectl
from .names import FROZEN
from .objects import entries, last_seq, name_of, namespace_of, now, status_of
from .view.screen import screen
from .view.spans import Line, line
from .view.timeline import entry_lines

__all__ = ["documents", "follow"]

_TICK: Final = 1.0
_PAUSE: Final = 2.0
_CHUNK: Final = 65536


def follow(kubectl: Kubectl, incident: Body, *, full: bool) -> None:
    """Show it until it has ended, or until Ctrl-C."""
    here = Kubectl(namespace_of(incident), kubectl.flags, kubectl.quiet)
    here.print(here.line("get", "incident", name_of(incident), "--watch"), None)
    out = terminal.console()
    with contextlib.suppress(KeyboardInterrupt):
        if out is None:
            _print_entries(here, incident, full=full)
        else:
            _redraw(here, incident, out, full=full)


def _redraw(kubectl: Kubectl, incident: Body, out: Any, *, full: bool) -> None:
    from rich.live import Live

    def drawn(body: Body) -> Any:
        lines = screen(body, now(), terminal.width(), kubectl, full=full)
        return terminal.rendered(_fitting(lines, out.size.height))

    with Live(drawn(incident), console=out, screen=True, auto_refresh=False) as live:
        for body in _seen(kubectl, incident):
            live.update(drawn(body), refresh=True)
            incident = body
    terminal.show(screen(incident, now(), terminal.width(), kubectl, full=full))


def _print_entries(kubectl: Kubectl, incident: Body, *, full: bool) -> None:
    width = terminal.width()
    terminal.show([*screen(incident, now(), width, kubectl, full=full), line()])
    shown = last_seq(incident)
    for body in _seen(kubectl, incident):
        new = [entry for entry in entries(body) if entry["seq"] > shown]
        if new:
            terminal.show([part for entry in new for part in entry_lines(entry, width)])
            shown = last_seq(body)


def _seen(kubectl: Kubectl, incident: Body) -> Iterator[Body]:
    """Give it whenever it changed, and every second, until it has ended."""
    arrived: queue.Queue[Body] = queue.Queue()
    reader = threading.Thread(target=_read, args=(kubectl, name_of(incident), arrived), daemon=True)
    reader.start()
    while status_of(incident).get("phase") not in FROZEN:
        with contextlib.suppress(queue.Empty):
            incident = arrived.get(timeout=_TICK)
        yield incident


def _read(kubectl: Kubectl, name: str, arrived: queue.Queue[Body]) -> None:
    """Watch it by kubectl, again and again: a watch ends by itself after a while."""
    while True:
        with kubectl.stream("get", "incident", name, "--watch", "-o", "json") as process:
            if process.stdout is not None:
                for body in documents(process.stdout):
                    arrived.put(body)
        time.sleep(_PAUSE)


def documents(stream: IO[str]) -> Iterator[Body]:
    """Read JSON documents that follow each other."""
    decoder, text = json.JSONDecoder(), ""
    while piece := stream.readline(_CHUNK):
        text += piece
        # A document of kubectl ends with a brace at the beginning of a line.
        if not piece.startswith("}"):
            continue
        try:
            body, end = decoder.raw_decode(text)
        except ValueError:
            continue
        text = text[end:].lstrip()
        yield body


def _fitting(lines: list[Line], height: int) -> list[Line]:
    """Leave out the middle of what is higher than the terminal, and say so."""
    if len(lines) <= height:
        return lines
    tail = 10
    head = max(1, height - tail - 1)
    more = len(lines) - head - tail
    return [
        *lines[:head],
        line((f"… {more} lines: a higher terminal shows them", "dim")),
        *lines[-tail:],
    ]
