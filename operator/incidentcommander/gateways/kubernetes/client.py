"""The one connection to the API server: raw JSON in and out, bounded, with a time-out.

All gateways send through it; kopf gets a session of its own over the same credentials. It never
repeats a request that may have changed something, and lets no type of an HTTP library out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import aiohttp

from ...api.base import FIELD_MANAGER
from ...cleaning import cleaned
from ...errors import GoneError, UnavailableError
from ...settings import Settings
from .auth import Authentication
from .errors import Answered, refusal
from .paths import Asked, asked

__all__ = ["FIELD_MANAGER", "JSON_PATCH", "MERGE_PATCH", "Client", "Raw"]

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"

Raw = dict[str, Any]
"""An object as the API server sent it."""

_CONNECT_WITHIN: Final = 3.0
_SILENCE: Final = 150.0
"""Seconds without a byte after which a watch is dead: the server sends a bookmark about every minute,
sometimes a quarter later."""
_READ_BY_PEOPLE: Final = frozenset(
    {"events", "runbooks", "responsepolicies", "postmortems", "configmaps"}
)
_AGENT: Final = "incident-commander"
_UNAUTHORIZED: Final = 401


class Client:
    """Requests to the API server."""

    def __init__(
        self, authentication: Authentication, *, connections: int, timeout: timedelta
    ) -> None:
        self._authentication = authentication
        # Watches hold their connection for minutes: they must not use up what requests need.
        self._pool = aiohttp.TCPConnector(limit=connections, ssl=authentication.tls or True)
        self._streams = aiohttp.TCPConnector(limit=0, ssl=authentication.tls or True)
        self._timeout = aiohttp.ClientTimeout(timeout.total_seconds(), sock_connect=_CONNECT_WITHIN)
        self._session = self._session_over(self._pool)
        self._streaming = self._session_over(self._streams)
        self.server: Final = authentication.server
        self.requests: Final[Counter[tuple[str, str]]] = Counter()
        """Requests so far by verb and resource, kopf's lists included, watches not."""
        self.answers: Final[Counter[tuple[str, str, str]]] = Counter()
        """All requests so far, by verb, resource and the code of the answer (or ``none``)."""

    @classmethod
    async def connect(cls, settings: Settings, kubeconfig: str | None = None) -> Client:
        """Find credentials and make a client; nothing is sent yet."""
        return cls(
            await Authentication.load(kubeconfig),
            connections=settings.connections,
            timeout=settings.request_timeout,
        )

    async def close(self) -> None:
        """Close all connections."""
        for closable in (self._session, self._streaming, self._pool, self._streams):
            await closable.close()

    def new_session(self) -> aiohttp.ClientSession:
        """Give a session with our credentials that its user may close (kopf does, after a 401).

        It is not bounded: kopf holds one connection for each of its watches, and sends little
        else, since no handler of ours lets it write.
        """
        return self._session_over(self._streams)

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Raw | None:
        """Read one object; None where there is none. Raises as ``request``."""
        try:
            return await self.request("GET", path, query=query)
        except GoneError:
            return None

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
    ) -> Raw:
        """Send one request, once.

        Raises
        ------
        UnavailableError, ConflictError, GoneError, ForbiddenError, InvalidResourceError
            As their texts say. After ``UnavailableError`` a write may or may not have been made.
        """
        what = asked(method, path, query or {})
        try:
            async with self._session.request(
                method,
                self.server + path,
                params=query,
                data=None if body is None else json.dumps(_legible(what, body)).encode(),
                headers={"Accept": accept, "Content-Type": content_type},
                timeout=self._timeout,
            ) as response:
                return _object_in(what, response, await response.text(errors="replace"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(what, error) from error

    async def watch(
        self, path: str, query: Mapping[str, str], accept: str = "application/json"
    ) -> AsyncIterator[Raw]:
        """Give the events of one watch until the server ends it. Raises as ``request``."""
        query = {**query, "watch": "true"}
        what = asked("GET", path, query)
        timeout = aiohttp.ClientTimeout(sock_connect=_CONNECT_WITHIN, sock_read=_SILENCE)
        try:
            async with self._streaming.get(
                self.server + path,
                params=query,
                headers={"Accept": accept},
                timeout=timeout,
            ) as response:
                if not response.ok:
                    raise refusal(_answered(what, response, await response.text(errors="replace")))
                try:
                    async for line in _lines(response):
                        yield _parsed(what, line)
                finally:
                    _hang_up(response)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._unreachable(what, error) from error

    def _session_over(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            connector_owner=False,
            headers={"User-Agent": _AGENT},
            proxy=self._authentication.proxy,
            middlewares=(self._authorize,),
        )

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        what = asked(request.method, request.url.raw_path, request.url.query)
        if what.verb != "watch":
            self.requests[what.verb, what.resource] += 1
        code = "none"
        try:
            response = await self._authorized(request, handler)
            code = str(response.status)
        finally:
            self.answers[what.verb, what.resource or "(discovery)", code] += 1
        return response

    async def _authorized(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.server_hostname = self._authentication.tls_server_name
        await self._sign(request)
        response = await handler(request)
        # The token may just have been renewed. A 401 has changed nothing: it is safe to repeat.
        if response.status == _UNAUTHORIZED and await self._authentication.refresh():
            response.release()
            await self._sign(request)
            response = await handler(request)
        return response

    async def _sign(self, request: aiohttp.ClientRequest) -> None:
        authorization = await self._authentication.authorization()
        if authorization:
            request.headers["Authorization"] = authorization

    def _unreachable(self, what: Asked, error: Exception) -> UnavailableError:
        why = str(error) or ("it took too long" if isinstance(error, TimeoutError) else repr(error))
        return UnavailableError(f"{what.text}: no answer of the API server {self.server}: {why}")


def _legible(what: Asked, body: Any) -> Any:
    """Make the words that people read legible, whoever wrote them.

    What is sent to workloads stays as it was planned. So do Incidents and their pages, of which the
    core sees to it itself: an entry that stands in a timeline is never changed.
    """
    return cleaned(body) if what.resource.partition("/")[0] in _READ_BY_PEOPLE else body


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """Drop the connection of a watch that is left early, without the farewell of TLS."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    # aiohttp's own line reader gives up at 64 KiB: less than an Incident can have.
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line


def _answered(what: Asked, response: aiohttp.ClientResponse, text: str) -> Answered:
    return Answered(what.text, response.status, text, response.headers.get("Retry-After"))


def _object_in(what: Asked, response: aiohttp.ClientResponse, text: str) -> Raw:
    if not response.ok:
        raise refusal(_answered(what, response, text))
    return _parsed(what, text)


def _parsed(what: Asked, text: str | bytes) -> Raw:
    # The server has judged its size, and a list may be long: only its depth is left to go wrong.
    try:
        found = json.loads(text)
    except RecursionError:
        # Its traceback would have a thousand lines and say no more.
        raise UnavailableError(f"{what.text}: the answer is nested too deeply to be read") from None
    except ValueError as error:
        raise UnavailableError(f"{what.text}: the answer is no JSON: {text[:80]!r}") from error
    if not isinstance(found, dict):
        raise UnavailableError(f"{what.text}: the answer is no object: {text[:80]!r}")
    return found
