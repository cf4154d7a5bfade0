"""Small rules of writing for messages: whole sentences, cut where they must be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from ..api.base import GROUP, format_duration
from ..api.common import ObjectMeta, Verdict
from ..api.incident import Finding, Proposal
from ..command_line import Blank, Line, Name, Pair, kubectl

__all__ = [
    "annotate",
    "blocks",
    "confirm",
    "cut",
    "edit_postmortem",
    "in_words",
    "moment",
    "one_line",
    "phrase",
    "resolve",
    "sentence",
    "sentences",
    "take_command",
    "trouble",
    "typeable",
]

_ABOUT_CHANGES = frozenset({"rolloutHistory", "recentChanges"})
"""Checks that say what changed: a reason for trouble, not trouble itself."""
_COMMAND: Final = re.compile(r": (?:kubectl|argocd|flux|helm) (?:(?!\. ).)*$")
"""A command at the end of a text: whoever copies it would copy a full stop along."""

_UNITS: Final = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)


def annotate(meta: ObjectMeta, key: str, value: str | Blank) -> Line:
    """Give the command that makes a request to that Incident: copy, paste, done."""
    request = Pair(f"{GROUP}/{key}", value)
    return kubectl(meta.namespace, "annotate", "incident", Name(meta.name), request)


def confirm(meta: ObjectMeta) -> Line:
    """Give the command by which a person stands in for what cannot be asked."""
    return annotate(meta, "confirm", Blank("what you saw"))


def resolve(meta: ObjectMeta) -> Line:
    """Give the command that says that people mended it."""
    return annotate(meta, "resolve", Blank("how"))


def take_command(meta: ObjectMeta) -> Line:
    """Give the command by which a person takes command."""
    return annotate(meta, "take-command", Blank("reason"))


def edit_postmortem(namespace: str, name: str) -> Line:
    """Give the command by which its Postmortem is written."""
    return kubectl(namespace, "edit", "postmortem", Name(name))


def typeable(proposals: Iterable[Proposal]) -> list[str]:
    """Give the commands that proposals and their guards hold."""
    found = [c for p in proposals for c in (p.approve_command, *_of_guards(p))]
    return list(dict.fromkeys(filter(None, found)))


def _of_guards(proposal: Proposal) -> list[str]:
    return [command for guard in proposal.guards for command in guard.commands]


def cut(text: str, limit: int) -> str:
    """Shorten a text to ``limit`` characters; an ellipsis says that it was."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def sentence(text: str) -> str:
    """End a text with one full stop, unless it ends with a mark of its own, or a command."""
    text = text.strip()
    whole = not text or text[-1] in ".!?…:" or _COMMAND.search(text) is not None
    return text if whole else f"{text}."


def sentences(texts: Iterable[str]) -> str:
    """String texts together as sentences; a command is set apart from what follows it."""
    said = [sentence(text) for text in texts if text.strip()]
    apart = [f"{text} ;" if _COMMAND.search(text) else text for text in said[:-1]]
    return " ".join([*apart, *said[-1:]])


def one_line(text: str) -> str:
    """Leave out line breaks and the separator of updates."""
    return " ".join(text.replace("|", "/").split())


def phrase(text: str) -> str:
    """Leave out what would break the form of an update: separators, and a full stop at the end."""
    return sentence(one_line(text)).rstrip(".")


def moment(time: datetime, now: datetime) -> str:
    """Write a time to come as ``08:45 UTC``, with its day where that is another one."""
    day = "" if time.date() == now.date() else f"{time:%Y-%m-%d} "
    return f"{day}{time:%H:%M} UTC"


def in_words(time: timedelta) -> str:
    """Say ``30 minutes``, ``2 hours``, ``1 day``; what is uneven as Go writes it."""
    for unit, name in _UNITS:
        count, rest = divmod(time, unit)
        if count and not rest:
            return f"{count} {name}{'s' if count > 1 else ''}"
    return format_duration(time)


def trouble(findings: Sequence[Finding], limit: int = 160) -> str:
    """Say what is wrong in as few words as possible: the first sentence of what failed."""
    bad = [f for f in findings if f.verdict is Verdict.FAILED and f.check not in _ABOUT_CHANGES]
    if bad:
        return sentences(cut(f.message.split(". ")[0], limit) for f in bad[:2])
    blind = [f.step for f in findings if f.verdict in {Verdict.ERROR, Verdict.INCONCLUSIVE}]
    if blind:
        return f"No check sees trouble, but {', '.join(blind)} cannot tell."
    return "No check sees trouble."


def blocks(proposal: Proposal) -> str:
    """Say what blocks a proposal."""
    return sentences(g.message for g in proposal.guards if g.verdict == "Block")
