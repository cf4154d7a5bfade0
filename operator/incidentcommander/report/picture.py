"""The incident as a picture: which phase when, drawn as Mermaid and as SVG.

Both are made from the same spans and marks. Colours stand in the page's style sheet, so that they follow
the reader's light or dark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Final

from ..api.common import Phase
from ..api.incident import Milestones, TimelineEntry
from ..core.postmortem.narrative import in_words

__all__ = ["Mark", "Span", "marks_of", "mermaid", "spans_of", "svg"]

_OVER: Final = frozenset({Phase.RESOLVED, Phase.CLOSED, Phase.DISMISSED, Phase.MERGED})
_MARKS: Final = {
    "started_at": "impact begins",
    "acknowledged_at": "acknowledged",
    "mitigated_at": "impact over",
    "resolved_at": "resolved",
}
_WIDTH: Final = 960
_LEFT, _RIGHT = 8, 8
_TOP, _BAR = 78, 34
_LEAST: Final = 3.0
"""Pixels of the shortest phase."""
_LETTER, _BOLD = 6.6, 8.0
"""Pixels of a letter, on average."""
_MOST_TICKS: Final = 8
_STEPS: Final = tuple(
    timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440, 2880, 10080)
)


@dataclass(frozen=True, slots=True)
class Span:
    """A phase, from when to when."""

    phase: Phase
    start: datetime
    end: datetime

    @property
    def lasted(self) -> str:
        """How long, in words."""
        return in_words(self.end - self.start)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that counts."""

    label: str
    at: datetime


def spans_of(entries: Sequence[TimelineEntry], until: datetime) -> list[Span]:
    """Give the phases in their order, up to the resolution or to ``until``."""
    found: list[Span] = []
    for entry in sorted(entries, key=lambda e: e.seq):
        if found and found[-1].phase is entry.phase:
            continue
        if found:
            found[-1] = Span(found[-1].phase, found[-1].start, entry.at)
        found.append(Span(entry.phase, entry.at, until))
    while found and found[-1].phase in _OVER:
        found.pop()
    return found


def marks_of(milestones: Milestones | None) -> list[Mark]:
    """Give the moments that are known, by time."""
    known = milestones or Milestones()
    found = [
        Mark(label, at)
        for field, label in _MARKS.items()
        if (at := getattr(known, field)) is not None
    ]
    return sorted(found, key=lambda mark: mark.at)


def mermaid(spans: Sequence[Span], marks: Sequence[Mark]) -> str:
    """Draw a Mermaid gantt chart; it shows where Markdown does."""
    lines = ["gantt", "    dateFormat YYYY-MM-DDTHH:mm:ss", "    axisFormat %H:%M"]
    lines += ["    section Phases"] if spans else []
    for span in spans:
        end = max(span.end, span.start + timedelta(seconds=1))
        lines.append(f"    {span.phase} ({span.lasted}) : {_iso(span.start)}, {_iso(end)}")
    lines += ["    section Milestones"] if marks else []
    lines += [f"    {mark.label} : milestone, {_iso(mark.at)}, 0s" for mark in marks]
    return "\n".join(lines)


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}"


def svg(spans: Sequence[Span], marks: Sequence[Mark]) -> str:
    """Draw the same as SVG; empty where nothing is known."""
    times = [t for span in spans for t in (span.start, span.end)] + [mark.at for mark in marks]
    if not times or max(times) == min(times):
        return ""
    scale = _Scale(min(times), max(times))
    height = _TOP + _BAR + 34
    told = ", ".join(f"{span.phase} {span.lasted}" for span in spans)
    parts = [
        (
            f'<svg class="picture" viewBox="0 0 {_WIDTH} {height}" role="img" '
            f'aria-label="Phases over time: {escape(told)}">'
        ),
        *_ticks(scale, height),
        *_bars(scale, spans),
        *_flags(scale, marks),
        "</svg>",
    ]
    return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class _Scale:
    start: datetime
    end: datetime

    def x(self, at: datetime) -> float:
        """Pixels from the left."""
        share = (at - self.start) / (self.end - self.start)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _bars(scale: _Scale, spans: Sequence[Span]) -> Iterator[str]:
    for span in spans:
        x = scale.x(span.start)
        width = round(max(scale.x(span.end) - x, _LEAST), 1)
        x = min(x, _WIDTH - _RIGHT - width)
        yield (
            f"<g><title>{span.phase}: {span.start:%H:%M:%S} to {span.end:%H:%M:%S} UTC "
            f"({span.lasted})</title>"
            f'<rect class="bar {span.phase}" x="{x}" y="{_TOP}" width="{width}" height="{_BAR}" rx="3"/>'
        )
        if width > len(span.phase) * _BOLD + 14:
            yield f'<text class="on" x="{x + 7}" y="{_TOP + 22}">{span.phase}</text>'
        yield "</g>"


def _flags(scale: _Scale, marks: Sequence[Mark]) -> Iterator[str]:
    """Draw the moments above the bars, on the first of three lines that is free there."""
    ends = [-1.0, -1.0, -1.0]
    for mark in marks:
        x, label = scale.x(mark.at), f"{mark.at:%H:%M} {mark.label}"
        wide = len(label) * _LETTER
        turned = x + wide + 6 > _WIDTH
        left = x - wide - 5 if turned else x + 5
        line = next((n for n, end in enumerate(ends) if end < left), len(ends) - 1)
        ends[line] = left + wide
        y = 16 + 20 * line
        anchor = ' text-anchor="end"' if turned else ""
        yield f'<line class="flag" x1="{x}" x2="{x}" y1="{y - 10}" y2="{_TOP + _BAR}"/>'
        yield f'<text class="label" x="{x - 5 if turned else x + 5}" y="{y}"{anchor}>{escape(label)}</text>'


def _ticks(scale: _Scale, height: int) -> Iterator[str]:
    whole = scale.end - scale.start
    step = next((s for s in _STEPS if whole / s <= _MOST_TICKS), _STEPS[-1])
    midnight = scale.start.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + (-(-(scale.start - midnight) // step)) * step
    for _ in range(_MOST_TICKS * 8):
        if at > scale.end:
            return
        x, bottom = scale.x(at), _TOP + _BAR
        inside = min(max(x, 18.0), _WIDTH - 18.0)
        form = "%H:%M" if step < timedelta(days=1) else "%m-%d"
        yield f'<line class="tick" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 6}"/>'
        yield (
            f'<text class="time" x="{inside}" y="{height - 8}" text-anchor="middle">'
            f"{at.strftime(form)}</text>"
        )
        at += step
