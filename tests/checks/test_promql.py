"""The check ``promQL``."""

from __future__ import annotations

import math
from typing import Any

import pytest

from incidentcommander.api.common import Verdict
from incidentcommander.api.incident import Finding
from incidentcommander.checks import promql
from incidentcommander.observed.needs import Answer, Facts, QueryNeed
from incidentcommander.observed.workloads import Scalar, Unavailable
from tests.support.build import NOW, step, subject

OK, BAD, UNSURE, ERROR = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ERROR
DOWN = Unavailable("Prometheus", "connection refused")
EMPTY = Scalar(None, series=0)


def promql_of(value: float | Answer, **parameters: Any) -> Finding:
    chosen = step("promQL", query="q", **parameters)
    answer = Scalar(float(value)) if isinstance(value, int | float) else value
    return promql.CHECK.judge(chosen, subject(), Facts({QueryNeed("q", "shop"): answer}), NOW)


@pytest.mark.parametrize(
    ("value", "limits", "verdict", "reason", "message"),
    [
        pytest.param(
            0.7, {"max": 0.5}, BAD, "ThresholdExceeded", "0.7 is above the limit 0.5.", id="above"
        ),
        pytest.param(
            0.5,
            {"max": 0.5},
            OK,
            "WithinThreshold",
            "0.5 is fine (at most 0.5).",
            id="at the limit",
        ),
        pytest.param(
            0.50001,
            {"max": 0.5},
            BAD,
            "ThresholdExceeded",
            "0.50001 is above the limit 0.5.",
            id="as many digits as it takes",
        ),
        pytest.param(2, {"min": 3}, BAD, "BelowThreshold", "2 is below the least, 3.", id="below"),
        pytest.param(3, {"min": 3}, OK, "WithinThreshold", "3 is fine (at least 3).", id="enough"),
        pytest.param(
            EMPTY,
            {"max": 1},
            UNSURE,
            "NoData",
            "The query gives no data: the series is not there, or not scraped.",
            id="no data",
        ),
        pytest.param(
            math.nan,
            {"min": 1},
            UNSURE,
            "NotANumber",
            "The query gives nan, which is no number that can be judged.",
            id="NaN",
        ),
        pytest.param(
            DOWN,
            {"max": 1},
            ERROR,
            "PrometheusUnavailable",
            "The metrics could not be asked: connection refused",
            id="not to be asked",
        ),
        pytest.param(
            Scalar(1, series=2),
            {"max": 1},
            ERROR,
            "NotOneNumber",
            "The query gives 2 series, one number is needed: aggregate it, for example with sum(…).",
            id="several series",
        ),
        pytest.param(
            1, {}, ERROR, "NoLimit", "The check has neither max nor min.", id="without a limit"
        ),
    ],
)
def test_promql(
    value: float | Answer, limits: dict[str, float], verdict: Verdict, reason: str, message: str
) -> None:
    finding = promql_of(value, **limits)
    assert (finding.verdict, finding.reason, finding.message) == (verdict, reason, message)


def test_a_template_that_does_not_fit_the_incident_is_an_error() -> None:
    chosen = step("promQL", query="{{ labels.zone }}", max=1)
    finding = promql.CHECK.judge(chosen, subject(), Facts(), NOW)
    assert (finding.verdict, finding.reason) == (ERROR, "BadTemplate")
    assert finding.message.startswith("promQL.query: labels.zone is not defined")
