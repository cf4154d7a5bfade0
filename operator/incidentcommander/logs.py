"""The operator's log: one line for each message, whatever text of others is quoted in it.

``main`` sets it up once, before anything is said. Without it a refusal or a name with a line feed in
it could write lines of its own, and one with escape codes steer the terminal of whoever reads it.
"""

from __future__ import annotations

import logging
import sys
from typing import Final

from typing_extensions import override

from .cleaning import clean, clean_line

__all__ = ["LogLines", "begin"]

_FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class LogLines(logging.Formatter):
    """Formats records so that only tracebacks have more than one line."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        return clean_line(super().formatMessage(record))

    @override
    def formatException(self, ei: object) -> str:
        return clean(super().formatException(ei))  # type: ignore[arg-type]


def begin(level: str) -> None:
    """Write the log to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogLines())
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("kopf").setLevel(logging.WARNING)
