"""Ends connections before their event loop does: what is left open then shows in a later test.

A TLS connection that is given up, in its handshake or in the middle of a watch, says farewell on its
own, after every ``close()`` of aiohttp has returned.
"""

from __future__ import annotations

import asyncio

__all__ = ["hung_up", "open_sockets"]

_WITHIN = 60.0


def open_sockets() -> set[int]:
    """The sockets that the running event loop holds open, by descriptor."""
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    return set(selector.get_map())


async def hung_up(before: set[int]) -> None:
    """Wait until no more sockets are open than there were before."""
    async with asyncio.timeout(_WITHIN):
        while open_sockets() - before:  # noqa: ASYNC110 - the event loop tells nobody
            await asyncio.sleep(0.005)
