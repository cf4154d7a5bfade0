"""The story as a page: ``docs/story.md``, made from what is left of a play.

Times are those of the story. What differs from play to play by its nature (the namespace, hashes in
ids) is replaced by what a reader can tell apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from incidentcommander.api.incident import TimelineEntry
from incidentcommander.api.notices import Audience
from tests.story.calendar import BEGIN
from tests.story.postbox import Taken
from tests.story.script import PEOPLE, POLICY
from tests.story.told import Played, Typed

__all__ = ["PAGE", "page"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "story.md"
_HEAD: Final = """\
# The story of an incident

<!-- Written by `python -m tests.story --write`; tests/story keeps it as the operator plays it. -->

Four hours of one incident, minute by minute: what people type, what the operator writes into the timeline, and
what is sent to whom. It is really played: the operator runs with the rights that the chart gives it, against a
real API server with the guard in force, the releases are real rollouts, and people type real `kubectl` commands.
Only three things are told instead of lived through: the clock, what Prometheus says, and the channels.

The test plays it three times and compares each with this page, word by word: with one operator from the
beginning to the end; with another operator, that knows nothing, before every step and after every look at the
Incident; and with operators that die right after each of their writes.

Times are counted from the declaration (`T+1:30` is an hour and a half later), which is on Thursday,
2026-11-19, 07:54 UTC: six minutes before business begins in Berlin. Hashes in ids are left out. A channel in
italics took what stands to its left; words are repeated only where they are others.
"""


def page(played: Played) -> str:
    """Give the page."""
    plain = _Plain(played.incident.metadata.namespace, played.incident.metadata.uid)
    parts = [_HEAD, _people(), _policy()]
    rows = list(_rows(played, plain))
    ends = [*(act.seq for act in played.acts[1:]), len(played.timeline)]
    for number, (act, end) in enumerate(zip(played.acts, ends, strict=True), 1):
        table = _table([row for row in rows if act.seq <= row.seq < end])
        parts.append(f"## {number}. {act.heading}\n\n{act.words}\n\n{table}")
    parts += [_status(played, plain), _postmortem(played, plain)]
    return "\n".join(parts)


@dataclass(frozen=True)
class _Row:
    seq: int
    at: datetime
    who: str
    what: str
    inside: str = ""
    outside: str = ""


@dataclass
class _Plain:
    """Leaves out what differs from play to play."""

    namespace: str
    uid: str
    _ids: dict[str, str] = field(default_factory=dict)

    def text(self, text: str) -> str:
        text = (
            text.replace(self.namespace, "shop")
            .replace(self.uid, "uid")
            .replace(self.uid[:8], "1a2b3c4d")
        )
        return re.sub(r"\b(rollback|restart)-[0-9a-f]{8}\b", self._numbered, text)

    def _numbered(self, found: re.Match[str]) -> str:
        """Give ``rollback-1``: the first rollback that is mentioned."""
        name = found.group(1)
        same = [i for i in self._ids if i.startswith(name)]
        return self._ids.setdefault(found.group(), f"{name}-{len(same) + 1}")


def _people() -> str:
    rows = "\n".join(f"| {name} | {what} |" for name, what in PEOPLE.items())
    return f"## Who\n\n| name | what they do |\n|---|---|\n{rows}\n"


def _policy() -> str:
    channels = [
        f"| `{c['name']}` | {c['audience']} | {', '.join(c.get('severities', [])) or 'all'} |"
        for c in POLICY["channels"]
    ]
    template = POLICY["templates"][0]["text"]
    table = "\n".join(["| channel | audience | severities |", "|---|---|---|", *channels])
    return (
        "The ResponsePolicy has the built-in values, business hours in Berlin, a template of its own for "
        f"executives (`{template}`) and these channels:\n\n{table}\n"
    )


def _rows(played: Played, plain: _Plain) -> Iterator[_Row]:
    """Give everything in order: what people type comes before the entry that it leads to."""
    typed = list(played.typed)
    for entry in played.timeline:
        while typed and typed[0].seq <= entry.seq:
            yield _command(typed.pop(0), entry.seq, plain)
        mine = [t for t in played.postbox.taken if _about(t, played.timeline) == entry.seq]
        yield _entry(entry, mine, plain)


def _about(taken: Taken, timeline: list[TimelineEntry]) -> int:
    """Give the entry that a notice was written with, or after which it was, at the same moment."""
    return max(e.seq for e in timeline if e.seq <= _seq(taken) and e.at <= taken.notice.at)


def _seq(taken: Taken) -> int:
    """Give the number of the entry that a notice was written with: its id says it."""
    found = re.search(r"-(\d+)(?:-\d{14}[a-z]{2})?[a-z]{2}$", taken.notice.id)
    assert found is not None, taken.notice.id
    return int(found.group(1))


def _command(typed: Typed, seq: int, plain: _Plain) -> _Row:
    what = f"`{plain.text(typed.words)}`"
    if typed.refused:
        what += f"<br>refused: {plain.text(_reason(typed.refused))}"
    return _Row(seq, typed.at, f"**{typed.who}**", what)


def _reason(refusal: str) -> str:
    return " ".join(refusal.partition("denied request: ")[2].split() or refusal.split())


def _entry(entry: TimelineEntry, taken: list[Taken], plain: _Plain) -> _Row:
    inside = [t for t in taken if t.notice.audience is not Audience.EXTERNAL]
    outside = [t for t in taken if t.notice.audience is Audience.EXTERNAL]
    noted = entry.reason == "NoteAdded" and entry.event_time
    when = f" (of {_after(entry.event_time)})" if noted and entry.event_time else ""
    return _Row(
        entry.seq,
        entry.at,
        entry.actor,
        f"`{entry.reason}`{when} {plain.text(entry.message)}",
        _sent(entry, inside, plain),
        _sent(entry, outside, plain),
    )


def _sent(entry: TimelineEntry, taken: list[Taken], plain: _Plain) -> str:
    words: dict[str, list[str]] = {}
    for one in taken:
        late = f" at {_after(one.at)}" if one.at != entry.at else ""
        same = entry.message.endswith(one.notice.text)
        said = "" if same else f": {plain.text(one.notice.text)}"
        words.setdefault(said, []).append(f"*{one.channel}*{late}")
    return "<br>".join(f"{', '.join(channels)}{said}" for said, channels in words.items())


def _table(rows: list[_Row]) -> str:
    lines = ["| time | who | what | sent inside | sent outside |", "|---|---|---|---|---|"]
    last = None
    for row in rows:
        time = _after(row.at) if row.at != last else ""
        last = row.at
        cells = (time, row.who, row.what, row.inside, row.outside)
        lines.append(f"| {' | '.join(_cell(c) for c in cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>").replace("<reason>", "&lt;reason&gt;")


def _after(at: datetime) -> str:
    minutes, seconds = divmod(round((at - BEGIN).total_seconds()), 60)
    sign = "-" if minutes < 0 else "+"
    hours, minutes = divmod(abs(minutes), 60)
    return f"T{sign}{hours}:{minutes:02}" + (f":{seconds:02}" if seconds else "")


def _status(played: Played, plain: _Plain) -> str:
    status = played.incident.status
    milestones = dict(status.milestones) if status.milestones else {}
    rows = [
        ("phase", str(status.phase)),
        ("severity", str(status.severity)),
        ("commander", (status.roles.commander if status.roles else None) or "nobody"),
        ("attempts", str(status.attempt)),
        ("entries", str(len(played.timeline))),
        ("summary", plain.text(status.summary)),
        *((name, _after(at)) for name, at in milestones.items() if at is not None),
        *((f"condition {c.type}", f"{c.status} ({c.reason})") for c in status.conditions),
    ]
    lines = "\n".join(f"| {name} | {_cell(text)} |" for name, text in rows)
    return f"## What is left\n\nThe status at the end:\n\n| field | value |\n|---|---|\n{lines}\n"


def _postmortem(played: Played, plain: _Plain) -> str:
    spec = played.postmortem.spec.to_api()
    lines = len(spec.pop("timeline"))
    told = [
        f"| `{name}` | {_cell(plain.text(_told(value)))} |"
        for name, value in spec.items()
        if name != "incidentRef"
    ]
    table = "\n".join(["| field | value |", "|---|---|", *told])
    return (
        f"And the Postmortem, as people completed the draft; its timeline has {lines} lines, each with the "
        f"number of its entry:\n\n{table}\n"
    )


def _told(value: object) -> str:
    match value:
        case list():
            return "<br>".join(f"{n}. {_told(item)}" for n, item in enumerate(value, 1))
        case dict():
            return "; ".join(f"{name}: {_told(item)}" for name, item in value.items())
        case _:
            return str(value)
