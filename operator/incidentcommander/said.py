"""What was said already, so that a log says each thing once and not every few seconds."""

from __future__ import annotations

from typing import Final

__all__ = ["Said"]

_MOST: Final = 1000
"""Things to remember; beyond it everything may be said once more."""


class Said:
    """Remembers what was said. Losing it costs one more line in the log."""

    def __init__(self) -> None:
        self._known: set[tuple[str, ...]] = set()

    def first(self, *about: object) -> bool:
        """Whether this is the first time that something is said about this; it is noted."""
        key = tuple(str(part) for part in about)
        if key in self._known:
            return False
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known.add(key)
        return True

    def forget(self, about: object) -> None:
        """It is over: if it begins again, it is said again."""
        self._known = {key for key in self._known if key[0] != str(about)}
