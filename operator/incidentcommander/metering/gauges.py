"""What is read only when Prometheus asks: how the open Incidents and the channels stand now.

Computed from what the runner, the postman and the client remember anyway. Nothing is kept here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import product
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from ..api.common import Phase, Severity
from ..core.record.gauge_snapshot import Summary
from . import catalogue
from .catalogue import PREFIX, Metric
from .meter import whose

__all__ = ["Fed", "Gauges"]

Fed = Callable[[], Mapping[Any, float]]
"""Gives values by tuples of labels, in the order of the metric's."""

_Family = GaugeMetricFamily | CounterMetricFamily
_EVERYBODY: Final = tuple(product(map(str, Severity), ("false", "true")))
_OPEN: Final = tuple(str(phase) for phase in Phase if not phase.ended)


class Gauges(Collector):
    """Computes gauges at each scrape.

    Parameters
    ----------
    summaries
        Gives all Incidents that are known.
    clock
        The current time.
    """

    def __init__(
        self, summaries: Callable[[], Iterable[Summary]], clock: Callable[[], datetime]
    ) -> None:
        self._summaries = summaries
        self._clock = clock
        self._fed: dict[Metric, Fed] = {}

    def feed(self, metric: Metric, values: Fed) -> None:
        """Show one metric more, from a function that is asked at each scrape."""
        self._fed[metric] = values

    @override
    def collect(self) -> Iterator[_Family]:
        known = list(self._summaries())
        open_ = [s for s in known if not s.phase.ended]
        now = self._clock()
        by_phase = Counter((s.severity, s.phase, whose(s)[1]) for s in open_)
        yield _family(
            catalogue.INCIDENTS,
            {
                (severity, phase, drill): by_phase[Severity(severity), Phase(phase), drill]
                for (severity, drill), phase in product(_EVERYBODY, _OPEN)
            },
        )
        overdue = Counter(whose(s) for s in open_ if s.next_update and s.next_update < now)
        yield _by_everybody(catalogue.UPDATES_OVERDUE, overdue)
        waiting: Counter[tuple[str, str]] = Counter()
        for summary in open_:
            waiting[whose(summary)] += summary.proposals
        yield _by_everybody(catalogue.APPROVALS_WAITING, waiting)
        leaderless = Counter(whose(s) for s in open_ if s.roles_due and s.roles_due < now)
        yield _by_everybody(catalogue.ROLES_UNFILLED, leaderless)
        yield _family(catalogue.OUTBOX, {(): sum(s.notices for s in known)})
        for metric, values in self._fed.items():
            yield _family(metric, values())


def _by_everybody(metric: Metric, counted: Counter[tuple[str, str]]) -> _Family:
    return _family(metric, {labels: counted[labels] for labels in _EVERYBODY})


def _family(metric: Metric, values: Mapping[tuple[str, ...], float]) -> _Family:
    family = GaugeMetricFamily if metric.kind == "gauge" else CounterMetricFamily
    made = family(f"{PREFIX}{metric.short}", metric.help, labels=metric.labels)
    for labels, value in values.items():
        made.add_metric(labels, value)
    return made
