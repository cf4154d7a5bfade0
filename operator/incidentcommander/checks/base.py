"""The shape of a diagnosis check, and what a check may know of its Incident."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ..observed.needs import Facts, Need, TargetNeeds

if TYPE_CHECKING:
    from ..api.incident import Finding, Incident
    from ..api.runbook import DiagnosisStep

__all__ = ["Check", "Subject"]


@dataclass(frozen=True, slots=True)
class Subject:
    """The Incident that is diagnosed."""

    incident: Incident

    @property
    def needs(self) -> TargetNeeds:
        """The usual questions about its target."""
        target = self.incident.target
        return TargetNeeds.of(target.kind, self.incident.metadata.namespace, target.name)


class Check(Protocol):
    """One kind of diagnosis step."""

    kind: str
    """The member of ``DiagnosisStep`` that selects this check, as written in YAML."""

    claims: bool = False
    """Whether what it reads can be written by anybody who may edit something there.

    Such evidence is shown, but decides nothing alone: it neither proves nor refutes a remediation,
    and makes no sample bad.
    """

    def problems(self, step: DiagnosisStep) -> tuple[str, ...]:
        """Say what makes the step unusable whatever the Incident: bad templates, mostly.

        Each text starts with the field's path below the step (``errorRate.errors: …``).
        """

    def needs(self, step: DiagnosisStep, subject: Subject) -> tuple[Need, ...]:
        """Say what to read.

        Raises
        ------
        TemplateProblem
            If a query cannot be rendered for this Incident.
        """

    def judge(self, step: DiagnosisStep, subject: Subject, facts: Facts, now: datetime) -> Finding:
        """Say what the answers mean, in one finding. Never raises."""
