"""How many notices an hour the Incidents of one namespace may send: the others must be heard, too.

The postman asks before it tries a notice for the first time. What is too much waits, in its order;
nothing is dropped for it. Nothing here does I/O or reads a clock.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Final

from ..api.notices import NoticeKind

__all__ = ["Pace"]

_WINDOW: Final = timedelta(hours=1)
_URGENT: Final = frozenset({NoticeKind.ESCALATION, NoticeKind.FIRST})
_KEPT: Final = 4
"""One in so many is kept for what is urgent: that somebody is called."""


class Pace:
    """The notices of the last hour, by namespace.

    Parameters
    ----------
    most
        Notices in an hour, each counted once for each channel; 0: as many as there are.
    """

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._sent: dict[str, deque[datetime]] = {}

    def free_at(self, namespace: str, kind: NoticeKind, now: datetime) -> datetime | None:
        """Say when one more may go; None: now."""
        sent = self._sent.get(namespace)
        if not self._most or sent is None:
            return None
        while sent and sent[0] <= now - _WINDOW:
            sent.popleft()
        room = self._most if kind in _URGENT else self._most - self._most // _KEPT
        return None if len(sent) < room else sent[len(sent) - room] + _WINDOW

    def count(self, namespace: str, now: datetime) -> None:
        """Note that one went."""
        if self._most:
            self._sent.setdefault(namespace, deque()).append(now)
