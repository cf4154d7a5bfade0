"""Declared: the first round of diagnosis begins, with the Runbook that fits."""

from __future__ import annotations

from datetime import datetime

from ...api.common import Phase
from ...api.incident import Diagnosis, IncidentStatus
from ...observed.needs import Facts, Need
from ..case import Case
from ..diagnosis import findings
from ..evolve import Draft

__all__ = ["decide", "needs", "wakes_at"]


def needs(case: Case, facts: Facts) -> frozenset[Need]:
    """Ask for the target: its labels say which Runbook fits."""
    del facts
    return frozenset({case.target.workload})


def decide(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Begin the first round of diagnosis, with the Runbook that fits."""
    chosen = findings.choose(case, facts)
    name = chosen.runbook.metadata.name if chosen.runbook else None
    message = (
        f"Runbook {name} ({chosen.runbook.metadata.namespace}): {chosen.runbook.spec.title}."
        if chosen.runbook
        else chosen.problem or _no_runbook(findings.unreadable(case))
    )
    return draft.add(
        "DiagnosisStarted",
        message,
        phase=Phase.DIAGNOSING,
        changes={
            "runbook": chosen.pin,
            "diagnosis": Diagnosis(round=1, started_at=case.now),
        },
    )


def _no_runbook(unreadable: str) -> str:
    more = f" ({unreadable})" if unreadable else ""
    return f"No Runbook matches{more}: looking at pods and releases only."


def wakes_at(case: Case, status: IncidentStatus) -> datetime:
    """Go on soon, should anything have kept the first round from beginning."""
    del status
    return case.now + case.limits.retry
