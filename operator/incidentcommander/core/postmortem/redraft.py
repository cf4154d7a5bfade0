"""Drafting again without losing what people wrote: after a reopened Incident was resolved once more.

The operator leaves a mark for each field that it drafted. A field that still has the value behind its
mark was not touched and is drafted anew; every other one is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...api.base import GROUP
from ...api.postmortem import PostmortemSpec
from ...observed.workloads import digest

__all__ = ["DRAFTED_ANNOTATION", "adopted", "marks", "redrafted"]

DRAFTED_ANNOTATION: Final = f"{GROUP}/drafted"
"""On a Postmortem: what the operator drafted, as one short hash for each field."""
_KEPT: Final = frozenset({"incidentRef", "state"})
_LENGTH: Final = 12


def marks(spec: PostmortemSpec) -> dict[str, str]:
    """Give the marks of a draft."""
    return {
        name: digest(value)[:_LENGTH] for name, value in _stored(spec).items() if name not in _KEPT
    }


def redrafted(
    now: PostmortemSpec, before: Mapping[str, str], draft: PostmortemSpec
) -> dict[str, Any]:
    """Give the fields to write: those that nobody touched and that are different now."""
    present, wanted = _stored(now), _stored(draft)
    return {
        name: value
        for name, value in wanted.items()
        if name not in _KEPT and value != present.get(name) and _untouched(name, present, before)
    }


_FACTS: Final = ("title", "severity", "startedAt", "resolvedAt", "drill", "timeline")
"""What the timeline proves, beside parts of ``impact``: of an adopted one it is never others' word."""
_MEASURED: Final = ("duration", "measured")


def adopted(theirs: PostmortemSpec, draft: PostmortemSpec) -> dict[str, Any]:
    """Give the fields to write to a Draft of others: what they left out, and all that is a fact."""
    present, wanted = _stored(theirs), _stored(draft)
    changes = redrafted(theirs, {}, draft)
    # A merge patch: null takes away what the draft has nothing to say of.
    changes |= {name: wanted.get(name) for name in _FACTS if present.get(name) != wanted.get(name)}
    ours = {name: wanted.get("impact", {}).get(name) for name in _MEASURED}
    return changes if "impact" in changes else {**changes, "impact": ours}


def _untouched(name: str, present: Mapping[str, Any], before: Mapping[str, str]) -> bool:
    if name not in present:
        return name not in before
    return digest(present[name])[:_LENGTH] == before.get(name)


def _stored(spec: PostmortemSpec) -> dict[str, Any]:
    return {key: value for key, value in spec.to_api().items() if value not in ("", [], {})}
