"""Many Incidents as one table, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ..kubectl import Body
from ..objects import ago, clock, is_ended, name_of, namespace_of, opened, overdue, status_of, when
from .spans import Line, Span, Style, clean, table

__all__ = ["listing", "severity_of"]


def listing(
    found: Sequence[Body], at: datetime, *, everywhere: bool = False, wide: bool = False
) -> list[Line]:
    """Give one row for each Incident."""
    names = ["NAME", "SEVERITY", "PHASE", "TARGET", "PROPOSAL", "COMMANDER", "NEXT UPDATE", "AGE"]
    names = [*(["NAMESPACE"] if everywhere else []), *names, *(["SUMMARY"] if wide else [])]
    head: list[Span] = [(name, "head") for name in names]
    rows = [_row(i, at, everywhere=everywhere, wide=wide) for i in sorted(found, key=_order)]
    return table([head, *rows])


def severity_of(incident: Body) -> str:
    """Give the effective severity, else the declared one."""
    return str(status_of(incident).get("severity") or incident["spec"].get("severity", ""))


def _order(incident: Body) -> tuple[str, str]:
    return severity_of(incident), incident["metadata"].get("creationTimestamp", "")


def _row(incident: Body, at: datetime, *, everywhere: bool, wide: bool) -> list[Span]:
    status, target = status_of(incident), incident["spec"]["target"]
    severity = severity_of(incident)
    first = next((p["id"] for p in opened(incident) if p.get("recommended")), "")
    urgent: Style = "bad" if severity in {"SEV1", "SEV2"} else ""
    began = when(incident["metadata"].get("creationTimestamp"))
    row: list[Span] = [
        (name_of(incident), "bold"),
        (severity, urgent),
        (status.get("phase", "new"), "warn" if first else ""),
        (f"{target['kind']}/{target['name']}", ""),
        (first or "-", ""),
        ((status.get("roles") or {}).get("commander") or "-", ""),
        _next_update(incident, at),
        (ago(began, at), ""),
    ]
    if everywhere:
        row.insert(0, (namespace_of(incident), ""))
    if wide:
        row.append((clean(status.get("summary", "")).replace("\n", " "), ""))
    return row


def _next_update(incident: Body, at: datetime) -> Span:
    due = when((status_of(incident).get("updates") or {}).get("nextDueAt"))
    if overdue(incident, at) and due is not None:
        return f"{due.astimezone(UTC):%H:%M} UTC, OVERDUE {ago(due, at)}", "bad"
    return "-" if due is None or is_ended(incident) else clock(due, at), ""
