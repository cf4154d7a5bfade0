"""How a change is written: one JSON patch with its tests, and the marker that proves it.

Used by every action that changes a workload. The patch can be applied once at most: it changes the
spec, which raises the generation that it tests. Nothing here knows what the change is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..api.base import MARKER_ANNOTATION
from ..observed.workloads import JsonPatch, Workload

__all__ = ["ANNOTATIONS", "escaped", "guarded_patch", "marked", "replaced"]

ANNOTATIONS: Final = "/metadata/annotations"


def guarded_patch(
    workload: Workload,
    *changes: Mapping[str, Any],
    marker: str,
    annotations: Mapping[str, str] | None = None,
) -> JsonPatch:
    """Put tests before the changes and the marker behind them.

    Parameters
    ----------
    workload
        The live target: its uid and generation are tested.
    changes
        Operations on the spec.
    marker
        Value of the marker annotation.
    annotations
        Replace all annotations of the object by these (and the marker). Default: add the marker
        to what is there.
    """
    tests = (
        {"op": "test", "path": "/metadata/uid", "value": workload.uid},
        {"op": "test", "path": "/metadata/generation", "value": workload.generation},
    )
    if annotations is None:
        return (*tests, *changes, *marked(workload.annotations, marker))
    return (*tests, *changes, *replaced(workload.annotations, annotations, marker))


def marked(annotations: Mapping[str, str], marker: str) -> JsonPatch:
    """Add the marker to the annotations that an object has."""
    # "add" needs its parent, and to add the map would wipe out one that somebody added meanwhile:
    # where there is none, that is tested.
    if not annotations:
        return replaced(annotations, {}, marker)
    path = f"{ANNOTATIONS}/{escaped(MARKER_ANNOTATION)}"
    return ({"op": "add", "path": path, "value": marker},)


def replaced(old: Mapping[str, str], new: Mapping[str, str], marker: str) -> JsonPatch:
    """Replace all annotations, provided that they are still the ones that were read.

    The generation does not count changes of metadata, so that the map needs a test of its own: an
    annotation that nobody was shown must not be dropped.
    """
    # To the API server (evanphx/json-patch, Patch.test) null is equal to a path that is not there.
    unchanged = {"op": "test", "path": ANNOTATIONS, "value": dict(old) or None}
    value = {**new, MARKER_ANNOTATION: marker}
    return (unchanged, {"op": "add", "path": ANNOTATIONS, "value": value})


def escaped(key: str) -> str:
    """Escape a key for a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
