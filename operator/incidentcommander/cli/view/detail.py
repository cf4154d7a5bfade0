"""How much is shown of an Incident."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Detail"]


class Detail(IntEnum):
    """How much is shown."""

    SHORT = 0
    """Without diffs, and with the last few entries: for a low terminal."""
    NORMAL = 1
    FULL = 2
    """Whole diffs, guards that are clear, evidence."""
