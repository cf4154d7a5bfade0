"""The way back from a change: by itself where that was approved along, else as a proposal."""

from __future__ import annotations

from dataclasses import replace

from ...actions import Plan, Situation, all_actions, traits_of
from ...api.common import GuardVerdict, OnFailure, ProposalState
from ...api.incident import GuardFinding, Proposal
from ..case import Case
from ..wording import cut
from . import identity

__all__ = ["approved_revert", "promise", "revert_name", "revert_plan", "same_workload"]

"""Actions that `onFailure: Revert` takes back without another approval. Never an undo: that would
release the bad version again."""


def revert_name(taken: Proposal) -> str:
    """Name it so that nobody takes it for the remediation itself."""
    return f"revert-{taken.remediation}"[:40].rstrip("-")


def revert_plan(taken: Proposal, where: Situation) -> Plan | None:
    """Plan to take a proposal's change back; None where nothing leads back, or nothing is to do.

    The release that a rollback left is known to fail: that, and the circle, are said, not forbidden,
    since to stop at a rollback that made things worse must be possible.
    """
    plan = all_actions()[taken.action].reversal(taken.parameters, where)
    if plan is None or not plan.parameters or any(g.name == "AlreadyThere" for g in plan.guards):
        return None
    said = {"SeenFailing", "Loop"}
    guards = tuple(
        g.model_copy(update={"verdict": GuardVerdict.WARN}) if g.name in said else g
        for g in plan.guards
    )
    return replace(
        plan,
        guards=guards,
        summary=cut(f"Revert {taken.id}: {plan.summary}", 512),
        reason=f"It takes {taken.id} back.",
    )


def same_workload(proposal: Proposal, live: Situation) -> bool:
    """Whether that is the very workload that the proposal is for: not one of the same name."""
    target, workload = proposal.target, live.workload
    return (target.kind, target.name, target.uid) == (workload.kind, workload.name, workload.uid)


def approved_revert(case: Case, live: Situation, taken: Proposal) -> Proposal | None:
    """Give the revert that was approved with a proposal, if it can still be done as approved.

    It needs no approval of its own: it is pinned by the approved id, since the value from before
    stands in what that plan depends on.
    """
    if taken.on_failure is not OnFailure.REVERT or taken.revert_of:
        return None
    if not same_workload(taken, live):
        return None
    plan = revert_plan(taken, live) if traits_of(taken.action).reverts_to else None
    if plan is None or any(g.verdict is GuardVerdict.BLOCK for g in plan.guards):
        return None
    return _reverting(case, live, taken, plan)


def _reverting(case: Case, live: Situation, taken: Proposal, plan: Plan) -> Proposal:
    guard = case.status.guard.fingerprint if case.status.guard else ""
    back = taken.model_copy(
        update={
            "remediation": revert_name(taken),
            "parameters": dict(plan.parameters),
            "depends_on": dict(plan.depends_on),
            "state": ProposalState.APPROVED,
            "recommended": False,
            "summary": cut(plan.summary, 512),
            "reason": cut(f"{taken.id} was approved with onFailure: Revert.", 512),
            "diff": "",
            "command": plan.command,
            "approve_command": "",
            "guards": list(plan.guards),
            "on_failure": OnFailure.ESCALATE,
            "revert_of": taken.id,
        }
    )
    return identity.named(case, [back], live, guard)[0]


def promise(action: str, plan: Plan, live: Situation) -> GuardFinding:
    """Say what `onFailure: Revert` means for a plan: part of what is approved."""
    traits = traits_of(action)
    if traits.reverts_to and all_actions()[action].reversal(plan.parameters, live):
        back = traits.reverts_to.format_map(plan.parameters)
        return GuardFinding(
            name="RevertsOnFailure",
            verdict=GuardVerdict.CLEAR,
            message=f"If verification fails, it is taken back to {back} at once: that is approved "
            "along with it.",
        )
    what = traits.stays or f"{action} is not taken back"
    return GuardFinding(
        name="NoRevert",
        verdict=GuardVerdict.WARN,
        message=f"The Runbook says onFailure: Revert, but {what} by itself. If verification fails, "
        "people decide.",
    )
