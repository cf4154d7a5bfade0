"""Reads what acts on a workload: its HPAs, warnings about it, the configuration of its pods.

``observer`` passes these questions on. Of ConfigMaps and Secrets only metadata is asked for, and of
that only times and managers are kept: ``kubectl apply`` leaves all values in an annotation. It
judges nothing. Methods raise as ``Client.request``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from ...api.base import parse_timestamp
from ...cleaning import clean_line
from ...errors import ForbiddenError, GoneError
from ...observed.managed_fields import edits_of
from ...observed.needs import AutoscalersNeed, WarningsNeed
from ...observed.surroundings import (
    Autoscaler,
    Budget,
    ConfigObject,
    Configuration,
    Reference,
    WarningEvent,
    Warnings,
)
from ...observed.workloads import Workload, time_of
from .apart import Apart
from .client import Client, Raw
from .pages import items_of, pages
from .paths import path_of
from .references import CONFIG_MAP, SECRET, references, selects

__all__ = ["Surroundings"]

_LOG: Final = logging.getLogger(__name__)
_PAGE: Final = 500
_MOST_PAGES: Final = 4
_MOST_REFERENCES: Final = 48
_METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_SERVICE: Final = "Service"
_BUDGET: Final = "PodDisruptionBudget"
_PLURALS: Final = {
    CONFIG_MAP: "configmaps",
    SECRET: "secrets",
    _SERVICE: "services",
    _BUDGET: "poddisruptionbudgets",
}


class Surroundings:
    """Asks the API server, from its cache where it has one."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._events = Apart("Event", _LOG)

    async def autoscalers(self, need: AutoscalersNeed) -> tuple[Autoscaler, ...]:
        """Give the HPAs that scale a workload, by name: any client may have made several."""
        items, _ = await self._list(path_of("horizontalpodautoscalers", need.namespace))
        found = (_autoscaler(item) for item in items if _scales(item, need))
        return tuple(sorted(found, key=lambda autoscaler: autoscaler.name))

    async def budgets(self, workload: Workload) -> tuple[Budget, ...]:
        """Give the PodDisruptionBudgets that select the pods of a workload, by name."""
        labels = (workload.template.get("metadata") or {}).get("labels") or {}
        items, _ = await self._list(path_of(_PLURALS[_BUDGET], workload.namespace))
        found = (_budget(i) for i in items if selects(_selector(_BUDGET, i), labels))
        return tuple(sorted(found, key=lambda budget: budget.name))

    async def warnings(self, need: WarningsNeed) -> Warnings:
        """Give the Warning events of the namespace.

        Events cannot be asked for by owner: one list of the namespace costs the API server less
        than one for each pod. Which are the workload's own is told by uid, by who knows its pods.
        """
        # Not path_of: the same events in core/v1, whose fields can be selected by type.
        path = f"/api/v1/namespaces/{need.namespace}/events"
        items, complete = await self._list(path, fieldSelector="type=Warning")
        # Anybody may write Events: one that makes no sense costs itself, and the answer says that
        # it is not all.
        events = list(self._events.each(items, _warning))
        newest_first = sorted(events, key=lambda e: (e.last_at, e.name, e.reason), reverse=True)
        return Warnings(tuple(newest_first), complete and len(events) == len(items))

    async def configuration(self, workload: Workload) -> Configuration:
        """Give what the pods of a workload refer to, and what selects them."""
        template, namespace = workload.template, workload.namespace
        labels = (template.get("metadata") or {}).get("labels") or {}
        named = references(template)
        asked = named[:_MOST_REFERENCES]
        found = await asyncio.gather(
            *(self._metadata(namespace, reference) for reference in asked),
            self._selecting(_SERVICE, namespace, labels),
            self._selecting(_BUDGET, namespace, labels),
        )
        refused = {entry for entry in found if isinstance(entry, Reference)}
        read = [entry for entry in found if isinstance(entry, tuple)]
        return Configuration(
            objects=tuple(each for objects in read for each in objects),
            missing=tuple(r for r, got in zip(asked, found, strict=False) if got == ()),
            forbidden=tuple(sorted(refused, key=lambda r: (r.kind, r.name))),
            left_out=len(named) - len(asked),
        )

    async def _metadata(
        self, namespace: str, reference: Reference
    ) -> tuple[ConfigObject, ...] | Reference:
        """Give one object; nothing where there is none, the reference where it is forbidden."""
        path = path_of(_PLURALS[reference.kind], namespace, reference.name)
        try:
            raw = await self._client.request(
                "GET", path, query={"resourceVersion": "0"}, accept=_METADATA
            )
        except GoneError:
            return ()
        except ForbiddenError:
            return reference
        return (_config_object(reference.kind, raw),)

    async def _selecting(
        self, kind: str, namespace: str, labels: Mapping[str, str]
    ) -> tuple[ConfigObject, ...] | Reference:
        try:
            items, _ = await self._list(path_of(_PLURALS[kind], namespace))
        except ForbiddenError:
            return Reference(kind, "")
        return tuple(_config_object(kind, i) for i in items if selects(_selector(kind, i), labels))

    async def _list(self, path: str, **query: str) -> tuple[Sequence[Raw], bool]:
        """Give all objects, or the first so many; and whether these are all."""
        query |= {"resourceVersion": "0", "limit": str(_PAGE)}
        items: list[Raw] = []
        read = 0
        async for page in pages(self._client, path, query):
            items.extend(items_of(page))
            read += 1
            if read == _MOST_PAGES:
                return items, not page["metadata"].get("continue")
        return items, True


def _scales(raw: Raw, need: AutoscalersNeed) -> bool:
    target = raw["spec"].get("scaleTargetRef") or {}
    group = str(target.get("apiVersion") or "apps/v1").partition("/")[0]
    return (group, target.get("kind"), target.get("name")) == ("apps", need.kind, need.name)


def _autoscaler(raw: Raw) -> Autoscaler:
    meta = raw["metadata"]
    return Autoscaler(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        raw=raw,
    )


def _budget(raw: Raw) -> Budget:
    status = raw.get("status") or {}
    return Budget(
        name=raw["metadata"]["name"],
        allowed=int(status.get("disruptionsAllowed") or 0),
        healthy=int(status.get("currentHealthy") or 0),
        needed=int(status.get("desiredHealthy") or 0),
    )


def _warning(raw: Raw) -> WarningEvent:
    about, series = raw["involvedObject"], raw.get("series") or {}
    first = _first(raw.get("firstTimestamp"), raw.get("eventTime")) or time_of(raw)
    last = _first(series.get("lastObservedTime"), raw.get("lastTimestamp")) or first
    return WarningEvent(
        kind=about.get("kind", ""),
        name=about.get("name", ""),
        uid=about.get("uid", ""),
        reason=clean_line(raw.get("reason") or "Unknown"),
        message=clean_line(raw.get("message") or ""),
        count=int(series.get("count") or raw.get("count") or 1),
        first_at=first,
        last_at=max(first, last),
    )


def _first(*texts: str | None) -> datetime | None:
    return next((parse_timestamp(text) for text in texts if text), None)


def _config_object(kind: str, raw: Raw) -> ConfigObject:
    meta = raw["metadata"]
    return ConfigObject(
        kind=kind,
        name=meta["name"],
        resource_version=meta["resourceVersion"],
        created_at=time_of(raw),
        edits=edits_of(meta),
    )


def _selector(kind: str, raw: Raw) -> Raw | None:
    """Give the selector in one form: a Service writes plain labels, and selects nothing by none."""
    selector: Raw | None = raw["spec"].get("selector")
    if kind == _SERVICE:
        return {"matchLabels": selector} if selector else None
    return selector
