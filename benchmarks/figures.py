"""Numbers from samples: medians, percentiles, and how they compare with goals.

Pure: it knows nothing of what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

__all__ = ["VERDICTS", "Figure", "Goal", "percentile"]

VERDICTS: Final = ("within", "OVER")


def percentile(samples: Sequence[float], share: float) -> float:
    """Give the smallest sample that so many are not above."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True)
class Goal:
    """At most that much."""

    most: float
    unit: str


@dataclass(frozen=True)
class Figure:
    """What was measured, in the unit of its goal."""

    name: str
    samples: Sequence[float]
    goal: Goal | None
    unit: str = ""
    in_s: Sequence[float] = ()
    """The same samples over S, where they are times."""

    @property
    def row(self) -> tuple[str, ...]:
        """The cells of its line in the table."""
        unit = self.goal.unit if self.goal else self.unit
        middle = median(self.samples)
        several = len(self.samples) > 1
        return (
            self.name,
            f"{self.goal.most:g} {unit}".strip() if self.goal else "",
            f"{percentile(self.samples, 0.1):.3g}" if several else "",
            f"{middle:.3g} {unit}".strip(),
            f"{percentile(self.samples, 0.9):.3g}" if several else "",
            f"{percentile(self.samples, 0.99):.3g}" if several else "",
            f"{median(self.in_s):.3g}" if self.in_s else "",
            self.verdict,
        )

    @property
    def verdict(self) -> str:
        """Whether the median is within the goal."""
        if self.goal is None:
            return ""
        return VERDICTS[median(self.samples) > self.goal.most]
