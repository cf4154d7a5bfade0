"""Notices that kopf's watcher of Incidents is dead: kopf never starts one again.

A process that watches nothing answers no one: better that it ends and is started anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from .incidents import watcher_alive

__all__ = ["Watchdog"]

_EVERY: Final = 2.0
_DEAD_AFTER: Final = 30.0
"""Seconds without the watcher: longer than kopf takes from its start to its first watch."""


class Watchdog:
    """Looks for the watcher again and again.

    Parameters
    ----------
    die
        Called once when the watcher has been missing for too long, with the reason.
    """

    def __init__(self, die: Callable[[str], None]) -> None:
        self._die = die
        self._missing_since: float | None = None
        self._was_there = False

    async def run(self) -> None:
        """Look, for ever."""
        loop = asyncio.get_running_loop()
        self._missing_since = loop.time()
        while True:
            await asyncio.sleep(_EVERY)
            if watcher_alive():
                self._missing_since, self._was_there = None, True
                continue
            self._missing_since = self._missing_since or loop.time()
            if loop.time() - self._missing_since > _DEAD_AFTER:
                self._die("kopf's watcher of Incidents is dead")

    def problems(self) -> Sequence[str]:
        """Say what is wrong, for the readiness probe."""
        if self._missing_since is None:
            return ()
        return ("Incidents are not watched",) if self._was_there else ("not watching yet",)
