"""Every metric of the operator: its name, what it counts, by what. The only place that names one.

``docs/operations.md`` shows this table, and a test keeps the two equal. No label holds the name of
an Incident, a namespace or a person: each has few values, however long the operator runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "ACTION_ITEMS_OVERDUE",
    "API_REQUESTS",
    "APPROVALS_WAITING",
    "CATALOGUE",
    "CHANNELS_FAILING",
    "DELIVERIES",
    "INCIDENTS",
    "OUTBOX",
    "POSTMORTEMS_OVERDUE",
    "PREFIX",
    "REMEDIATIONS",
    "ROLES_UNFILLED",
    "TICKS",
    "TICK_ERRORS",
    "TIMELINE_ENTRIES",
    "TIMES",
    "UPDATES_OVERDUE",
    "Metric",
]

PREFIX: Final = "incident_commander_"
_WHOSE: Final = ("severity", "drill")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    short: str
    """Its name without the prefix; that of a counter without ``_total``, too."""
    kind: Literal["gauge", "counter", "histogram"]
    labels: tuple[str, ...]
    unit: str
    """What one of it is; ``seconds`` where it is a time."""
    help: str

    @property
    def name(self) -> str:
        """As Prometheus knows it."""
        return f"{PREFIX}{self.short}{'_total' if self.kind == 'counter' else ''}"


INCIDENTS: Final = Metric(
    "incidents",
    "gauge",
    ("severity", "phase", "drill"),
    "Incidents",
    "Open Incidents: not ended yet.",
)
UPDATES_OVERDUE: Final = Metric(
    "updates_overdue",
    "gauge",
    _WHOSE,
    "Incidents",
    "Open Incidents whose next update is past its time.",
)
APPROVALS_WAITING: Final = Metric(
    "approvals_waiting",
    "gauge",
    _WHOSE,
    "proposals",
    "Proposals of open Incidents that wait for a decision.",
)
ROLES_UNFILLED: Final = Metric(
    "roles_unfilled",
    "gauge",
    _WHOSE,
    "Incidents",
    "Open Incidents with a role that nobody had taken in time.",
)
POSTMORTEMS_OVERDUE: Final = Metric(
    "postmortems_overdue", "gauge", (), "Postmortems", "Postmortems past their time and not Final."
)
ACTION_ITEMS_OVERDUE: Final = Metric(
    "action_items_overdue",
    "gauge",
    (),
    "action items",
    "Action items of Postmortems past their due date and not Done.",
)
CHANNELS_FAILING: Final = Metric(
    "channels_failing",
    "gauge",
    ("channel",),
    "0 or 1",
    "1: the channel refused three times in a row or more; 0: notices wait for it. Absent: none do.",
)
OUTBOX: Final = Metric(
    "outbox_notices",
    "gauge",
    (),
    "notices",
    "Notices that not every one of their channels has taken yet.",
)
TIMES: Final = {
    "detect": Metric(
        "time_to_detect_seconds",
        "histogram",
        _WHOSE,
        "seconds",
        "detectedAt - startedAt of Incidents, in seconds, when they become Resolved.",
    ),
    "acknowledge": Metric(
        "time_to_acknowledge_seconds",
        "histogram",
        _WHOSE,
        "seconds",
        "acknowledgedAt - detectedAt of Incidents, in seconds, when they become Resolved.",
    ),
    "mitigate": Metric(
        "time_to_mitigate_seconds",
        "histogram",
        _WHOSE,
        "seconds",
        "mitigatedAt - startedAt of Incidents, in seconds, when they become Resolved.",
    ),
    "resolve": Metric(
        "time_to_resolve_seconds",
        "histogram",
        _WHOSE,
        "seconds",
        "resolvedAt - startedAt of Incidents, in seconds, when they become Resolved.",
    ),
}
"""By the name of the duration in the status."""
API_REQUESTS: Final = Metric(
    "api_requests",
    "counter",
    ("verb", "resource", "code"),
    "requests",
    "Requests to the API server; code: its answer, or none.",
)
DELIVERIES: Final = Metric(
    "deliveries",
    "counter",
    ("channel", "outcome"),
    "tries",
    "Tries to send a notice to a channel; outcome: taken or refused.",
)
REMEDIATIONS: Final = Metric(
    "remediations",
    "counter",
    ("action", "outcome"),
    "writes",
    "Writes of approved changes; outcome: Applied, Stale (the target had changed), Refused, "
    "Unavailable.",
)
TIMELINE_ENTRIES: Final = Metric(
    "timeline_entries", "counter", ("reason",), "entries", "Timeline entries written."
)
TICKS: Final = Metric("ticks", "counter", (), "looks", "Looks at an Incident.")
TICK_ERRORS: Final = Metric(
    "tick_errors",
    "counter",
    ("reason",),
    "looks",
    "Looks that did not end well; reason: conflict (somebody else wrote first, harmless), "
    "unavailable (the API server), refused (by it), bug (see the log).",
)

CATALOGUE: Final = (
    INCIDENTS,
    UPDATES_OVERDUE,
    APPROVALS_WAITING,
    ROLES_UNFILLED,
    POSTMORTEMS_OVERDUE,
    ACTION_ITEMS_OVERDUE,
    CHANNELS_FAILING,
    OUTBOX,
    *TIMES.values(),
    API_REQUESTS,
    DELIVERIES,
    REMEDIATIONS,
    TIMELINE_ENTRIES,
    TICKS,
    TICK_ERRORS,
)
