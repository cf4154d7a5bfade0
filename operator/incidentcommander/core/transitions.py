"""Moves from phase to phase that several decisions share."""

from __future__ import annotations

from datetime import datetime
from typing import Unpack

from ..api.common import Phase, ProposalState
from ..api.incident import Diagnosis, GuardStatus, Monitoring, Proposal, ProposalTarget
from ..observed.needs import Facts
from ..observed.workloads import GuardProof, Unavailable
from .case import Case
from .diagnosis import sampling
from .diagnosis.sampling import verification_plan
from .evolve import OPERATOR, Draft
from .status_changes import StatusChanges

__all__ = [
    "another_attempt",
    "close",
    "close_open",
    "investigate",
    "next_attempt",
    "record_guard",
    "stalled",
    "start_monitoring",
    "start_round",
    "to_verifying",
]


def close(proposal: Proposal, state: ProposalState) -> Proposal:
    """Close a proposal if it is open."""
    if proposal.state is not ProposalState.PROPOSED:
        return proposal
    return proposal.model_copy(update={"state": state, "recommended": False})


def close_open(draft: Draft, state: ProposalState = ProposalState.SUPERSEDED) -> Draft:
    """Close all open proposals."""
    return draft.proposals([close(p, state) for p in draft.status.proposals])


def start_round(
    draft: Draft,
    reason: str,
    message: str,
    *,
    actor: str = OPERATOR,
    proposal: str | None = None,
    **changes: Unpack[StatusChanges],
) -> Draft:
    """Begin another round of diagnosis, whatever the phase."""
    old = draft.status.diagnosis
    new = (
        old.model_copy(
            update={"round": old.round + 1, "started_at": draft.now, "finished_at": None}
        )
        if old
        else None
    )
    return draft.add(
        reason,
        message,
        actor=actor,
        proposal=proposal,
        phase=Phase.DIAGNOSING,
        changes={"diagnosis": new, **changes},
    )


def next_attempt(
    case: Case,
    draft: Draft,
    reason: str,
    message: str,
    *,
    actor: str = OPERATOR,
    proposal: str | None = None,
) -> Draft:
    """Try again without what failed, or leave it to people when the attempts are used up."""
    most = case.policy.max_attempts
    if draft.status.remediations < most:
        return another_attempt(draft, reason, message, actor=actor, proposal=proposal)
    return investigate(
        close_open(draft).set(**_forgotten(draft)),
        reason,
        f"{message} All {most} attempts are used up: people investigate.",
        actor=actor,
        proposal=proposal,
    )


def another_attempt(
    draft: Draft, reason: str, message: str, *, actor: str = OPERATOR, proposal: str | None = None
) -> Draft:
    """Diagnose again, however many attempts there were: something is left to offer."""
    return start_round(
        close_open(draft),
        reason,
        f"{message} Diagnosing again, attempt {draft.status.attempt + 1}.",
        actor=actor,
        proposal=proposal,
        **_forgotten(draft),
    )


def _forgotten(draft: Draft) -> StatusChanges:
    """What belongs to the attempt that ends."""
    return {
        "attempt": draft.status.attempt + 1,
        "approval": None,
        "execution": None,
        "verification": None,
        "monitoring": None,
    }


def investigate(
    draft: Draft,
    reason: str,
    message: str,
    *,
    actor: str = OPERATOR,
    proposal: str | None = None,
    **changes: Unpack[StatusChanges],
) -> Draft:
    """Leave it to people.

    A change of the target from now on is a reason to diagnose again: what runs now is noted at the
    next look, unless the caller says that the last round's note still holds.
    """
    known = draft.status.diagnosis
    unseen = known.model_copy(update={"template_hash": None}) if known else None
    return draft.add(
        reason,
        message,
        actor=actor,
        proposal=proposal,
        phase=Phase.INVESTIGATING,
        changes={"diagnosis": unseen, **changes},
    )


def to_verifying(
    case: Case, draft: Draft, reason: str, message: str, *, actor: str = OPERATOR
) -> Draft:
    """Verify a state that people made: no execution of ours belongs to it."""
    plan = verification_plan(case.runbook)
    return draft.add(
        reason,
        message,
        actor=actor,
        phase=Phase.VERIFYING,
        changes={
            "verification": sampling.begin(plan, draft.now),
            "target": draft.status.bound or _as_spec_says(case),
            "approval": None,
            "execution": None,
        },
    )


def _as_spec_says(case: Case) -> ProposalTarget:
    """Name the workload that people fixed: by its uid from the first look at it on."""
    target = case.incident.spec.target
    return ProposalTarget(kind=target.kind, name=target.name, uid="")


def start_monitoring(
    case: Case, draft: Draft, reason: str, message: str, *, actor: str = OPERATOR
) -> Draft:
    """Begin the watch after the fix."""
    until: datetime = draft.now + case.policy.monitor_for
    approval = draft.status.approval
    proposal = draft.status.proposal(approval.proposal) if approval else None
    approved_for = proposal.target if proposal else _as_spec_says(case)
    draft = draft.add(
        reason,
        f"{message} Watching until {until:%H:%M:%S} UTC.",
        actor=actor,
        proposal=approval.proposal if approval else None,
        phase=Phase.MONITORING,
        changes={
            "target": draft.status.bound or approved_for,
            "monitoring": Monitoring(
                started_at=draft.now,
                until=until,
                next_at=draft.now + case.interval,
                good=0,
                failures=0,
            ),
        },
    )
    if approval:
        draft = draft.proposal(approval.proposal, state=ProposalState.VERIFIED)
    return draft.milestone(once=False, mitigated_at=draft.now)


def stalled(case: Case, draft: Draft, problem: str) -> Draft:
    """Stop for a problem of configuration; it goes on by itself when that is mended."""
    known = draft.status.diagnosis or Diagnosis(round=1, started_at=case.now)
    finished = known.model_copy(update={"finished_at": case.now, "findings": []})
    draft = close_open(draft).set(stalled=problem[:512], diagnosis=finished)
    return investigate(draft, "DiagnosisStalled", problem)


def record_guard(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Write down whether approvals are guarded now."""
    proof = facts.proof(case.proof)
    old = draft.status.guard
    match proof:
        case GuardProof():
            new = GuardStatus(
                fingerprint=proof.fingerprint,
                proven=proof.proven,
                message=proof.message[:512],
                at=proof.at,
            )
        case Unavailable(message=message):
            new = GuardStatus(
                fingerprint=old.fingerprint if old else "", proven=False, message=message[:512]
            )
    return draft.set(guard=new)
