"""What a plan would leave, apart from what only carries it: the part of a write that is approved.

Used for the digest of a proposal. Tests, the marker and the time of a restart are left out: they
differ from try to try. Annotations count by what changes of them, so that those which a controller
keeps moving void nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ..api.base import MARKER_ANNOTATION
from ..observed.workloads import JsonPatch, Write
from .base import Action
from .patching import ANNOTATIONS, escaped
from .situation import Situation

__all__ = ["content", "essence"]

_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MARKER_PATH: Final = f"{ANNOTATIONS}/{escaped(MARKER_ANNOTATION)}"


def content(
    action: Action, parameters: Mapping[str, str], situation: Situation
) -> Mapping[str, Any] | None:
    """Give all that the plan's write would change; None where there is nothing to send."""
    try:
        write = action.write(parameters, situation, "", _NO_TIME)
    except LookupError:
        # What it writes is gone, or it was never planned to the end: a guard blocks it.
        return None
    if write is None:
        return None
    found = essence(write)
    if "annotations" not in parameters:
        return found
    # They are fixed in the parameters: what there is to change of them now decides nothing.
    rest = [op for op in found["patch"] if "annotations" not in op]
    return {**found, "patch": rest}


def essence(write: Write) -> Mapping[str, Any]:
    """Give what a write changes, whatever carries it."""
    return {
        "object": [write.resource, write.namespace, write.name],
        "patch": _operations(write.patch),
        "body": _unmarked_body(write.body) if write.body is not None else None,
        "delete": write.delete,
    }


def _operations(patch: JsonPatch) -> list[Mapping[str, Any]]:
    tested = {op["path"]: op["value"] for op in patch if op["op"] == "test"}
    kept: list[Mapping[str, Any]] = []
    for op in patch:
        if op["op"] == "test" or op["path"] == _MARKER_PATH:
            continue
        if op["path"] == ANNOTATIONS:
            # The whole map is only ever replaced behind a test of the one that was read.
            changed = _changed(tested.get(ANNOTATIONS) or {}, op["value"])
            if changed:
                kept.append({"annotations": changed})
        else:
            kept.append(op)
    return kept


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> Mapping[str, str | None]:
    """Give annotations that are set or dropped, with their new values."""
    names = ({*old} | {*new}) - {MARKER_ANNOTATION}
    return {name: new.get(name) for name in names if old.get(name) != new.get(name)}


def _unmarked_body(body: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = dict(body.get("metadata") or {})
    annotations = _changed({}, metadata.pop("annotations", None) or {})
    return {**body, "metadata": {**metadata, "annotations": annotations}}
