"""AwaitingApproval: what was shown must stay true.

Drift of the target, of the guard, and time void open proposals.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ...actions import Situation
from ...api.common import ProposalState
from ...api.incident import IncidentStatus, Proposal
from ...observed.needs import Facts, Need
from ...observed.workloads import Missing, Unavailable
from ..case import Case
from ..diagnosis import findings
from ..evolve import Draft
from ..remediation import proposals, stale_proposals
from ..remediation.circuit_breaker import refreshed, unshown
from ..remediation.proposals import offered
from ..remediation.situation import needs_of, situation
from ..transitions import close_open, investigate, record_guard, stalled, start_round
from ..wording import blocks
from .settled import SETTLED, is_settled, settled_at

__all__ = ["decide", "needs", "wakes_at"]

_NOT_OBSERVED: Final = "NotObserved"


def needs(case: Case, facts: Facts) -> frozenset[Need]:
    """Say what open proposals have to be held against."""
    open_ = case.status.open_proposals
    asked: set[Need] = {case.target.workload, case.target.revisions, *needs_of(case, open_)}
    if _guard_moved(case):
        asked.add(case.proof)
    return frozenset(asked) | stale_proposals.needs(case, facts)


def _guard_moved(case: Case) -> bool:
    """Whether the guard, as watched, is another than when the proposals were made."""
    guard = case.status.guard
    return (
        guard is not None
        and case.guard_fingerprint is not None
        and case.guard_fingerprint != guard.fingerprint
    )


def decide(case: Case, draft: Draft, facts: Facts) -> Draft:
    """See whether what was offered still stands."""
    open_ = draft.status.open_proposals
    if not open_:
        return investigate(draft, "NothingToOffer", "No proposal is open.")
    if _guard_moved(case):
        return _guard_changed(case, draft, facts)
    if isinstance(facts.workload(case.target.workload), Missing):
        return stalled(case, draft, findings.target_problem(case, facts) or "")
    if drifts := stale_proposals.drifts(case, facts):
        return stale_proposals.target_changed(case, draft, facts, drifts)
    if live := situation(case, facts):
        if _observed_by_now(live, open_):
            return start_round(
                draft,
                "DiagnosisResumed",
                "The controller has made the revision of the newest release: the history is whole.",
            )
        if is_settled(case, draft.status):
            return start_round(draft, "DiagnosisDue", SETTLED)
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
    found = (g for p in open_ for g in p.guards if g.name == proposals.DRY_RUN)
    return any(g.until is not None and g.until <= case.now for g in found)


def _judged_again(case: Case, draft: Draft, live: Situation) -> Draft:
    """See what forbids open proposals now: it comes and goes by itself."""
    before = draft.status.proposals
    new = {p.id: unshown(case, live, p) for p in draft.status.open_proposals}
    after = [refreshed(case, live, p, new[p.id]) if p.id in new else p for p in before]
    moved = [p for old, p in zip(before, after, strict=True) if old.blocked != p.blocked]
    if not moved and not any(new.values()):
        return draft
    draft = draft.proposals(proposals.recommended(after))
    for proposal in moved:
        if proposal.blocked:
            said = f"{proposal.id} cannot be approved for now: {blocks(proposal)}"
            draft = draft.add("ProposalBlocked", said, proposal=proposal.id)
        else:
            said = f"Nothing forbids it any more. {offered(proposal)}"
            draft = draft.add("ProposalUnblocked", said, proposal=proposal.id)
    return draft


def _awaited(status: IncidentStatus) -> list[datetime]:
    """Say when what was offered is to be seen again: a guard ends by itself, a rate is settled."""
    times = [g.until for p in status.open_proposals for g in p.guards]
    return [t for t in (*times, settled_at(status)) if t is not None]


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


def wakes_at(case: Case, status: IncidentStatus) -> datetime:
    """Say when an offer expires, or is to be seen again."""
    soon = case.now + case.limits.retry
    if _guard_moved(case):
        return soon
    open_ = [p.expires_at for p in status.open_proposals]
    return min([max(open_, default=soon), *_awaited(status)])
