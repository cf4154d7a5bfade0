"""Verifying and Monitoring: sample when due, count, and move on."""

from __future__ import annotations

from ..api.base import format_duration
from ..api.common import Phase, Verdict
from ..api.incident import (
    Evidence,
    Monitoring,
    PostmortemRef,
    Sample,
    Verification,
    VerificationPlan,
)
from ..questions import Facts, Need
from . import others, retarget, updates, verify
from .case import Case
from .diagnose import remembered_failing
from .evolve import Draft
from .moves import investigate, next_attempt, start_monitoring
from .propose import verification_plan
from .settle import give_up

__all__ = ["decide_monitoring", "decide_verifying", "needs"]


def needs(case: Case) -> frozenset[Need]:
    """Say what to read: a sample's needs when one is due, else nothing."""
    status = case.status
    watch = status.verification if status.phase is Phase.VERIFYING else status.monitoring
    if watch is None or not (_due(case, watch) or _out_of_time(case, watch)):
        return frozenset()
    return verify.needs(case, _plan(case)) | others.needs(case)


def _out_of_time(case: Case, watch: Verification | Monitoring) -> bool:
    return isinstance(watch, Verification) and case.now >= watch.deadline


def _plan(case: Case) -> VerificationPlan:
    if case.status.verification:
        return case.status.verification.plan
    return verification_plan(case.runbook)


def decide_verifying(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Count a sample and see whether that is proof enough."""
    verification = draft.status.verification
    if verification is None:
        return investigate(draft, "VerificationLost", "There is no verification to go on with.")
    if gone := retarget.given_up(case, draft, facts):
        return gone
    if changed := others.changed_by_others(case, draft, facts):
        return changed
    if not _due(case, verification):
        return _time_out(case, draft, facts, verification)
    draft = retarget.pinned(case, draft, facts)
    seen, evidence = verify.sample(case, facts, verification.plan)
    counted = verify.count(verification, seen)
    draft = _note_change(draft, verification.last, seen, evidence, "VerificationSampled").set(
        verification=counted
    )
    plan = counted.plan
    if counted.successes >= plan.successes:
        return start_monitoring(
            case,
            draft,
            "VerificationPassed",
            f"{counted.successes} good samples in a row, {format_duration(plan.interval)} apart: "
            f"{seen.message}",
        )
    if counted.failures >= plan.failures:
        draft = draft.set(failing_templates=remembered_failing(case, facts))
        return _failed(
            case, draft, facts, f"{counted.failures} bad samples in a row: {seen.message}"
        )
    return _time_out(case, draft, facts, counted)


def _due(case: Case, watch: Verification | Monitoring) -> bool:
    return watch.next_at is None or case.now >= watch.next_at


def _time_out(case: Case, draft: Draft, facts: Facts, verification: Verification) -> Draft:
    if not _out_of_time(case, verification):
        return draft
    last = verification.last
    if last is not None and last.verdict is Verdict.FAILED:
        return _failed(
            case, draft, facts, f"out of time, and the last sample is bad: {last.message}"
        )
    return investigate(
        draft,
        "VerificationTimedOut",
        f"No answer within {format_duration(verification.plan.timeout)}: "
        f"{last.message if last else 'no sample'} People decide: `confirm` if it is good, "
        "`resolve` after fixing it.",
    )


def _failed(case: Case, draft: Draft, facts: Facts, why: str) -> Draft:
    approval = draft.status.approval
    proposal = draft.status.proposal(approval.proposal) if approval else None
    if proposal is None:
        return next_attempt(case, draft, "VerificationFailed", f"It is not good: {why}")
    said = f"{proposal.id} did not help: {why}"
    return give_up(case, draft, facts, proposal, "VerificationFailed", said)


def decide_monitoring(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Watch: a relapse reopens the loop, enough time with good samples ends it."""
    monitoring = draft.status.monitoring
    if monitoring is None:
        return start_monitoring(case, draft, "MonitoringRestarted", "The watch begins anew.")
    if not _due(case, monitoring):
        return draft
    if gone := retarget.given_up(case, draft, facts):
        return gone
    draft = retarget.pinned(case, draft, facts)
    if changed := others.changed_by_others(case, draft, facts):
        return changed
    plan = _plan(case)
    seen, evidence = verify.sample(case, facts, plan)
    bad = seen.verdict is Verdict.FAILED
    good = seen.verdict is Verdict.PASSED
    failures = monitoring.failures + 1 if bad else (0 if good else monitoring.failures)
    watched = monitoring.model_copy(
        update={
            "last": seen,
            "good": monitoring.good + good,
            "failures": failures,
            "next_at": case.now + plan.interval,
        }
    )
    draft = _note_change(draft, monitoring.last, seen, evidence, "MonitoringSampled").set(
        monitoring=watched
    )
    if failures >= plan.failures:
        draft = draft.set(failing_templates=remembered_failing(case, facts))
        if draft.status.milestones is not None:
            # It was not mitigated, as it turned out: no duration ends there.
            anew = draft.status.milestones.model_copy(update={"mitigated_at": None})
            draft = draft.set(milestones=anew)
        return next_attempt(
            case,
            draft,
            "RelapseDetected",
            f"It came back: {failures} bad samples in a row: {seen.message}",
        )
    if case.now >= watched.until and watched.good and failures == 0:
        return _resolved(case, draft, watched)
    return draft


def _note_change(
    draft: Draft, before: Sample | None, seen: Sample, evidence: Evidence, reason: str
) -> Draft:
    """Write an entry for the first sample and for every change of verdict."""
    if before is not None and before.verdict is seen.verdict:
        return draft
    return draft.add(
        reason,
        f"{seen.verdict}: {seen.message}",
        evidence=evidence,
    )


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
    return updates.resolved(case, ended, _what_ended_it(draft))


def _what_ended_it(draft: Draft) -> str:
    approval = draft.status.approval
    proposal = draft.status.proposal(approval.proposal) if approval else None
    return f"Done: {proposal.summary}" if proposal else "The trouble is over"


def _postmortem_owed(case: Case, draft: Draft) -> bool:
    rolled_back = any(
        p.action == "rolloutUndo" and p.state == "Verified" for p in draft.status.proposals
    )
    need = case.policy.postmortem
    return need == "Required" or (need == "OnRollback" and rolled_back)
