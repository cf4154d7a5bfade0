"""Verifying: sample when due, count, and see whether that is proof enough."""

from __future__ import annotations

from datetime import datetime

from ...api.base import format_duration
from ...api.common import Verdict
from ...api.incident import (
    IncidentStatus,
    Verification,
)
from ...observed.needs import Facts
from ..case import Case
from ..diagnosis import sampling
from ..diagnosis.findings import remembered_failing
from ..evolve import Draft
from ..remediation import external_changes
from ..remediation.rollout_wait import give_up
from ..requests import target
from ..transitions import investigate, next_attempt, start_monitoring
from .sampling import due, needs, note_change, out_of_time

__all__ = ["decide", "needs", "wakes_at"]


def decide(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Count a sample and see whether that is proof enough."""
    verification = draft.status.verification
    if verification is None:
        return investigate(draft, "VerificationLost", "There is no verification to go on with.")
    if gone := target.given_up(case, draft, facts):
        return gone
    if changed := external_changes.changed_by_others(case, draft, facts):
        return changed
    if not due(case, verification):
        return _time_out(case, draft, facts, verification)
    draft = target.pinned(case, draft, facts)
    seen, evidence = sampling.sample(case, facts, verification.plan)
    counted = sampling.count(verification, seen)
    draft = note_change(draft, verification.last, seen, evidence, "VerificationSampled").set(
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


def _time_out(case: Case, draft: Draft, facts: Facts, verification: Verification) -> Draft:
    if not out_of_time(case, verification):
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


def wakes_at(case: Case, status: IncidentStatus) -> datetime:
    """Say when the next sample is due."""
    verification = status.verification
    return (verification.next_at if verification else None) or case.now + case.limits.retry
