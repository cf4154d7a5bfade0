"""Prints one line per program: what is being done, why, and how long it took.

Used while programs are looked for, downloaded and built; standard error, so that answers of
commands stay clean.
"""

from __future__ import annotations

import sys
import time


class Line:
    """One line of progress, written in two halves so that the waiting is explained first."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._since: float | None = None

    def open(self, doing: str) -> None:
        """Say what is being done now."""
        self._since = time.monotonic()
        self._write(f"{self._subject} {doing} … ")

    def close(self, outcome: str) -> None:
        """Say how it ended; seconds are told if something was waited for."""
        if self._since is None:
            self._write(f"{self._subject} {outcome}\n")
        else:
            self._write(f"{outcome} in {time.monotonic() - self._since:.0f} s\n")
        self._since = None

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
