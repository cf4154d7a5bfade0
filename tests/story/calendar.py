"""The time of the story: a clock that the story sets, and what the cluster's clocks say by it.

Kubernetes stamps what it makes with its own clock. Whoever reads such a stamp in the story is told
the minute of the story at which it was read first: a release of 09:06 began at 09:06.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from typing_extensions import override

from incidentcommander.api.base import format_timestamp
from incidentcommander.gateways.kubernetes.client import Client, Raw

__all__ = ["BEGIN", "Calendar", "StoryClient"]

BEGIN: Final = datetime(2026, 11, 19, 7, 54, tzinfo=UTC)
"""When the incident is declared: a Thursday, 08:54 in Berlin."""
_STAMP: Final = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$")
_WORKLOADS: Final = re.compile(r"^/apis/apps/v1/|^/api/v1/namespaces/[^/]+/pods")


@dataclass
class Calendar:
    """The clock, and the stamps that were read."""

    now: datetime = BEGIN
    _known: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def clock(self) -> datetime:
        """Give the time of the story."""
        return self.now

    def at(self, minute: float) -> datetime:
        """Give the time so many minutes after the declaration."""
        return BEGIN + timedelta(minutes=minute)

    def told(self, path: str, raw: Raw, *, remember: bool = True) -> Raw:
        """Give an answer of the API server with its stamps in the time of the story."""
        for found in raw.get("items") or [raw]:
            meta = found.get("metadata") or {}
            uid = meta.get("uid", "")
            self._tell(meta, ("creationTimestamp", "deletionTimestamp"), (uid,), remember)
            if _WORKLOADS.match(path):
                for entry in meta.get("managedFields") or []:
                    whose = (uid, entry.get("manager"), entry.get("subresource"))
                    self._tell(entry, ("time",), whose, remember)
                self._tell_all(found.get("status"), (uid,), remember)
        return raw

    def _tell_all(self, value: Any, whose: tuple[Any, ...], remember: bool) -> None:  # noqa: FBT001
        if isinstance(value, list):
            for number, item in enumerate(value):
                kind = item.get("type", number) if isinstance(item, Mapping) else number
                self._tell_all(item, (*whose, kind), remember)
        elif isinstance(value, dict):
            self._tell(value, tuple(value), whose, remember)
            for key, item in value.items():
                self._tell_all(item, (*whose, key), remember)

    def _tell(
        self,
        stamped: dict[str, Any],
        names: tuple[str, ...],
        whose: tuple[Any, ...],
        remember: bool,  # noqa: FBT001
    ) -> None:
        for name in names:
            stamp = stamped.get(name)
            if isinstance(stamp, str) and _STAMP.match(stamp):
                key, now = (*whose, name, stamp), format_timestamp(self.now)
                known = self._known.setdefault(key, now) if remember else self._known.get(key, now)
                stamped[name] = known


class StoryClient(Client):
    """The real client; what it reads is told in the time of the story."""

    calendar: Calendar

    @override
    async def request(self, method: str, path: str, **rest: Any) -> Raw:
        raw = await super().request(method, path, **rest)
        # What a dry run would leave is no event of the story.
        real = "dryRun" not in (rest.get("query") or {})
        return self.calendar.told(path, raw, remember=real)
