"""When the queries see nothing but the running release: reason enough to look again."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ...api.incident import IncidentStatus
from ..case import Case

__all__ = ["SETTLED", "is_settled", "settled_at"]

SETTLED: Final = "The release has run for as long as the queries look back: looking again."


def is_settled(case: Case, status: IncidentStatus) -> bool:
    """Whether the queries look back on nothing but the running release by now."""
    again = settled_at(status)
    return again is not None and case.now >= again


def settled_at(status: IncidentStatus) -> datetime | None:
    """Say from when on the queries see nothing but the running release."""
    return status.diagnosis.again_at if status.diagnosis else None
