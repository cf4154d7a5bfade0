"""A Prometheus that says what a test wants: the only thing that end-to-end tests fake.

It answers instant queries about ``errors`` and ``requests`` of one namespace, the two queries of
the tests' Runbook, so that tests beside each other do not meet.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

__all__ = [
    "BAD",
    "ERRORS",
    "GOOD",
    "REQUESTS",
    "Broken",
    "FakePrometheus",
    "Load",
    "Series",
    "vector",
]

ERRORS: Final = 'errors{namespace="{{ target.namespace }}",deployment="{{ target.name }}"}'
REQUESTS: Final = 'requests{namespace="{{ target.namespace }}",deployment="{{ target.name }}"}'

_WHOSE: Final = re.compile(r'namespace="([^"]*)",deployment="([^"]*)"')


@dataclass(frozen=True)
class Load:
    """Requests per second, and how many of them fail."""

    errors: float
    requests: float = 100.0


@dataclass(frozen=True)
class Series:
    """The values of the series in every answer: none, one such as ``NaN``, or several."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Broken:
    """No answer to the question: this status and body, after that time."""

    status: int = 200
    body: str = ""
    after: float = 0.0


State: TypeAlias = Load | Series | Broken
GOOD: Final = Load(errors=0.0)
BAD: Final = Load(errors=40.0)


class FakePrometheus:
    """The server; every namespace is good until told otherwise."""

    def __init__(self) -> None:
        self._states: dict[str, State | Callable[[str], State]] = {}
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self._closing: Final = threading.Event()
        """Set at the end, so that slow answers do not outlive the test."""

    def start(self) -> Self:
        """Listen, on the same port again after ``stop``."""
        self._closing.clear()
        self._server = _Server(("127.0.0.1", self._port), _handler(self))
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuse connections."""
        self._closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def says(self, namespace: str, state: State | Callable[[str], State]) -> None:
        """Say this of that namespace from now on; a function is asked by the Deployment's name."""
        self._states[namespace] = state

    def respond(self, parameters: Mapping[str, str]) -> Broken:
        """Answer one request, by the parameters of an instant query."""
        return self.answer(parameters.get("query", ""), past="time" in parameters)

    def answer(self, query: str, *, past: bool = False) -> Broken:
        """Give the answer to one query; in the past all was well, where numbers are said."""
        found = _WHOSE.search(query)
        namespace, name = found.groups() if found else ("", "")
        state = self._states.get(namespace, GOOD)
        if callable(state):
            state = state(name)
        match state:
            case Broken():
                self._closing.wait(state.after)
                return state
            case Series(values=values):
                return Broken(body=vector(values))
            case Load():
                load = GOOD if past else state
                value = load.errors if query.startswith("errors") else load.requests
                return Broken(body=vector((str(value),)))


def vector(values: tuple[str, ...]) -> str:
    """Write the answer to an instant query, a series for each value."""
    result = [
        {"metric": {"series": str(number)}, "value": [1.0, value]}
        for number, value in enumerate(values)
    ]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that gave up waiting."""


def _handler(prometheus: FakePrometheus) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(parse_qs(urlsplit(self.path).query))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self._answer(parse_qs(self.rfile.read(length).decode()))

        def _answer(self, parameters: dict[str, list[str]]) -> None:
            said = prometheus.respond({name: values[0] for name, values in parameters.items()})
            body = said.body.encode()
            self.send_response(said.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Be quiet."""

    return Handler
