"""The driver's own watches: they tell when an object was first seen as expected.

Times are taken when a line arrives, before it is parsed. It sends nothing but the watch.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, Final

from .api import Api

__all__ = ["Gallery", "Seen"]

Raw = dict[str, Any]
Seen = tuple[float, Raw]
"""When (of ``time.perf_counter``), and the object."""
_PATIENCE: Final = 90.0


class Gallery:
    """Every object of one collection, as last seen.

    Parameters
    ----------
    api
        Whose eyes.
    path
        The collection.
    """

    def __init__(self, api: Api, path: str) -> None:
        self._api = api
        self._path = path
        self._last: dict[str, Seen] = {}
        self._waiting: dict[str, list[tuple[Callable[[Raw], bool], asyncio.Future[Seen]]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to watch."""
        version = await self._list()
        self._task = asyncio.create_task(self._follow(version), name=f"watch {self._path}")

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, name: str, wanted: Callable[[Raw], bool]) -> Seen:
        """Wait for the first sight of that object as wanted.

        Raises
        ------
        RuntimeError
            If it is not seen in time.
        """
        known = self._last.get(name)
        if known is not None and wanted(known[1]):
            return known
        future: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, []).append((wanted, future))
        try:
            async with asyncio.timeout(_PATIENCE):
                return await future
        except TimeoutError:
            last = json.dumps(self._last.get(name, (0, {}))[1].get("status"), indent=1)
            raise RuntimeError(f"{self._path}/{name} did not get there: {last}") from None

    async def _list(self) -> str:
        listed = await self._api.request("GET", self._path)
        for item in listed["items"]:
            self._take(time.perf_counter(), item)
        return str(listed["metadata"]["resourceVersion"])

    async def _follow(self, version: str) -> None:
        while True:
            async for line in self._api.watch(self._path, version):
                at = time.perf_counter()
                event = json.loads(line)
                if event["type"] == "ERROR":
                    break
                self._take(at, event["object"])
            # The server ends watches of those who are slow.
            version = await self._list()

    def _take(self, at: float, found: Raw) -> None:
        name = found["metadata"]["name"]
        self._last[name] = (at, found)
        if name in self._waiting:
            self._tell(name, (at, found))

    def _tell(self, name: str, seen: Seen) -> None:
        left = []
        for wanted, future in self._waiting.pop(name):
            if future.done():
                continue
            if wanted(seen[1]):
                future.set_result(seen)
            else:
                left.append((wanted, future))
        if left:
            self._waiting[name] = left
