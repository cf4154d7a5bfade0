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
from .effects import DraftPostmortem, Effect, MarkClosed
from .evolve import Draft
from .legible import legible_status
from .phases import PHASES
from .postmortem.owed import draft_due
from .record.closed_label import label_due
from .record.conditions import derive
from .record.timeline_pages import page_due
from .requests import budget, handling, merging, trust
from .requests.reading import cleanup, new_requests
from .requests.spec_changes import pending, spec_changed
from .response import escalation, timers

__all__ = ["Decision", "decide", "required"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows."""

    status: IncidentStatus
    """To be saved if it differs from the one that was read, before the effect is carried out."""
    effect: Effect | None
    """What follows outside of the status."""
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
    asked = trust.needs(case) | (frozenset({case.proof}) if pending(case) else frozenset())
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
        spoken = spec_changed(case, draft, facts) or draft
        draft = handling.answer(case, spoken, requests, doubt=trust.doubt(case, facts))
    elif ended := merging.merged(case, draft, facts):
        draft = ended
    elif changed := spec_changed(case, draft, facts):
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
    effect = draft.change or (_housekeeping(case) if status == case.status else None)
    return Decision(status, effect, wake_at)


def _housekeeping(case: Case) -> Effect | None:
    """Say what is to be put in order beside a status that stands: one thing after the other."""
    incident = case.incident
    if draft_due(incident):
        return DraftPostmortem()
    rest = cleanup(incident) or page_due(incident, case.limits.page_at)
    return rest or (MarkClosed() if label_due(case) else None)


def _fresh(case: Case) -> bool:
    return not case.status.timeline and not case.status.timeline_pages


def _wake_at(case: Case, status: IncidentStatus) -> datetime | None:
    """Say when to look again if nothing happens before: for its phase, or for the next update."""
    times = [
        PHASES[status.phase].wakes_at(case, status),
        *timers.wakes_at(case.seeing(status), status),
        budget.looks_again_at(status),
    ]
    return min((t for t in times if t is not None), default=None)
