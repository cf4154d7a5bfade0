"""Which release runs, since when, what ran before it: read from the rollout history.

A release is a run of revisions that differ only by ``rollout restart``. It began when the first of
them was made. A revision that was taken up again by an undo keeps its old creation time, so there
the start is the newest change of the pod template in ``managedFields``, else the last progress that
the Deployment's controller wrote down. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final

from ..api.base import parse_timestamp
from ..observed.workloads import RESTARTED_AT_ANNOTATION, Revision, Workload, significant_hash

__all__ = ["Release", "described", "release_of", "running"]

_REUSED_ANNOTATION: Final = "deployment.kubernetes.io/revision-history"
_CREATED: Final = "creationTimestamp"
_SAME_MOMENT: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Release:
    """What runs now, and how it came."""

    revision: Revision
    """The newest revision of the release."""
    first: Revision
    """The revision that it began with; another one only after restarts."""
    previous: Revision | None
    """The newest older revision; it differs by more than a restart."""
    began_at: datetime | None
    known_from: str
    """The field that ``began_at`` was read from."""
    manager: str
    """The field manager that changed the template then; empty where that is not known."""

    @property
    def reused(self) -> bool:
        """Whether it is an older release that was taken up again."""
        return self.known_from != _CREATED


def running(workload: Workload, revisions: Sequence[Revision]) -> Revision | None:
    """Find the revision of the workload's template, else the newest (paused, or just changed)."""
    wanted = workload.template_hash
    ordered = sorted(revisions, key=lambda r: r.number)
    same = [r for r in ordered if r.template_hash == wanted]
    return next(reversed(same or ordered), None)


def release_of(workload: Workload, revisions: Sequence[Revision]) -> Release | None:
    """Tell the running release from the history; None where there is no history."""
    current = running(workload, revisions)
    if current is None:
        return None
    older = sorted((r for r in revisions if r.number < current.number), key=lambda r: -r.number)
    wanted = significant_hash(current.template)
    run = [current, *takewhile(lambda r: significant_hash(r.template) == wanted, older)]
    previous = next(iter(older[len(run) - 1 :]), None)
    changes = _template_changes(workload)
    first = run[-1]
    began_at: datetime | None = first.created_at
    known_from = _CREATED
    if _taken_up_again(first, older):
        until = run[-2].created_at if len(run) > 1 else None
        began_at, known_from = _again_since(workload, changes, previous, until)
    return Release(
        revision=current,
        first=first,
        previous=previous,
        began_at=began_at,
        known_from=known_from,
        manager=_manager_at(changes, began_at),
    )


def described(revision: Revision) -> str:
    """Give ``revision 7 (shop/checkout:v2)``."""
    images = ", ".join(image for image in revision.images if image)
    return f"revision {revision.number} ({images})" if images else f"revision {revision.number}"


def _taken_up_again(revision: Revision, revisions: Sequence[Revision]) -> bool:
    if revision.annotations.get(_REUSED_ANNOTATION):
        return True
    return any(r.number < revision.number and r.created_at > revision.created_at for r in revisions)


def _again_since(
    workload: Workload,
    changes: Sequence[tuple[datetime, str]],
    previous: Revision | None,
    until: datetime | None,
) -> tuple[datetime | None, str]:
    """When a revision was taken up again: after the one before it, before the next one."""
    after = previous.created_at if previous else None
    times = [at for at, _ in changes if after is None or at >= after]
    if times:
        newest = max(times)
        return (min(newest, until) if until else newest), "managedFields"
    progressed = _last_progress(workload)
    if progressed is not None and (after is None or progressed >= after):
        return progressed, "condition Progressing"
    return None, "nothing"


def _last_progress(workload: Workload) -> datetime | None:
    for condition in workload.status.get("conditions") or ():
        if condition.get("type") == "Progressing":
            return _time(condition.get("lastUpdateTime"))
    return None


def _template_changes(workload: Workload) -> list[tuple[datetime, str]]:
    """When which manager last changed the template, restarts left out."""
    found: list[tuple[datetime, str]] = []
    for entry in workload.raw["metadata"].get("managedFields") or ():
        fields = (entry.get("fieldsV1") or {}).get("f:spec") or {}
        at = _time(entry.get("time"))
        owned = fields.get("f:template")
        if at is not None and owned and not entry.get("subresource") and not _only_restart(owned):
            found.append((at, str(entry.get("manager") or "")))
    return found


def _only_restart(owned: Mapping[str, Any]) -> bool:
    annotations = (owned.get("f:metadata") or {}).get("f:annotations") or {}
    others = {*owned, *(owned.get("f:metadata") or {}), *annotations} - {
        ".",
        "f:metadata",
        "f:annotations",
        f"f:{RESTARTED_AT_ANNOTATION}",
    }
    return not others


def _manager_at(changes: Sequence[tuple[datetime, str]], at: datetime | None) -> str:
    if at is None:
        return ""
    near = [(abs(time - at), name) for time, name in changes if abs(time - at) <= _SAME_MOMENT]
    return min(near)[1] if near else ""


def _time(value: object) -> datetime | None:
    try:
        return parse_timestamp(value)
    except ValueError:
        return None
