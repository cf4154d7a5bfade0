"""How a status changes: one step at a time, each with its timeline entry.

``evolve`` is the only place that moves the phase and appends to the timeline. Decisions build on
``Draft``, which strings steps together. It must not decide anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypedDict, Unpack

from .. import command_line
from ..api.common import Phase
from ..api.incident import (
    FREE_PHASES,
    MAX_ENTRY_TEXT,
    Evidence,
    IncidentStatus,
    Milestones,
    Proposal,
    TimelineEntry,
)
from ..cleaning import clean, clean_line
from .effects import ChangeTarget
from .legible import legible
from .proposal_ids import issued
from .status_changes import ProposalChanges, StatusChanges
from .timeline_room import kept
from .wording import cut, typeable

__all__ = [
    "OPERATOR",
    "TRANSITIONS",
    "Draft",
    "ForbiddenTransitionError",
    "Step",
    "evolve",
    "phase_since",
]

OPERATOR: Final = "operator"
KUBERNETES: Final = "kubernetes"
MAX_MESSAGE: Final = 512
_ENDS: Final = frozenset({Phase.DISMISSED, Phase.MERGED})

TRANSITIONS: Final[Mapping[Phase, frozenset[Phase]]] = {
    Phase.DECLARED: frozenset({Phase.DIAGNOSING}) | _ENDS,
    Phase.DIAGNOSING: frozenset(
        {Phase.INVESTIGATING, Phase.AWAITING_APPROVAL, Phase.REMEDIATING, Phase.VERIFYING} | _ENDS
    ),
    Phase.INVESTIGATING: frozenset({Phase.DIAGNOSING, Phase.VERIFYING, Phase.MONITORING} | _ENDS),
    Phase.AWAITING_APPROVAL: frozenset(
        {Phase.DIAGNOSING, Phase.INVESTIGATING, Phase.REMEDIATING, Phase.VERIFYING} | _ENDS
    ),
    Phase.REMEDIATING: frozenset({Phase.VERIFYING, Phase.DIAGNOSING, Phase.INVESTIGATING}),
    Phase.VERIFYING: frozenset(
        {Phase.MONITORING, Phase.REMEDIATING, Phase.DIAGNOSING, Phase.INVESTIGATING} | _ENDS
    ),
    Phase.MONITORING: frozenset({Phase.RESOLVED, Phase.DIAGNOSING} | _ENDS),
    Phase.RESOLVED: frozenset({Phase.CLOSED, Phase.DIAGNOSING, Phase.MERGED}),
    Phase.CLOSED: frozenset(),
    Phase.DISMISSED: frozenset({Phase.DIAGNOSING}),
    Phase.MERGED: frozenset({Phase.DIAGNOSING}),
}
"""Which phase may follow which (contract, section 2)."""


class ForbiddenTransitionError(ValueError):
    """A decision asked for a phase that may not follow: a bug in the decision."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: what stands in the timeline, and what it changes."""

    reason: str
    message: str
    actor: str = OPERATOR
    phase: Phase | None = None
    step: str | None = None
    proposal: str | None = None
    event_time: datetime | None = None
    evidence: Evidence | None = None
    changes: StatusChanges = field(default_factory=StatusChanges)
    """Other fields of the status, by their Python names."""


class StepParts(TypedDict, total=False):
    """The optional fields of ``Step``."""

    actor: str
    phase: Phase | None
    step: str | None
    proposal: str | None
    event_time: datetime | None
    evidence: Evidence | None
    changes: StatusChanges


def evolve(status: IncidentStatus, step: Step, now: datetime) -> IncidentStatus:
    """Apply one step. Where the timeline is nearly full, less is written to it; all else holds.

    Raises
    ------
    ForbiddenTransitionError
        If the step's phase may not follow the status's.
    """
    step = _cleaned(step)
    phase = step.phase or status.phase
    if phase is not status.phase and phase not in TRANSITIONS[status.phase]:
        raise ForbiddenTransitionError(f"{phase} may not follow {status.phase} ({step.reason})")
    changes = {**step.changes, "phase": phase}
    if phase in FREE_PHASES:
        # Whatever was approved or fixed is over: spec says again what the Incident is about.
        changes["target"] = None
    if kept(status, step.reason, phase):
        changes["timeline"] = [*status.timeline, _entry(status, step, phase, now)]
    return status.model_copy(update=changes)


def _entry(status: IncidentStatus, step: Step, phase: Phase, now: datetime) -> TimelineEntry:
    entry = TimelineEntry(
        seq=next_seq(status),
        at=now,
        phase=phase,
        reason=step.reason,
        actor=step.actor,
        message=command_line.fitted(step.message, MAX_MESSAGE, typeable(status.proposals)),
        step=step.step,
        proposal=step.proposal,
        event_time=step.event_time,
        evidence=step.evidence,
    )
    return fitted(entry)


def _cleaned(step: Step) -> Step:
    """Give the step with words that people can read as they stand there."""
    return replace(
        step,
        message=clean(step.message),
        actor=clean_line(step.actor),
        evidence=legible(step.evidence) if step.evidence else None,
    )


def fitted(entry: TimelineEntry) -> TimelineEntry:
    """Keep the texts of an entry within what the schema allows for all of them together.

    The query gives way first, then value and threshold: they stand in the findings, too.
    """
    for name in ("query", "value", "threshold"):
        over = _length(entry) - MAX_ENTRY_TEXT
        if over <= 0 or entry.evidence is None:
            break
        text: str = getattr(entry.evidence, name) or ""
        shorter = cut(text, max(1, len(text) - over)) if text else None
        entry = entry.model_copy(
            update={"evidence": entry.evidence.model_copy(update={name: shorter})}
        )
    return entry


def _length(entry: TimelineEntry) -> int:
    texts = [entry.reason, entry.actor, entry.message, entry.step, entry.proposal]
    if entry.evidence is not None:
        e = entry.evidence
        texts += [e.query, e.value, e.threshold, e.resource_version]
    return sum(len(text or "") for text in texts)


def next_seq(status: IncidentStatus) -> int:
    """Give the number of the next entry."""
    if status.timeline:
        return status.timeline[-1].seq + 1
    return status.timeline_pages[-1].to_seq + 1 if status.timeline_pages else 0


def phase_since(status: IncidentStatus) -> datetime | None:
    """Give the time at which the current phase began, as far as the entries in the object tell."""
    since = None
    for entry in reversed(status.timeline):
        if entry.phase is not status.phase:
            break
        since = entry.at
    return since


@dataclass(frozen=True, slots=True)
class Draft:
    """A status in the making."""

    status: IncidentStatus
    now: datetime
    change: ChangeTarget | None = None
    """What is to be done to the target, once the status is saved."""

    def then(self, change: ChangeTarget) -> Draft:
        """Have the target changed, once the status is saved."""
        return replace(self, change=change)

    def add(self, reason: str, message: str, **rest: Unpack[StepParts]) -> Draft:
        """Take one step. ``rest``: further fields of ``Step``; ``changes`` among them."""
        return replace(self, status=evolve(self.status, Step(reason, message, **rest), self.now))

    def set(self, **changes: Unpack[StatusChanges]) -> Draft:
        """Change fields that need no entry of their own (never the phase)."""
        if "phase" in changes or "timeline" in changes:
            raise ForbiddenTransitionError("only a step moves the phase or writes the timeline")
        return replace(self, status=self.status.model_copy(update=changes))

    def milestone(self, *, once: bool = True, **times: datetime) -> Draft:
        """Set milestones; with ``once`` only those that are not set yet."""
        old = self.status.milestones or Milestones()
        new = {k: v for k, v in times.items() if not once or getattr(old, k) is None}
        return self.set(milestones=old.model_copy(update=new))

    def proposal(self, proposal_id: str, **changes: Unpack[ProposalChanges]) -> Draft:
        """Change fields of one proposal."""
        return self.set(
            proposals=[
                p.model_copy(update=changes) if p.id == proposal_id else p
                for p in self.status.proposals
            ]
        )

    def proposals(self, proposals: list[Proposal]) -> Draft:
        """Replace the proposals. Whatever id was given once is remembered."""
        return self.set(proposals=proposals, issued=issued(self.status, proposals))
