"""When a dismissal is suggested."""

from __future__ import annotations

from typing import Any

import pytest

from incidentcommander.core.case import Case
from incidentcommander.core.diagnosis.false_alarm import needs, suspicion
from incidentcommander.observed.needs import Answer, Facts, QueryNeed
from incidentcommander.observed.workloads import Scalar, Unavailable
from tests.support.build import NAMESPACE, NOW, facts, incident, runbook
from tests.support.play import Shelf

TRAFFIC = {"name": "traffic", "promQL": {"query": "traffic", "max": 10}}
PROBES = {"name": "probes", "promQL": {"query": "probes", "min": 1}}
BROKEN = {"name": "shard", "promQL": {"query": "{{ labels.shard }}", "max": 1}}
GOOD = {"traffic": Scalar(2.0), "probes": Scalar(1.0)}


def case(*checks: dict[str, Any]) -> Case:
    detection = {"falsePositiveChecks": list(checks)} if checks else None
    return Case(incident(), Shelf([runbook(spec={"detection": detection})]), NOW)


def known(**answers: Answer) -> Facts:
    return facts().with_({QueryNeed(query, NAMESPACE): a for query, a in answers.items()})


def test_it_is_suggested_when_every_answer_is_good() -> None:
    said = suspicion(case(TRAFFIC, PROBES), known(**GOOD))
    assert said == (
        "This may be a false alarm. traffic: 2 is fine (at most 10); probes: 1 is fine (at "
        "least 1). Nothing is dismissed by itself. If you agree: kubectl -n shop annotate incident "
        'checkout-5xx incidentcommander.dev/dismiss="<why>"'
    )


@pytest.mark.parametrize(
    "over",
    [
        pytest.param({"traffic": Scalar(11.0)}, id="one is bad"),
        pytest.param({"traffic": Scalar(None, 0)}, id="one has no data"),
        pytest.param({"traffic": Scalar(float("nan"))}, id="one is no number"),
        pytest.param({"traffic": Unavailable("q", "down")}, id="one could not be asked"),
    ],
)
def test_nothing_is_suggested_unless_all_are(over: dict[str, Answer]) -> None:
    assert suspicion(case(TRAFFIC, PROBES), known(**{**GOOD, **over})) is None


def test_without_such_questions_nothing_is_asked_and_suggested() -> None:
    assert needs(case(), facts()) == frozenset()
    assert suspicion(case(), facts()) is None


def test_what_was_not_asked_is_not_good() -> None:
    assert suspicion(case(TRAFFIC), facts()) is None


def test_each_is_asked_once_and_only_now() -> None:
    assert needs(case(TRAFFIC, PROBES), facts()) == {
        QueryNeed("traffic", NAMESPACE),
        QueryNeed("probes", NAMESPACE),
    }


def test_a_question_that_is_not_for_this_incident_spoils_the_suggestion_only() -> None:
    asked = case(TRAFFIC, BROKEN)
    assert needs(asked, facts()) == frozenset()
    assert suspicion(asked, known(**GOOD)) is None


def test_a_long_answer_leaves_room_for_the_command() -> None:
    many = [{**TRAFFIC, "name": f"traffic-{'x' * 50}-{n}"} for n in range(8)]
    said = suspicion(case(*many), known(**GOOD))
    assert said is not None
    assert len(said) <= 512
    assert said.endswith('/dismiss="<why>"')
