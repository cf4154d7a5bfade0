"""A bug of the operator in the status of the Incident that it hinders, until a tick works again.

The runner calls it; ``conditions`` keeps what it says through all decisions in between, so that it
is written once and not with each retry. Nothing else of the Incident changes.
"""

from __future__ import annotations

from datetime import datetime

from ...api.common import Condition, ConditionStatus
from ...api.incident import Incident, IncidentStatus
from .conditions import INTERNAL_ERROR, derive, internal_error

__all__ = ["broken", "mended"]


def broken(incident: Incident, what: str, now: datetime) -> IncidentStatus:
    """Give the status that says it; the same one where that is said already."""
    message = (
        f"The operator cannot go on with this Incident: {what}, a bug of the operator. It is tried "
        "again by itself, at least every 5 minutes; other Incidents are not affected. The log of "
        "the operator has more: please report it."
    )
    status = incident.status
    if internal_error(status) == message:
        return status
    said = Condition(
        type="Stalled",
        status=ConditionStatus.TRUE,
        observed_generation=incident.metadata.generation,
        last_transition_time=now,
        reason=INTERNAL_ERROR,
        message=message[:1024],
    )
    others = [c for c in status.conditions if c.type != "Stalled"]
    return derive(incident, status.model_copy(update={"conditions": [*others, said]}), now)


def mended(incident: Incident, now: datetime) -> IncidentStatus:
    """Give the status without it; the same one where nothing was said."""
    if not internal_error(incident.status):
        return incident.status
    others = [c for c in incident.status.conditions if c.reason != INTERNAL_ERROR]
    return derive(incident, incident.status.model_copy(update={"conditions": others}), now)
