"""The whole timeline: what stands in the Incident, and before it what stands in TimelinePages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .exits import Ended
from .kubectl import Body, Kubectl, code_of, explained
from .objects import entries, namespace_of, status_of

__all__ = ["Record", "record", "whole"]


@dataclass(frozen=True, slots=True)
class Record:
    """All entries that were found, in order, and what is wrong with them."""

    entries: tuple[Body, ...]
    problems: tuple[str, ...]


def record(kubectl: Kubectl, incident: Body) -> Record:
    """Read the pages of an Incident and put its timeline together."""
    refs = status_of(incident).get("timelinePages") or []
    if not refs:
        return whole(incident, {})
    there = Kubectl(namespace_of(incident), kubectl.flags, kubectl.quiet)
    names = [ref["name"] for ref in refs]
    said = there.attempt("get", "timelinepages", *names, "--ignore-not-found", extra=("-o", "json"))
    if said.code:
        raise Ended(code_of(said), explained(said))
    body = said.json if said.out.strip() else {"items": []}
    return whole(incident, {p["metadata"]["name"]: p for p in body.get("items", [body])})


def whole(incident: Body, pages: Mapping[str, Body]) -> Record:
    """Put pages and the newest entries together, and verify that nothing is missing or altered."""
    found: list[Body] = []
    problems: list[str] = []
    for ref in status_of(incident).get("timelinePages") or []:
        page = pages.get(ref["name"])
        if page is None:
            missing = f"entries {ref['fromSeq']} to {ref['toSeq']} are missing"
            problems.append(f"{missing}: there is no TimelinePage {ref['name']}")
            continue
        problems += _wrong(incident, ref, page)
        found += page["spec"]["entries"]
    found += entries(incident)
    return Record(tuple(found), (*problems, *_gaps(found, problems)))


def _wrong(incident: Body, ref: Body, page: Body) -> Iterator[str]:
    spec = page["spec"]
    if spec["incidentUid"] != incident["metadata"]["uid"]:
        yield f"TimelinePage {ref['name']} is of another Incident (uid {spec['incidentUid']})"
    if digest(spec["entries"]) != ref["sha256"]:
        yield f"TimelinePage {ref['name']} is not what was written: its SHA-256 differs"


def _gaps(found: Sequence[Body], known: Sequence[str]) -> Iterator[str]:
    expected = 0
    for entry in found:
        seq = entry["seq"]
        if seq != expected and not known:
            yield (
                f"entries {expected} to {seq - 1} are missing"
                if seq > expected
                else f"entry {seq} is out of order"
            )
        expected = seq + 1


def digest(value: Any) -> str:
    """Hash as the operator does: SHA-256 over canonical JSON."""
    import hashlib

    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
