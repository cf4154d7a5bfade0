"""The timeline as a Postmortem tells it: one row per entry that says something, each with its source.

The entries were written for the hour; here they are read weeks later. What was to come next, commands
and deadlines are left out, and people stand by their role.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ...api.incident import TimelineEntry
from ...api.postmortem import MAX_ROWS, TimelineRow
from ..wording import cut
from .narrative import Story, clean

__all__ = ["rows", "seen", "told"]

_LEFT_OUT: Final = frozenset(
    {"RequestQuoted", "DiagnosisRepeated", "ProposalsConfirmed", "PostmortemDrafted"}
)
"""What says nothing that another entry does not say."""
_MINOR: Final = frozenset(
    {"UpdatePosted", "DiagnosisDue", "DiagnosisStarted", "ProposalExpired", "ProposalSuperseded"}
)
"""What gives way first where there are too many rows."""
_WORDS: Final = {
    "IncidentDeclared": "Incident declared, ",
    "DiagnosisStarted": "Diagnosis begins. ",
    "ProposalOffered": "Proposed: ",
    "RemediationStarted": "Begun: ",
    "RemediationApplied": "Applied: ",
    "RolloutCompleted": "Rollout complete: ",
    "VerificationSampled": "Sample after the fix: ",
    "MonitoringSampled": "Sample while watching: ",
    "VerificationPassed": "Fix verified: ",
    "VerificationFailed": "Fix not verified: ",
    "RelapseDetected": "Relapse: ",
    "UpdatePosted": "Update to stakeholders: ",
    "IncidentResolved": "Resolved: ",
}
"""What an entry's message leaves to its reason."""
_TO_COME: Final = re.compile(
    r"\s*(?:\bNext: |\bWatching until \d\d:\d\d:|\b(?:Diagnosis begins|Verifying)\.$|\bA Postmortem is owed |\bUntil \d|"
    r"\bThe policy needs no Postmortem|\bIt is done only if |\bDuration: \d+ min\. ).*$",
    re.DOTALL,
)
_VERDICT: Final = re.compile(r"^(?P<step>[^:]+): (?P<verdict>[A-Z]\w+) \(\w+\)\. ")


def rows(story: Story) -> list[TimelineRow]:
    """Give the rows, by time."""
    kept = [e for e in story.entries if e.reason not in _LEFT_OUT and not _repeated(story, e)]
    if len(kept) > MAX_ROWS:
        kept = [e for e in kept if e.reason not in _MINOR]
    found = _within(story, kept)
    return sorted(found, key=lambda row: row.at)


def _repeated(story: Story, entry: TimelineEntry) -> bool:
    """Whether it only announces what the next entries say again."""
    applied = (e for e in story.having("RemediationApplied") if e.proposal == entry.proposal)
    return entry.reason == "RemediationStarted" and any(e.seq > entry.seq for e in applied)


def _within(story: Story, kept: Sequence[TimelineEntry]) -> list[TimelineRow]:
    """Leave out the middle of what is too long, and say so."""
    if len(kept) <= MAX_ROWS:
        return [_row(story, e) for e in kept]
    half = MAX_ROWS // 2
    first, out, last = kept[: half - 1], kept[half - 1 : -half], kept[-half:]
    gap = TimelineRow(
        at=out[0].at,
        event=f"{len(out)} entries are left out here: they stand in the Incident's timeline",
        source=f"#{out[0].seq}-#{out[-1].seq}",
    )
    return [*(_row(story, e) for e in first), gap, *(_row(story, e) for e in last)]


def _row(story: Story, entry: TimelineEntry) -> TimelineRow:
    return TimelineRow(
        at=entry.event_time or entry.at,
        event=cut(_dated(entry, told(story, entry)), 512),
        source=f"#{entry.seq}",
    )


def _dated(entry: TimelineEntry, text: str) -> str:
    """Say when it was seen, where it is told at the time at which it happened."""
    happened: datetime | None = entry.event_time
    if happened is None or entry.reason in {"IncidentDeclared", "NoteAdded"}:
        return text
    return f"{text.rstrip('.')} (seen at {entry.at:%H:%M} UTC)"


def told(story: Story, entry: TimelineEntry) -> str:
    """Tell one entry: what happened, and in which role somebody did it."""
    text = story.cast.told(entry.message)
    if entry.reason == "NoteAdded":
        return f"{_capital(story.cast.role(entry.actor))} noted: “{_one_line(text)}”"
    if entry.reason == "RootCauseRecorded":
        _, _, cause = text.partition(", internal only: ")
        return (
            f"{_capital(story.cast.role(entry.actor))} recorded the root cause: {_one_line(cause)}"
        )
    text = clean(text)
    if entry.reason != "UpdatePosted":
        text = _TO_COME.sub("", text)
    text = text or entry.reason
    verdict = _VERDICT.match(text)
    if entry.step and verdict:
        said = "found a change" if "(Recent" in verdict[0] else verdict["verdict"].lower()
        text = f"Check {entry.step} {said}: {text[verdict.end() :]}"
    text = f"{_WORDS.get(entry.reason, '')}{text}"
    role = story.cast.role(entry.actor)
    if entry.actor in story.cast.roles and role not in text:
        text = f"{role}: {text}"
    return _capital(text)


def seen(story: Story, entry: TimelineEntry) -> str:
    """Give what a check saw, without its name and verdict."""
    text = clean(story.cast.told(entry.message))
    return _VERDICT.sub("", text).rstrip(".")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
