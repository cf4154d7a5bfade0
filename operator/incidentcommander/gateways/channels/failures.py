"""Why a channel did not take a notice, in a sentence without a secret.

Apprise says it in its log and nowhere else, and what it says can hold URLs: its records are caught
here, on the thread that sends, and go nowhere else. From them come the HTTP status, or what the
operating system or the mail server said; its own words only where there is nothing better.
"""

from __future__ import annotations

import logging
import re
import smtplib
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from typing_extensions import override

__all__ = ["Complaints", "overhear"]

_STATUS: Final = re.compile(r"error=(\d{3})\b")
_REFUSED: Final = re.compile(r"was refused: (\d{3})\b")
_SECRETIVE: Final = re.compile(r"\S*://\S*|[\w+/=-]{20,}")
_PARTS: Final = re.compile(r"[/?&=@:;,#+\s]+")
_SHORTEST: Final = 3
"""Shorter parts of a URL are no secrets, and would mask words."""
_SHOWN: Final = 120
_IN_TIME: Final = "no answer from {0} in time"


@dataclass(slots=True)
class Complaints:
    """What was logged while one notice was sent."""

    words: list[str] = field(default_factory=list)
    """Of warnings and errors."""
    errors: list[BaseException] = field(default_factory=list)

    def sentence(self, name: str, url: str) -> str:
        """Say why ``name`` did not take it; nothing of ``url`` but that name is repeated."""
        for text in self.words:
            if status := _STATUS.search(text):
                return _answered(name, status[1])
            if status := _REFUSED.search(text):
                return f"{name} refuses a recipient: {status[1]}"
        for error in self.errors:
            if why := _of(error, name):
                return why
        if self.words:
            return f"{name} did not take it: {_masked(self.words[0], url)}"
        return f"{name} did not take it, and said no more"


class _Ear(logging.Handler):
    """Hears what is logged on threads that listen."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.local()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        complaints: Complaints | None = getattr(self.heard, "now", None)
        if complaints is None:
            return
        if record.levelno >= logging.WARNING:
            complaints.words.append(record.getMessage())
        # Apprise logs where it catches: what it caught is at hand, and better than what it says.
        error = sys.exc_info()[1]
        if error is not None and error not in complaints.errors:
            complaints.errors.append(error)


_ear: Final = _Ear()


@contextmanager
def overhear() -> Iterator[Complaints]:
    """Collect what is logged on this thread, and let none of it out."""
    logger = logging.getLogger("apprise")
    if _ear not in logger.handlers:
        logger.addHandler(_ear)
        logger.propagate = False
        logger.setLevel(logging.DEBUG)
        # It repeats paths, and a path can be a token.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    complaints = Complaints()
    _ear.heard.now = complaints
    try:
        yield complaints
    finally:
        _ear.heard.now = None


def _answered(name: str, status: str) -> str:
    if status.startswith("3"):
        return f"HTTP {status} from {name}: it leads elsewhere, which is not followed"
    return f"HTTP {status} from {name}"


def _of(error: BaseException, name: str) -> str:
    """Say what an exception means; nothing where only its text would."""
    import requests

    match error:
        case smtplib.SMTPAuthenticationError():
            return f"{name} refuses the login: {error.smtp_code}"
        case smtplib.SMTPRecipientsRefused():
            codes = sorted({str(code) for code, _ in error.recipients.values()})
            return f"{name} refuses a recipient: {', '.join(codes)}"
        case smtplib.SMTPResponseException():
            return f"{name} answered {error.smtp_code}"
        case smtplib.SMTPServerDisconnected():
            return f"{name} hung up"
        case requests.exceptions.Timeout() | TimeoutError():
            return _IN_TIME.format(name)
        case _:
            pass
    root = _root(error)
    if isinstance(root, ssl.SSLError):
        why = getattr(root, "verify_message", "") or root.reason or "it failed"
        return f"no TLS with {name}: {why}"
    if isinstance(root, TimeoutError):
        return _IN_TIME.format(name)
    if isinstance(root, OSError) and root.strerror:
        return f"cannot connect to {name}: {root.strerror}"
    if isinstance(error, requests.exceptions.RequestException):
        return f"cannot talk to {name}: {type(root).__name__}"
    return ""


def _root(error: BaseException) -> BaseException:
    """Find what the operating system said, below all that wraps it (and repeats the URL)."""
    seen: list[BaseException] = []
    while error not in seen:
        seen.append(error)
        inner = error.__cause__ or error.__context__ or getattr(error, "reason", None)
        error = inner if isinstance(inner, BaseException) else error
    return error


def _masked(text: str, url: str) -> str:
    parts = {p for whole in (url, unquote(url)) for p in _PARTS.split(whole)}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SHORTEST:
            text = text.replace(part, "…")
    text = " ".join(_SECRETIVE.sub("…", text).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
