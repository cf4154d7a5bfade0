"""What a bug in a whole tick leaves: one traceback in the log, and words in the Incident's status.

The runner calls it. Neither is repeated with each retry, and the status is cleared once a tick works
again. It decides nothing, and never raises while it reports.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from ..api.incident import Incident
from ..core.record.internal_error import broken, mended
from ..faults import fault
from ..observed.workloads import IncidentRef
from ..ports import IncidentStore
from ..said import Said

__all__ = ["Hindrances"]

_LOG = logging.getLogger(__name__)


class Hindrances:
    """Reports bugs that keep Incidents from going on.

    Parameters
    ----------
    incidents
        Where their statuses are written.
    clock
        The current time.
    """

    def __init__(self, incidents: IncidentStore, clock: Callable[[], datetime]) -> None:
        self._incidents = incidents
        self._clock = clock
        self._said = Said()

    async def say(self, ref: IncidentRef, error: Exception) -> str:
        """Say it; give the resource version that came of it, whose event needs no tick."""
        if self._said.first(ref, type(error).__name__):
            _LOG.error("a bug shows at incident %s; it is tried again", ref, exc_info=error)
        try:
            incident = await self._incidents.get(ref)
            if incident is None:
                return ""
            status = broken(incident, fault(error), self._now())
            if status == incident.status:
                return incident.metadata.resource_version
            saved = await self._incidents.save_status(incident, status)
        except Exception as also:  # noqa: BLE001 - what cannot be written stands in the log
            if self._said.first(ref, "status", type(also).__name__):
                _LOG.warning("incident %s: its status cannot say so: %s", ref, fault(also))
            return ""
        return saved.metadata.resource_version

    async def mend(self, incident: Incident) -> Incident | None:
        """Take the bug out of the status: a whole tick worked again. None where there is none."""
        status = mended(incident, self._now())
        if status == incident.status:
            return None
        return await self._incidents.save_status(incident, status)

    def _now(self) -> datetime:
        return self._clock().replace(microsecond=0)
