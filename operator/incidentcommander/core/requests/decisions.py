"""Decisions about proposals: approve, reject, and reject while it is under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...api.common import Phase, ProposalState
from ...api.incident import Approval, Proposal
from ..case import Case
from ..evolve import Draft
from ..remediation.candidates import rule_out
from ..transitions import another_attempt, close, next_attempt
from ..wording import cut
from .reading import Request
from .refusal import Handler, refuse

__all__ = ["HANDLERS"]

_UNDER_WAY: Final = frozenset(
    {ProposalState.APPROVED, ProposalState.EXECUTING, ProposalState.APPLIED}
)


def _approve(case: Case, draft: Draft, request: Request) -> Draft:
    proposal = draft.status.proposal(request.value)
    if problem := _not_approvable(case, draft, proposal, request):
        return refuse(draft, request, problem)
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
            "target": proposal.target,
            "approval": Approval(
                proposal=chosen, digest=proposal.digest, by=request.by, at=case.now
            ),
            "execution": None,
        },
    )
    return approved.milestone(acknowledged_at=case.now).milestone(once=False, approved_at=case.now)


def _not_approvable(
    case: Case, draft: Draft, proposal: Proposal | None, request: Request
) -> str | None:
    status = draft.status
    if proposal is None:
        open_ = [p.id for p in status.open_proposals]
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
    if status.phase not in {Phase.AWAITING_APPROVAL, Phase.DIAGNOSING}:
        return f"the phase is {status.phase}"
    return None


def _reject(case: Case, draft: Draft, request: Request) -> Draft:
    name, _, why = request.value.partition(":")
    proposal = draft.status.proposal(name.strip())
    if proposal is None:
        return refuse(draft, request, "there is no such proposal")
    if proposal.state in _UNDER_WAY and draft.status.phase in {Phase.REMEDIATING, Phase.VERIFYING}:
        return _stop(case, draft, request, proposal)
    if proposal.state is not ProposalState.PROPOSED:
        return refuse(draft, request, f"that proposal is {proposal.state}, not open")
    draft = rule_out(draft, proposal, ProposalState.REJECTED)
    left = draft.status.open_proposals
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
    draft = rule_out(draft, proposal, ProposalState.REJECTED).set(
        take_back=proposal.id if begun and not proposal.revert_of else None
    )
    said = f"{request.by} rejected {proposal.id} while it was under way: {cut(why, 150)}."
    by = {"actor": request.by, "proposal": proposal.id}
    if not begun:
        said = f"{said} Nothing had been changed yet."
        return next_attempt(case, draft, "RemediationStopped", said, **by)
    said = (
        f"{said} Nothing is changed now: what was done stays as it is, and taking it back is "
        "proposed where that is possible."
    )
    return another_attempt(draft, "RemediationStopped", said, **by)


HANDLERS: Final[Mapping[str, Handler]] = {"approve": _approve, "reject": _reject}
