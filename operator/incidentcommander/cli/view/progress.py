"""How far the approved change has come: applied, verified, watched."""

from __future__ import annotations

from datetime import datetime

from ..kubectl import Body
from ..objects import clock, status_of, when
from .spans import Line, bulleted, line

__all__ = ["progress_lines"]


def progress_lines(incident: Body, at: datetime, width: int) -> list[Line]:
    """Give what was approved by whom, and what came of it so far."""
    status = status_of(incident)
    rows = [
        ("approved", _approved(status, at)),
        ("change", _change(status)),
        ("verified", _verified(status)),
        ("watched", _watched(status, at)),
    ]
    lines: list[Line] = []
    for label, text in rows:
        if text:
            lines += bulleted(line((f"  {label}".ljust(13), "dim")), text, width)
    return lines


def _approved(status: Body, at: datetime) -> str:
    given = status.get("approval")
    return (
        f"{given['proposal']} by {given['by']} at {clock(when(given['at']), at)}" if given else ""
    )


def _change(status: Body) -> str:
    found = status.get("execution")
    return "; ".join(filter(None, [found["state"], found.get("progress")])) if found else ""


def _verified(status: Body) -> str:
    found = status.get("verification")
    if not found:
        return ""
    good, needed = found.get("successes", 0), found["plan"]["successes"]
    bad = f", {found['failures']} bad" if found.get("failures") else ""
    return _with_sample(f"{good} of {needed} good samples in a row{bad}", found)


def _watched(status: Body, at: datetime) -> str:
    found = status.get("monitoring")
    if not found:
        return ""
    return _with_sample(f"until {clock(when(found['until']), at)}", found)


def _with_sample(text: str, found: Body) -> str:
    last = found.get("last")
    return f"{text}; last: {last['verdict']}: {last['message']}" if last else text
