"""The one decision: what an Incident needs to know next, and what follows from it.

``required`` and ``decide`` are called in turns by the shell: read what is required, decide, save,
act, again. Both are pure and total: any status, any facts, any requests give an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..api.common import Phase
from ..api.incident import ExecutionState, IncidentStatus
from ..questions import Facts, Question
from . import (
    answer,
    clocks,
    closing,
    declare,
    escalation,
    hearing,
    merging,
    remediate,
    rounds,
    trust,
    waiting,
    watch,
)
from .case import Case
from .conditions import derive
from .evolve import Draft
from .legible import legible_status
from .remediate import Command
from .requests import new_requests

__all__ = ["Decision", "decide", "required"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows."""

    status: IncidentStatus
    """To be saved if it differs from the one that was read, before the command is carried out."""
    command: Command | None
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
    seen = trust.needs(case)
    return seen if case.status.phase.ended else seen | _of_phase(case, facts)


def _of_phase(case: Case, facts: Facts) -> frozenset[Question]:
    match case.status.phase:
        case Phase.DECLARED:
            return frozenset({case.target.workload})
        case Phase.DIAGNOSING:
            return rounds.needs(case, facts)
        case Phase.INVESTIGATING:
            return waiting.needs_investigating(case)
        case Phase.AWAITING_APPROVAL:
            return waiting.needs_awaiting(case, facts)
        case Phase.REMEDIATING:
            return remediate.needs(case)
        case Phase.VERIFYING | Phase.MONITORING:
            return watch.needs(case)
        case Phase.RESOLVED:
            return closing.needs(case, facts)
        case _:
            return frozenset()


def decide(case: Case, facts: Facts) -> Decision:
    """Say what follows from the facts that ``required`` asked for."""
    draft = Draft(case.status, case.now)
    command: Command | None = None
    if _fresh(case):
        draft = declare.declare(case, draft, facts)
        draft = merging.merged(case, draft, facts) or draft
    elif (requests := new_requests(case.incident)) and not trust.unknown(case, facts):
        # What spec says now comes first: a request may be about what it said before.
        spoken = declare.spec_changed(case, draft) or draft
        draft = answer.answer(case, spoken, requests, doubt=trust.doubt(case, facts))
    elif ended := merging.merged(case, draft, facts):
        draft = ended
    elif changed := declare.spec_changed(case, draft):
        draft = changed
    elif (struck := clocks.struck(case, draft)) is not draft:
        draft = struck
    else:
        draft, command = _by_phase(case, draft, facts)
    draft = hearing.crowded(escalation.waited(trust.noted(case, draft, facts)))
    status = legible_status(derive(case.incident, draft.status, case.now))
    wake_at = _wake_at(case, status)
    if trust.unknown(case, facts):
        # Requests wait for the guard, or a Postmortem does.
        soon = case.now + case.limits.retry
        wake_at = min(soon, wake_at or soon)
    return Decision(status, command, wake_at)


def _by_phase(case: Case, draft: Draft, facts: Facts) -> tuple[Draft, Command | None]:
    match draft.status.phase:
        case Phase.DECLARED:
            return declare.begin(case, draft, facts), None
        case Phase.DIAGNOSING:
            return rounds.finish_round(case, draft, facts), None
        case Phase.INVESTIGATING:
            return waiting.investigate_on(case, draft, facts), None
        case Phase.AWAITING_APPROVAL:
            return waiting.await_approval(case, draft, facts), None
        case Phase.REMEDIATING:
            return remediate.decide(case, draft, facts)
        case Phase.VERIFYING:
            return watch.decide_verifying(case, draft, facts), None
        case Phase.MONITORING:
            return watch.decide_monitoring(case, draft, facts), None
        case Phase.RESOLVED:
            return closing.decide(case, draft, facts), None
        case Phase.CLOSED | Phase.DISMISSED | Phase.MERGED:
            return draft, None


def _fresh(case: Case) -> bool:
    return not case.status.timeline and not case.status.timeline_pages


def _wake_at(case: Case, status: IncidentStatus) -> datetime | None:
    """Say when to look again if nothing happens before: for its phase, or for the next update."""
    times = [_phase_wakes_at(case, status), *clocks.wakes_at(case.seeing(status), status)]
    return min((t for t in times if t is not None), default=None)


def _phase_wakes_at(case: Case, status: IncidentStatus) -> datetime | None:
    soon = case.now + case.limits.retry
    match status.phase:
        case Phase.DECLARED | Phase.DIAGNOSING:
            return soon
        case Phase.INVESTIGATING:
            if status.stalled or (status.guard and not status.guard.proven):
                return soon
            return waiting.next_look(case, status)
        case Phase.AWAITING_APPROVAL:
            open_ = [p.expires_at for p in status.open_proposals]
            if waiting.guard_moved(case):
                return soon
            return min([max(open_, default=soon), *waiting.awaited(status)])
        case Phase.REMEDIATING:
            return case.now + case.limits.rollout_poll
        case Phase.VERIFYING:
            return status.verification.next_at if status.verification else soon
        case Phase.MONITORING:
            return status.monitoring.next_at if status.monitoring else soon
        case Phase.RESOLVED:
            return closing.wakes_at(status)
        case Phase.DISMISSED | Phase.MERGED:
            return closing.left_at(status)
        case _:
            return None
