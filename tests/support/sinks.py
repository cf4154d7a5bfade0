"""Places that notices are sent to: real servers on 127.0.0.1 that keep every byte they get."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from typing_extensions import override

__all__ = ["HttpSink", "Mail", "MailSink", "Posted", "free_port"]

_BORED = 30.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Posted:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class HttpSink:
    """An HTTP server that answers as told, and can be away.

    ``codes`` are used up from the front; afterwards every answer is 200.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.got: list[Posted] = []
        self.codes: list[int] = []
        self.code = 200
        self.hold = threading.Event()
        self.hold.set()
        self._server: _Server | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Close it: whoever connects is refused."""
        self.hold.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, sink: HttpSink) -> None:
        self.sink = sink
        super().__init__(("127.0.0.1", sink.port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        sink = self.server.sink
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sink.got.append(Posted("POST", self.path, dict(self.headers), body))
        code = sink.codes.pop(0) if sink.codes else sink.code
        sink.hold.wait(_BORED)
        try:
            self.send_response(code)
            if code // 100 == 3:
                self.send_header("Location", f"http://{sink.host}/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")
        except ConnectionError:
            pass  # whoever asked has given up

    def do_GET(self) -> None:
        self.server.sink.got.append(Posted("GET", self.path, dict(self.headers), b""))
        self.send_response(200)
        self.end_headers()

    @override
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Mail:
    """One mail as it came over the wire."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes


class MailSink:
    """A mail server that takes what it is not told to refuse."""

    def __init__(self) -> None:
        self.got: list[Mail] = []
        self.refused: dict[str, str] = {}
        """Answers to RCPT, by address."""
        self.answer = "250 OK"
        """To the mail itself."""
        self.port = free_port()
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            authenticator=self._authenticate,
            auth_require_tls=False,
        )

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def _authenticate(
        self, _s: SMTP, _session: Session, _e: Envelope, _mechanism: str, given: Any
    ) -> AuthResult:
        right = isinstance(given, LoginPassword) and given.password == b"opensesame"
        return AuthResult(success=right, handled=False)

    # Names and arguments are aiosmtpd's.
    async def handle_RCPT(  # noqa: N802
        self, _s: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _s: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.got.append(
                Mail(envelope.mail_from or "", tuple(envelope.rcpt_tos), envelope.content)
            )
        return self.answer
