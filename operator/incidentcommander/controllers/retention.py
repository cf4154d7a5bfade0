"""Deletes ended Incidents whose time is over, where the policy says so and the chart lets it.

A sweep every hour, beside everything else. What goes is judged in ``core/retention.py``; the
garbage collector removes TimelinePages and the Postmortem with the Incident.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from ..api.incident import Incident
from ..core.record.retention import kept_until, still_needed
from ..errors import ForbiddenError, OperatorError, UnavailableError
from ..gateways.kubernetes.apart import Apart
from ..gateways.kubernetes.client import Client
from ..gateways.kubernetes.incidents import Incidents
from ..gateways.kubernetes.paths import path_of
from ..observed.needs import PostmortemNeed
from ..observed.workloads import Missing, Unavailable
from ..ports import PostmortemStore

__all__ = ["Retention"]

_EVERY: Final = 3600.0
_LOG = logging.getLogger(__name__)


class Retention:
    """Sweeps ended Incidents.

    Parameters
    ----------
    client
        The connection to the API server.
    postmortems
        Where theirs are read.
    namespaces
        Namespaces to look in; none: all.
    clock
        The current time.
    """

    def __init__(
        self,
        client: Client,
        postmortems: PostmortemStore,
        namespaces: Sequence[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._incidents = Incidents(client)
        self._postmortems = postmortems
        self._namespaces = namespaces
        self._clock = clock
        self._apart = Apart("The ended Incident", _LOG)

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.sweep()
            except OperatorError as error:
                _LOG.warning("ended Incidents were not looked through: %s", error)
            except Exception:  # noqa: BLE001 - a sweep that ends for good keeps everything for ever
                _LOG.exception("ended Incidents were not looked through")

    async def sweep(self) -> int:
        """Delete what is over its time; give how many that were. Raises OperatorError."""
        deleted = 0
        async for incident in self._incidents.closed(self._namespaces):
            try:
                deleted += await self._over(incident)
            except ForbiddenError as error:
                # All others would be refused, too.
                _LOG.warning(
                    "a policy has a retention, but the operator may not delete (Helm value "
                    "retention.enabled): %s",
                    error,
                )
                break
            except UnavailableError:
                raise
            except Exception as error:  # noqa: BLE001 - one of them must not keep all others
                self._apart.left_out({"metadata": incident.metadata.to_api()}, error)
        return deleted

    async def _over(self, incident: Incident) -> bool:
        """Delete one if its time is over; say whether that was so."""
        until = kept_until(incident)
        if until is None or self._clock() < until or await self._needed(incident):
            return False
        await self._delete(incident, until)
        return True

    async def _needed(self, incident: Incident) -> bool:
        meta, owed = incident.metadata, incident.status.postmortem
        if owed is None or owed.name is None:
            return False
        found = await self._postmortems.get(PostmortemNeed(meta.namespace, owed.name))
        if isinstance(found, Unavailable):
            # What cannot be read may hold open work.
            return True
        return not isinstance(found, Missing) and still_needed(found) is not None

    async def _delete(self, incident: Incident, until: datetime) -> None:
        meta = incident.metadata
        await self._client.request(
            "DELETE",
            path_of("incidents", meta.namespace, meta.name),
            body={
                "propagationPolicy": "Background",
                # Not another one of the same name, and not one that somebody has just changed.
                "preconditions": {"uid": meta.uid, "resourceVersion": meta.resource_version},
            },
        )
        _LOG.info(
            "Incident %s/%s ended long ago and was kept until %s: deleted, as its policy says",
            meta.namespace,
            meta.name,
            f"{until:%Y-%m-%d %H:%M} UTC",
        )
