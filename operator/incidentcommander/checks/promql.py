"""The check ``promQL``: one number held against a limit.

Failed only on a finite number beyond the limit. No data and NaN are Inconclusive, no Prometheus
and several series are Error: nothing is done, and nothing is undone, for want of data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from typing_extensions import override

from ..api.common import Verdict
from ..api.incident import Finding
from ..api.runbook import DiagnosisStep, PromQLCheck
from ..observed.needs import Facts, Need
from .base import Check, Subject
from .findings import Opinion, evidence, finding, unusable
from .queries import look_back, onset, query_need, text_problems, usable
from .templates import TemplateProblem
from .wording import against

__all__ = ["CHECK"]


@dataclass(frozen=True, slots=True)
class _PromQL(Check):
    kind: str = "promQL"

    @override
    def problems(self, step: DiagnosisStep) -> tuple[str, ...]:
        check = _parameters(step)
        limits = ("promQL: exactly one of max, min must be set",)
        one = (check.max is None) != (check.min is None)
        return text_problems("promQL.query", check.query) + (() if one else limits)

    @override
    def needs(self, step: DiagnosisStep, subject: Subject) -> tuple[Need, ...]:
        query = _parameters(step).query
        past = tuple(query_need(query, subject, offset) for offset in look_back(subject))
        return (query_need(query, subject), *past)

    @override
    def judge(self, step: DiagnosisStep, subject: Subject, facts: Facts, now: datetime) -> Finding:
        check = _parameters(step)
        try:
            need = query_need(check.query, subject)
        except TemplateProblem as problem:
            return finding(step, unusable(f"promQL.query: {problem}"), now)
        answer = usable(facts.scalar(need))
        opinion = answer if isinstance(answer, Opinion) else _judged(check, answer)
        if opinion.verdict is Verdict.FAILED:
            opinion = _with_onset(opinion, check, subject, facts, now)
        asked = evidence(need.query, _seen(check, answer), _threshold(check), opinion.verdict)
        return finding(step, opinion, now, asked)


def _judged(check: PromQLCheck, value: float | None) -> Opinion:
    if check.max is None and check.min is None:
        return Opinion(Verdict.ERROR, "NoLimit", "The check has neither max nor min.")
    if value is None:
        message = "The query gives no data: the series is not there, or not scraped."
        return Opinion(Verdict.INCONCLUSIVE, "NoData", message)
    seen, limit = against(value, _limit(check))
    if check.max is not None and value > check.max:
        return Opinion(Verdict.FAILED, "ThresholdExceeded", f"{seen} is above the limit {limit}.")
    if check.min is not None and value < check.min:
        return Opinion(Verdict.FAILED, "BelowThreshold", f"{seen} is below the least, {limit}.")
    side = "at most" if check.max is not None else "at least"
    return Opinion(Verdict.PASSED, "WithinThreshold", f"{seen} is fine ({side} {limit}).")


def _with_onset(
    opinion: Opinion, check: PromQLCheck, subject: Subject, facts: Facts, now: datetime
) -> Opinion:
    past: list[tuple[timedelta, bool | None]] = []
    for offset in look_back(subject):
        value = usable(facts.scalar(query_need(check.query, subject, offset)))
        if isinstance(value, Opinion) or value is None:
            past.append((offset, None))
        else:
            past.append((offset, _judged(check, value).verdict is Verdict.FAILED))
    began = onset(past, now)
    return Opinion(
        opinion.verdict, opinion.reason, opinion.message + began.sentence(now), began.bad_since
    )


def _seen(check: PromQLCheck, answer: float | Opinion | None) -> str:
    if isinstance(answer, Opinion):
        return answer.reason
    return "no data" if answer is None else against(answer, _limit(check))[0]


def _limit(check: PromQLCheck) -> float:
    limit = check.max if check.max is not None else check.min
    return limit if limit is not None else 0.0


def _threshold(check: PromQLCheck) -> str:
    return ("at most " if check.max is not None else "at least ") + against(0, _limit(check))[1]


def _parameters(step: DiagnosisStep) -> PromQLCheck:
    return step.prom_ql or PromQLCheck(query="vector(0)")


CHECK: Final[Check] = _PromQL()
