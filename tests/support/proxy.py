"""A proxy between the operator and the API server that counts, remembers and misbehaves.

Plain HTTP in, HTTPS out; credentials pass through. It runs in a thread of its own; a test hands it
rules: at the k-th request that matches, do this. It knows nothing of Incidents.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import aiohttp
import yaml
from aiohttp import web

from tests.support.sockets import hung_up, open_sockets

__all__ = [
    "Delay",
    "Fault",
    "FaultProxy",
    "Kill",
    "Lose",
    "Request",
    "Reset",
    "Respond",
    "Rule",
]

_MUTATING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# What belongs to one connection, and what is computed anew.
_HOP_BY_HOP: Final = frozenset(
    {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade"}
)
_PATIENCE: Final = 30.0


# --- what was asked ------------------------------------------------------------------------------


@dataclass
class Request:
    """One request as it came by, and what became of it."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    at: float
    """Of ``time.monotonic``."""
    number: int = 0
    """Its place among the mutating requests, from 1; 0 for reads and dry runs."""
    status: int | None = None
    """What the API server said; None: it was never asked, or has not answered."""
    answer: Any = field(default=None, repr=False)
    """What it answered to a mutating request, as parsed JSON."""
    fault: Fault | None = None
    """What was done to it."""

    @property
    def dry_run(self) -> bool:
        """Whether it asks to change nothing."""
        return "dryRun" in self.query

    @property
    def mutates(self) -> bool:
        """Whether it can change something."""
        return self.method in _MUTATING and not self.dry_run

    @property
    def committed(self) -> bool:
        """Whether the API server did it, whoever was told."""
        return self.status is not None and self.status < web.HTTPBadRequest.status_code

    @property
    def parts(self) -> tuple[str, ...]:
        """The path from the plural on: ``incidents``, a name, ``status``."""
        found = self.path.strip("/").split("/")
        if "namespaces" in found[:-1]:
            return tuple(found[found.index("namespaces") + 2 :])
        return tuple(found[2 if found[0] == "api" else 3 :])

    @property
    def namespace(self) -> str:
        """The namespace in its path, or nothing."""
        found = self.path.strip("/").split("/")
        return found[found.index("namespaces") + 1] if "namespaces" in found[:-1] else ""


# --- what can be done to it ----------------------------------------------------------------------


@dataclass(frozen=True)
class Kill:
    """End the client, before the request goes on or after it was done; nobody gets an answer."""

    kill: Callable[[], None]
    before: bool


@dataclass(frozen=True)
class Lose:
    """Let it be done, and lose the answer."""


@dataclass(frozen=True)
class Reset:
    """Close the connection; nothing was done."""


@dataclass(frozen=True)
class Delay:
    """Let it wait, then let it pass."""

    seconds: float


@dataclass(frozen=True)
class Respond:
    """Answer in the API server's stead; nothing was done."""

    status: int
    reason: str = "Fault"
    retry_after: int | None = None


Fault: TypeAlias = Kill | Lose | Reset | Delay | Respond


@dataclass
class Rule:
    """Do this at the ``nth`` request that matches (from 1), ``times`` in a row."""

    matches: Callable[[Request], bool]
    fault: Fault
    nth: int = 1
    times: int = 1
    seen: int = 0
    fired: threading.Event = field(default_factory=threading.Event, repr=False)

    def takes(self, request: Request) -> bool:
        """Count the request; say whether this rule acts on it."""
        if not self.matches(request):
            return False
        self.seen += 1
        if not self.nth <= self.seen < self.nth + self.times:
            return False
        self.fired.set()
        return True


# --- the proxy -----------------------------------------------------------------------------------


class FaultProxy:
    """The proxy, running from ``start`` until ``stop``. Every method may be called by any thread.

    Parameters
    ----------
    kubeconfig
        Says where the API server is and which authority to trust; its credentials are not used.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._server: Final = str(cluster["server"]).rstrip("/")
        self._tls: Final = ssl.create_default_context(cadata=authority)
        self._lock: Final = threading.Lock()
        self._history: list[Request] = []
        self._rules: list[Rule] = []
        self._mutating = 0
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(target=self._run, name="fault proxy", daemon=True)
        self._ready: Final = threading.Event()
        self._stopping: Final = asyncio.Event()
        self._open: Final = asyncio.Event()
        self._open.set()
        self._streams: set[asyncio.Task[Any]] = set()
        self._session: aiohttp.ClientSession | None = None
        self.url = ""

    def start(self) -> Self:
        """Serve; ``url`` is where."""
        self._thread.start()
        assert self._ready.wait(_PATIENCE), "the proxy did not start"
        return self

    def stop(self) -> None:
        """End every connection."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive(), "the proxy did not stop"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- for tests -------------------------------------------------------------------------------

    def add(self, rule: Rule) -> Rule:
        """Put a rule in force; of several that take a request the first acts."""
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Forget all rules."""
        with self._lock:
            self._rules.clear()

    @property
    def history(self) -> list[Request]:
        """Every mutating request and dry run so far, in order of arrival."""
        with self._lock:
            return list(self._history)

    def writes(self, matches: Callable[[Request], bool] = lambda _: True) -> list[Request]:
        """Every mutating request so far that matches; no dry runs."""
        return [r for r in self.history if r.mutates and matches(r)]

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Let nothing through while it lasts: requests hang, watches break off."""
        self._loop.call_soon_threadsafe(self._open.clear)
        self.cut_watches()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._open.set)

    def cut_watches(self) -> None:
        """Break off every watch under way."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._streams])

    # --- serving ---------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        before = open_sockets()
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # A watch of a client that died must end at once. Writes are shielded from that below.
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        connector = aiohttp.TCPConnector(limit=0, ssl=self._tls)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False
        ) as self._session:
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self._ready.set()
            await self._stopping.wait()
            for task in self._streams:
                task.cancel()
            await runner.cleanup()
        await hung_up(before)

    async def _handle(self, incoming: web.Request) -> web.StreamResponse:
        payload = await incoming.read()
        request = Request(
            method=incoming.method,
            path=incoming.path,
            query=dict(incoming.query),
            body=_parsed(payload),
            at=time.monotonic(),
        )
        fault = self._register(request)
        await self._open.wait()
        if request.query.get("watch") in {"true", "1"}:
            return await self._stream(incoming)
        # Once on its way a request is done, whether or not its sender lives to hear of it.
        return await asyncio.shield(self._answered(incoming, payload, request, fault))

    def _register(self, request: Request) -> Fault | None:
        with self._lock:
            if request.method in _MUTATING:
                if request.mutates:
                    self._mutating += 1
                    request.number = self._mutating
                self._history.append(request)
            rule = next((rule for rule in self._rules if rule.takes(request)), None)
            request.fault = rule.fault if rule else None
            return request.fault

    async def _answered(
        self, incoming: web.Request, payload: bytes, request: Request, fault: Fault | None
    ) -> web.StreamResponse:
        match fault:
            case Kill(kill=kill, before=True):
                kill()
                return _cut(incoming)
            case Reset():
                return _cut(incoming)
            case Respond():
                return _refusal(fault)
            case Delay(seconds=seconds):
                await asyncio.sleep(seconds)
            case _:
                pass
        answer = await self._forward(incoming, payload, request)
        match fault:
            case Kill(kill=kill, before=False):
                kill()
                return _cut(incoming)
            case Lose():
                return _cut(incoming)
            case _:
                return answer

    async def _forward(
        self, incoming: web.Request, payload: bytes, request: Request
    ) -> web.StreamResponse:
        assert self._session is not None
        async with self._session.request(
            incoming.method,
            f"{self._server}{incoming.rel_url}",
            headers=_end_to_end(incoming.headers),
            data=payload or None,
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
            request.status = answer.status
            if request.mutates and not answer.headers.get("Content-Encoding"):
                request.answer = _parsed(body)
            return web.Response(
                status=answer.status, headers=_end_to_end(answer.headers), body=body
            )

    async def _stream(self, incoming: web.Request) -> web.StreamResponse:
        assert self._session is not None
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            async with self._session.get(
                f"{self._server}{incoming.rel_url}", headers=_end_to_end(incoming.headers)
            ) as answer:
                outgoing = web.StreamResponse(
                    status=answer.status, headers=_end_to_end(answer.headers)
                )
                await outgoing.prepare(incoming)
                async for chunk in answer.content.iter_any():
                    await outgoing.write(chunk)
                return outgoing
        except asyncio.CancelledError:
            return _cut(incoming)
        finally:
            self._streams.discard(task)


def _parsed(payload: bytes) -> Any:
    try:
        return json.loads(payload) if payload else None
    except ValueError:
        return None


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}


def _cut(incoming: web.Request) -> web.StreamResponse:
    if incoming.transport is not None:
        incoming.transport.abort()
    return web.Response()


def _refusal(fault: Respond) -> web.Response:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": fault.reason,
        "message": "a fault of the test",
        "code": fault.status,
    }
    return web.json_response(status, status=fault.status, headers=headers)
