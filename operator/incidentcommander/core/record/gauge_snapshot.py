"""One Incident in a few words, for the gauges: all that is kept of it between ticks.

The runner makes one in each turn. Nothing here reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ...api.common import Phase, Severity
from ...api.incident import Incident
from ..response.roles import unfilled

__all__ = ["Summary"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What the gauges count of an Incident."""

    severity: Severity
    phase: Phase
    drill: bool
    next_update: datetime | None
    """When the next update is due."""
    proposals: int
    """Those that wait for a decision."""
    roles_due: datetime | None
    """When the roles that nobody has are to be taken; None: nobody is missing."""
    notices: int
    """Those that some channel has not taken yet."""

    @classmethod
    def of(cls, incident: Incident) -> Summary:
        """Sum an Incident up."""
        status = incident.status
        return cls(
            severity=status.severity or incident.spec.severity,
            phase=status.phase,
            drill=incident.spec.drill,
            next_update=status.updates.next_due_at if status.updates else None,
            proposals=len(status.open_proposals),
            roles_due=status.response.due_at if status.response and unfilled(status) else None,
            notices=len(status.outbox),
        )
