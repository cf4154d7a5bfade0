"""Reading an Incident's JSON: what stands where, and what follows from the time alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from .kubectl import Body
from .names import ENDED

__all__ = [
    "ago",
    "blocks",
    "by_preference",
    "clock",
    "commands_of",
    "entries",
    "is_ended",
    "last_seq",
    "name_of",
    "namespace_of",
    "now",
    "opened",
    "overdue",
    "span",
    "status_of",
    "when",
]


def now() -> datetime:
    """Give the current time."""
    return datetime.now(UTC)


def when(text: str | None) -> datetime | None:
    """Read a time of the API server, if there is one."""
    return datetime.fromisoformat(text) if text else None


def name_of(incident: Body) -> str:
    """Give its name."""
    return str(incident["metadata"]["name"])


def namespace_of(incident: Body) -> str:
    """Give its namespace."""
    return str(incident["metadata"]["namespace"])


def status_of(incident: Body) -> Body:
    """Give its status, empty where the operator has not seen it."""
    status: Body = incident.get("status") or {}
    return status


def commands_of(incident: Body) -> list[str]:
    """Give the commands that stand in fields of their own: the operator wrote them, whole."""
    status = status_of(incident)
    found: list[str] = [*(status.get("commands") or [])]
    for proposal in status.get("proposals") or []:
        found += [proposal.get("approveCommand") or "", proposal.get("command") or ""]
        found += [c for g in proposal.get("guards") or [] for c in g.get("commands") or []]
    return [command for command in dict.fromkeys(found) if command]


def entries(incident: Body) -> list[Body]:
    """Give the entries of the timeline that are still in the object."""
    found: list[Body] = status_of(incident).get("timeline") or []
    return found


def last_seq(incident: Body) -> int:
    """Give the number of the newest entry; -1 where there is none."""
    found = entries(incident)
    return int(found[-1]["seq"]) if found else -1


def is_ended(incident: Body) -> bool:
    """Whether it is over, so that no update is owed."""
    return status_of(incident).get("phase") in ENDED


def overdue(incident: Body, at: datetime) -> bool:
    """Whether people should have been told something by now."""
    due = when((status_of(incident).get("updates") or {}).get("nextDueAt"))
    return due is not None and due < at and not is_ended(incident)


def opened(incident: Body) -> list[Body]:
    """Give the proposals that wait for a decision, the one to look at first in front."""
    found = status_of(incident).get("proposals") or []
    return by_preference([p for p in found if p["state"] == "Proposed"])


def by_preference(proposals: Sequence[Body]) -> list[Body]:
    """Recommended ones first, blocked ones last."""
    return sorted(proposals, key=lambda p: (not p.get("recommended"), bool(blocks(p))))


def blocks(proposal: Body) -> list[Body]:
    """Give the guards that forbid its approval."""
    guards: list[dict[str, Any]] = proposal.get("guards") or []
    return [g for g in guards if g["verdict"] == "Block"]


def clock(moment: datetime | None, at: datetime) -> str:
    """Write a time; with its date where that is another one."""
    if moment is None:
        return ""
    moment = moment.astimezone(UTC)
    return f"{moment:%H:%M} UTC" if moment.date() == at.date() else f"{moment:%Y-%m-%d %H:%M} UTC"


def span(seconds: float) -> str:
    """Write a length of time as people say it."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if seconds < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{int(seconds)} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 2:  # noqa: PLR2004 - up to 48 hours are counted in hours
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d"


def ago(moment: datetime | None, at: datetime) -> str:
    """Write how long before ``at`` that was, or how long after it will be."""
    return "" if moment is None else span(abs((at - moment).total_seconds()))
