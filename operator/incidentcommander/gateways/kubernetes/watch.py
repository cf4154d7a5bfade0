"""One watch that heals itself, for whoever needs to hear of changes beside kopf.

Everything but Incidents is followed through it. It ends only when cancelled: whatever the API
server says, it comes back, with a pause that grows; and an object over which whoever listens
stumbles twice is passed over. It keeps no objects.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ...errors import OperatorError, UnavailableError
from ...foreign import inside
from ...said import Said
from .client import Client, Raw
from .errors import ExpiredError, UnknownResourceError
from .pages import PAGE, items_of, pages

__all__ = ["Watch"]

_JSON: Final = "application/json"
_METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_LIFETIME: Final = "290"
"""Seconds after which the server ends a watch; load balancers cut at 300 and more."""
_PAUSES: Final = (0.0, 0.2, 1.0, 2.0, 5.0, 10.0)
_ABSENT_PAUSE: Final = 60.0
"""Seconds until a resource that the server does not know is looked for again."""
_GONE: Final = 410

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Watch:
    """A list and what happens after it, told to two functions that must not block or raise."""

    client: Client
    path: str
    on_list: Callable[[Sequence[Raw]], None]
    """Everything there is, after a (re-)start: what is not in it is gone."""
    on_event: Callable[[str, Raw], None]
    """``ADDED``, ``MODIFIED`` or ``DELETED``, and the object."""
    selector: str = ""
    whole: bool = True
    """False: ``on_list`` is only told that something may have been missed, and gets no items."""
    metadata_only: bool = False
    """True: the server leaves spec and status out."""
    last_heard: float = field(default=float("-inf"), init=False)
    """Monotonic time of the last sign that nothing is being missed."""
    absent: bool = field(default=False, init=False)
    """Whether the API server serves no such resource."""
    _version: str = field(default="", init=False)
    _said: Said = field(default_factory=Said, init=False)

    async def run(self) -> None:
        """Follow until cancelled."""
        failures = 0
        while True:
            try:
                if not self._version:
                    await self.refresh()
                began = time.monotonic()
                await self._follow()
                # One that the server ends at once, again and again, is no working watch.
                failures = 0 if time.monotonic() - began > 1 else failures + 1
                await asyncio.sleep(_pause(failures))
            except ExpiredError:
                self._version = ""
            except UnknownResourceError:
                self._none_served()
                await asyncio.sleep(_ABSENT_PAUSE)
            except Exception as error:  # noqa: BLE001 - a watch that ends is a watch that lies
                failures += 1
                self._complain(error)
                self._version = ""
                await asyncio.sleep(_pause(failures))

    async def trust(self, max_age: float) -> None:
        """Make sure that nothing of more than so many seconds is being missed.

        Raises
        ------
        OperatorError
            If that cannot be had.
        """
        if time.monotonic() - self.last_heard <= max_age:
            return
        try:
            await self.refresh()
        except UnknownResourceError:
            self._none_served()

    async def refresh(self) -> None:
        """List everything now.

        Raises
        ------
        OperatorError
            If the API server does not give the list.
        """
        query = {"limit": PAGE if self.whole else "1", **self._selection()}
        accept = _METADATA_LIST if self.metadata_only else _JSON
        items: list[Raw] = []
        async for page in pages(self.client, self.path, query, accept):
            version = page["metadata"]["resourceVersion"]
            if not self.whole:
                break
            items.extend(items_of(page))
        self.absent = False
        self._version = version
        self.last_heard = time.monotonic()
        self.on_list(items)

    async def _follow(self) -> None:
        query = {
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": _LIFETIME,
            **self._selection(),
        }
        accept = _METADATA if self.metadata_only else _JSON
        async for event in self.client.watch(self.path, query, accept):
            kind, found = event["type"], event["object"]
            if kind == "ERROR":
                raise _error_of(found)
            self._version = found["metadata"]["resourceVersion"]
            self.last_heard = time.monotonic()
            if kind != "BOOKMARK":
                self._tell(kind, found)

    def _tell(self, kind: str, found: Raw) -> None:
        """Pass an event on. If that fails, all is listed anew, but once for each object."""
        try:
            self.on_event(kind, found)
        except Exception as error:
            uid = inside(found, "metadata", "uid")
            if self._said.first("object", uid, type(error).__name__):
                raise

    def _selection(self) -> dict[str, str]:
        return {"labelSelector": self.selector} if self.selector else {}

    def _none_served(self) -> None:
        if not self.absent:
            self.absent = True
            self._version = ""
            self.on_list(())
        self.last_heard = time.monotonic()

    def _complain(self, error: Exception) -> None:
        if isinstance(error, OperatorError):
            _log.warning("The watch of %s is interrupted: %s", self.path, error)
        elif self._said.first("watch", type(error).__name__):
            _log.exception("The watch of %s failed; it begins again", self.path)
        else:
            _log.debug("The watch of %s failed again: %r", self.path, error)


def _error_of(status: Raw) -> UnavailableError:
    message = str(status.get("message") or status)
    return ExpiredError(message) if status.get("code") == _GONE else UnavailableError(message)


def _pause(failures: int) -> float:
    longest = _PAUSES[min(failures, len(_PAUSES) - 1)]
    # Spread, so that all watches do not come back at the same moment.
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
