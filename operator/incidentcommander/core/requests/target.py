"""Which workload the Incident is about, when ``spec`` and the world say otherwise.

What was approved, or fixed by people, is bound to one workload by its uid until the Incident is
diagnosed again. Nothing here changes a phase for another reason than that.
"""

from __future__ import annotations

from ...api.common import ProposalState
from ...api.incident import FREE_PHASES
from ...observed.needs import Facts
from ...observed.workloads import Workload
from ..case import Case
from ..evolve import Draft
from ..transitions import another_attempt

__all__ = ["another_workload", "given_up", "pinned", "retargeted"]


def retargeted(case: Case) -> str | None:
    """Say so where ``spec.target`` was changed since people were last shown anything."""
    status, now = case.status, str(case.incident.spec.target)
    shown = status.display.target if status.display else now
    if status.phase not in FREE_PHASES or shown == now:
        return None
    return (
        f"spec.target was changed meanwhile, from {shown} to {now}: whatever was offered or said "
        f"for {shown} is void; look again, then say it again"
    )


def another_workload(case: Case, facts: Facts) -> str | None:
    """Say so where the workload of that name is not the one that all this is about."""
    bound, live = case.status.bound, facts.workload(case.target.workload)
    if bound is None or not bound.uid or not isinstance(live, Workload) or live.uid == bound.uid:
        return None
    return f"{case.where(live)} was deleted and made anew (uid {bound.uid} before, {live.uid} now)"


def given_up(case: Case, draft: Draft, facts: Facts) -> Draft | None:
    """End what concerned a workload that is no more; None where it is still that one."""
    if (what := another_workload(case, facts)) is None:
        return None
    named = draft.status.approval or draft.status.execution
    if named is not None:
        draft = draft.proposal(named.proposal, state=ProposalState.FAILED, recommended=False)
    return another_attempt(
        draft,
        "TargetReplaced",
        f"{what}. What was done concerned the one before: the new one is neither taken for it nor "
        "changed.",
        proposal=named.proposal if named else None,
    )


def pinned(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Note the uid of what people fixed, at the first look at it."""
    bound, live = draft.status.bound, facts.workload(case.target.workload)
    if bound is None or bound.uid or not isinstance(live, Workload):
        return draft
    return draft.set(target=bound.model_copy(update={"uid": live.uid}))
