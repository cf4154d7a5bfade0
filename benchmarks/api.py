"""The driver's own client: raw JSON over one kept-alive connection, as lean as can be.

It is the ruler of the benchmarks: what it needs for one PATCH of a status is the unit F.
"""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import yaml

__all__ = ["INCIDENTS", "JSON", "MERGE_PATCH", "Api", "RefusedError"]

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
INCIDENTS: Final = "/apis/incidentcommander.dev/v1alpha1/namespaces/{namespace}/incidents"


class RefusedError(Exception):
    """The API server said no."""


class Api:
    """The API server as the user of a kubeconfig sees it.

    Parameters
    ----------
    kubeconfig
        With a client certificate.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server: Final = str(cluster["server"])
        connector = aiohttp.TCPConnector(limit=64, ssl=_tls(cluster, user), keepalive_timeout=600)
        self._session: Final = aiohttp.ClientSession(connector=connector)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def request(
        self, method: str, path: str, body: Any = None, content_type: str = JSON
    ) -> dict[str, Any]:
        """Send one request and give the answer.

        Raises
        ------
        RefusedError
            If the answer is no success.
        """
        data = None if body is None else json.dumps(body).encode()
        async with self._session.request(
            method, self.server + path, data=data, headers={"Content-Type": content_type}
        ) as answer:
            text = await answer.text()
            if not answer.ok:
                raise RefusedError(f"{method} {path}: {answer.status} {text[:500]}")
            found: dict[str, Any] = json.loads(text)
            return found

    async def watch(self, path: str, version: str) -> AsyncIterator[bytes]:
        """Give the lines of a watch as they arrive, until it ends."""
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "3600"}
        timeout = aiohttp.ClientTimeout(total=None)
        rest = b""
        async with self._session.get(self.server + path, params=query, timeout=timeout) as answer:
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line


def _tls(cluster: dict[str, Any], user: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
    )
    with tempfile.NamedTemporaryFile() as pair:
        for part in ("client-certificate-data", "client-key-data"):
            pair.write(base64.b64decode(user[part]) + b"\n")
        pair.flush()
        context.load_cert_chain(pair.name)
    return context
