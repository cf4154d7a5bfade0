"""What Verifying and Monitoring share: when a sample is due, by which plan, what is worth an entry."""

from __future__ import annotations

from ...api.common import Phase
from ...api.incident import Evidence, Monitoring, Sample, Verification, VerificationPlan
from ...observed.needs import Facts, Need
from ..case import Case
from ..diagnosis import sampling
from ..diagnosis.sampling import verification_plan
from ..evolve import Draft
from ..remediation import external_changes

__all__ = ["due", "needs", "note_change", "out_of_time", "plan_of"]


def needs(case: Case, facts: Facts) -> frozenset[Need]:
    """Say what to read: a sample's needs when one is due, else nothing."""
    del facts
    status = case.status
    watch = status.verification if status.phase is Phase.VERIFYING else status.monitoring
    if watch is None or not (due(case, watch) or out_of_time(case, watch)):
        return frozenset()
    return sampling.needs(case, plan_of(case)) | external_changes.needs(case)


def out_of_time(case: Case, watch: Verification | Monitoring) -> bool:
    """Whether a verification has no time left. Monitoring is never late: it only lasts longer."""
    return isinstance(watch, Verification) and case.now >= watch.deadline


def plan_of(case: Case) -> VerificationPlan:
    """Give the plan that was approved along; without an approval, the Runbook's."""
    if case.status.verification:
        return case.status.verification.plan
    return verification_plan(case.runbook)


def due(case: Case, watch: Verification | Monitoring) -> bool:
    """Whether it is time for the next sample."""
    return watch.next_at is None or case.now >= watch.next_at


def note_change(
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
