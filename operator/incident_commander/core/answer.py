"""Answers to what people say: each request is recorded with its author, and acted on or refused.

A request that got here was let in by the API server; what depends on time or on the world is
judged here. Nothing is dropped: a refusal stands in the timeline with what was said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from ..api.common import Phase, ProposalState, Verdict
from ..api.incident import Approval, Milestones, Proposal, Roles
from . import propose
from .act import confirmed
from .case import BY_PEOPLE, Case
from .evolve import MAX_MESSAGE, TRANSITIONS, Draft
from .moves import close, close_open, next_attempt, start_monitoring, start_round, to_verifying
from .requests import Request, came_with_creation, handled_with
from .verify import told
from .wording import cut, sentence

__all__ = ["answer"]

_ACTIVE: Final = frozenset({Phase.DIAGNOSING, Phase.INVESTIGATING, Phase.AWAITING_APPROVAL})
_UNDER_WAY: Final = frozenset(
    {ProposalState.APPROVED, ProposalState.EXECUTING, ProposalState.APPLIED}
)
_REFUSED: Final = "RequestRefused"
_QUOTED_WHOLE: Final = 100
"""Longer words than this may be cut in the entry about the request; they follow in full."""


def answer(case: Case, draft: Draft, requests: Sequence[Request], *, fresh: bool = False) -> Draft:
    """Take all new requests, in order, and note that they were taken.

    ``fresh``: the operator sees this Incident for the first time; what came with its creation is
    refused.
    """
    for request in requests:
        if fresh and came_with_creation(case.incident, request):
            why = "requests cannot be made at creation: apply first, annotate then"
            draft = _refuse(draft, request, why)
        else:
            draft = _one(case, draft, request)
        if request.key != "note" and len(request.value) > _QUOTED_WHOLE:
            for part in _parts(request.value):
                draft = draft.add("RequestQuoted", part, actor=request.by or "unknown")
    return draft.set(handled=handled_with(case.incident, requests))


def _one(case: Case, draft: Draft, request: Request) -> Draft:
    if not request.by:
        return _refuse(draft, request, "it is not signed: the admission guard was away")
    if not request.value:
        return _refuse(draft, request, "it is empty")
    handler = _HANDLERS.get(request.key)
    if handler is None:
        return _refuse(draft, request, "this version of the operator cannot do that yet")
    if draft.status.phase.ended and request.key not in {"note", "reopen"}:
        return _refuse(draft, request, f"this Incident has ended ({draft.status.phase})")
    return handler(case, draft, request)


def _refuse(draft: Draft, request: Request, why: str) -> Draft:
    said = f"{request.key}={cut(request.value, 200)}"
    return draft.add(
        _REFUSED,
        f"{said} was refused: {why}. Nothing was done.",
        actor=request.by or "unknown",
    )


def _approve(case: Case, draft: Draft, request: Request) -> Draft:
    proposal = draft.status.proposal(request.value)
    if problem := _not_approvable(case, draft, proposal, request):
        return _refuse(draft, request, problem)
    assert proposal is not None  # noqa: S101 - for the type checker; judged above
    chosen = proposal.id
    proposals = [
        p.model_copy(update={"state": ProposalState.APPROVED})
        if p.id == chosen
        else close(p, ProposalState.SUPERSEDED)
        for p in draft.status.proposals
    ]
    approved = draft.add(
        "ApprovalGranted",
        f"{request.by} approved {chosen}: {proposal.summary}. Next: the guard and the target are "
        "checked again, then it is done.",
        actor=request.by,
        proposal=chosen,
        phase=Phase.REMEDIATING,
        changes={
            "proposals": proposals,
            "approval": Approval(proposal=chosen, by=request.by, at=case.now),
            "execution": None,
        },
    )
    return approved.milestone(acknowledged_at=case.now).milestone(once=False, approved_at=case.now)


def _not_approvable(
    case: Case, draft: Draft, proposal: Proposal | None, request: Request
) -> str | None:
    status = draft.status
    if proposal is None:
        open_ = [p.id for p in status.proposals if p.state is ProposalState.PROPOSED]
        return f"there is no such proposal; open: {', '.join(open_) or 'none'}"
    commander = status.roles.commander if status.roles else None
    if commander and commander != request.by:
        return f"only the incident commander ({commander}) decides this"
    if proposal.state is not ProposalState.PROPOSED:
        return f"that proposal is {proposal.state}"
    if proposal.blocked:
        return "a guard blocks that proposal"
    if case.now >= proposal.expires_at:
        return f"that proposal expired at {proposal.expires_at:%H:%M:%S} UTC"
    if status.phase is not Phase.AWAITING_APPROVAL:
        return f"the phase is {status.phase}"
    return None


def _reject(case: Case, draft: Draft, request: Request) -> Draft:
    name, _, why = request.value.partition(":")
    proposal = draft.status.proposal(name.strip())
    if proposal is None:
        return _refuse(draft, request, "there is no such proposal")
    if proposal.state in _UNDER_WAY and draft.status.phase in {Phase.REMEDIATING, Phase.VERIFYING}:
        return _stop(case, draft, request, proposal)
    if proposal.state is not ProposalState.PROPOSED:
        return _refuse(draft, request, f"that proposal is {proposal.state}, not open")
    key = propose.remedy_key(proposal.action, proposal.parameters)
    draft = draft.proposal(proposal.id, state=ProposalState.REJECTED, recommended=False).set(
        rejected=[*draft.status.rejected, key][-32:]
    )
    left = [p for p in draft.status.proposals if p.state is ProposalState.PROPOSED]
    last = draft.status.phase is Phase.AWAITING_APPROVAL and not left
    return draft.add(
        "ProposalRejected",
        f"{request.by} rejected {proposal.id} ({proposal.summary}): {why.strip() or 'no reason'}. "
        + ("No proposal is left; people investigate." if last else f"{len(left)} left."),
        actor=request.by,
        proposal=proposal.id,
        phase=Phase.INVESTIGATING if last else None,
    )


def _stop(case: Case, draft: Draft, request: Request, proposal: Proposal) -> Draft:
    """Stop waiting for what is being applied: nothing is changed, its revert is proposed."""
    why = request.value.partition(":")[2].strip() or "no reason"
    begun = draft.status.execution is not None
    key = propose.remedy_key(proposal.action, proposal.parameters)
    draft = draft.proposal(proposal.id, state=ProposalState.REJECTED, recommended=False).set(
        rejected=[*draft.status.rejected, key][-32:],
        take_back=proposal.id if begun and not proposal.revert_of else None,
    )
    state = "Nothing had been changed yet."
    if begun:
        state = (
            "Nothing is changed now: what was done stays as it is, and taking it back is proposed "
            "where that is possible."
        )
    return next_attempt(
        case,
        draft,
        "RemediationStopped",
        f"{request.by} rejected {proposal.id} while it was under way: {cut(why, 150)}. {state}",
        actor=request.by,
        proposal=proposal.id,
        go_on=begun,
    )


def _reopen(_case: Case, draft: Draft, request: Request) -> Draft:
    status = draft.status
    if status.phase not in {Phase.RESOLVED, Phase.DISMISSED}:
        return _refuse(
            draft, request, f"the phase is {status.phase}, neither Resolved nor Dismissed"
        )
    milestones = status.milestones or Milestones()
    return start_round(
        draft,
        "IncidentReopened",
        f"{request.by} reopened it: {cut(request.value, 300)}. Diagnosing again, attempt "
        f"{status.attempt + 1}.",
        actor=request.by,
        attempt=status.attempt + 1,
        approval=None,
        execution=None,
        verification=None,
        monitoring=None,
        postmortem=None,
        milestones=milestones.model_copy(update={"resolved_at": None, "closed_at": None}),
    )


def _take_command(_case: Case, draft: Draft, request: Request) -> Draft:
    roles = draft.status.roles or Roles()
    before = roles.commander
    if before == request.by:
        return draft.add("CommandTransferred", f"{request.by} keeps command.", actor=request.by)
    taken = draft.set(roles=roles.model_copy(update={"commander": request.by}))
    return taken.add(
        "CommandTransferred",
        f"{request.by} took command{f' from {before}' if before else ''}: {cut(request.value, 120)}."
        f" Brief: {_brief(draft)}",
        actor=request.by,
    )


def _brief(draft: Draft) -> str:
    status = draft.status
    open_ = [p.id for p in status.proposals if p.state is ProposalState.PROPOSED]
    found = told(status.diagnosis.findings) if status.diagnosis else "not diagnosed yet"
    tried = f"{status.remediations} change(s) made" if status.remediations else "nothing tried yet"
    due = status.updates.next_due_at if status.updates else None
    return (
        f"{status.phase}, attempt {status.attempt}; {found or 'no findings'}; {tried}; "
        f"open decisions: {', '.join(open_) or 'none'}; "
        f"next update: {f'{due:%H:%M} UTC' if due else 'none due'}"
    )


def _acknowledge(case: Case, draft: Draft, request: Request) -> Draft:
    said = draft.add(
        "IncidentAcknowledged",
        f"{request.by} is on it: {cut(request.value, 200)}",
        actor=request.by,
    )
    return said.milestone(acknowledged_at=case.now)


def _note(case: Case, draft: Draft, request: Request) -> Draft:
    when, text = _back_dated(request.value, case.now)
    for part in _parts(text):
        draft = draft.add("NoteAdded", part, actor=request.by, event_time=when)
    return draft


def _parts(text: str) -> list[str]:
    """Cut long words into entries, so that nothing of them is lost."""
    size = MAX_MESSAGE - 8
    pieces = [text[i : i + size] for i in range(0, len(text), size)] or [text]
    if len(pieces) == 1:
        return pieces
    return [f"({n}/{len(pieces)}) {piece}" for n, piece in enumerate(pieces, 1)]


def _back_dated(text: str, now: datetime) -> tuple[datetime | None, str]:
    """Read ``@02:41 text``: the last time that it was 02:41 UTC."""
    head, _, rest = text.partition(" ")
    try:
        clock = datetime.strptime(head, "@%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        return None, text
    when = now.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
    return (when if when <= now else when - timedelta(days=1)), rest.strip() or text


def _propose(case: Case, draft: Draft, request: Request) -> Draft:
    name = request.value
    known = [r.name for r in case.runbook.spec.remediation] if case.runbook else []
    if name not in known:
        listed = ", ".join(known) or "none, since no Runbook matched"
        return _refuse(draft, request, f"the Runbook has no such remediation; it has: {listed}")
    if draft.status.phase not in _ACTIVE:
        return _refuse(draft, request, f"the phase is {draft.status.phase}")
    wanted = [*(n for n in draft.status.requested if n != name), name][-16:]
    asked = draft.set(requested=wanted)
    return start_round(
        asked,
        "RemediationRequested",
        f"{request.by} asked for {name}.{_rejected_before(draft, name)} Diagnosing again to plan it.",
        actor=request.by,
    )


def _rejected_before(draft: Draft, remediation: str) -> str:
    """Say who rejected it before, and why, as far as the entries in the object tell."""
    said = [
        entry
        for entry in draft.status.timeline
        if entry.reason in {"ProposalRejected", "RemediationStopped"}
        and (entry.proposal or "").rpartition("-")[0] == remediation
    ]
    return f" Before, at {said[-1].at:%H:%M} UTC: {cut(said[-1].message, 250)}" if said else ""


def _diagnose(_case: Case, draft: Draft, request: Request) -> Draft:
    if draft.status.phase not in _ACTIVE:
        return _refuse(draft, request, f"the phase is {draft.status.phase}")
    return start_round(
        draft,
        "DiagnosisRequested",
        f"{request.by}: {cut(request.value, 200)}. Diagnosing again.",
        actor=request.by,
    )


def _confirm(case: Case, draft: Draft, request: Request) -> Draft:
    said = f"{request.by} confirms: {sentence(cut(request.value, 300))}{_against(draft)}"
    status = draft.status
    doing = status.proposal(status.execution.proposal) if status.execution else None
    match status.phase:
        case Phase.REMEDIATING if doing and doing.action == BY_PEOPLE:
            return confirmed(case, draft, doing, request.by, request.value)
        case Phase.VERIFYING | Phase.INVESTIGATING:
            return start_monitoring(case, draft, "VerificationConfirmed", said, actor=request.by)
        case Phase.MONITORING if draft.status.monitoring:
            watched = draft.status.monitoring
            more = watched.model_copy(update={"good": watched.good + 1, "failures": 0})
            return draft.add(
                "VerificationConfirmed", said, actor=request.by, changes={"monitoring": more}
            )
        case phase:
            return _refuse(draft, request, f"there is nothing to confirm in phase {phase}")


def _against(draft: Draft) -> str:
    """Say that a person's word stands against the newest sample."""
    status = draft.status
    watch = status.monitoring if status.phase is Phase.MONITORING else status.verification
    last = watch.last if watch else None
    if last is None or last.verdict is not Verdict.FAILED:
        return ""
    return f" The newest sample says otherwise: {cut(last.message, 150)}"


def _resolve(case: Case, draft: Draft, request: Request) -> Draft:
    if draft.status.phase not in _ACTIVE:
        hint = {
            Phase.REMEDIATING: "; a remediation is being applied, wait for its outcome",
            Phase.VERIFYING: "; use confirm to say that it is good",
        }.get(draft.status.phase, "")
        return _refuse(draft, request, f"the phase is {draft.status.phase}{hint}")
    return to_verifying(
        case,
        close_open(draft),
        "ResolvedByPeople",
        f"{request.by}: fixed by other means: {cut(request.value, 300)}. Verifying.",
        actor=request.by,
    )


def _dismiss(_case: Case, draft: Draft, request: Request) -> Draft:
    if any(p.state.committed for p in draft.status.proposals):
        return _refuse(draft, request, "a remediation is being applied; wait for its outcome")
    if Phase.DISMISSED not in TRANSITIONS[draft.status.phase]:
        return _refuse(draft, request, f"the phase is {draft.status.phase}")
    ended = close_open(draft).add(
        "IncidentDismissed",
        f"{request.by} dismissed it as a false alarm: {cut(request.value, 300)}",
        actor=request.by,
        phase=Phase.DISMISSED,
    )
    return ended.milestone(closed_at=draft.now)


Handler = Callable[[Case, Draft, Request], Draft]

_HANDLERS: Final[Mapping[str, Handler]] = {
    "approve": _approve,
    "reject": _reject,
    "take-command": _take_command,
    "acknowledge": _acknowledge,
    "note": _note,
    "propose": _propose,
    "diagnose": _diagnose,
    "confirm": _confirm,
    "resolve": _resolve,
    "dismiss": _dismiss,
    "reopen": _reopen,
}
