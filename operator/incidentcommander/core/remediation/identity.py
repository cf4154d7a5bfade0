"""What a proposal stands for, and how it is called.

Its digest is over all that is approved, whole: nobody finds two contents with one. Its id is what
people paste; its digits are drawn, so that no content can be made to fit them, and stand for one
digest only within an Incident. Before anything is changed the digest is computed again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from typing import Final

from ...actions import Situation, all_actions, traits_of
from ...actions.content import content
from ...api.incident import IncidentStatus, Proposal
from ...observed.workloads import digest
from ..case import Case
from ..proposal_ids import digits_of
from .unplanned import is_unplanned

__all__ = ["digest_of", "named", "unlike"]

_DIGITS: Final = 8


def digest_of(case: Case, proposal: Proposal, live: Situation, guard: str) -> str:
    """Sum up all that somebody who approves this proposal approves."""
    action, target = all_actions()[proposal.action], proposal.target
    return digest(
        {
            "incident": case.incident.metadata.uid,
            "attempt": case.status.attempt,
            "remediation": proposal.remediation,
            "revertOf": proposal.revert_of,
            "action": proposal.action,
            "target": [str(target.kind), target.name, target.uid],
            "parameters": dict(proposal.parameters),
            "dependsOn": dict(proposal.depends_on),
            "change": None
            if is_unplanned(proposal.parameters)
            else content(action, proposal.parameters, live),
            "verification": json.loads(proposal.verification.model_dump_json()),
            "onFailure": str(proposal.on_failure),
            "guard": guard,
        }
    )


def unlike(case: Case, proposal: Proposal, live: Situation) -> str | None:
    """Say so where what would be done now is not what was shown, or not what was approved."""
    guard, approval = case.status.guard, case.status.approval
    now = digest_of(case, proposal, live, guard.fingerprint if guard else "")
    if approval and approval.proposal == proposal.id and approval.digest != proposal.digest:
        return "what was approved under this id is another plan"
    if now == proposal.digest:
        return None
    if traits_of(proposal.action).rolls_back:
        return "the template that it would write is another one"
    return "what it would write is another than what was shown"


def named(case: Case, plans: Iterable[Proposal], live: Situation, guard: str) -> list[Proposal]:
    """Give each plan its digest and its id: the one that it had, else one that none ever had."""
    known = {p.digest: p.id for p in case.status.proposals if p.digest}
    taken, found = _taken(case.status), list[Proposal]()
    for plan in plans:
        whole = digest_of(case, plan, live, guard)
        identity = known.get(whole) or _drawn(case, plan.remediation, whole, taken)
        taken.add(digits_of(identity))
        found.append(plan.model_copy(update={"id": identity, "digest": whole}))
    return found


def _drawn(case: Case, remediation: str, whole: str, taken: set[str]) -> str:
    draws = (case.drawn("proposal", whole, str(n), digits=_DIGITS) for n in count())
    return f"{remediation}-{next(d for d in draws if d not in taken)}"


def _taken(status: IncidentStatus) -> set[str]:
    named_ever = [e.proposal or "" for e in status.timeline] + [p.id for p in status.proposals]
    return {*status.issued, *(digits_of(each) for each in named_ever)}
