"""The label that ends the watch over an Incident: when it is due."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ...api.common import Phase
from ...api.incident import IncidentStatus

__all__ = ["left_at"]

_REOPENED_WITHIN: Final = timedelta(hours=24)


def left_at(status: IncidentStatus) -> datetime | None:
    """Say when an ended Incident is labelled and watched no more: until then it can be reopened."""
    closed = status.milestones.closed_at if status.milestones else None
    if status.phase is Phase.CLOSED or closed is None:
        return closed
    return closed + _REOPENED_WITHIN
