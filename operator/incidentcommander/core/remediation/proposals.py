"""From what fits to proposals: each with its diff, its guards and the id that is approved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ...actions import Situation
from ...api.common import Confidence, GuardVerdict, OnFailure, ProposalState
from ...api.incident import (
    GuardFinding,
    Proposal,
    ProposalTarget,
    VerificationPlan,
)
from ...api.runbook import Runbook
from ...command_line import Line, texts
from ...observed.needs import Facts
from ...observed.workloads import DryRun, GuardProof, Missing, Refused, Unavailable
from ..case import Case
from ..diagnosis.sampling import verification_plan
from ..wording import annotate, blocks, cut, sentences
from . import identity
from .candidates import Candidate, without_plan
from .circuit_breaker import DIFF_CUT, DOUBTS, OLDER, Planned, block, breaker, within
from .diff import Shown, diff
from .reverts import promise
from .situation import situation
from .unplanned import is_unplanned

__all__ = ["DRY_RUN", "offer", "offered", "recommended"]

DRY_RUN: Final = "dryRun"


def offer(
    case: Case, facts: Facts, planned: Sequence[Candidate], runbook: Runbook, proof: GuardProof
) -> list[Proposal]:
    """Turn planned remediations into proposals; the first wholly proven one is recommended."""
    live = situation(case, facts)
    if live is None:
        return []

    def one(candidate: Candidate) -> Proposal:
        found = _plan(case, facts, live, candidate, verification_plan(runbook))
        # It is summed up below, with the others: what cannot be is no plan.
        identity.digest_of(case, found, live, proof.fingerprint)
        return found

    plans = [p for c in planned if (p := _apart(one, c, live)) is not None]
    return recommended(
        p.model_copy(
            update={"approve_command": annotate(case.incident.metadata, "approve", p.id).field}
        )
        for p in identity.named(case, plans, live, proof.fingerprint)
    )


def _apart(
    one: Callable[[Candidate], Proposal], candidate: Candidate, live: Situation
) -> Proposal | None:
    """Make one proposal; what goes wrong in it stands in it, and costs the others nothing."""
    try:
        return one(candidate)
    except Exception as error:  # noqa: BLE001 - it is one proposal; the others are offered
        bare = without_plan(candidate, live, error)
    try:
        return one(bare)
    except Exception:  # noqa: BLE001 - there is not even a way to say it
        return None


def recommended(proposals: Iterable[Proposal]) -> list[Proposal]:
    """Recommend the first open one that is wholly proven and that nothing speaks against."""
    found: list[Proposal] = []
    for proposal in proposals:
        fit = (
            proposal.state is ProposalState.PROPOSED
            and proposal.confidence is Confidence.PROVEN
            and not proposal.blocked
            and not any(g.name in DOUBTS for g in proposal.guards)
            and not any(p.recommended for p in found)
        )
        found.append(proposal.model_copy(update={"recommended": fit}))
    return found


def _plan(
    case: Case,
    facts: Facts,
    live: Situation,
    candidate: Candidate,
    verification: VerificationPlan,
) -> Proposal:
    """Put a proposal together, all but its id."""
    plan, workload = candidate.plan, live.workload
    shown, guard = _diff(case, facts, candidate)
    # What concerns the diff is first: the list is cut at its end.
    guards = [
        *([guard] if guard else []),
        *plan.guards,
        *_guards(candidate, live),
        *breaker(case, live, _to_judge(candidate)),
    ]
    return Proposal(
        id="",
        remediation=candidate.name,
        action=candidate.action,
        parameters=dict(plan.parameters),
        depends_on=dict(plan.depends_on),
        state=ProposalState.PROPOSED,
        confidence=candidate.confidence,
        risk=candidate.risk,
        summary=cut(plan.summary, 512),
        reason=cut(f"{candidate.confidence}: {candidate.because}. {plan.reason}", 512),
        target=ProposalTarget(kind=workload.kind, name=workload.name, uid=workload.uid),
        diff=shown,
        command=plan.command,
        approve_command="",
        guards=within(guards),
        verification=verification,
        on_failure=candidate.on_failure,
        expires_at=case.now + case.policy.expire_after,
        revert_of=candidate.revert_of,
    )


def _to_judge(candidate: Candidate) -> Planned:
    command, revert_of = candidate.plan.command, candidate.revert_of
    return Planned(candidate.action, candidate.confidence, command, revert_of)


def _guards(candidate: Candidate, live: Situation) -> list[GuardFinding]:
    """Say what speaks against it, whatever the action."""
    guards = []
    if candidate.older_trouble:
        message = "The trouble began before this release: taking it back may not help."
        guards.append(GuardFinding(name=OLDER, verdict=GuardVerdict.WARN, message=message))
    if candidate.on_failure is OnFailure.REVERT and not is_unplanned(candidate.plan.parameters):
        guards.append(promise(candidate.action, candidate.plan, live))
    return guards


def _diff(case: Case, facts: Facts, candidate: Candidate) -> tuple[str, GuardFinding | None]:
    if candidate.dry_run is None:
        return candidate.plan.instructions, None
    match facts.dry_run(candidate.dry_run):
        case DryRun(before=before, after=after):
            shown = diff(before, after, case.incident.metadata.uid)
            return shown.text, _cut_short(shown, candidate.plan.look)
        case Refused(message=message):
            return "", block(DRY_RUN, f"The API server refuses this change: {message}")
        case Missing(what=what):
            return "", block(DRY_RUN, f"{what} is gone.")
        case Unavailable(message=message):
            again = case.now + case.limits.retry
            return "", block(
                DRY_RUN,
                f"What it would change could not be found out: {message} Tried again at "
                f"{again:%H:%M:%S} UTC.",
                again,
            )


def _cut_short(shown: Shown, look: Line | None) -> GuardFinding | None:
    """Say that the diff hides something: nobody should approve what cannot be seen."""
    if not shown.cut:
        return None
    what = (
        "what runs and with which rights is in it, other changes are not all"
        if not shown.cut_early
        else "even of what runs and with which rights some is left out"
    )
    message = f"The diff is too long to be shown: {what}. Look at all of it before you approve"
    text = f"{message}: {look}" if look else f"{message}."
    return GuardFinding(
        name=DIFF_CUT,
        verdict=GuardVerdict.WARN,
        message=cut(text, 512),
        commands=texts([look] if look else []),
    )


def offered(proposal: Proposal) -> str:
    """Say what is offered: what it does, how sure, and the command that approves it."""
    if proposal.blocked:
        return sentences([proposal.summary, f"It is blocked: {blocks(proposal)}"])
    mark = "recommended" if proposal.recommended else str(proposal.confidence).lower()
    warned = [g.name for g in proposal.guards if g.verdict is GuardVerdict.WARN]
    mind = f"; mind {', '.join(warned)}" if warned else ""
    return (
        f"{proposal.summary} ({mark}, risk {proposal.risk}{mind}). Until "
        f"{proposal.expires_at:%H:%M:%S} UTC: {proposal.approve_command}"
    )
