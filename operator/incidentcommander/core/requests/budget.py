"""How much of what people say is written down: bounded for each person and hour, and by the room left.

``answer`` asks it for each request. Decisions of those who have the right are always taken; what is
too much of the rest is taken away without an entry of its own, and said once in the hour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from ...api.incident import MAX_PAGES, MAX_SPEAKERS, IncidentStatus, Speaker, TimelineRoom
from ..evolve import Draft, next_seq
from ..timeline_room import CROWDED, pages_left, room
from ..wording import cut
from .reading import Request
from .trust import NEEDS_RIGHT

__all__ = ["MOST", "counted", "crowded", "due", "forgiven", "heard", "looks_again_at"]

MOST: Final = 120
"""Entries by one person on one Incident within an hour. A scribe does not come near that."""
_HOUR: Final = timedelta(hours=1)
_ROUND: Final = {"diagnose": 10, "propose": 10, "update": 2, "update-external": 2}
"""What a request makes the operator write besides, about."""
_DECISIONS: Final = NEEDS_RIGHT - {"update-external"}
"""The API server has found the verb approve with whoever says these."""
_OTHERS: Final = ""
_SPEC: Final = "(spec)"
"""Counts changes of spec, which nobody signs. No user is called that: the API server knows none with it."""
_UNCOUNTED: Final = "people who are not counted one by one"
_NAME: Final = 256


def heard(draft: Draft, request: Request, take: Callable[[Draft], Draft]) -> Draft:
    """Take a request, unless there is too much of them."""
    if request.key in _DECISIONS and not request.doubt:
        return take(draft)
    if room(draft.status) is not None:
        # Said once for all, when the room ran out.
        return draft
    draft = _past(draft)
    speaker = _speaker(draft, request)
    if speaker.entries >= MOST:
        if not speaker.ignored:
            draft = _stopped(draft, speaker)
        return _noted(draft, speaker.model_copy(update={"ignored": speaker.ignored + 1}))
    before = next_seq(draft.status)
    draft = take(draft)
    made = next_seq(draft.status) - before + _ROUND.get(request.key, 0)
    return _noted(draft, speaker.model_copy(update={"entries": speaker.entries + made}))


def counted(draft: Draft, change: Callable[[Draft], Draft], again: str) -> Draft:
    """Take up a change of ``spec`` that anybody may make, unless there were too many.

    What is too much is put off to the end of the hour: then what spec says counts. ``again``: how
    somebody who leads has it taken up at once.
    """
    if room(draft.status) is not None:
        return draft
    draft = _past(draft)
    known = {s.by: s for s in draft.status.speakers}
    speaker = known.get(_SPEC) or Speaker(by=_SPEC, since=draft.now)
    if speaker.entries >= MOST:
        until = speaker.since + _HOUR
        if not speaker.ignored:
            draft = draft.add(
                "SpecIgnored",
                f"Too many changes of spec: {speaker.entries} entries since {speaker.since:%H:%M} UTC, of at "
                f"most {MOST} in an hour. What it says at {until:%H:%M} UTC counts then; {again}",
            )
        return _noted(draft, speaker.model_copy(update={"ignored": speaker.ignored + 1}))
    before, rounds = next_seq(draft.status), draft.status.diagnosis
    draft = change(draft)
    made = next_seq(draft.status) - before
    if not made:
        return draft
    made += _ROUND["diagnose"] if draft.status.diagnosis != rounds else 0
    return _noted(draft, speaker.model_copy(update={"entries": speaker.entries + made}))


def looks_again_at(status: IncidentStatus) -> datetime | None:
    """Say when what spec says is looked at again, where a change of it was put off."""
    return next((s.since + _HOUR for s in status.speakers if s.by == _SPEC and s.ignored), None)


def forgiven(draft: Draft) -> Draft:
    """Begin to count changes of spec anew: somebody who may approve took command."""
    return draft.set(speakers=[s for s in draft.status.speakers if s.by != _SPEC])


def due(draft: Draft) -> bool:
    """Whether it is time for what was put off."""
    again = looks_again_at(draft.status)
    return again is not None and draft.now >= again


def _past(draft: Draft) -> Draft:
    """Forget those whose hour is over, and say how much of them was not heard."""
    over = [s for s in draft.status.speakers if draft.now >= s.since + _HOUR]
    for speaker in over:
        draft = _told(draft, speaker)
    return draft.set(speakers=[s for s in draft.status.speakers if s not in over])


def _speaker(draft: Draft, request: Request) -> Speaker:
    """Give what is known of a person; all that nobody vouches for are one, and so are too many."""
    known = {s.by: s for s in draft.status.speakers}
    by = request.by if request.by and not request.doubt and len(request.by) <= _NAME else _OTHERS
    if by not in known and len(known.keys() - {_SPEC}) >= MAX_SPEAKERS - 1:
        by = _OTHERS
    return known.get(by) or Speaker(by=by, since=draft.now)


def _noted(draft: Draft, speaker: Speaker) -> Draft:
    rest = [s for s in draft.status.speakers if s.by != speaker.by]
    return draft.set(speakers=[*rest, speaker])


def _stopped(draft: Draft, speaker: Speaker) -> Draft:
    until = speaker.since + _HOUR
    return draft.add(
        "RequestsIgnored",
        f"Too many requests of {cut(speaker.by, 120) or _UNCOUNTED}: {speaker.entries} entries since "
        f"{speaker.since:%H:%M} UTC, of at most {MOST} in an hour. Theirs are taken away unrecorded "
        f"until {until:%H:%M} UTC; decisions of who may approve are not bounded.",
    )


def _told(draft: Draft, speaker: Speaker) -> Draft:
    if not speaker.ignored or speaker.by == _SPEC:
        return draft
    until = speaker.since + _HOUR
    return draft.add(
        "RequestsIgnored",
        f"{speaker.ignored} requests of {cut(speaker.by, 120) or _UNCOUNTED} were not recorded between "
        f"{speaker.since:%H:%M} and {until:%H:%M} UTC: there were too many.",
    )


def crowded(draft: Draft) -> Draft:
    """Say once for each step that room in the timeline runs out, and what is still written."""
    now, known = room(draft.status), draft.status.timeline_room
    if now is known or now is None:
        return draft
    left = pages_left(draft.status)
    said = f"The timeline has {left} of {MAX_PAGES} pages left. {_CROWDED[now]}"
    return draft.add(CROWDED, said, changes={"timeline_room": now})


_CROWDED: Final[Mapping[TimelineRoom, str]] = {
    TimelineRoom.NO_NOTES: "Notes and other words of people are not recorded any more, decisions are: "
    "declare a new Incident that names this one in spec.relatedTo, and write there.",
    TimelineRoom.DECIDING: "From now on only decisions, changes and moves between phases are written.",
    TimelineRoom.ENDING: "From now on only what ends this Incident is written: resolve or dismiss it, and "
    "declare a new one that names it in spec.relatedTo.",
}
