"""What a Kubernetes Event says of an entry of the timeline: never a command.

Whoever may edit in a namespace can write an Event that looks like one of ours, so that nobody must
get used to copying from them: commands stand in the status. Only words are changed here.
"""

from __future__ import annotations

import re
from typing import Final

from ...api.base import GROUP
from ...api.incident import Incident, TimelineEntry
from ...cleaning import clean
from ...core.evolve import OPERATOR

__all__ = ["note"]

_BYTES: Final = 1024
_COMMAND: Final = re.compile(
    rf"""(?:(?<=[.;!?…])\s[^.;:!?]*?:)?\s*  # what leads to it: ``If you agree:``
    (?:\b(?:kubectl|helm|flux|argocd)\s|{re.escape(GROUP)}/).*""",
    re.DOTALL | re.VERBOSE,
)
"""A command, ours or one that people or a change-cause quote: all from there on is left out."""


def note(incident: Incident, entry: TimelineEntry) -> str:
    """Give the text of the Event: what was seen, and where what to type stands."""
    said = clean(entry.message)
    text = _COMMAND.sub("", said, count=1)
    where = _where(incident, entry, left_out=text != said)
    text = text.rstrip(" :;,")
    if where and text and text[-1] not in ".!?…":
        text += "."
    return _cut(text, _BYTES - len(where.encode())) + where


def _where(incident: Incident, entry: TimelineEntry, *, left_out: bool) -> str:
    """Say where to look, in the object that the API server guards."""
    if entry.reason == "ProposalOffered" and entry.proposal:
        approve = f" To approve {entry.proposal}: its approveCommand in"
    elif left_out and entry.actor == OPERATOR:
        approve = " What to type:"
    elif left_out:
        return "…"
    else:
        return ""
    field = "status.proposals" if entry.proposal else "status.summary"
    return f"{approve} {field} of Incident {incident.metadata.name}, above."


def _cut(text: str, size: int) -> str:
    raw = text.encode()
    if len(raw) <= size:
        return text
    ellipsis = "…"
    return raw[: max(size - len(ellipsis.encode()), 0)].decode(errors="ignore") + ellipsis
