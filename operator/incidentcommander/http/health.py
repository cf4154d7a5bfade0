"""Answers the kubelet: is the process alive, is it ready.

``main`` starts it beside everything else. It asks two functions for what is wrong and decides
nothing itself; an answer never waits for anything, so a probe cannot hang.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Self

from aiohttp import web

__all__ = ["HealthServer", "Problems"]

Problems = Callable[[], Sequence[str]]
"""Gives what is wrong now, one sentence each; nothing: all is well."""

_SHUTDOWN: Final = 1.0
_log = logging.getLogger(__name__)


class HealthServer:
    """``/healthz`` and ``/readyz``; port 0 serves nothing."""

    def __init__(self, host: str, port: int, *, alive: Problems, ready: Problems) -> None:
        self._host, self._port = host, port
        self.app: Final = web.Application()
        """Others add their routes before ``start``."""
        self.app.router.add_get("/healthz", _probe(alive))
        self.app.router.add_get("/readyz", _probe(ready))
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen.

        Raises
        ------
        OSError
            If the port is taken.
        """
        if not self._port:
            return
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=_SHUTDOWN)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host or None, self._port).start()

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()


def _probe(problems: Problems) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            wrong = list(problems())
        except Exception:  # noqa: BLE001 - see below
            # A probe that cannot be answered is a failed probe, never an unanswered one.
            _log.exception("The probe %s failed", request.path)
            wrong = ["the probe itself failed: see the log"]
        if wrong:
            return web.Response(status=503, text="\n".join(wrong) + "\n")
        return web.Response(text="ok\n")

    return answer
