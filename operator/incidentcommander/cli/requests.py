"""Saying something to an Incident: one annotation, and then what the operator made of it.

A request stands on the object until the operator takes it; what came of it stands in the timeline.
"""

from __future__ import annotations

import json
import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from .exits import Code, Ended
from .find import bare, missing
from .kubectl import Body, Kubectl, Said, code_of, explained
from .names import GROUP, REFUSALS
from .objects import entries, last_seq, name_of, namespace_of, status_of

__all__ = ["Answer", "Request", "send"]

_POLL: Final = 0.3
_BUSY: Final = ("is being handled", "already has a value")
_UNSIGNED: Final = "sign the request with your own user name"


@dataclass(frozen=True, slots=True)
class Request:
    """What is said to which Incident."""

    name: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the operator made of it."""

    incident: Body
    entries: tuple[Body, ...] = ()
    """What the timeline got since; empty where nobody waited."""

    @property
    def refused(self) -> bool:
        """Whether it was not done."""
        return any(entry["reason"] in REFUSALS for entry in self.entries)


def send(
    kubectl: Kubectl, request: Request, wait: float, awaited: AbstractSet[str] = frozenset()
) -> Answer:
    """Make a request, and wait until the operator has taken it.

    Parameters
    ----------
    wait
        Seconds; 0: do not wait at all.
    awaited
        Reasons: once it is taken, go on waiting for one of these, as long as there is time.
    """
    deadline = time.monotonic() + wait
    said = _annotate(kubectl, request, deadline)
    before = said.json
    here = Kubectl(namespace_of(before), kubectl.flags, kubectl.quiet)
    if not wait:
        return Answer(before)
    while True:
        time.sleep(_POLL)
        incident = here.json("get", "incident", name_of(before), shown=False)
        answer = Answer(incident, _since(before, incident, request))
        late = time.monotonic() > deadline
        if _taken(before, incident, request):
            reasons = {entry["reason"] for entry in answer.entries}
            if late or not awaited or reasons & (awaited | {"RequestRefused"}):
                return answer
        elif late:
            raise Ended(Code.TIMED_OUT, _late(kubectl, request, incident, wait))


def _annotate(kubectl: Kubectl, request: Request, deadline: float) -> Said:
    """Send it; once more while the one before is being taken, or signed where that is needed."""
    words = [f"{GROUP}/{request.key}={request.value}"]
    shown = True
    while True:
        said = kubectl.attempt(
            "annotate", "incident", bare(request.name), *words, extra=("-o", "json"), shown=shown
        )
        if said.code == 0:
            return said
        if _UNSIGNED in said.err and len(words) == 1:
            words.append(f"{GROUP}/{request.key}-by={_own_name(kubectl)}")
            shown = True
        elif any(part in said.err for part in _BUSY) and time.monotonic() < deadline:
            shown = False
            time.sleep(_POLL)
        elif code_of(said) is Code.NOT_FOUND:
            raise missing(kubectl, bare(request.name), explained(said))
        else:
            raise Ended(code_of(said), explained(said))


def _own_name(kubectl: Kubectl) -> str:
    """Ask who one is: below Kubernetes 1.36 people sign their requests themselves."""
    said = kubectl.ask("auth", "whoami", "-o", "json")
    return str(json.loads(said.out)["status"]["userInfo"]["username"])


def _taken(before: Body, incident: Body, request: Request) -> bool:
    annotations = incident["metadata"].get("annotations") or {}
    return _handled(incident) > _handled(before) and f"{GROUP}/{request.key}" not in annotations


def _handled(incident: Body) -> int:
    return int((status_of(incident).get("handled") or {}).get("seq", 0))


def _since(before: Body, incident: Body, request: Request) -> tuple[Body, ...]:
    """Give the new entries; refusals of what others said meanwhile are not ours."""
    by = (before["metadata"].get("annotations") or {}).get(f"{GROUP}/{request.key}-by", "unknown")
    return tuple(
        entry
        for entry in entries(incident)
        if entry["seq"] > last_seq(before)
        and (
            entry["reason"] != "RequestRefused"
            or (entry["actor"] == by and str(entry["message"]).startswith(f"{request.key}="))
        )
    )


def _late(kubectl: Kubectl, request: Request, incident: Body, wait: float) -> str:
    return (
        f"The operator has not taken {request.key} within {wait:g} s. It stands on the Incident and "
        "is taken as soon as the operator works again: do not send it twice.\n"
        f"What is wrong: {kubectl.spoken('doctor', '-n', namespace_of(incident))}\n"
        f"What came of it: {kubectl.typed('timeline', incident)}"
    )
