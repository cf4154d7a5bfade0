"""Where the time goes: the requests of the operator between two moments, in order.

From what the counting proxy noted. Time that is no request is the operator's own, and that of the
watch that tells it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from .counting import Noted
from .driver import Lap

__all__ = ["STAGES", "Counts", "Share", "counts", "listing", "middle", "shares"]

STAGES: Final = ("before approval", "to the change", "after it")
_POLLED: Final = frozenset({"get", "list"})


@dataclass(frozen=True)
class Share:
    """Parts of one latency, in seconds."""

    own: float
    """The driver's own request, until its answer came."""
    server: float
    """Time in which the operator waited for at least one answer."""
    operator: float
    """The rest: the operator's own work, and the watches'."""

    @property
    def whole(self) -> float:
        """All of it."""
        return self.own + self.server + self.operator

    def over(self, unit: float) -> Share:
        """Give it in a unit."""
        return Share(self.own / unit, self.server / unit, self.operator / unit)


@dataclass(frozen=True)
class Counts:
    """Requests of one Incident by stage and name."""

    counted: Counter[tuple[str, str]]
    events: int
    polls: int
    """Reads after the action."""

    def total(self, stage: str) -> int:
        """Count those of one stage."""
        return sum(number for (when, _), number in self.counted.items() if when == stage)


def counts(noted: Sequence[Noted], approved: float, changed: float) -> Counts:
    """Count what was noted of one Incident, approved and changed at those moments."""
    counted: Counter[tuple[str, str]] = Counter()
    events = polls = 0
    for request in noted:
        if request.asked.resource == "events":
            events += 1
        elif request.began > changed and request.asked.verb in _POLLED:
            polls += 1
        else:
            stage = STAGES[(request.began > approved) + (request.began > changed)]
            counted[stage, request.name] += 1
    return Counts(counted, events, polls)


def shares(noted: Sequence[Noted], began: float, own_end: float, end: float) -> Share:
    """Divide the time from ``began`` to ``end``."""
    own = min(own_end, end) - began
    busy, reached = 0.0, min(own_end, end)
    for request in sorted(_within(noted, began, end), key=lambda r: r.began):
        start, stop = max(request.began, reached), min(request.ended, end)
        if stop > start:
            busy += stop - start
            reached = stop
    return Share(own, busy, end - began - own - busy)


def _within(noted: Sequence[Noted], began: float, end: float) -> list[Noted]:
    return [r for r in noted if r.began < end and r.ended > began and r.asked.resource != "events"]


def listing(noted: Sequence[Noted], lap: Lap, unit: float) -> list[str]:
    """Write the requests of one Incident in order, in units of F."""
    lines = []
    for began, own_end, end, title in (
        (lap.apply_sent, lap.apply_done, lap.awaiting, "apply to AwaitingApproval"),
        (lap.approve_sent, lap.approve_done, lap.changed, "approve to changed target"),
    ):
        lines.append(f"  {title}: {(end - began) / unit:.1f} F")
        lines.append(_line(0, (own_end - began) / unit, "the person's own request"))
        marks = [(lap.granted, "ApprovalGranted seen")] if began == lap.approve_sent else []
        rows = [
            (r.began, _line((r.began - began) / unit, (r.ended - r.began) / unit, _told(r)))
            for r in _within(noted, began, end)
        ]
        rows += [(at, _line((at - began) / unit, None, text)) for at, text in marks]
        lines += [text for _, text in sorted(rows)]
        lines.append(_line((end - began) / unit, None, "seen"))
    return lines


def _line(offset: float, length: float | None, text: str) -> str:
    return f"    {offset:6.1f}  {'' if length is None else f'{length:5.1f}':>5}  {text}"


def _told(request: Noted) -> str:
    return f"{request.name} -> {request.status}, {request.size} bytes"


def middle(found: Sequence[Share]) -> Share:
    """Give the median of each part."""
    return Share(
        median(s.own for s in found),
        median(s.server for s in found),
        median(s.operator for s in found),
    )
