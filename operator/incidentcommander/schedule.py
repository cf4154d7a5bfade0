"""Every timed wake-up of the operator: one heap and one task, however many Incidents wait.

The runner says when to look again; this calls back then. It knows nothing of what is woken.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Generic, TypeVar

__all__ = ["Schedule"]

Key = TypeVar("Key", bound=Hashable)


class Schedule(Generic[Key]):
    """Calls ``wake(key)`` when its time has come; a newer time for a key replaces the older one.

    Parameters
    ----------
    wake
        Called in the event loop; must not block.
    clock
        The current time.
    """

    def __init__(self, wake: Callable[[Key], None], clock: Callable[[], datetime]) -> None:
        self._wake = wake
        self._clock = clock
        self._heap: list[tuple[datetime, int, Key]] = []
        self._due: dict[Key, tuple[datetime, int]] = {}
        self._numbers = itertools.count()
        self._sooner = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def at(self, key: Key, due: datetime | None) -> None:
        """Wake ``key`` at ``due`` and at no other time; None: not at all."""
        if due is None:
            self._due.pop(key, None)
            return
        number = next(self._numbers)
        self._due[key] = (due, number)
        heapq.heappush(self._heap, (due, number, key))
        self._sooner.set()

    def no_later_than(self, key: Key, due: datetime) -> None:
        """Wake ``key`` at ``due``, unless it is woken earlier anyway."""
        known = self._due.get(key)
        if known is None or due < known[0]:
            self.at(key, due)

    async def run(self) -> None:
        """Wake keys as they fall due, for ever."""
        while True:
            self._sooner.clear()
            pause = self._wake_due()
            try:
                # Not wait_for: before Python 3.12 that swallows a cancellation which comes in the
                # same moment as what it waits for, and this ran on for ever.
                async with asyncio.timeout(pause):
                    await self._sooner.wait()
            except TimeoutError:
                continue

    def _wake_due(self) -> float | None:
        """Wake all that is due; give the seconds until the next."""
        while self._heap:
            due, number, key = self._heap[0]
            if self._due.get(key) != (due, number):
                heapq.heappop(self._heap)
                continue
            pause = (due - self._clock()).total_seconds()
            if pause > 0:
                # The wall clock can jump: never sleep for long on its word.
                return min(pause, 30.0)
            heapq.heappop(self._heap)
            del self._due[key]
            self._wake(key)
        return None
