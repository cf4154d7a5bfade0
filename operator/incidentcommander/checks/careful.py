"""A check that never raises, whatever it meets: a bug in it costs its one step.

``all_checks`` wraps every check in one. What is no bug passes through unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from typing_extensions import override

from ..api.common import Verdict
from ..api.incident import Finding
from ..api.runbook import DiagnosisStep
from ..faults import fault
from ..observed.needs import Facts, Need
from ..templating import TemplateProblem
from .base import Check, Subject
from .findings import Opinion, finding

__all__ = ["Careful"]


@dataclass(frozen=True, slots=True)
class Careful(Check):
    """Another check, held apart from the rest of the round."""

    check: Check
    kind: str
    claims: bool

    @override
    def problems(self, step: DiagnosisStep) -> tuple[str, ...]:
        try:
            return self.check.problems(step)
        except Exception as error:  # noqa: BLE001 - it is one step of one Runbook
            return (f"{self.kind}: could not be judged: {fault(error)}, a bug of the operator",)

    @override
    def needs(self, step: DiagnosisStep, subject: Subject) -> tuple[Need, ...]:
        try:
            return self.check.needs(step, subject)
        except TemplateProblem:
            raise
        except Exception:  # noqa: BLE001 - it is one step; its judgement says so
            return ()

    @override
    def judge(self, step: DiagnosisStep, subject: Subject, facts: Facts, now: datetime) -> Finding:
        try:
            return self.check.judge(step, subject, facts, now)
        except Exception as error:  # noqa: BLE001 - it is one step; the others are judged
            message = (
                f"It could not be judged: {fault(error)}, a bug of the operator. The other steps "
                "are not affected; please report it with what this step was to look at."
            )
            return finding(step, Opinion(Verdict.ERROR, "NotJudged", message), now)
