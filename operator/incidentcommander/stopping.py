"""The end of the process: asked for by a signal, in order, and within seconds whatever happens.

``main`` waits for it and winds up. kopf would take the signals otherwise, and cancel tasks that are
not its own. What is cut off by the deadline costs nothing: it is what a crash may cut off, too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import Final

__all__ = ["Stopping"]

_LOG = logging.getLogger(__name__)
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """Waits for SIGTERM or Ctrl-C.

    Parameters
    ----------
    within
        Seconds from the signal until the process ends by itself, wound up or not.
    exit_now
        Ends the process without another word, with that exit code.
    """

    def __init__(self, within: float, exit_now: Callable[[int], None] = os._exit) -> None:
        self._within = within
        self._exit = exit_now
        self._asked = asyncio.Event()
        self._late: threading.Timer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def take_signals(self) -> None:
        """Be told of the signals from now on, in place of whoever was before."""
        self._loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            self._loop.add_signal_handler(number, self._ask, number)

    async def wait(self) -> None:
        """Wait until somebody asks for the end."""
        await self._asked.wait()

    def _ask(self, number: signal.Signals) -> None:
        if self._asked.is_set():
            _LOG.warning("%s again: the process ends at once", number.name)
            self._end()
            return
        _LOG.info("%s: winding up", number.name)
        self._asked.set()
        # A thread: whatever holds up the loop does not hold up this.
        self._late = threading.Timer(self._within, self._too_late)
        self._late.daemon = True
        self._late.start()

    def _too_late(self) -> None:
        try:
            left = asyncio.all_tasks(self._loop) if self._loop else ()
            names = ", ".join(sorted({task.get_name() for task in left})) or "none"
            _LOG.warning(
                "it took more than %.1f s to wind up: the process ends; tasks left: %s",
                self._within,
                names,
            )
        finally:
            # Whatever goes wrong with the words, the end comes.
            self._end()

    def _end(self) -> None:
        logging.shutdown()
        self._exit(0)
