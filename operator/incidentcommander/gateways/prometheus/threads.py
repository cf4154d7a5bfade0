"""Runs blocking calls on few threads, so that a hung service can hang nothing else.

For client libraries that only know blocking calls. A thread that overstays is given up, not
waited for; while all are stuck, new calls are refused at once instead of queueing behind them.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

__all__ = ["AllStuckError", "BoundedThreads"]

_T = TypeVar("_T")


class AllStuckError(Exception):
    """Every thread is held by a call that should have ended long ago."""


class BoundedThreads:
    """At most ``size`` threads; each is a daemon, so that it cannot keep the process alive.

    One tenant has at most ``share`` of them: whose calls hang takes none from the others.
    """

    def __init__(self, size: int, share: int, name: str) -> None:
        self._name = name
        self._size: Final = size
        self._share: Final = share
        self._slots = asyncio.Semaphore(size)
        self._shares: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(share)
        )
        self._stuck: Counter[str] = Counter()

    async def run(self, call: Callable[[], _T], within: float, tenant: str = "") -> _T:
        """Run ``call`` on a thread and give its result, waiting for a free one included.

        Raises
        ------
        TimeoutError
            If there is no result within that many seconds.
        AllStuckError
            If no thread is likely to become free.
        """
        if self._stuck[tenant] >= self._share or self._stuck.total() >= self._size:
            raise AllStuckError
        async with asyncio.timeout(within):
            await self._shares[tenant].acquire()
            try:
                await self._slots.acquire()
            except asyncio.CancelledError:
                self._shares[tenant].release()
                raise
            future = self._start(call, tenant)
            try:
                return await asyncio.shield(future)
            except asyncio.CancelledError:
                self._give_up(future, tenant)
                raise

    def _start(self, call: Callable[[], _T], tenant: str) -> asyncio.Future[_T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        # The slot is free when the thread has ended, not when somebody stops waiting for it.
        future.add_done_callback(lambda _: self._slots.release())
        future.add_done_callback(lambda _: self._shares[tenant].release())

        def work() -> None:
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - it is raised again by whoever waits
                _tell(loop, partial(future.set_exception, error))
            else:
                _tell(loop, partial(future.set_result, result))

        threading.Thread(target=work, name=self._name, daemon=True).start()
        return future

    def _give_up(self, future: asyncio.Future[_T], tenant: str) -> None:
        if future.done():
            return
        self._stuck[tenant] += 1
        future.add_done_callback(partial(self._unstuck, tenant))

    def _unstuck(self, tenant: str, future: asyncio.Future[_T]) -> None:
        self._stuck[tenant] -= 1
        future.exception()  # looked at, so that asyncio does not complain that nobody did


def _tell(loop: asyncio.AbstractEventLoop, settle: Callable[[], None]) -> None:
    # A closed loop means that the process is ending: nobody waits any more.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(settle)
