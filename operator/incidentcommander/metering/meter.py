"""Counts what happens, as it happens: the runner tells it.

``gauges`` is the other half: what is read only when somebody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from ..api.incident import Incident, TimelineEntry
from ..core.record.gauge_snapshot import Summary
from ..observed.workloads import Outcome
from . import catalogue
from .catalogue import Metric

__all__ = ["PrometheusMeter", "whose"]

_MINUTE: Final = 60
_BUCKETS: Final = tuple(_MINUTE * m for m in (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440))


class PrometheusMeter:
    """Satisfies ``ports.Meter``."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        """Of this meter alone. Whoever has more to show registers it here."""
        # Of each counter and histogram the client would show when it was made, as one series more.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._ticks = _counter(catalogue.TICKS, self.registry)
        self._tick_errors = _counter(catalogue.TICK_ERRORS, self.registry)
        self._entries = _counter(catalogue.TIMELINE_ENTRIES, self.registry)
        self._remediations = _counter(catalogue.REMEDIATIONS, self.registry)
        self._times = {
            key: Histogram(
                f"{catalogue.PREFIX}{metric.short}",
                metric.help,
                metric.labels,
                buckets=_BUCKETS,
                registry=self.registry,
            )
            for key, metric in catalogue.TIMES.items()
        }

    def ticked(self, error: str = "") -> None:
        """An Incident was looked at."""
        self._ticks.inc()
        if error:
            self._tick_errors.labels(error).inc()

    def recorded(self, entries: Sequence[TimelineEntry]) -> None:
        """Timeline entries were written."""
        for entry in entries:
            self._entries.labels(entry.reason).inc()

    def remediated(self, action: str, outcome: Outcome) -> None:
        """An approved change was sent."""
        self._remediations.labels(action, type(outcome).__name__).inc()

    def resolved(self, incident: Incident) -> None:
        """An Incident became Resolved. One that was merged ends otherwise, and counts in the other."""
        durations = incident.status.durations
        if durations is None:
            return
        labels = whose(Summary.of(incident))
        for key, histogram in self._times.items():
            seconds = getattr(durations, key)
            if seconds is not None:
                histogram.labels(*labels).observe(seconds)


def whose(summary: Summary) -> tuple[str, str]:
    """Give the labels ``severity`` and ``drill``."""
    return str(summary.severity), "true" if summary.drill else "false"


def _counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    return Counter(
        f"{catalogue.PREFIX}{metric.short}", metric.help, metric.labels, registry=registry
    )
