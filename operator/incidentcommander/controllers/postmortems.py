"""Follows every Postmortem: its conditions, reminders of what is overdue, and the rendered report.

A watch of its own, beside kopf's, that also wakes the Incident of an edited Postmortem. How things
stand is judged in ``core/reminding.py``; this is the one writer of Postmortems' status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from ..api.base import FIELD_MANAGER
from ..api.incident import Incident
from ..api.postmortem import Postmortem, PostmortemStatus, ReportRef
from ..core.postmortem.overdue import Reminder, is_overdue, judge, overdue_items
from ..errors import GoneError, InvalidResourceError, OperatorError
from ..gateways.kubernetes.apart import Apart
from ..gateways.kubernetes.client import JSON_PATCH, Client, Raw
from ..gateways.kubernetes.errors import AlreadyExistsError
from ..gateways.kubernetes.incidents import read_incident
from ..gateways.kubernetes.paths import path_of
from ..gateways.kubernetes.postmortems import read_postmortem
from ..gateways.kubernetes.reminders import event_of
from ..gateways.kubernetes.shelves import key_of
from ..gateways.kubernetes.watch import Watch
from ..said import Said
from ..schedule import Schedule

__all__ = ["Remind", "ReportWriter", "Reviews"]

_AGAIN: Final = timedelta(seconds=30)
_Key = tuple[str, str]
Remind = Callable[[Postmortem, Incident | None, Reminder], None]

_LOG = logging.getLogger(__name__)


class ReportWriter(Protocol):
    """Renders a Postmortem into a ConfigMap."""

    async def write(self, postmortem: Postmortem, incident: Incident | None) -> str:
        """Write it; gives the ConfigMap's name. Raises OperatorError."""


class Reviews:
    """All Postmortems, as far as they have come.

    Parameters
    ----------
    client
        The connection to the API server.
    namespaces
        Namespaces to follow; none: all.
    clock
        The current time.
    wake
        Called with namespace and name of the Incident whose Postmortem changed.
    reports
        Renders them; None: they are not rendered.
    remind
        Called with every reminder, once a day for each thing that is overdue.
    """

    def __init__(
        self,
        client: Client,
        namespaces: Sequence[str],
        clock: Callable[[], datetime],
        wake: Callable[[str, str], None],
        reports: ReportWriter | None = None,
        remind: Remind | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._wake = wake
        self._reports = reports
        self._remind = remind
        self._kept: dict[_Key, Postmortem] = {}
        self._queue: asyncio.Queue[_Key] = asyncio.Queue()
        self._queued: set[_Key] = set()
        self._apart = Apart("Postmortem", _LOG)
        self._said = Said()
        self._schedule: Schedule[_Key] = Schedule(self._look, clock)
        self.watches: Final = [self._watch(namespace) for namespace in namespaces or ("",)]

    def overdue(self) -> tuple[int, int]:
        """Count the Postmortems that are overdue, and the action items that are."""
        now, kept = self._clock(), list(self._kept.values())
        return (
            sum(is_overdue(p, now) for p in kept),
            sum(len(overdue_items(p, now)) for p in kept),
        )

    async def load(self) -> None:
        """List everything once. Raises OperatorError."""
        await asyncio.gather(*(watch.refresh() for watch in self.watches))

    async def run(self) -> None:
        """Follow them, for ever."""
        runs = [watch.run() for watch in self.watches]
        await asyncio.gather(*runs, self._schedule.run(), self._work())

    # --- what happens ----------------------------------------------------------------------------

    def _watch(self, namespace: str) -> Watch:
        def listed(items: Sequence[Raw]) -> None:
            there = {key_of(raw) for raw in items}
            for key in [k for k in self._kept if namespace in {"", k[0]} and k not in there]:
                self._take("DELETED", key, None)
            for raw in items:
                self._take("ADDED", key_of(raw), raw)

        def happened(event: str, raw: Raw) -> None:
            self._take(event, key_of(raw), raw)

        return Watch(self._client, path_of("postmortems", namespace), listed, happened)

    def _take(self, event: str, key: _Key, raw: Raw | None) -> None:
        before = self._kept.pop(key, None)
        items = [] if event == "DELETED" or raw is None else [raw]
        found = next(self._apart.each(items, _read), None)
        if found is not None:
            self._kept[key] = found
            self._look(key)
        else:
            self._schedule.at(key, None)
        seen = found or before
        if seen is not None and _version(before) != _version(found):
            self._wake(key[0], seen.spec.incident_ref.name)

    def _look(self, key: _Key) -> None:
        if key not in self._queued:
            self._queued.add(key)
            self._queue.put_nowait(key)

    # --- what follows ----------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            self._queued.discard(key)
            postmortem = self._kept.get(key)
            if postmortem is None:
                continue
            try:
                await self._review(key, postmortem)
            except GoneError:
                continue
            except OperatorError as error:
                if self._said.first(*key, error):
                    _LOG.warning("Postmortem %s/%s: %s", *key, error)
                self._schedule.at(key, self._clock() + _AGAIN)
            except Exception as error:  # noqa: BLE001 - one of them must not stop the others
                if self._said.first(*key, type(error).__name__):
                    _LOG.exception("a bug shows at Postmortem %s/%s; it is tried again", *key)
                self._schedule.at(key, self._clock() + _AGAIN)

    async def _review(self, key: _Key, postmortem: Postmortem) -> None:
        incident = await self._incident(postmortem)
        found = judge(postmortem, _due(postmortem, incident), self._clock().replace(microsecond=0))
        for reminder in found.reminders:
            # First said, then recorded: its Event has a name of its own, so that it is not said twice.
            await self._say(postmortem, incident, reminder)
        status = await self._rendered(postmortem, incident, found.status)
        if status != postmortem.status:
            await self._save(postmortem, status)
        self._schedule.at(key, found.again_at)

    async def _incident(self, postmortem: Postmortem) -> Incident | None:
        """Read its Incident, where that can matter: a Final one that is shown and in time is done."""
        quiet = not self._unrendered(postmortem) and not overdue_items(postmortem, self._clock())
        if quiet and postmortem.status.completed_at is not None:
            return None
        meta, ref = postmortem.metadata, postmortem.spec.incident_ref
        raw = await self._client.get(path_of("incidents", meta.namespace, ref.name))
        if raw is None or (ref.uid is not None and raw["metadata"]["uid"] != ref.uid):
            return None
        try:
            return read_incident(raw)
        except InvalidResourceError as error:
            # The Postmortem stands for itself.
            if self._said.first(meta.namespace, meta.name, error):
                _LOG.warning("Postmortem %s/%s: %s", meta.namespace, meta.name, error)
            return None

    async def _rendered(
        self, postmortem: Postmortem, incident: Incident | None, status: PostmortemStatus
    ) -> PostmortemStatus:
        meta = postmortem.metadata
        if self._reports is None or not self._unrendered(postmortem):
            return status
        try:
            # What is kept here has no timeline.
            raw = await self._client.get(path_of("postmortems", meta.namespace, meta.name))
            if raw is None:
                return status
            whole = read_postmortem(raw)
            name = await self._reports.write(whole, incident)
        except OperatorError as error:
            # Its conditions matter more than its picture.
            _LOG.warning("the report of Postmortem %s/%s: %s", meta.namespace, meta.name, error)
            return status
        report = ReportRef(config_map=name, generation=whole.metadata.generation)
        return status.model_copy(update={"report": report})

    def _unrendered(self, postmortem: Postmortem) -> bool:
        report, generation = postmortem.status.report, postmortem.metadata.generation
        return self._reports is not None and (report is None or report.generation < generation)

    async def _save(self, postmortem: Postmortem, status: PostmortemStatus) -> None:
        meta = postmortem.metadata
        await self._client.request(
            "PATCH",
            path_of("postmortems", meta.namespace, meta.name, "status"),
            body=[
                {"op": "test", "path": "/metadata/uid", "value": meta.uid},
                {"op": "add", "path": "/status", "value": status.to_api()},
            ],
            content_type=JSON_PATCH,
            query={"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"},
        )

    async def _say(
        self, postmortem: Postmortem, incident: Incident | None, reminder: Reminder
    ) -> None:
        try:
            await self._client.request(
                "POST",
                path_of("events", postmortem.metadata.namespace),
                body=event_of(postmortem, reminder),
                query={"fieldManager": FIELD_MANAGER},
            )
        except AlreadyExistsError:
            return
        if self._remind is not None:
            self._remind(postmortem, incident, reminder)


def _read(raw: Raw) -> Postmortem:
    """Read one, without what is only for the report: there may be many, and they are kept."""
    found = read_postmortem(raw)
    meta = found.metadata.model_copy(update={"managed_fields": [], "annotations": {}})
    spec = found.spec.model_copy(update={"timeline": []})
    return found.model_copy(update={"metadata": meta, "spec": spec})


def _version(postmortem: Postmortem | None) -> tuple[str, int] | None:
    return (postmortem.metadata.uid, postmortem.metadata.generation) if postmortem else None


def _due(postmortem: Postmortem, incident: Incident | None) -> datetime | None:
    """Give when it is due: what its Incident says, as long as that is there."""
    if incident is None:
        return postmortem.status.due_at
    owed = incident.status.postmortem
    return owed.due_at if owed else None
