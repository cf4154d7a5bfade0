"""Monitoring: sample when due; a relapse reopens the loop, enough time with good samples ends it."""

from __future__ import annotations

from datetime import datetime

from ...actions import traits_of
from ...api.base import format_duration
from ...api.common import Phase, Verdict
from ...api.incident import (
    IncidentStatus,
    Monitoring,
    PostmortemRef,
    Sample,
)
from ...observed.needs import Facts
from ..case import Case
from ..communication import internal_updates
from ..diagnosis import sampling
from ..diagnosis.findings import remembered_failing
from ..evolve import Draft
from ..remediation import external_changes
from ..requests import target
from ..transitions import next_attempt, start_monitoring
from .sampling import due, needs, note_change, plan_of

__all__ = ["decide", "needs", "wakes_at"]


def decide(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Watch: a relapse reopens the loop, enough time with good samples ends it."""
    monitoring = draft.status.monitoring
    if monitoring is None:
        return start_monitoring(case, draft, "MonitoringRestarted", "The watch begins anew.")
    if not due(case, monitoring):
        return draft
    if gone := target.given_up(case, draft, facts):
        return gone
    draft = target.pinned(case, draft, facts)
    if changed := external_changes.changed_by_others(case, draft, facts):
        return changed
    plan = plan_of(case)
    seen, evidence = sampling.sample(case, facts, plan)
    watched = _counted(monitoring, seen, case.now + plan.interval)
    draft = note_change(draft, monitoring.last, seen, evidence, "MonitoringSampled").set(
        monitoring=watched
    )
    if watched.failures >= plan.failures:
        return _relapsed(case, draft, facts, watched)
    if case.now >= watched.until and watched.good and watched.failures == 0:
        return _resolved(case, draft, watched)
    return draft


def _counted(monitoring: Monitoring, seen: Sample, next_at: datetime) -> Monitoring:
    """Count a sample: only a good one takes bad ones back, what cannot be told counts as neither."""
    bad, good = seen.verdict is Verdict.FAILED, seen.verdict is Verdict.PASSED
    failures = monitoring.failures + 1 if bad else (0 if good else monitoring.failures)
    counted = {"good": monitoring.good + good, "failures": failures}
    return monitoring.model_copy(update={"last": seen, "next_at": next_at, **counted})


def _relapsed(case: Case, draft: Draft, facts: Facts, watched: Monitoring) -> Draft:
    draft = draft.set(failing_templates=remembered_failing(case, facts))
    if draft.status.milestones is not None:
        # It was not mitigated, as it turned out: no duration ends there.
        anew = draft.status.milestones.model_copy(update={"mitigated_at": None})
        draft = draft.set(milestones=anew)
    last = watched.last.message if watched.last else ""
    said = f"It came back: {watched.failures} bad samples in a row: {last}"
    return next_attempt(case, draft, "RelapseDetected", said)


def _resolved(case: Case, draft: Draft, watched: Monitoring) -> Draft:
    started = draft.status.milestones.started_at if draft.status.milestones else None
    minutes = round((case.now - started).total_seconds() / 60) if started else 0
    owed = _postmortem_owed(case, draft)
    due = case.now + case.policy.postmortem_within
    after = (
        f"A Postmortem is owed by {due:%Y-%m-%d %H:%M} UTC, before it can be closed."
        if owed
        else "The policy needs no Postmortem."
    )
    ended = draft.milestone(resolved_at=case.now).add(
        "IncidentResolved",
        f"Good for {format_duration(case.now - watched.started_at)} ({watched.good} good samples). "
        f"Duration: {minutes} min. {after}",
        phase=Phase.RESOLVED,
        changes={"postmortem": PostmortemRef(due_at=due) if owed else None},
    )
    return internal_updates.resolved(case, ended, _what_ended_it(draft))


def _what_ended_it(draft: Draft) -> str:
    approval = draft.status.approval
    proposal = draft.status.proposal(approval.proposal) if approval else None
    if proposal is None:
        return "The trouble is over"
    others = "; others changed it since" if draft.status.execution is None else ""
    return f"Done: {proposal.summary}{others}"


def _postmortem_owed(case: Case, draft: Draft) -> bool:
    rolled_back = any(
        traits_of(p.action).rolls_back and p.state == "Verified" for p in draft.status.proposals
    )
    need = case.policy.postmortem
    return need == "Required" or (need == "OnRollback" and rolled_back)


def wakes_at(case: Case, status: IncidentStatus) -> datetime:
    """Say when the next sample is due."""
    monitoring = status.monitoring
    return (monitoring.next_at if monitoring else None) or case.now + case.limits.retry
