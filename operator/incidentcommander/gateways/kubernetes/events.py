"""Publishes Kubernetes Events for the steps that people look for: the ``Announcer`` of the shell.

After the status is saved, so that ``kubectl describe`` ends with the finding and the proposal with
its id. The timeline is the record; an Event that is lost is lost. What one says: ``notes``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from ...api.base import GROUP, VERSION
from ...api.common import Verdict
from ...api.incident import Incident, TimelineEntry
from ...errors import OperatorError, UnavailableError
from .announced import ANNOUNCED, EventKind
from .client import FIELD_MANAGER, Client
from .errors import AlreadyExistsError
from .event_notes import note
from .paths import path_of

__all__ = ["Events"]

CONTROLLER: Final = f"{GROUP}/operator"
_WAITING: Final = 1000
_TRIES: Final = 4
_PAUSE: Final = 1.0

_log = logging.getLogger(__name__)


class Events:
    """Events about Incidents, sent one after the other in the background."""

    def __init__(self, client: Client, instance: str) -> None:
        self._client = client
        self._instance = instance[:128] or "unknown"
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_WAITING)

    async def announce(self, incident: Incident, entries: Sequence[TimelineEntry]) -> None:
        """Publish Events for those entries that deserve one. Never raises, never waits."""
        for entry in entries:
            kind = ANNOUNCED.get(entry.reason)
            if kind is None or not _deserves(entry):
                continue
            try:
                self._queue.put_nowait(self._event(incident, entry, kind))
            except asyncio.QueueFull:
                _log.warning("Too many Events are waiting: %s is dropped", entry.reason)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._send(event)
            except Exception:  # noqa: BLE001 - one Event must not stop the others
                _log.exception("An Event could not be sent")

    async def _send(self, event: dict[str, Any]) -> None:
        path = path_of("events", event["metadata"]["namespace"])
        for attempt in range(1, _TRIES + 1):
            try:
                await self._client.request(
                    "POST", path, body=event, query={"fieldManager": FIELD_MANAGER}
                )
            except AlreadyExistsError:
                return  # the same entry, announced before a crash
            except UnavailableError as error:
                if attempt == _TRIES:
                    _log.warning("An Event is lost: %s", error)
                await asyncio.sleep(error.retry_after or _PAUSE * attempt)
            except OperatorError as error:
                _log.warning("An Event is refused: %s", error)
                return
            else:
                return

    def _event(self, incident: Incident, entry: TimelineEntry, kind: EventKind) -> dict[str, Any]:
        meta = incident.metadata
        regarding = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Incident",
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
        }
        at = entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            # Padded: kubectl shows Events without old-style times in the order of their names.
            "metadata": {
                "namespace": meta.namespace,
                "name": f"{meta.name}.{meta.uid[:8]}.{entry.seq:06d}",
            },
            "eventTime": at,
            "regarding": regarding,
            "reason": entry.reason,
            "action": kind.action,
            "type": kind.type,
            "note": note(incident, entry),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
        }


def _deserves(entry: TimelineEntry) -> bool:
    """Whether it says something: of the diagnosis only what went wrong."""
    if entry.reason != "DiagnosisStepFinished":
        return True
    verdict = entry.evidence.verdict if entry.evidence else None
    return verdict in {Verdict.FAILED, Verdict.ERROR}
