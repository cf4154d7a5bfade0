"""Fields of a status that a step may change, as types: a misspelt one is an error before any test runs.

The phase and the timeline are not among them: ``evolve`` alone writes these. A test holds the list
against the model.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from ..api.common import ProposalState, Severity
from ..api.incident import (
    Approval,
    Diagnosis,
    Display,
    Durations,
    Escalated,
    Execution,
    GuardFinding,
    GuardStatus,
    Handled,
    MadeChange,
    Milestones,
    Monitoring,
    PageRef,
    PinnedPolicy,
    PostmortemRef,
    Proposal,
    ProposalTarget,
    Response,
    Roles,
    RootCause,
    RunbookRef,
    SeverityBasis,
    Speaker,
    TimelineRoom,
    Updates,
    Verification,
)
from ..api.notices import ChannelState, Notice

__all__ = ["ProposalChanges", "StatusChanges"]


class StatusChanges(TypedDict, total=False):
    """What a step changes beside the phase, by the Python names of the fields."""

    severity: Severity | None
    severity_basis: SeverityBasis | None
    unmerged_from: str | None
    root_cause: RootCause | None
    summary: str
    commands: list[str]
    display: Display | None
    roles: Roles | None
    runbook: RunbookRef | None
    policy: PinnedPolicy | None
    stalled: str | None
    target: ProposalTarget | None
    attempt: int
    rejected: list[str]
    requested: list[str]
    take_back: str | None
    fought_by: list[str]
    remediations: int
    changed_at: list[datetime]
    changes: list[MadeChange]
    failing_templates: list[str]
    known_revisions: dict[str, str]
    diagnosis: Diagnosis | None
    proposals: list[Proposal]
    issued: list[str]
    approval: Approval | None
    execution: Execution | None
    verification: Verification | None
    monitoring: Monitoring | None
    updates: Updates | None
    response: Response | None
    waiting_since: datetime | None
    escalations: list[Escalated]
    outbox: list[Notice]
    channels: list[ChannelState]
    milestones: Milestones | None
    durations: Durations | None
    postmortem: PostmortemRef | None
    guard: GuardStatus | None
    handled: Handled | None
    timeline_room: TimelineRoom | None
    speakers: list[Speaker]
    timeline_pages: list[PageRef]


class ProposalChanges(TypedDict, total=False):
    """What may change of a proposal once it was offered: never what it does."""

    state: ProposalState
    recommended: bool
    reason: str
    approve_command: str
    guards: list[GuardFinding]
    expires_at: datetime
