"""The unit F: how long the driver's own PATCH of a status takes, then and there.

A machine that others use is not equally fast all the time, so each time is held against the round
trips that were taken nearest to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

__all__ = ["Ruler"]

_NEAREST = 12


@dataclass
class Ruler:
    """Round trips, with the moments at which they began; seconds."""

    taken: list[tuple[float, float]] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    """The same for a GET of the same object."""

    def near(self, moment: float) -> float:
        """Give F at that moment: the median of those taken nearest to it."""
        nearest = sorted(self.taken, key=lambda sample: abs(sample[0] - moment))[:_NEAREST]
        return median(seconds for _, seconds in nearest)

    @property
    def trips(self) -> Sequence[float]:
        """All round trips, in the order in which they were taken."""
        return [seconds for _, seconds in self.taken]
