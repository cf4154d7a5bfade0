"""The check ``errorRate``, and when trouble began against the release."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from incidentcommander.api.common import Phase, Verdict
from incidentcommander.api.incident import Diagnosis, Finding
from incidentcommander.checks import error_rate, rollout_history
from incidentcommander.checks.base import Subject
from incidentcommander.checks.relate import older_than_release, relate
from incidentcommander.observed.needs import Answer, Facts, QueryNeed
from incidentcommander.observed.workloads import Scalar, Unavailable
from tests.support.build import NOW, ago, facts, history, step, subject

OK, BAD, UNSURE, ERROR = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ERROR
DOWN = Unavailable("Prometheus", "connection refused")
EMPTY = Scalar(None, series=0)
HOUR = 60


def asked(query: str, minutes: int = 0) -> QueryNeed:
    return QueryNeed(query, "shop", timedelta(minutes=minutes))


def of(value: float | Answer) -> Answer:
    return Scalar(float(value)) if isinstance(value, int | float) else value


def error_rate_of(
    errors: float | Answer,
    total: float | Answer,
    past: Mapping[int, tuple[float | Answer, float | Answer]] | None = None,
    about: Subject | None = None,
    **parameters: Any,
) -> Finding:
    answers: dict[Any, Answer] = {asked("errors"): of(errors), asked("total"): of(total)}
    for minutes, (then_errors, then_total) in (past or {}).items():
        answers[asked("errors", minutes)] = of(then_errors)
        answers[asked("total", minutes)] = of(then_total)
    chosen = step("errorRate", errors="errors", total="total", **parameters)
    return error_rate.CHECK.judge(chosen, about or subject(), Facts(answers), NOW)


@pytest.mark.parametrize(
    ("errors", "total", "verdict", "reason"),
    [
        pytest.param(14, 60, BAD, "ErrorRateHigh", id="a quarter fails"),
        pytest.param(3, 60, OK, "ErrorRateNormal", id="exactly the limit is allowed"),
        pytest.param(3.0001, 60, BAD, "ErrorRateHigh", id="just above the limit"),
        pytest.param(EMPTY, 60, OK, "ErrorRateNormal", id="errors never seen are none"),
        pytest.param(0.9, 0.99, UNSURE, "TooFewRequests", id="too few requests"),
        pytest.param(1, 1, BAD, "ErrorRateHigh", id="just enough requests"),
        pytest.param(0, 0, UNSURE, "TooFewRequests", id="no requests"),
        pytest.param(1, EMPTY, UNSURE, "NoData", id="no data about requests"),
        pytest.param(EMPTY, EMPTY, UNSURE, "NoData", id="no data at all"),
        pytest.param(math.nan, 60, UNSURE, "NotANumber", id="errors are NaN"),
        pytest.param(1, math.nan, UNSURE, "NotANumber", id="requests are NaN"),
        pytest.param(1, math.inf, UNSURE, "NotANumber", id="requests are infinite"),
        pytest.param(-1, 60, UNSURE, "NegativeRate", id="errors below 0"),
        pytest.param(1, -60, UNSURE, "NegativeRate", id="requests below 0"),
        pytest.param(Scalar(1, series=3), 60, ERROR, "NotOneNumber", id="several series"),
        pytest.param(1, Scalar(60, series=2), ERROR, "NotOneNumber", id="several totals"),
        pytest.param(DOWN, 60, ERROR, "PrometheusUnavailable", id="errors not to be asked"),
        pytest.param(1, DOWN, ERROR, "PrometheusUnavailable", id="requests not to be asked"),
        pytest.param(DOWN, EMPTY, ERROR, "PrometheusUnavailable", id="an error outweighs no data"),
    ],
)
def test_error_rate(
    errors: float | Answer, total: float | Answer, verdict: Verdict, reason: str
) -> None:
    finding = error_rate_of(errors, total)
    assert (finding.verdict, finding.reason) == (verdict, reason), finding.message


@pytest.mark.parametrize(
    ("errors", "then", "verdict", "reason"),
    [
        pytest.param(2.4, (0.6, 60), BAD, "AboveBaseline", id="four times the past"),
        pytest.param(1.8, (0.6, 60), OK, "ErrorRateNormal", id="three times is allowed"),
        pytest.param(2.4, (0, 60), OK, "ErrorRateNormal", id="a past of 0 does not count"),
        pytest.param(2.4, (EMPTY, 60), OK, "ErrorRateNormal", id="nor one without errors"),
        pytest.param(2.4, (EMPTY, EMPTY), OK, "ErrorRateNormal", id="nor one without data"),
        pytest.param(2.4, (0.1, 0.5), OK, "ErrorRateNormal", id="nor one with too few requests"),
        pytest.param(2.4, (DOWN, 60), ERROR, "PrometheusUnavailable", id="a past not to be asked"),
        pytest.param(14, (DOWN, DOWN), BAD, "ErrorRateHigh", id="the limit needs no past"),
    ],
)
def test_error_rate_against_the_past(
    errors: float,
    then: tuple[float | Answer, float | Answer],
    verdict: Verdict,
    reason: str,
) -> None:
    finding = error_rate_of(errors, 60, {HOUR: then}, baseline={})
    assert (finding.verdict, finding.reason) == (verdict, reason), finding.message


def test_error_rate_message_has_the_number_the_threshold_and_the_past() -> None:
    past = {5: (14, 60), 15: (0.06, 60), HOUR: (0.06, 60)}
    finding = error_rate_of(14, 60, past, baseline={})
    assert finding.message == (
        "23.3 % of 60 req/s fail (limit 5 %; 1 h ago 0.1 %). "
        "Bad at 08:25 UTC already, still good at 08:15 UTC."
    )
    assert finding.since == ago(minutes=5)
    assert finding.evidence is not None
    assert finding.evidence.to_api() == {
        "query": "(errors) / (total)",
        "value": "23.3 % (14 of 60 req/s)",
        "threshold": "at most 5 % and at most 3 times the share of 1 h ago",
        "verdict": "Failed",
    }


@pytest.mark.parametrize(
    ("past", "since"),
    [
        pytest.param({}, None, id="nothing known of the past"),
        pytest.param({5: (0, 60)}, NOW, id="it was good five minutes ago"),
        pytest.param({5: (9, 60), 15: (9, 60)}, ago(minutes=15), id="as far as is known"),
        pytest.param({5: (DOWN, 60), 15: (9, 60)}, None, id="a gap ends the search"),
        pytest.param(
            {5: (9, 60), 15: (0, 60), 30: (9, 60)}, ago(minutes=5), id="an older trouble is another"
        ),
    ],
)
def test_when_trouble_began(
    past: Mapping[int, tuple[float | Answer, float]], since: datetime | None
) -> None:
    assert error_rate_of(14, 60, past).since == since


def test_the_past_is_not_asked_after_the_fix() -> None:
    chosen = step("errorRate", errors="errors", total="total", baseline={})
    before = error_rate.CHECK.needs(chosen, subject())
    after = error_rate.CHECK.needs(chosen, subject(status={"phase": "Verifying"}))
    assert len(before) == 2 * (1 + 1 + 3)
    assert after == (
        asked("errors"),
        asked("total"),
        asked("errors", HOUR),
        asked("total", HOUR),
    )


@pytest.mark.parametrize(
    ("released", "older", "said"),
    [
        pytest.param(
            ago(minutes=4),
            True,
            "That is before the release of 08:26 UTC: it speaks against a rollback.",
            id="trouble older than the release",
        ),
        pytest.param(
            ago(minutes=20),
            False,
            "The release began before that, at 08:10 UTC.",
            id="trouble after the release",
        ),
        pytest.param(ago(days=3), False, "still good at 08:15 UTC.", id="no recent release"),
    ],
)
def test_trouble_is_held_against_the_release(
    released: datetime,
    older: bool,  # noqa: FBT001
    said: str,
) -> None:
    about = subject()
    rollout = rollout_history.CHECK.judge(
        step("rolloutHistory"), about, facts(revisions=history(released=released)), NOW
    )
    errors = error_rate_of(14, 60, {5: (14, 60), 15: (0, 60)})
    related = relate((rollout, errors))
    assert related[0] == rollout
    assert related[1].message.endswith(said)
    assert older_than_release(errors, (rollout, errors)) is older


def _after_the_fix(baseline: float | None) -> Subject:
    taken = error_rate_of(14, 60).model_copy(update={"step": "step", "baseline": baseline})
    diagnosis = Diagnosis(round=1, findings=[taken])
    about = subject()
    status = about.incident.status.model_copy(
        update={"phase": Phase.VERIFYING, "diagnosis": diagnosis}
    )
    return Subject(about.incident.model_copy(update={"status": status}))


def test_diagnosis_writes_the_baseline_down() -> None:
    assert error_rate_of(14, 60, {HOUR: (0.6, 60)}, baseline={}).baseline == pytest.approx(0.01)
    assert error_rate_of(14, 60, {HOUR: (EMPTY, EMPTY)}, baseline={}).baseline is None
    assert error_rate_of(14, 60).baseline is None


def test_verification_holds_against_the_baseline_of_the_diagnosis() -> None:
    # An hour before now lies in the incident meanwhile: 40 % failed then.
    chosen = step("errorRate", errors="errors", total="total", baseline={})
    about = _after_the_fix(0.001)
    chosen = chosen.model_copy(update={"name": "step"})

    assert set(error_rate.CHECK.needs(chosen, about)) == {asked("errors"), asked("total")}
    answers: dict[Any, Answer] = {asked("errors"): of(2.4), asked("total"): of(60)}
    found = error_rate.CHECK.judge(chosen, about, Facts(answers), NOW)
    assert (found.verdict, found.reason) == (BAD, "AboveBaseline")


def test_without_a_baseline_at_diagnosis_verification_asks_for_one() -> None:
    chosen = step("errorRate", errors="errors", total="total", baseline={})
    chosen = chosen.model_copy(update={"name": "step"})

    needs = error_rate.CHECK.needs(chosen, _after_the_fix(None))

    assert asked("errors", HOUR) in needs
