"""The one decision: what an Incident needs to know next, and what follows from it.

``required`` and ``decide`` are called in turns by the shell: read what is required, decide, save,
act, again. Both are pure and total: any status, any facts, any requests give an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..api.incident import ExecutionState, IncidentStatus
from ..observed.needs import Facts, Question
from .case import Case
from .declaration import declare
from .effects import ChangeTarget
from .evolve import Draft
from .legible import legible_status
from .phases import PHASES
from .record.conditions import derive
from .requests import budget, handling, merging, trust
from .requests.reading import new_requests
from .requests.spec_changes import spec_changed
from .response import escalation, timers

__all__ = ["Decision", "decide", "required"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows."""

    status: IncidentStatus
    """To be saved if it differs from the one that was read, before the command is carried out."""
    command: ChangeTarget | None
    """A change of the target, allowed by a written intent."""
    wake_at: datetime | None
    """Look again then, if nothing happens before."""

    def intends(self, before: IncidentStatus) -> bool:
        """Whether it writes an intent: nothing can have been sent for that one yet."""
        execution = self.status.execution
        return (
            execution is not None
            and execution.state is ExecutionState.INTENT
            and execution != before.execution
        )


def required(case: Case, facts: Facts) -> frozenset[Question]:
    """Say what ``decide`` has to know. What is missing in ``facts`` is to be read.

    New requests need the proof that the guard stood when they were made; then they are recorded.
    """
    if _fresh(case):
        other = merging.duplicate_of(case)
        first: set[Question] = {case.target.workload, case.proof}
        return frozenset(first | {other} if other else first)
    if other := merging.duplicate_of(case):
        asked: frozenset[Question] = frozenset({other, case.proof})
        return asked | _required_by_phase(case, facts)
    return _required_by_phase(case, facts)


def _required_by_phase(case: Case, facts: Facts) -> frozenset[Question]:
    if new_requests(case.incident) and not trust.unknown(case, facts):
        return frozenset({case.proof})
    asked = trust.needs(case)
    phase = case.status.phase
    return asked if phase.ended else asked | PHASES[phase].needs(case, facts)


def decide(case: Case, facts: Facts) -> Decision:
    """Say what follows from the facts that ``required`` asked for."""
    draft = Draft(case.status, case.now)
    if _fresh(case):
        draft = declare(case, draft, facts)
        draft = merging.merged(case, draft, facts) or draft
    elif (requests := new_requests(case.incident)) and not trust.unknown(case, facts):
        # What spec says now comes first: a request may be about what it said before.
        spoken = spec_changed(case, draft) or draft
        draft = handling.answer(case, spoken, requests, doubt=trust.doubt(case, facts))
    elif ended := merging.merged(case, draft, facts):
        draft = ended
    elif changed := spec_changed(case, draft):
        draft = changed
    elif (struck := timers.struck(case, draft)) is not draft:
        draft = struck
    else:
        draft = PHASES[draft.status.phase].decide(case, draft, facts)
    draft = budget.crowded(escalation.waited(trust.noted(case, draft, facts)))
    status = legible_status(derive(case.incident, draft.status, case.now))
    wake_at = _wake_at(case, status)
    if trust.unknown(case, facts):
        # Requests wait for the guard, or a Postmortem does.
        soon = case.now + case.limits.retry
        wake_at = min(soon, wake_at or soon)
    return Decision(status, draft.change, wake_at)


def _fresh(case: Case) -> bool:
    return not case.status.timeline and not case.status.timeline_pages


def _wake_at(case: Case, status: IncidentStatus) -> datetime | None:
    """Say when to look again if nothing happens before: for its phase, or for the next update."""
    times = [
        PHASES[status.phase].wakes_at(case, status),
        *timers.wakes_at(case.seeing(status), status),
    ]
    return min((t for t in times if t is not None), default=None)
