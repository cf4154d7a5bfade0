"""What is derived from the rest of a status: conditions, summary, columns, durations.

Derived in one place, at the end of every decision, so that none of it can disagree with the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ...api.common import Condition, ConditionStatus, Confidence, ObjectMeta, Phase
from ...api.incident import (
    MAX_COMMANDS,
    Display,
    Durations,
    ExecutionState,
    Incident,
    IncidentStatus,
    Milestones,
    Proposal,
)
from ...command_line import fitted, texts
from ..case import BY_PEOPLE
from ..response.roles import unfilled
from ..wording import (
    annotate,
    blocks,
    confirm,
    cut,
    edit_postmortem,
    moment,
    resolve,
    sentence,
    sentences,
    take_command,
    trouble,
    typeable,
)

__all__ = ["INTERNAL_ERROR", "derive", "internal_error", "recommended"]

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


def derive(incident: Incident, status: IncidentStatus, now: datetime) -> IncidentStatus:
    """Complete a status: every derived field, for the object's current generation."""
    generation = incident.metadata.generation
    summary = sentences([internal_error(status), _refused(status), _summary(incident, status)])
    typed = [command for command in _to_type(incident, status) if command in summary]
    status = status.model_copy(
        update={
            "observed_generation": generation,
            "durations": _durations(status.milestones),
            "display": _display(incident, status, now),
            "summary": fitted(summary, 1024, typed),
            "commands": typed[:MAX_COMMANDS],
        }
    )
    before = {c.type: c for c in status.conditions}
    conditions = []
    for kind, holds, reason, message in _conditions(incident.metadata, status, now):
        value = _STATUS[holds]
        old = before.get(kind)
        since = old.last_transition_time if old and old.status is value else now
        conditions.append(
            Condition(
                type=kind,
                status=value,
                observed_generation=generation,
                last_transition_time=since,
                reason=reason,
                message=cut(message, 1024),
            )
        )
    return status.model_copy(update={"conditions": conditions})


def _conditions(
    meta: ObjectMeta, status: IncidentStatus, now: datetime
) -> Iterator[tuple[str, bool | None, str, str]]:
    phase, milestones = status.phase, status.milestones or Milestones()
    internal = internal_error(status)
    stalled, why = (
        internal or status.stalled,
        (INTERNAL_ERROR if internal else "ConfigurationProblem"),
    )
    yield (
        "Ready",
        not stalled,
        why if stalled else "Handled",
        stalled or f"{phase}: see status.summary",
    )
    working = phase in _WORKING and not stalled
    yield "Reconciling", working, str(phase), ""
    yield "Stalled", bool(stalled), why if stalled else "None", stalled or ""
    acknowledged = milestones.acknowledged_at is not None
    yield (
        "Acknowledged",
        acknowledged,
        "Acknowledged" if acknowledged else "Waiting",
        "" if acknowledged else f"say that you are on it: {annotate(meta, 'acknowledge', 'me')}",
    )
    diagnosis = status.diagnosis
    diagnosed = diagnosis is not None and diagnosis.finished_at is not None and not stalled
    yield (
        "Diagnosed",
        diagnosed,
        "RoundFinished" if diagnosed else "Running",
        f"round {diagnosis.round}: {len(diagnosis.findings)} findings" if diagnosis else "",
    )
    approval = status.approval
    yield (
        "Approved",
        approval is not None,
        "Granted" if approval else "Waiting",
        f"{approval.proposal} by {approval.by}" if approval else _to_decide(status),
    )
    execution = status.execution
    complete = execution is not None and execution.state is ExecutionState.COMPLETE
    by_people = phase in _VERIFIED or (phase is Phase.VERIFYING and execution is None)
    yield (
        "Remediated",
        complete or by_people,
        "RolloutComplete" if complete else ("ByPeople" if by_people else "NotYet"),
        (execution.progress or "") if execution else _to_come(status, "nothing was changed yet"),
    )
    verified = phase in _VERIFIED
    sample = status.verification.last if status.verification else None
    yield (
        "Verified",
        verified,
        "ChecksPassed" if verified else "NotYet",
        sample.message if sample else _to_come(status, "checked once something was changed"),
    )
    resolved = phase in {Phase.RESOLVED, Phase.CLOSED}
    yield (
        "Resolved",
        resolved,
        "WatchedLongEnough" if resolved else "NotYet",
        _to_come(status, "resolved once the fix was watched for long enough"),
    )
    yield (
        "Closed",
        phase.ended,
        str(phase) if phase.ended else "NotYet",
        _to_come(status, "open"),
    )
    due = status.updates.next_due_at if status.updates else None
    overdue = due is not None and due < now and not phase.ended
    yield "UpdateOverdue", overdue, "Overdue" if overdue else "NothingDue", ""
    yield _role_unfilled(meta, status, now)
    guard = status.guard
    yield (
        "ApprovalGuarded",
        None if guard is None else guard.proven,
        "NotProvenYet" if guard is None else ("Proven" if guard.proven else "NotProven"),
        guard.message if guard else "",
    )
    owed = status.postmortem.due_at if status.postmortem else None
    late = owed is not None and owed <= now and phase is Phase.RESOLVED
    yield "PostmortemOverdue", late, "Overdue" if late else "NotOverdue", ""


def internal_error(status: IncidentStatus) -> str:
    """Give the bug that hinders this Incident, as it was written; empty where none does."""
    said = (c.message for c in status.conditions if (c.type, c.reason) == _INTERNAL)
    return next(said, "")


def _role_unfilled(
    meta: ObjectMeta, status: IncidentStatus, now: datetime
) -> tuple[str, bool, str, str]:
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
    return _decision(status, first) if first and not first.blocked else "nothing to approve yet"


def _decision(status: IncidentStatus, proposal: Proposal) -> str:
    who = status.roles.commander if status.roles and status.roles.commander else None
    decides = f"{who} decides" if who else "Who has the verb approve decides"
    return f"{decides} until {proposal.expires_at:%H:%M} UTC: {proposal.approve_command}"


def recommended(status: IncidentStatus) -> Proposal | None:
    """The open proposal to look at first: the recommended one, else the first not blocked."""
    open_ = status.open_proposals
    free = [p for p in open_ if not p.blocked] or open_
    return next((p for p in free if p.recommended), free[0] if free else None)


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


def _known(status: IncidentStatus) -> str:
    return trouble(status.diagnosis.findings if status.diagnosis else [])


def _refused(status: IncidentStatus) -> str:
    """Say that the newest thing anybody asked for was refused: kubectl said `annotated`."""
    newest = status.timeline[-1] if status.timeline and not status.phase.ended else None
    return cut(newest.message, 200) if newest and newest.reason == "RequestRefused" else ""


def _summary(incident: Incident, status: IncidentStatus) -> str:
    target = incident.model_copy(update={"status": status}).target
    match status.phase:
        case Phase.DECLARED:
            return f"Declared; {target} will be diagnosed at once."
        case Phase.DIAGNOSING:
            return f"Diagnosing {target}."
        case Phase.INVESTIGATING:
            return _investigating(incident, status)
        case Phase.AWAITING_APPROVAL:
            return _awaiting(status)
        case Phase.REMEDIATING:
            return _remediating(incident, status)
        case Phase.VERIFYING:
            seen = (
                status.verification.last.message
                if (status.verification and status.verification.last)
                else "first sample to come"
            )
            return f"Verifying: {seen}"
        case Phase.MONITORING:
            return _monitoring(incident, status)
        case Phase.RESOLVED:
            return f"Resolved.{_owed(incident, status)}"
        case Phase.CLOSED:
            return "Closed."
        case Phase.DISMISSED:
            return "Dismissed: a false alarm."
        case Phase.MERGED:
            return "Merged into another Incident."


def _to_type(incident: Incident, status: IncidentStatus) -> list[str]:
    """Give every command that a summary may have."""
    meta, owed = incident.metadata, status.postmortem
    lines = [annotate(meta, "diagnose", "again"), confirm(meta), resolve(meta)]
    if owed is not None and owed.name is not None:
        lines.append(edit_postmortem(meta.namespace, owed.name))
    return list(dict.fromkeys([*typeable(status.open_proposals), *texts(lines)]))


def _owed(incident: Incident, status: IncidentStatus) -> str:
    """Say what is to be done before a resolved Incident can be closed."""
    owed = status.postmortem
    if owed is None or owed.name is None:
        return " A Postmortem is owed before it can be closed." if owed else ""
    due = f", due {owed.due_at:%Y-%m-%d %H:%M} UTC" if owed.due_at else ""
    edit = edit_postmortem(incident.metadata.namespace, owed.name)
    return f" It is closed when Postmortem {owed.name} is Final{due}: {edit}"


def _remediating(incident: Incident, status: IncidentStatus) -> str:
    execution = status.execution
    done = (execution.progress if execution else None) or "checking that it still holds"
    what = status.approval.proposal if status.approval else ""
    doing = status.proposal(what)
    if doing is not None and doing.action == BY_PEOPLE and execution is not None:
        return (
            f"People do {what} now: {sentence(doing.summary)} The instructions stand in its "
            f"diff. When it is done: {confirm(incident.metadata)}"
        )
    return f"Applying {what}: {done}"


def _monitoring(incident: Incident, status: IncidentStatus) -> str:
    watched = status.monitoring
    until = f"{watched.until:%H:%M:%S} UTC" if watched else ""
    last = watched.last if watched else None
    if watched and last and not watched.good and last.at >= watched.until:
        return (
            f"The watch was to end at {until}, but no check can tell: {sentence(last.message)} If it "
            f"is good: {confirm(incident.metadata)}"
        )
    return f"The fix is verified; watching until {until}. Nothing to do."


def _investigating(incident: Incident, status: IncidentStatus) -> str:
    if status.stalled:
        return f"{sentence(status.stalled)} It goes on by itself when that is mended."
    if status.guard and not status.guard.proven:
        return f"Nothing is offered, since approvals are not guarded: {status.guard.message}"
    again = annotate(incident.metadata, "diagnose", "again")
    most = status.policy.max_attempts if status.policy else 0
    used = f"{status.remediations} of {most} attempts are used up" if most else ""
    why = used if most and status.remediations >= most else "Nothing to offer"
    return (
        f"{_known(status)} {why}: people investigate. Diagnose again: {again} ; when it is fixed: "
        f"{resolve(incident.metadata)}"
    )


def _proven_but_blocked(status: IncidentStatus) -> Proposal | None:
    return next(
        (p for p in status.open_proposals if p.blocked and p.confidence is Confidence.PROVEN), None
    )


def _awaiting(status: IncidentStatus) -> str:
    first = recommended(status)
    if first is None:
        return f"{_known(status)} No proposal is open."
    proven = _proven_but_blocked(status)
    if proven is not None and not first.recommended:
        return (
            f"{_known(status)} Proven, but blocked for now: {sentence(proven.summary)} "
            f"{blocks(proven)}"
        )
    if first.blocked:
        return f"{_known(status)} {sentence(first.summary)} It is blocked: {blocks(first)}"
    lead = "Recommended" if first.recommended else "Offered, not proven"
    return f"{_known(status)} {lead}: {sentence(first.summary)} {_decision(status, first)}"
