"""What a report shows, put together from the Postmortem, its Incident and the timeline.

Templates only lay it out. Works without a Postmortem (then on a fresh draft) and without an Incident (then
the Postmortem tells alone).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..api.incident import Evidence, Incident, TimelineEntry
from ..api.postmortem import Postmortem, PostmortemSpec, TimelineRow
from ..core.postmortem.completeness import holes
from ..core.postmortem.draft import draft
from ..core.postmortem.narrative import Story, in_words
from ..core.postmortem.timeline_rows import told
from . import picture
from .figures import Metric, of_one

__all__ = ["Proof", "View", "view"]


@dataclass(frozen=True, slots=True)
class Proof:
    """One entry of the timeline, as the report's source."""

    seq: int
    at: datetime
    reason: str
    text: str
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class View:
    """One report."""

    spec: PostmortemSpec
    namespace: str
    incident: str
    state: str
    """Draft, Review or Final; that there is no Postmortem yet."""
    phase: str
    """Of the Incident; empty where that is gone."""
    date: str
    duration: str
    rows: tuple[TimelineRow, ...]
    holes: tuple[str, ...]
    times: tuple[tuple[Metric, str], ...]
    spans: tuple[picture.Span, ...]
    marks: tuple[picture.Mark, ...]
    proofs: tuple[Proof, ...]

    @property
    def title(self) -> str:
        """Its title."""
        return self.spec.title or self.incident

    @property
    def mermaid(self) -> str:
        """The picture for Markdown."""
        return picture.mermaid(self.spans, self.marks) if self.spans or self.marks else ""

    @property
    def svg(self) -> str:
        """The picture for HTML."""
        return picture.svg(self.spans, self.marks)


def view(
    postmortem: Postmortem | None,
    incident: Incident | None,
    entries: Sequence[TimelineEntry],
    now: datetime,
) -> View:
    """Put a report together; one of Postmortem and Incident must be given."""
    if postmortem is None and incident is None:
        raise ValueError("a report needs a Postmortem or an Incident")
    spec = postmortem.spec if postmortem else _drafted(incident, entries, now)
    meta = (postmortem or incident).metadata  # type: ignore[union-attr]
    over = spec.resolved_at or now
    milestones = incident.status.milestones if incident else None
    return View(
        spec=spec,
        namespace=meta.namespace,
        incident=spec.incident_ref.name,
        state=str(spec.state) if postmortem else "no Postmortem yet: drafted for this report",
        phase=str(incident.status.phase) if incident else "",
        date=f"{spec.started_at:%Y-%m-%d}" if spec.started_at else "",
        duration=_duration(spec, now),
        rows=tuple(spec.timeline),
        holes=tuple(holes(spec)),
        times=tuple(of_one(incident)) if incident else (),
        spans=tuple(picture.spans_of(entries, over)),
        marks=tuple(picture.marks_of(milestones)),
        proofs=tuple(_proofs(incident, entries, now, spec)) if incident else (),
    )


def _drafted(
    incident: Incident | None, entries: Sequence[TimelineEntry], now: datetime
) -> PostmortemSpec:
    assert incident is not None  # noqa: S101 - for the type checker
    return draft(incident, entries, now)


def _duration(spec: PostmortemSpec, now: datetime) -> str:
    start, end = spec.started_at, spec.resolved_at
    if start is None:
        return ""
    if end is None:
        return f"{start:%H:%M} UTC - not resolved ({in_words(now - start)} so far)"
    last = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%H:%M} - {last} UTC ({in_words(end - start)})"


def _proofs(
    incident: Incident, entries: Sequence[TimelineEntry], now: datetime, spec: PostmortemSpec
) -> list[Proof]:
    story = Story.of(incident, entries, now)
    named = {row.source.removeprefix("#") for row in spec.timeline}
    return [
        Proof(e.seq, e.at, e.reason, told(story, e), e.evidence)
        for e in story.entries
        if e.evidence is not None or str(e.seq) in named
    ]
