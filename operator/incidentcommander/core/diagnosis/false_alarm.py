"""Whether an incident looks like a false alarm, by the questions that its Runbook has for that.

Asked with every round of diagnosis. All answers must be good for a dismissal to be suggested; it
is never done, and nothing else follows from it.
"""

from __future__ import annotations

from ...api.common import Verdict
from ...api.incident import Finding
from ...api.runbook import DiagnosisStep, FalsePositiveCheck, Runbook
from ...checks import all_checks
from ...checks.queries import query_need
from ...checks.templates import TemplateProblem
from ...command_line import Blank
from ...observed.needs import Facts, Need
from ..case import Case
from ..wording import annotate, cut
from . import findings

__all__ = ["needs", "suspicion"]


def needs(case: Case, facts: Facts) -> frozenset[Need]:
    """Say what to ask; nothing where the Runbook has no such questions, or one is unusable."""
    try:
        return frozenset(
            query_need(check.prom_ql.query, case.subject) for check in _checks(case, facts)
        )
    except TemplateProblem:
        return frozenset()


def suspicion(case: Case, facts: Facts) -> str | None:
    """Say why this may be a false alarm; None unless every single answer is good."""
    found = [_judged(case, facts, check) for check in _checks(case, facts)]
    if not found or any(finding.verdict is not Verdict.PASSED for finding in found):
        return None
    meta = case.incident.metadata
    answers = "; ".join(f"{f.step}: {f.message.rstrip('.')}" for f in found)
    command = annotate(meta, "dismiss", Blank("why"))
    told = f" Nothing is dismissed by itself. If you agree: {command}"
    return cut(f"This may be a false alarm. {answers}.", 512 - len(told)) + told


def _checks(case: Case, facts: Facts) -> list[FalsePositiveCheck]:
    runbook: Runbook | None = findings.choose(case, facts).runbook
    detection = runbook.spec.detection if runbook else None
    return detection.false_positive_checks if detection else []


def _judged(case: Case, facts: Facts, check: FalsePositiveCheck) -> Finding:
    step = DiagnosisStep(name=check.name, prom_ql=check.prom_ql)
    return all_checks()["promQL"].judge(step, case.subject, facts, case.now)
