"""The units: how long the driver's own PATCH of a status takes, then and there.

F is that of an object with next to nothing in it. S is the same of a copy of an Incident, under
another kind that nobody selects: what the API server needs for the schema, its rules and the size.
A machine that others use is not equally fast all the time, so each time is held against the round
trips that were taken nearest to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

__all__ = ["Ruler", "Trip", "lengths"]

_NEAREST: Final = 12


Trip = tuple[float, float]
"""When it began (of ``time.perf_counter``), and the seconds that it took."""


@dataclass
class Ruler:
    """Round trips of the driver."""

    light: list[Trip] = field(default_factory=list)
    """F: PATCHes of a small status."""
    heavy: list[Trip] = field(default_factory=list)
    """S: PATCHes of a status like that of an Incident that awaits approval."""
    reads: list[Trip] = field(default_factory=list)
    """GETs of the small object."""

    def near(self, moment: float) -> float:
        """Give F at that moment."""
        return _near(self.light, moment)

    def heavy_near(self, moment: float) -> float:
        """Give S at that moment."""
        return _near(self.heavy, moment)


def lengths(trips: Sequence[Trip]) -> Sequence[float]:
    """Give the seconds alone, in the order in which they were taken."""
    return [seconds for _, seconds in trips]


def _near(trips: Sequence[Trip], moment: float) -> float:
    nearest = sorted(trips, key=lambda trip: abs(trip[0] - moment))[:_NEAREST]
    return median(lengths(nearest))
