"""What people say to an Incident: reading requests from annotations, crash-safely.

The status write that records requests raises ``status.handled.seq`` and lists their keys; the
write that removes the annotations sets ``incidentcommander.dev/handled`` to that number. Equal
numbers: a request that is present is new. Unequal: only the listed keys are to be removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...api.base import GROUP, HANDLED_ANNOTATION, parse_timestamp
from ...api.incident import Handled, Incident
from ...cleaning import clean
from ..effects import RemoveRequests

__all__ = [
    "KEYS",
    "Request",
    "all_recorded",
    "came_with_creation",
    "cleanup",
    "handled_with",
    "new_requests",
    "present_requests",
]

KEYS: Final = (
    "take-command",
    "acknowledge",
    "note",
    "root-cause",
    "update",
    "update-external",
    "severity",
    "reject",
    "propose",
    "diagnose",
    "confirm",
    "resolve",
    "dismiss",
    "reopen",
    "approve",
)
"""Every request, in the order in which simultaneous ones are taken: words before deeds."""
_APPROVER: Final = f"{GROUP}/acknowledge-approver"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as the API server let it in."""

    key: str
    value: str
    """What they said, cleaned: an annotation takes any character."""
    by: str
    """The person, stamped by the API server. Empty: the guard was away when it came."""
    may_approve: bool = False
    """Beside ``acknowledge``: whether the API server found that this person has the verb approve."""
    doubt: str = ""
    """Why it is not known who wrote it; empty: the guard vouches for ``by``."""

    @property
    def who(self) -> str:
        """Who says it, in words: a name that nobody vouches for is a claim."""
        return f"somebody under the name {self.by}" if self.doubt else self.by

    @property
    def actor(self) -> str:
        """Who it is in the timeline: never a name that nobody vouches for."""
        return "operator" if self.doubt else self.by or "unknown"


def new_requests(incident: Incident) -> Sequence[Request]:
    """Give the requests that were not recorded yet, in the order in which to take them."""
    if cleanup(incident) is not None:
        return ()
    return present_requests(incident)


def present_requests(incident: Incident) -> Sequence[Request]:
    """Give all requests that stand on the object."""
    annotations = incident.metadata.annotations
    return tuple(
        Request(
            key=key,
            value=clean(annotations[f"{GROUP}/{key}"]).strip(),
            by=annotations.get(f"{GROUP}/{key}-by", "").strip(),
            may_approve=key == "acknowledge" and annotations.get(_APPROVER) == "true",
        )
        for key in KEYS
        if f"{GROUP}/{key}" in annotations
    )


def cleanup(incident: Incident) -> RemoveRequests | None:
    """Say which annotations are to be removed before anything new is read, if any."""
    handled = incident.status.handled or Handled()
    if strays := _strays(incident):
        return RemoveRequests(strays, handled.seq)
    if incident.status.handled is None:
        # Nothing was recorded yet: a number that is there already is none of ours.
        return None
    if handled.seq == _removed_up_to(incident):
        return None
    keys = {f"{GROUP}/{key}" for key in handled.keys}
    signed = {f"{key}-by" for key in keys}
    return RemoveRequests(frozenset({*keys, *signed, *_beside(handled.keys)}), handled.seq)


def all_recorded(incident: Incident) -> bool:
    """Whether whatever stands on the object was recorded, and nothing could go with what comes.

    What was recorded is removed and never read again, whoever changes it until then.
    """
    handled = incident.status.handled or Handled()
    to_be_removed = handled.keys if handled.seq != _removed_up_to(incident) else ()
    there = {request.key for request in present_requests(incident)}
    return there <= set(to_be_removed) and not _strays(incident)


def _strays(incident: Incident) -> frozenset[str]:
    """Give what goes with requests that are not there: the guard lets nobody leave that behind.

    It was left while the guard was away, for a request that is to come.
    """
    there, by_key = incident.metadata.annotations, {f"{GROUP}/{key}-by": key for key in KEYS}
    beside = {**by_key, _APPROVER: "acknowledge"}
    return frozenset(
        name for name, key in beside.items() if name in there and f"{GROUP}/{key}" not in there
    )


def _beside(keys: Sequence[str]) -> tuple[str, ...]:
    return (_APPROVER,) if "acknowledge" in keys else ()


def handled_with(incident: Incident, requests: Sequence[Request]) -> Handled:
    """Give the record that these requests were taken."""
    old = incident.status.handled or Handled()
    return old.model_copy(update={"seq": old.seq + 1, "keys": [r.key for r in requests]})


def came_with_creation(incident: Incident, request: Request) -> bool:
    """Whether a request was in the object as it was created, which the guard refuses.

    The managedFields entry of the creation owns both ``spec`` and the annotation, and is as old as
    the object. What was said a moment later has an entry, or a time, of its own.
    """
    field = f"f:{GROUP}/{request.key}"
    owners = [
        entry for entry in incident.metadata.managed_fields if field in _owned_annotations(entry)
    ]
    created = incident.metadata.creation_timestamp
    return not owners or any(
        "f:spec" in (entry.get("fieldsV1") or {})
        and (not entry.get("time") or created is None or parse_timestamp(entry["time"]) <= created)
        for entry in owners
    )


def _owned_annotations(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
    return meta.get("f:annotations") or {}


def _removed_up_to(incident: Incident) -> int:
    text = incident.metadata.annotations.get(HANDLED_ANNOTATION, "0")
    return int(text) if text.isdecimal() else 0
