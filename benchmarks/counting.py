"""A pass-through proxy between operator and API server that notes every request and its time.

Plain HTTP in, HTTPS out; credentials pass through. It adds time of its own, so latencies are never
measured through it: it is for counts, and for what happens in which order.
"""

from __future__ import annotations

import base64
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml
from aiohttp import web

from incidentcommander.gateways.kubernetes.paths import Asked, asked

__all__ = ["CountingProxy", "Noted"]

_HOP_BY_HOP: Final = frozenset(
    {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade"}
)


@dataclass
class Noted:
    """One request."""

    asked: Asked
    dry_run: bool
    began: float
    """Of ``time.perf_counter``."""
    ended: float = 0.0
    status: int = 0
    size: int = 0
    """Bytes of the answer."""

    @property
    def name(self) -> str:
        """Verb and resource."""
        return f"{self.asked.verb} {self.asked.resource}" + (" (dry run)" if self.dry_run else "")


class CountingProxy:
    """The proxy, in the driver's event loop.

    Parameters
    ----------
    kubeconfig
        Says where the API server is and which authority to trust.
    """

    def __init__(self, kubeconfig: Path) -> None:
        cluster = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
        self._server: Final = str(cluster["server"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls: Final = ssl.create_default_context(cadata=authority)
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self.noted: Final[list[Noted]] = []
        """Every request but watches, in order of arrival."""
        self.url = ""

    async def start(self) -> None:
        """Listen on a free port."""
        connector = aiohttp.TCPConnector(limit=0, ssl=self._tls, keepalive_timeout=600)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _handle(self, incoming: web.Request) -> web.StreamResponse:
        began = time.perf_counter()
        what = asked(incoming.method, incoming.path, incoming.query)
        if what.verb == "watch":
            return await self._stream(incoming)
        noted = Noted(what, "dryRun" in incoming.query, began)
        self.noted.append(noted)
        async with self._send(incoming, await incoming.read() or None) as answer:
            body = await answer.read()
            noted.ended, noted.status, noted.size = time.perf_counter(), answer.status, len(body)
            return web.Response(status=answer.status, headers=_passed(answer.headers), body=body)

    async def _stream(self, incoming: web.Request) -> web.StreamResponse:
        async with self._send(incoming, None) as answer:
            outgoing = web.StreamResponse(status=answer.status, headers=_passed(answer.headers))
            await outgoing.prepare(incoming)
            async for chunk in answer.content.iter_any():
                await outgoing.write(chunk)
            return outgoing

    def _send(self, incoming: web.Request, body: bytes | None) -> Any:
        assert self._session is not None
        return self._session.request(
            incoming.method,
            f"{self._server}{incoming.rel_url}",
            headers=_passed(incoming.headers),
            data=body,
            allow_redirects=False,
        )


def _passed(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
