"""The one sentence or two that `kubectl get` and `describe` show: what is going on, and what to do next."""

from __future__ import annotations

from ...actions import traits_of
from ...api.common import Confidence, Phase
from ...api.incident import (
    Incident,
    IncidentStatus,
    Proposal,
)
from ...command_line import texts
from ..wording import (
    annotate,
    blocks,
    confirm,
    cut,
    edit_postmortem,
    resolve,
    sentence,
    trouble,
    typeable,
)

__all__ = ["decision", "recommended", "refused", "summary", "to_type"]


def decision(status: IncidentStatus, proposal: Proposal) -> str:
    """Say who decides on a proposal, until when, and the command."""
    who = status.roles.commander if status.roles and status.roles.commander else None
    decides = f"{who} decides" if who else "Who has the verb approve decides"
    return f"{decides} until {proposal.expires_at:%H:%M} UTC: {proposal.approve_command}"


def recommended(status: IncidentStatus) -> Proposal | None:
    """The open proposal to look at first: the recommended one, else the first not blocked."""
    open_ = status.open_proposals
    free = [p for p in open_ if not p.blocked] or open_
    return next((p for p in free if p.recommended), free[0] if free else None)


def _known(status: IncidentStatus) -> str:
    return trouble(status.diagnosis.findings if status.diagnosis else [])


def refused(status: IncidentStatus) -> str:
    """Say that the newest thing anybody asked for was refused: kubectl said `annotated`."""
    newest = status.timeline[-1] if status.timeline and not status.phase.ended else None
    return cut(newest.message, 200) if newest and newest.reason == "RequestRefused" else ""


def summary(incident: Incident, status: IncidentStatus) -> str:
    """Say in a sentence or two where it stands, and what to do next."""
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


def to_type(incident: Incident, status: IncidentStatus) -> list[str]:
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
    if doing is not None and traits_of(doing.action).by_people and execution is not None:
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
    return f"{_known(status)} {lead}: {sentence(first.summary)} {decision(status, first)}"
