"""What is not as it should be, each with the command that mends it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ..kubectl import Body, Kubectl
from ..objects import commands_of, is_ended, overdue, status_of
from .spans import Line, bulleted, line

__all__ = ["condition_lines"]

_BAD_WHEN: Final = {
    "Stalled": "True",
    "Ready": "False",
    "ApprovalGuarded": "False",
    "RoleUnfilled": "True",
    "Acknowledged": "False",
    "UpdateOverdue": "True",
    "PostmortemOverdue": "True",
}
_LEFT_TO_OTHERS: Final = frozenset({"Stalled", "UpdateOverdue"})
"""``Ready`` says the same as the first; the second follows from the time alone."""
_ONCE_ENDED: Final = frozenset({"Ready", "PostmortemOverdue"})


def condition_lines(incident: Body, at: datetime, width: int, kubectl: Kubectl) -> list[Line]:
    """Give the conditions that somebody has to do something about."""
    lines: list[Line] = []
    commands = [*commands_of(incident), *_mends(incident, kubectl).values()]
    for name, text in _bad(incident, at, kubectl):
        lines += bulleted(line(("  " + name + ": ", "warn")), text, width, "", commands)
    return lines


def _mends(incident: Body, kubectl: Kubectl) -> dict[str, str]:
    return {
        "Acknowledged": kubectl.typed("ack", incident),
        "PostmortemOverdue": kubectl.typed("report", incident),
        "ApprovalGuarded": kubectl.spoken("doctor"),
        "RoleUnfilled": kubectl.typed("take", incident),
    }


def _bad(incident: Body, at: datetime, kubectl: Kubectl) -> Iterator[tuple[str, str]]:
    typed = _mends(incident, kubectl)
    mends = {
        "Acknowledged": f"nobody has said to be on it: {typed['Acknowledged']}",
        "PostmortemOverdue": f"the Postmortem is overdue: {typed['PostmortemOverdue']}",
        "ApprovalGuarded": f"see what is missing: {typed['ApprovalGuarded']}",
    }
    for condition in status_of(incident).get("conditions") or []:
        name = condition["type"]
        if name in _LEFT_TO_OTHERS or condition["status"] != _BAD_WHEN.get(name):
            continue
        if is_ended(incident) and name not in _ONCE_ENDED:
            continue
        said = "" if name == "Acknowledged" else condition.get("message", "")
        mend = mends.get(name, "")
        if name == "RoleUnfilled":
            # The rest of the message is the same by plain kubectl.
            said = said.partition(";")[0]
            led = "commander" not in said
            mend = "set it in spec.roles" if led else f"take command: {typed['RoleUnfilled']}"
        yield name, f"{said}; {mend}" if said and mend else said or mend or condition["reason"]
    for channel in status_of(incident).get("channels") or []:
        if channel.get("failingSince"):
            yield f"channel {channel['name']}", str(channel.get("error") or "takes no notices")
    if overdue(incident, at):
        yield "UpdateOverdue", "people wait for an update: see Next update"
