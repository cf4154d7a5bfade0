"""While people think: Investigating and AwaitingApproval.

What was shown must stay true: drift of the target, of the guard, and time void open proposals.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ..actions import Situation
from ..api.common import ProposalState
from ..api.incident import IncidentStatus, Proposal
from ..questions import Facts, Need
from ..values import GuardProof, Missing, Unavailable
from . import diagnose, drift, propose
from .breaker import refreshed
from .case import Case
from .diagnose import running_template
from .evolve import Draft, phase_since
from .live import needs_of, situation
from .moves import close_open, investigate, start_round
from .rounds import offered, record_guard, stalled
from .wording import blocks

__all__ = [
    "await_approval",
    "awaited",
    "guard_moved",
    "investigate_on",
    "needs_awaiting",
    "needs_investigating",
    "next_look",
]

_SETTLED: Final = "The release has run for as long as the queries look back: looking again."
_NOT_OBSERVED: Final = "NotObserved"


def needs_investigating(case: Case) -> frozenset[Need]:
    """Say what to look at while people investigate."""
    status = case.status
    asked: set[Need] = {case.target.workload}
    if status.guard is not None and not status.guard.proven:
        asked.add(case.proof)
    return frozenset(asked)


def needs_awaiting(case: Case, facts: Facts) -> frozenset[Need]:
    """Say what open proposals have to be held against."""
    open_ = case.status.open_proposals
    asked: set[Need] = {case.target.workload, case.target.revisions, *needs_of(case, open_)}
    if guard_moved(case):
        asked.add(case.proof)
    return frozenset(asked) | drift.needs(case, facts)


def guard_moved(case: Case) -> bool:
    """Whether the guard, as watched, is another than when the proposals were made."""
    guard = case.status.guard
    return (
        guard is not None
        and case.guard_fingerprint is not None
        and case.guard_fingerprint != guard.fingerprint
    )


def investigate_on(case: Case, draft: Draft, facts: Facts) -> Draft:
    """See whether there is a reason to diagnose again."""
    status = draft.status
    if status.stalled and _mended(case, draft, facts):
        return start_round(
            draft.set(stalled=None), "DiagnosisResumed", "What stalled it was mended."
        )
    if status.guard is not None and not status.guard.proven:
        proof = facts.proof(case.proof)
        if isinstance(proof, GuardProof) and proof.proven:
            return start_round(
                record_guard(case, draft, facts),
                "DiagnosisResumed",
                "Approvals are guarded again.",
            )
    if status.diagnosis is None or status.diagnosis.finished_at is None:
        return start_round(draft, "DiagnosisResumed", "There is no diagnosis yet.")
    running = running_template(case, facts)
    if running is not None and not status.stalled:
        if status.diagnosis.template_hash is None:
            seen = status.diagnosis.model_copy(update={"template_hash": running})
            return draft.set(diagnosis=seen)
        if status.diagnosis.template_hash != running:
            target = case.incident.target
            return start_round(draft, "TargetChanged", f"{target} runs another release now.")
    if _settled(case, status):
        return start_round(draft, "DiagnosisDue", _SETTLED)
    if case.now >= next_round(case, status):
        return start_round(draft, "DiagnosisDue", "Looking again, as the policy says.")
    return draft


def _settled(case: Case, status: IncidentStatus) -> bool:
    again = _again_at(status)
    return again is not None and case.now >= again


def _again_at(status: IncidentStatus) -> datetime | None:
    """Say from when on the queries see nothing but the running release."""
    return status.diagnosis.again_at if status.diagnosis else None


def next_round(case: Case, status: IncidentStatus) -> datetime:
    """Say when to diagnose again: counted from when people took over, not from older findings."""
    finished = status.diagnosis.finished_at if status.diagnosis else None
    known = [t for t in (finished, phase_since(status)) if t is not None]
    return max(known, default=case.now) + case.policy.rediagnose_every


def next_look(case: Case, status: IncidentStatus) -> datetime:
    """Say when to look again while people investigate."""
    times = (next_round(case, status), _again_at(status))
    return min(t for t in times if t is not None)


def _mended(case: Case, draft: Draft, facts: Facts) -> bool:
    if diagnose.target_problem(case, facts):
        return False
    chosen = diagnose.choose(case, facts)
    _, problem = diagnose.questions(case, chosen)
    now_wrong = chosen.problem or problem
    return now_wrong is None or now_wrong[:512] != draft.status.stalled


def await_approval(case: Case, draft: Draft, facts: Facts) -> Draft:
    """See whether what was offered still stands."""
    open_ = draft.status.open_proposals
    if not open_:
        return investigate(draft, "NothingToOffer", "No proposal is open.")
    if guard_moved(case):
        return _guard_changed(case, draft, facts)
    if isinstance(facts.workload(case.target.workload), Missing):
        return stalled(case, draft, diagnose.target_problem(case, facts) or "")
    if drifts := drift.drifts(case, facts):
        return drift.target_changed(case, draft, facts, drifts)
    if live := situation(case, facts):
        if _observed_by_now(live, open_):
            return start_round(
                draft,
                "DiagnosisResumed",
                "The controller has made the revision of the newest release: the history is whole.",
            )
        if _settled(case, draft.status):
            return start_round(draft, "DiagnosisDue", _SETTLED)
        if _to_be_planned_again(case, open_):
            return start_round(
                draft, "DiagnosisResumed", "What could not be planned is tried again."
            )
        draft = _judged_again(case, draft, live)
    if all(case.now >= p.expires_at for p in open_):
        return start_round(
            close_open(draft, ProposalState.EXPIRED),
            "ProposalExpired",
            f"Nobody approved {', '.join(p.id for p in open_)} in time. Diagnosing again.",
        )
    return draft


def _observed_by_now(live: Situation, open_: Sequence[Proposal]) -> bool:
    """Whether a proposal was planned on a history that was one short, and is not any more."""
    waited = any(g.name == _NOT_OBSERVED for p in open_ for g in p.guards)
    here = live.workload.template_hash
    known = any(r.template_hash == here for r in live.revisions)
    return waited and known and live.workload.observed


def _to_be_planned_again(case: Case, open_: Sequence[Proposal]) -> bool:
    """Whether a dry run failed, of a target that moved at that moment or of a server that was away."""
    found = (g for p in open_ for g in p.guards if g.name == propose.DRY_RUN)
    return any(g.until is not None and g.until <= case.now for g in found)


def _judged_again(case: Case, draft: Draft, live: Situation) -> Draft:
    """See what forbids open proposals now: it comes and goes by itself."""
    before = draft.status.proposals
    open_ = [p.state is ProposalState.PROPOSED for p in before]
    after = [refreshed(case, live, p) if o else p for p, o in zip(before, open_, strict=True)]
    moved = [new for old, new in zip(before, after, strict=True) if old.blocked != new.blocked]
    if not moved:
        return draft
    draft = draft.proposals(propose.recommended(after))
    for proposal in moved:
        if proposal.blocked:
            said = f"{proposal.id} cannot be approved for now: {blocks(proposal)}"
            draft = draft.add("ProposalBlocked", said, proposal=proposal.id)
        else:
            said = f"Nothing forbids it any more. {offered(proposal)}"
            draft = draft.add("ProposalUnblocked", said, proposal=proposal.id)
    return draft


def awaited(status: IncidentStatus) -> list[datetime]:
    """Say when what was offered is to be seen again: a guard ends by itself, a rate is settled."""
    times = [g.until for p in status.open_proposals for g in p.guards]
    return [t for t in (*times, _again_at(status)) if t is not None]


def _guard_changed(case: Case, draft: Draft, facts: Facts) -> Draft:
    proof, known = facts.proof(case.proof), draft.status.guard
    if isinstance(proof, Unavailable):
        return draft
    if proof.proven and known is not None and proof.fingerprint == known.fingerprint:
        # It moved and came back between two looks of the watch: what was shown still stands.
        return draft
    draft = record_guard(case, close_open(draft), facts)
    guard = draft.status.guard
    message = "The admission guard was changed: open proposals are void."
    if guard is None or not guard.proven:
        return investigate(
            draft, "ApprovalsUnguarded", f"{message} {guard.message if guard else ''}"
        )
    return start_round(draft, "ProposalSuperseded", f"{message} Diagnosing again for new ones.")
