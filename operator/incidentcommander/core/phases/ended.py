"""Closed, Dismissed, Merged: nothing is left to decide but when the watch over it ends."""

from __future__ import annotations

from datetime import datetime

from ...api.common import Phase
from ...api.incident import IncidentStatus
from ...observed.needs import Facts, Need
from ..case import Case
from ..evolve import Draft
from ..record.closed_label import left_at

__all__ = ["decide", "needs", "wakes_at"]


def needs(case: Case, facts: Facts) -> frozenset[Need]:
    """Ask for nothing."""
    del case, facts
    return frozenset()


def decide(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Leave it as it is."""
    del case, facts
    return draft


def wakes_at(case: Case, status: IncidentStatus) -> datetime | None:
    """Say when it gets its label: a Closed one gets it at once."""
    return None if status.phase is Phase.CLOSED else left_at(status, case.limits.reopen_within)
