"""Runs blocking calls on few threads, so that a hung service can hang nothing else.

For client libraries that only know blocking calls. A thread that overstays is given up, not
waited for; while all are stuck, new calls are refused at once instead of queueing behind them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

__all__ = ["AllStuckError", "BoundedThreads"]

_T = TypeVar("_T")


class AllStuckError(Exception):
    """Every thread is held by a call that should have ended long ago."""


class BoundedThreads:
    """At most ``size`` threads; each is a daemon, so that it cannot keep the process alive."""

    def __init__(self, size: int, name: str) -> None:
        self._name = name
        self._size: Final = size
        self._slots = asyncio.Semaphore(size)
        self._stuck = 0

    async def run(self, call: Callable[[], _T], within: float) -> _T:
        """Run ``call`` on a thread and give its result, waiting for a free one included.

        Raises
        ------
        TimeoutError
            If there is no result within that many seconds.
        AllStuckError
            If no thread is likely to become free.
        """
        if self._stuck >= self._size:
            raise AllStuckError
        async with asyncio.timeout(within):
            await self._slots.acquire()
            future = self._start(call)
            try:
                return await asyncio.shield(future)
            except asyncio.CancelledError:
                self._give_up(future)
                raise

    def _start(self, call: Callable[[], _T]) -> asyncio.Future[_T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        # The slot is free when the thread has ended, not when somebody stops waiting for it.
        future.add_done_callback(lambda _: self._slots.release())

        def work() -> None:
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - it is raised again by whoever waits
                _tell(loop, partial(future.set_exception, error))
            else:
                _tell(loop, partial(future.set_result, result))

        threading.Thread(target=work, name=self._name, daemon=True).start()
        return future

    def _give_up(self, future: asyncio.Future[_T]) -> None:
        if future.done():
            return
        self._stuck += 1
        future.add_done_callback(self._unstuck)

    def _unstuck(self, future: asyncio.Future[_T]) -> None:
        self._stuck -= 1
        future.exception()  # looked at, so that asyncio does not complain that nobody did


def _tell(loop: asyncio.AbstractEventLoop, settle: Callable[[], None]) -> None:
    # A closed loop means that the process is ending: nobody waits any more.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(settle)
