"""How long to wait after a failure. Pure: chance and time are arguments."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

__all__ = ["LONGEST", "SHORTEST", "is_due", "pause"]

SHORTEST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(seconds=60)
_DOUBLINGS: Final = 6


def pause(failures: int, chance: float) -> timedelta:
    """Give the wait after that many failures in a row: doubled each time, and never all at once.

    Parameters
    ----------
    failures
        At least 1.
    chance
        From 0 up to 1; the wait is between half and the whole of what it can be.
    """
    whole = min(SHORTEST * (1 << min(failures, _DOUBLINGS)), LONGEST)
    return whole * (0.5 + chance / 2)


def is_due(due: datetime | None, now: datetime) -> bool:
    """Whether a time has come; one that is further away than any wait was set by another clock."""
    return due is None or due <= now or due - now > LONGEST
