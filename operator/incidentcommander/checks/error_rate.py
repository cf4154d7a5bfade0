"""The check ``errorRate``: the share of failing requests, against a limit and against the past.

Failed only on numbers that can be trusted: enough requests, finite, one series. An empty answer for
``errors`` beside enough requests is 0, since a counter that was never raised has no series.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from typing_extensions import override

from ..api.common import Verdict
from ..api.incident import Finding
from ..api.runbook import DiagnosisStep, ErrorRateCheck
from ..observed.needs import Facts, Need, QueryNeed
from .base import Check, Subject
from .findings import Opinion, evidence, finding, unusable
from .queries import AFTER_THE_FIX, Onset, look_back, onset, query_need, text_problems, usable
from .templates import TemplateProblem
from .wording import against, age, number, percent

__all__ = ["CHECK"]


@dataclass(frozen=True, slots=True)
class _Rate:
    """A share of failing requests that can be trusted."""

    errors: float
    total: float

    @property
    def share(self) -> float:
        return self.errors / self.total


@dataclass(frozen=True, slots=True)
class _ErrorRate(Check):
    kind: str = "errorRate"

    @override
    def problems(self, step: DiagnosisStep) -> tuple[str, ...]:
        check = _parameters(step)
        return text_problems("errorRate.errors", check.errors) + text_problems(
            "errorRate.total", check.total
        )

    @override
    def needs(self, step: DiagnosisStep, subject: Subject) -> tuple[Need, ...]:
        check = _parameters(step)
        asked = check.baseline is not None and _taken(step, subject) is None
        baseline = (check.baseline.offset,) if check.baseline and asked else ()
        offsets = dict.fromkeys((timedelta(), *baseline, *look_back(subject)))
        return tuple(need for offset in offsets for need in _pair(check, subject, offset))

    @override
    def judge(self, step: DiagnosisStep, subject: Subject, facts: Facts, now: datetime) -> Finding:
        check = _parameters(step)
        try:
            errors, total = _pair(check, subject)
        except TemplateProblem as problem:
            return finding(step, unusable(f"errorRate: {problem}"), now)
        rate = _rate(check, facts, (errors, total))
        if isinstance(rate, Opinion):
            opinion, seen = rate, rate.reason
        else:
            opinion = _judged(check, rate, _baseline(step, subject, facts))
            seen = f"{percent(rate.share)} ({number(rate.errors)} of {number(rate.total)} req/s)"
        if opinion.verdict is Verdict.FAILED:
            began = _onset(step, subject, facts, now)
            text = opinion.message + began.sentence(now)
            opinion = Opinion(opinion.verdict, opinion.reason, text, began.bad_since)
        query = f"({errors.query}) / ({total.query})"
        found = finding(
            step, opinion, now, evidence(query, seen, _threshold(check), opinion.verdict)
        )
        past = _baseline(step, subject, facts)
        return found.model_copy(
            update={"baseline": past.share if isinstance(past, _Rate) else None}
        )


def _pair(
    check: ErrorRateCheck, subject: Subject, offset: timedelta = timedelta()
) -> tuple[QueryNeed, QueryNeed]:
    return query_need(check.errors, subject, offset), query_need(check.total, subject, offset)


def _rate(
    check: ErrorRateCheck, facts: Facts, pair: tuple[QueryNeed, QueryNeed]
) -> _Rate | Opinion:
    total = usable(facts.scalar(pair[1]), "The query for all requests")
    errors = usable(facts.scalar(pair[0]), "The query for errors")
    if isinstance(total, Opinion):
        worse = isinstance(errors, Opinion) and errors.verdict is Verdict.ERROR
        return errors if isinstance(errors, Opinion) and worse else total
    if isinstance(errors, Opinion):
        return errors
    if total is None:
        message = "There is no data about requests: the series is not there, or not scraped."
        return Opinion(Verdict.INCONCLUSIVE, "NoData", message)
    if total < 0 or (errors or 0) < 0:
        message = f"A rate below 0 makes no sense ({number(errors or 0)} of {number(total)} req/s)."
        return Opinion(Verdict.INCONCLUSIVE, "NegativeRate", message)
    if total < check.min_requests or total == 0:
        seen, least = against(total, check.min_requests)
        message = f"{seen} req/s are too few to judge (at least {least} are needed)."
        return Opinion(Verdict.INCONCLUSIVE, "TooFewRequests", message)
    return _Rate(errors=errors or 0.0, total=total)


def _taken(step: DiagnosisStep, subject: Subject) -> _Rate | None:
    """Give the baseline that was taken at diagnosis, once something was done about the trouble.

    Asked again then, the same offset would reach into the incident itself.
    """
    status = subject.incident.status
    if status.phase not in AFTER_THE_FIX or status.diagnosis is None:
        return None
    found = (f.baseline for f in status.diagnosis.findings if f.step == step.name)
    return next((_Rate(share, 1.0) for share in found if share is not None), None)


def _baseline(step: DiagnosisStep, subject: Subject, facts: Facts) -> _Rate | Opinion | None:
    check = _parameters(step)
    if check.baseline is None:
        return None
    if (taken := _taken(step, subject)) is not None:
        return taken
    return _rate(check, facts, _pair(check, subject, check.baseline.offset))


def _judged(check: ErrorRateCheck, rate: _Rate, baseline: _Rate | Opinion | None) -> Opinion:
    seen, limit = against(rate.share, check.max, percent)
    what = f"{seen} of {number(rate.total)} req/s fail (limit {limit}{_past(check, baseline)})."
    if _above(rate.share, check.max):
        return Opinion(Verdict.FAILED, "ErrorRateHigh", what)
    if check.baseline is not None and isinstance(baseline, _Rate) and baseline.share > 0:
        ratio, allowed = against(rate.share / baseline.share, check.baseline.max_ratio)
        if _above(rate.share, check.baseline.max_ratio * baseline.share):
            text = f"{what} That is {ratio} times as many as then; at most {allowed} are normal."
            return Opinion(Verdict.FAILED, "AboveBaseline", text)
    if isinstance(baseline, Opinion) and baseline.verdict is Verdict.ERROR:
        text = f"{what} The past could not be asked to compare with: {baseline.message}"
        return Opinion(Verdict.ERROR, baseline.reason, text)
    return Opinion(Verdict.PASSED, "ErrorRateNormal", what)


def _above(value: float, limit: float) -> bool:
    """Whether it is above the limit by more than the rounding of a division."""
    return value > limit and not math.isclose(value, limit, rel_tol=1e-9)


def _past(check: ErrorRateCheck, baseline: _Rate | Opinion | None) -> str:
    if check.baseline is None or baseline is None:
        return ""
    then = f"; {age(check.baseline.offset)} ago "
    if isinstance(baseline, Opinion):
        return f"{then}not known"
    return f"{then}{percent(baseline.share)}"


def _onset(step: DiagnosisStep, subject: Subject, facts: Facts, now: datetime) -> Onset:
    check, then = _parameters(step), _baseline(step, subject, facts)
    past: list[tuple[timedelta, bool | None]] = []
    for offset in look_back(subject):
        rate = _rate(check, facts, _pair(check, subject, offset))
        failed = None
        if isinstance(rate, _Rate):
            failed = _judged(check, rate, then).verdict is Verdict.FAILED
        past.append((offset, failed))
    return onset(past, now)


def _threshold(check: ErrorRateCheck) -> str:
    limit = f"at most {against(0, check.max, percent)[1]}"
    if check.baseline is None:
        return limit
    ratio, offset = number(check.baseline.max_ratio), age(check.baseline.offset)
    return f"{limit} and at most {ratio} times the share of {offset} ago"


def _parameters(step: DiagnosisStep) -> ErrorRateCheck:
    return step.error_rate or ErrorRateCheck(errors="vector(0)", total="vector(0)")


CHECK: Final[Check] = _ErrorRate()
