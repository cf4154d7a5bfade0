"""What forbids any further change of the target for now: the loop breaker.

All of it stands in the statuses of Incidents, so that it survives restarts and only the operator
writes it: attempts, changes and who took them back. Other Incidents of the same target are known as
this process last saw them; what they write, the patch's tests find. What the target says of itself
(its marker, the managers of its fields) forbids nothing: whoever may edit it may write that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ...actions import SYNCHRONISERS, Situation, all_actions, traits_of
from ...api.base import format_duration
from ...api.common import Confidence, GuardVerdict
from ...api.incident import MAX_GUARDS, GuardFinding, Proposal
from ...command_line import Name, as_json, fitted, kubectl, texts
from ...observed.managed_fields import SOMEBODY, manager_text
from ..case import Case
from ..wording import resolve

__all__ = [
    "DIFF_CUT",
    "DOUBTS",
    "OLDER",
    "Planned",
    "block",
    "blocks_now",
    "breaker",
    "refreshed",
    "unshown",
    "within",
]

_ATTEMPTS: Final = "AttemptsUsedUp"
_WINDOW: Final = "TooManyChanges"
_COOLDOWN: Final = "Cooldown"
_ANOTHER: Final = "AnotherIncident"
_SELF_HEAL: Final = "SelfHeal"
_OURS: Final = frozenset({_ATTEMPTS, _WINDOW, _COOLDOWN, _ANOTHER, _SELF_HEAL})

OLDER: Final = "OlderThanRelease"
DIFF_CUT: Final = "DiffCut"
_CIRCLE: Final = "Loop"
DOUBTS: Final = frozenset(
    {
        OLDER,
        DIFF_CUT,
        _CIRCLE,
        "KedaOwned",
        "LowersAutoscaler",
        "RevisionEdited",
        "RevisionUnseen",
        "ScaledToZero",
    }
)
"""Warnings with which nothing is recommended."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What the breaker has to know of a remediation."""

    action: str
    confidence: Confidence
    command: str
    revert_of: str | None = None


def breaker(case: Case, live: Situation, planned: Planned) -> list[GuardFinding]:
    """Judge one remediation, whatever it changes.

    What people do by hand is theirs to judge. To take a change back is no further change: neither
    attempts nor cooldown stand in its way.
    """
    if traits_of(planned.action).by_people:
        return []
    found: list[GuardFinding | None] = [_others(case), _self_heal(case)]
    if planned.revert_of is None:
        found = [
            _attempts(case),
            _window(case, live),
            _cooldown(case, live, planned.command),
            *found,
        ]
    return [f for f in found if f is not None]


def within(guards: Sequence[GuardFinding]) -> list[GuardFinding]:
    """Keep as many as fit: what forbids, then what speaks against recommending it, then one of each.

    Others may add objects that each warn; none of them pushes that out of sight.
    """
    if len(guards) <= MAX_GUARDS:
        return list(guards)
    first = {g.name: place for place, g in reversed(list(enumerate(guards)))}

    def rank(numbered: tuple[int, GuardFinding]) -> tuple[bool, bool, bool]:
        place, guard = numbered
        doubt = guard.name in DOUBTS
        return guard.verdict is not GuardVerdict.BLOCK, not doubt, first[guard.name] != place

    return [guard for _, guard in sorted(enumerate(guards), key=rank)][:MAX_GUARDS]


def refreshed(
    case: Case, live: Situation, proposal: Proposal, new: Sequence[GuardFinding] = ()
) -> Proposal:
    """Judge an open proposal again: what forbade it may be over. ``new``: what is ``unshown``."""
    kept = [g for g in proposal.guards if g.name not in _OURS]
    now = breaker(case, live, _planned(proposal))
    return proposal.model_copy(update={"guards": within([*kept, *new, *now])})


def unshown(case: Case, live: Situation, proposal: Proposal) -> list[GuardFinding]:
    """Give what the plan would be warned of now and was not when it was offered."""
    offered = case.runbook.spec.remediation if case.runbook else []
    remediation = next((r for r in offered if r.name == proposal.remediation), None)
    action = all_actions().get(proposal.action)
    if (
        remediation is None
        or remediation.parameters is None
        or action is None
        or proposal.revert_of
    ):
        return []
    try:
        found = action.plan(remediation.parameters, live).guards
    except Exception:  # noqa: BLE001 - what cannot be planned now is said at the next round
        return []
    known = {g.name for g in proposal.guards}
    return [g for g in found if g.name not in known and g.verdict is not GuardVerdict.CLEAR]


def blocks_now(case: Case, live: Situation, proposal: Proposal) -> str | None:
    """Say what forbids an approved proposal at the last moment, if anything does."""
    now = breaker(case, live, _planned(proposal))
    return next((g.message for g in now if g.verdict is GuardVerdict.BLOCK), None)


def _planned(proposal: Proposal) -> Planned:
    return Planned(proposal.action, proposal.confidence, proposal.command, proposal.revert_of)


def _attempts(case: Case) -> GuardFinding | None:
    made, most = case.status.remediations, case.policy.max_attempts
    if made < most:
        return None
    done = resolve(case.incident.metadata)
    return block(
        _ATTEMPTS,
        f"{made} changes were made for this Incident, the policy allows {most} "
        f"(approvals.maxAttempts). Fix it by other means, then: {done}",
        commands=texts([done]),
    )


def _window(case: Case, live: Situation) -> GuardFinding | None:
    """Stop circles that several Incidents make of the same target, each within its own limit."""
    since, most = case.now - case.policy.window, case.policy.max_attempts
    made = [(name, c.at) for name, c in case.changes_of(live.workload.uid) if c.at > since]
    me = case.incident.metadata.name
    others = [at for name, at in made if name != me]
    mine = [at for name, at in made if name == me]
    if not others or len(others) + len(mine) < most:
        return None
    until = sorted([*others, *mine])[-most] + case.policy.window
    return block(
        _WINDOW,
        f"This target was changed {len(others) + len(mine)} times within "
        f"{format_duration(case.policy.window)}, for {len({name for name, _ in made} | {me})} "
        "Incidents; the "
        f"policy allows {most} (approvals.maxAttempts, approvals.window). It does not hold: people "
        f"investigate. It can be approved again from {until:%H:%M:%S} UTC on.",
        until,
    )


def _cooldown(case: Case, live: Situation, command: str) -> GuardFinding | None:
    """Leave time between two changes of a target, whichever Incidents they were for."""
    workload = live.workload
    made = [
        (c.at, name, c)
        for name, c in case.changes_of(workload.uid)
        if not traits_of(c.action).by_people
    ]
    if not made:
        return None
    at, name, change = max(made, key=lambda each: each[0])
    if (until := at + case.policy.cooldown) <= case.now:
        return None
    return block(
        _COOLDOWN,
        f"{workload.kind} {workload.name} was changed at {at:%H:%M:%S} UTC by {change.proposal} of "
        f"Incident {name}; the policy leaves {format_duration(case.policy.cooldown)} between two changes "
        f"(approvals.cooldown). It can be approved from {until:%H:%M:%S} UTC on; sooner by hand: "
        f"{command}",
        until,
        commands=[command],
    )


def _others(case: Case) -> GuardFinding | None:
    """Judge the other Incidents of the target: one that acts before those that wait."""
    meta = case.incident.metadata
    acting = next((other for other in case.neighbours if other.acting), None)
    if acting is not None:
        look = kubectl(meta.namespace, "describe", "incident", Name(acting.name))
        return block(
            _ANOTHER,
            f"Incident {acting.name} is acting on this target: {acting.acting} ({acting.phase}). "
            f"Wait for its outcome, which clears this by itself. To see it: {look}",
            commands=texts([look]),
        )
    waiting = sorted(n.name for n in case.neighbours if not n.phase.ended)
    if not waiting:
        return None
    patch = as_json({"spec": {"duplicateOf": {"name": waiting[0]}}})
    words = ("patch", "incident", Name(meta.name), "--type=merge", "-p", patch)
    merge = texts([kubectl(meta.namespace, *words)])
    text = f"{', '.join(waiting)}: open for the same target. If it is the same trouble, merge this"
    return GuardFinding(
        name=_ANOTHER,
        verdict=GuardVerdict.WARN,
        message=fitted(f"{text} one: {''.join(merge)}", 512, merge),
        commands=merge,
    )


def _self_heal(case: Case) -> GuardFinding | None:
    """Tell who took the last change back, as far as that is known: it may do so again.

    It never forbids anything: how a client calls itself is its own choice, so that nobody knows
    whether that was really what synchronises by itself.
    """
    managers = case.status.fought_by
    if not managers:
        return None
    newest = managers[-1]
    known = SYNCHRONISERS.get(newest)
    who = f"; {manager_text(newest)} wrote it" if newest != SOMEBODY else ""
    what = f" So does {known}, which writes again by itself what it once wrote." if known else ""
    return GuardFinding(
        name=_SELF_HEAL,
        verdict=GuardVerdict.WARN,
        message=fitted(
            f"The last change was taken back{who}.{what} Make sure that it does not happen again: "
            "suspend what synchronises the target, or land the change where that reads from.",
            512,
        ),
    )


def block(
    name: str, message: str, until: datetime | None = None, commands: Sequence[str] = ()
) -> GuardFinding:
    """Forbid a proposal.

    Parameters
    ----------
    until
        When that is over by itself.
    commands
        Those that the message has.
    """
    return GuardFinding(
        name=name,
        verdict=GuardVerdict.BLOCK,
        message=fitted(message, 512, commands),
        commands=list(commands),
        until=until,
    )
