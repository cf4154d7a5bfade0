"""MTTD, MTTA, MTTM and MTTR over many Incidents: with formula and count, median and p90 beside the mean.

A mean alone says little: few incidents, and a long tail. Drills, merged ones and false alarms stand apart.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ..api.common import Phase
from ..api.incident import Durations, Incident
from ..core.postmortem.narrative import in_words

__all__ = ["FORMULAS", "Figure", "Group", "Metric", "figures", "of_one"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One duration: its name, what it means, and how it is computed for one Incident."""

    name: str
    meaning: str
    formula: str
    value: Callable[[Durations], int | None]


FORMULAS: Final = (
    Metric("MTTD", "time to detect", "detectedAt - startedAt", lambda d: d.detect),
    Metric("MTTA", "time to acknowledge", "acknowledgedAt - detectedAt", lambda d: d.acknowledge),
    Metric("MTTM", "time to mitigate", "mitigatedAt - startedAt", lambda d: d.mitigate),
    Metric("MTTR", "time to resolve", "resolvedAt - startedAt", lambda d: d.resolve),
)
_NINE_TENTHS: Final = 0.9


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric over a group; texts, empty where no Incident of it has that duration."""

    metric: Metric
    count: int
    mean: str
    median: str
    p90: str


@dataclass(frozen=True, slots=True)
class Group:
    """Incidents that are counted together."""

    title: str
    incidents: int
    figures: tuple[Figure, ...]


def figures(incidents: Sequence[Incident]) -> list[Group]:
    """Give the figures of all Incidents, group by group; empty groups are left out."""
    groups: dict[str, list[Incident]] = {
        "Incidents": [],
        "Drills": [],
        "Merged into another": [],
        "Dismissed as false alarms": [],
    }
    for incident in incidents:
        groups[_group(incident)].append(incident)
    return [
        Group(title, len(members), tuple(_figure(metric, members) for metric in FORMULAS))
        for title, members in groups.items()
        if members or title == "Incidents"
    ]


def of_one(incident: Incident) -> list[tuple[Metric, str]]:
    """Give the durations of one Incident that are known."""
    durations = incident.status.durations or Durations()
    known = [(metric, metric.value(durations)) for metric in FORMULAS]
    return [(m, in_words(timedelta(seconds=s))) for m, s in known if s is not None]


def _group(incident: Incident) -> str:
    if incident.spec.drill:
        return "Drills"
    if incident.status.phase is Phase.MERGED:
        return "Merged into another"
    if incident.status.phase is Phase.DISMISSED:
        return "Dismissed as false alarms"
    return "Incidents"


def _figure(metric: Metric, members: Sequence[Incident]) -> Figure:
    found = [metric.value(i.status.durations) for i in members if i.status.durations]
    seconds = sorted(s for s in found if s is not None)
    if not seconds:
        return Figure(metric, 0, "", "", "")
    # The nearest rank: a value that there really was.
    p90 = seconds[math.ceil(_NINE_TENTHS * len(seconds)) - 1]
    values = (statistics.fmean(seconds), statistics.median(seconds), p90)
    mean, median, high = (in_words(timedelta(seconds=v)) for v in values)
    return Figure(metric, len(seconds), mean, median, high)
