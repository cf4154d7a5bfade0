"""What the shell needs of the world: protocols that the gateways satisfy."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .api.common import TargetKind
from .api.incident import Incident, IncidentStatus, TimelineEntry
from .api.notices import Notice
from .api.page import TimelinePageSpec
from .api.postmortem import Postmortem
from .observed.needs import Answer, Facts, Need, PostmortemNeed
from .observed.workloads import (
    Applied,
    Delivery,
    IncidentRef,
    Missing,
    Outcome,
    Sent,
    Stale,
    Unavailable,
    Write,
)

__all__ = [
    "Announcer",
    "Applied",
    "Carrier",
    "Drafted",
    "IncidentStore",
    "MetadataChange",
    "Meter",
    "Observer",
    "Outcome",
    "Postman",
    "PostmortemStore",
    "Stale",
    "Targets",
    "Workloads",
]


@dataclass(frozen=True, slots=True)
class MetadataChange:
    """What the operator writes outside of ``status``: one request, own annotations and labels."""

    remove_annotations: frozenset[str] = frozenset()
    """Full names. Absent ones are no error."""
    set_annotations: Mapping[str, str] | None = None
    set_labels: Mapping[str, str] | None = None


class IncidentStore(Protocol):
    """The one reader and writer of Incidents.

    Every method raises ``UnavailableError``, ``ConflictError``, ``GoneError``, ``ForbiddenError``
    or ``InvalidResourceError``.
    """

    async def get(self, ref: IncidentRef) -> Incident | None:
        """Read it fresh (quorum). None where it does not exist, or has another uid."""

    async def save_status(self, incident: Incident, status: IncidentStatus) -> Incident:
        """Replace the status if the Incident is still the one that was read; give the new one."""

    async def change_metadata(self, incident: Incident, change: MetadataChange) -> Incident:
        """Write annotations and labels if the Incident is still the one that was read."""

    async def add_page(self, incident: Incident, name: str, page: TimelinePageSpec) -> None:
        """Create a TimelinePage; that it exists already with equal content is success."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """A Postmortem that is there now."""

    name: str
    how: str
    """For people: drafted, or found."""


class PostmortemStore(Protocol):
    """Reads and drafts Postmortems. Raises as ``IncidentStore``."""

    async def get(self, need: PostmortemNeed) -> Postmortem | Missing | Unavailable:
        """Read one fresh (quorum); one that this version cannot read is ``Unavailable``."""

    async def draft(self, incident: Incident, now: datetime) -> Drafted:
        """Make sure that the Incident has one; a second call finds what the first one made."""


class Observer(Protocol):
    """Answers needs, all at once."""

    async def observe(
        self, needs: Collection[Need], now: datetime, known: Facts | None = None
    ) -> Mapping[Need, Answer]:
        """Give an answer to every need. Never raises: what cannot be asked is ``Unavailable``.

        ``known``: answers from a moment ago. A workload among them is not read again.
        """


class Workloads(Protocol):
    """The one writer of what approvals allow: workloads, their autoscalers and their pods."""

    async def apply(self, write: Write) -> Outcome:
        """Send the request once. Never raises."""


class Announcer(Protocol):
    """Kubernetes Events for what people look for."""

    async def announce(self, incident: Incident, entries: Sequence[TimelineEntry]) -> None:
        """Publish Events for those entries that deserve one. Never raises."""


class Carrier(Protocol):
    """Sends single notices for the postman."""

    async def send(self, channel: str, notice: Notice, done: frozenset[str]) -> Sent:
        """Send it once to what of the channel is not ``done``. Never raises, never hangs."""


class Postman(Protocol):
    """Carries notices to channels, beside the ticks: a dead channel holds nobody up.

    At least once: what it forgets when the process ends stands in the status and is posted again.
    """

    def post(self, ref: IncidentRef, notices: Sequence[Notice]) -> None:
        """Deliver these, in this order on each channel; those under way already are left alone.

        What is not among them any more is dropped. Wakes ``ref`` when a channel took one, and when
        a channel begins to fail.
        """

    def deliveries(self, ref: IncidentRef) -> Sequence[Delivery]:
        """Say what came of them so far: for each notice and channel the newest."""

    def forget(self, ref: IncidentRef) -> None:
        """Deliver nothing more for it."""


class Meter(Protocol):
    """Counts what happens, for the operator's own metrics. Nothing of it may wait or raise."""

    def ticked(self, error: str = "") -> None:
        """An Incident was looked at; ``error``: the kind of failure, empty where it went well."""

    def recorded(self, entries: Sequence[TimelineEntry]) -> None:
        """Timeline entries were written."""

    def remediated(self, action: str, outcome: Outcome) -> None:
        """An approved change was sent."""

    def resolved(self, incident: Incident) -> None:
        """An Incident became Resolved."""


class Targets(Protocol):
    """Wakes Incidents when their target changes."""

    def follow(self, ref: IncidentRef, kind: TargetKind, namespace: str, name: str) -> None:
        """Wake ``ref`` from now on whenever that workload changes."""

    def forget(self, ref: IncidentRef) -> None:
        """Wake it no more."""
