"""One module per phase: what it needs to know, what follows, when to look again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from ...api.common import Phase
from ...api.incident import IncidentStatus
from ...observed.needs import Facts, Question
from ..case import Case
from ..evolve import Draft
from . import (
    awaiting_approval,
    declared,
    diagnosing,
    ended,
    investigating,
    monitoring,
    remediating,
    resolved,
    verifying,
)

__all__ = ["PHASES", "PhaseRules"]


class PhaseRules(Protocol):
    """What every phase answers."""

    def needs(self, case: Case, facts: Facts) -> frozenset[Question]:
        """Say what ``decide`` has to know. What is missing in ``facts`` is to be read."""

    def decide(self, case: Case, draft: Draft, facts: Facts) -> Draft:
        """Say what follows from the facts."""

    def wakes_at(self, case: Case, status: IncidentStatus) -> datetime | None:
        """Say when to look again if nothing happens before."""


PHASES: Final[Mapping[Phase, PhaseRules]] = {
    Phase.DECLARED: declared,
    Phase.DIAGNOSING: diagnosing,
    Phase.INVESTIGATING: investigating,
    Phase.AWAITING_APPROVAL: awaiting_approval,
    Phase.REMEDIATING: remediating,
    Phase.VERIFYING: verifying,
    Phase.MONITORING: monitoring,
    Phase.RESOLVED: resolved,
    Phase.CLOSED: ended,
    Phase.DISMISSED: ended,
    Phase.MERGED: ended,
}
