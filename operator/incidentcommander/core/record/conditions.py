"""What is derived from the rest of a status: conditions, summary, columns, durations.

Derived in one place, at the end of every decision, so that none of it can disagree with the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, TypeAlias

from ...api.common import Condition, ConditionStatus, ObjectMeta, Phase
from ...api.incident import (
    MAX_COMMANDS,
    Display,
    Durations,
    ExecutionState,
    Incident,
    IncidentStatus,
    Milestones,
)
from ...command_line import fitted
from ..response.roles import unfilled
from ..wording import (
    annotate,
    cut,
    moment,
    sentences,
    take_command,
)
from .summary import decision, recommended, refused, to_type
from .summary import summary as summary_of

__all__ = ["INTERNAL_ERROR", "derive", "internal_error"]

_WORKING: Final = frozenset(
    {
        Phase.DECLARED,
        Phase.DIAGNOSING,
        Phase.INVESTIGATING,
        Phase.AWAITING_APPROVAL,
        Phase.REMEDIATING,
        Phase.VERIFYING,
        Phase.MONITORING,
    }
)
_STATUS: Final = {
    True: ConditionStatus.TRUE,
    False: ConditionStatus.FALSE,
    None: ConditionStatus.UNKNOWN,
}
INTERNAL_ERROR: Final = "InternalError"
"""Reason of the conditions Ready and Stalled while a bug of the operator hinders an Incident."""
_INTERNAL: Final = ("Stalled", INTERNAL_ERROR)
_VERIFIED: Final = frozenset({Phase.MONITORING, Phase.RESOLVED, Phase.CLOSED})


_Row: TypeAlias = tuple[str, bool | None, str, str]
"""Type, whether it holds, reason, message."""


def derive(incident: Incident, status: IncidentStatus, now: datetime) -> IncidentStatus:
    """Complete a status: every derived field, for the object's current generation."""
    generation = incident.metadata.generation
    summary = sentences([internal_error(status), refused(status), summary_of(incident, status)])
    typed = [command for command in to_type(incident, status) if command in summary]
    status = status.model_copy(
        update={
            "observed_generation": generation,
            "durations": _durations(status.milestones),
            "display": _display(incident, status, now),
            "summary": fitted(summary, 1024, typed),
            "commands": typed[:MAX_COMMANDS],
        }
    )
    rows = _conditions(incident.metadata, status, now)
    conditions = [_condition(row, status, generation, now) for row in rows]
    return status.model_copy(update={"conditions": conditions})


def _condition(row: _Row, status: IncidentStatus, generation: int, now: datetime) -> Condition:
    kind, holds, reason, message = row
    value = _STATUS[holds]
    old = next((c for c in status.conditions if c.type == kind), None)
    return Condition(
        type=kind,
        status=value,
        observed_generation=generation,
        last_transition_time=old.last_transition_time if old and old.status is value else now,
        reason=reason,
        message=cut(message, 1024),
    )


def _conditions(meta: ObjectMeta, status: IncidentStatus, now: datetime) -> Iterator[_Row]:
    yield from _kstatus(status)
    yield _acknowledged(meta, status)
    yield _diagnosed(status)
    yield _approved(status)
    yield _remediated(status)
    yield _verified(status)
    resolved = status.phase in {Phase.RESOLVED, Phase.CLOSED}
    come = _to_come(status, "resolved once the fix was watched for long enough")
    yield "Resolved", resolved, "WatchedLongEnough" if resolved else "NotYet", come
    ended = status.phase.ended
    yield "Closed", ended, str(status.phase) if ended else "NotYet", _to_come(status, "open")
    yield _update_overdue(status, now)
    yield _role_unfilled(meta, status, now)
    yield _guarded(status)
    yield _postmortem_overdue(status, now)


def _kstatus(status: IncidentStatus) -> Iterator[_Row]:
    """The three that kstatus knows: `kubectl wait`, Argo CD and Flux read them."""
    internal = internal_error(status)
    stalled = internal or status.stalled
    why = INTERNAL_ERROR if internal else "ConfigurationProblem"
    message = stalled or f"{status.phase}: see status.summary"
    yield "Ready", not stalled, why if stalled else "Handled", message
    yield "Reconciling", _working(status), str(status.phase), ""
    yield "Stalled", bool(stalled), why if stalled else "None", stalled or ""


def _working(status: IncidentStatus) -> bool:
    return status.phase in _WORKING and not (internal_error(status) or status.stalled)


def _acknowledged(meta: ObjectMeta, status: IncidentStatus) -> _Row:
    if status.milestones is not None and status.milestones.acknowledged_at is not None:
        return "Acknowledged", True, "Acknowledged", ""
    command = annotate(meta, "acknowledge", "me")
    return "Acknowledged", False, "Waiting", f"say that you are on it: {command}"


def _diagnosed(status: IncidentStatus) -> _Row:
    diagnosis = status.diagnosis
    stalled = internal_error(status) or status.stalled
    finished = diagnosis is not None and diagnosis.finished_at is not None and not stalled
    found = f"round {diagnosis.round}: {len(diagnosis.findings)} findings" if diagnosis else ""
    return "Diagnosed", finished, "RoundFinished" if finished else "Running", found


def _approved(status: IncidentStatus) -> _Row:
    approval = status.approval
    if approval is None:
        return "Approved", False, "Waiting", _to_decide(status)
    return "Approved", True, "Granted", f"{approval.proposal} by {approval.by}"


def _remediated(status: IncidentStatus) -> _Row:
    phase, execution = status.phase, status.execution
    complete = execution is not None and execution.state is ExecutionState.COMPLETE
    by_people = phase in _VERIFIED or (phase is Phase.VERIFYING and execution is None)
    reason = "RolloutComplete" if complete else ("ByPeople" if by_people else "NotYet")
    come = _to_come(status, "nothing was changed yet")
    message = (execution.progress or "") if execution else come
    return "Remediated", complete or by_people, reason, message


def _verified(status: IncidentStatus) -> _Row:
    verified = status.phase in _VERIFIED
    sample = status.verification.last if status.verification else None
    come = _to_come(status, "checked once something was changed")
    reason = "ChecksPassed" if verified else "NotYet"
    return "Verified", verified, reason, sample.message if sample else come


def _update_overdue(status: IncidentStatus, now: datetime) -> _Row:
    due = status.updates.next_due_at if status.updates else None
    overdue = due is not None and due < now and not status.phase.ended
    return "UpdateOverdue", overdue, "Overdue" if overdue else "NothingDue", ""


def _guarded(status: IncidentStatus) -> _Row:
    guard = status.guard
    if guard is None:
        return "ApprovalGuarded", None, "NotProvenYet", ""
    reason = "Proven" if guard.proven else "NotProven"
    return "ApprovalGuarded", guard.proven, reason, guard.message


def _postmortem_overdue(status: IncidentStatus, now: datetime) -> _Row:
    owed = status.postmortem.due_at if status.postmortem else None
    late = owed is not None and owed <= now and status.phase is Phase.RESOLVED
    return "PostmortemOverdue", late, "Overdue" if late else "NotOverdue", ""


def internal_error(status: IncidentStatus) -> str:
    """Give the bug that hinders this Incident, as it was written; empty where none does."""
    said = (c.message for c in status.conditions if (c.type, c.reason) == _INTERNAL)
    return next(said, "")


def _role_unfilled(meta: ObjectMeta, status: IncidentStatus, now: datetime) -> _Row:
    missing, response = ", ".join(unfilled(status)), status.response
    if not missing or response is None or status.phase.over:
        return "RoleUnfilled", False, "Filled", ""
    due = moment(response.due_at, now)
    if now < response.due_at:
        return "RoleUnfilled", False, "NotDueYet", f"{missing}: to be taken by {due}"
    return (
        "RoleUnfilled",
        True,
        "Overdue",
        (
            f"nobody is {missing}, due at {due}; take command: {take_command(meta)} ; the others "
            "stand in spec.roles"
        ),
    )


def _to_come(status: IncidentStatus, what: str) -> str:
    """Say what is awaited, as long as that is still to come."""
    return what if status.phase in _WORKING and status.phase not in _VERIFIED else ""


def _to_decide(status: IncidentStatus) -> str:
    """Say who decides what, until when, and the command."""
    first = recommended(status)
    return decision(status, first) if first and not first.blocked else "nothing to approve yet"


def _display(incident: Incident, status: IncidentStatus, now: datetime) -> Display:
    first = recommended(status)
    due = status.updates.next_due_at if status.updates else None
    return Display(
        target=str(incident.model_copy(update={"status": status}).target),
        proposal=first.id if first and first.recommended else None,
        next_update=moment(due, now) if due else None,
    )


def _durations(milestones: Milestones | None) -> Durations | None:
    if milestones is None:
        return None
    m = milestones

    def seconds(start: datetime | None, end: datetime | None) -> int | None:
        return max(0, round((end - start).total_seconds())) if start and end else None

    return Durations(
        detect=seconds(m.started_at, m.detected_at),
        acknowledge=seconds(m.detected_at, m.acknowledged_at),
        mitigate=seconds(m.started_at, m.mitigated_at),
        resolve=seconds(m.started_at, m.resolved_at),
    )
