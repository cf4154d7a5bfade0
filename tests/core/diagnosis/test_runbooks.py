"""Whether a Runbook can be used, and which one an Incident gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from incidentcommander.api.base import format_timestamp
from incidentcommander.api.common import ConditionStatus
from incidentcommander.api.runbook import Runbook
from incidentcommander.core.diagnosis.runbooks import match, problems, ready_condition
from tests.support.build import ERRORS, NOW, TOTAL, ago, incident, runbook, runbook_raw
from tests.support.play import Play

SHIPPED = sorted((Path(__file__).parents[3] / "runbooks").glob("*.yaml"))
BAD_QUERY = {"query": "sum(x", "max": 1}


def diagnosing(*steps: dict[str, Any], **spec: Any) -> Runbook:
    base = {"diagnosis": list(steps), "remediation": [], "verification": None}
    return runbook(spec={**base, **spec})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(runbook(), (), id="the usual one is fine"),
        pytest.param(
            diagnosing(
                {
                    "name": "errors",
                    "errorRate": {"errors": ERRORS.replace("name", "nmae"), "total": TOTAL},
                }
            ),
            ("spec.diagnosis[0].errorRate.errors: line 1: target.nmaespace is not defined",),
            id="a misspelt name in a template",
        ),
        pytest.param(
            diagnosing({"name": "pods", "podStatus": {}}, {"name": "q", "promQL": BAD_QUERY}),
            ("spec.diagnosis[1].promQL.query: the bracket ( at character 4 is not closed",),
            id="a bracket that is not closed",
        ),
        pytest.param(
            diagnosing({"name": "q", "promQL": {"query": "up"}}),
            ("spec.diagnosis[0].promQL: exactly one of max, min must be set",),
            id="a query without a limit",
        ),
        pytest.param(
            diagnosing({"name": "db", "dependency": {"promQL": BAD_QUERY}}),
            ("spec.diagnosis[0].dependency.promQL.query: the bracket (",),
            id="the query of a dependency",
        ),
        pytest.param(
            diagnosing(
                {"name": "pods", "podStatus": {}},
                detection={"falsePositiveChecks": [{"name": "traffic", "promQL": BAD_QUERY}]},
            ),
            ("spec.detection.falsePositiveChecks[0].promQL.query: the bracket (",),
            id="the query of a false positive check",
        ),
        pytest.param(
            diagnosing({"name": "pods", "podStatus": {}}, {"name": "pods", "podStatus": {}}),
            ("spec.diagnosis: the name 'pods' is there 2 times",),
            id="a name twice",
        ),
        pytest.param(
            diagnosing(
                {"name": "pods", "podStatus": {}},
                remediation=[{"name": "x", "rolloutUndo": {}, "when": [{"step": "errors"}]}],
            ),
            ("spec.remediation[0].when[0].step: there is no diagnosis step 'errors'",),
            id="a condition on a step that is not there",
        ),
        pytest.param(
            diagnosing({"name": "pods", "podStatus": {}}, verification={"checks": ["errors"]}),
            ("spec.verification.checks[0]: there is no diagnosis step 'errors'; there are pods",),
            id="a verification by a step that is not there",
        ),
        pytest.param(
            diagnosing({"name": "hpa", "autoscaler": {}}), (), id="a kind that is not built yet"
        ),
    ],
)
def test_problems(given: Runbook, expected: tuple[str, ...]) -> None:
    found = problems(given)
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.name))
def test_the_shipped_runbooks_can_be_used(path: Path) -> None:
    assert problems(Runbook.model_validate(yaml.safe_load(path.read_text()))) == ()


def named(name: str, namespace: str = "shop", **criteria: Any) -> Runbook:
    raw = runbook_raw(metadata={"name": name, "namespace": namespace})
    raw["spec"]["match"] = criteria
    return Runbook.model_validate(raw)


def unmatched(name: str) -> Runbook:
    raw = runbook_raw(metadata={"name": name})
    del raw["spec"]["match"]
    return Runbook.model_validate(raw)


def broken(name: str) -> Runbook:
    raw = runbook_raw(metadata={"name": name})
    raw["spec"]["diagnosis"][2]["errorRate"]["total"] = "sum("
    return Runbook.model_validate(raw)


ALERT = {"name": "HighErrorRate", "labels": {"team": "shop", "tier": "1"}}
ANY = named("any")


@pytest.mark.parametrize(
    ("here", "beside", "expected"),
    [
        pytest.param([], [], None, id="none there"),
        pytest.param([ANY], [named("best", priority=9)], "any", id="the namespace comes first"),
        pytest.param([], [ANY], "any", id="then those beside the operator"),
        pytest.param([unmatched("only-by-name")], [ANY], "any", id="without match only by name"),
        pytest.param([broken("broken")], [ANY], "any", id="an unusable one is not used"),
        pytest.param([named("a"), named("b", priority=1)], [], "b", id="the highest priority wins"),
        pytest.param(
            [named("a"), named("b", targetKinds=["Deployment"])],
            [],
            "b",
            id="the most specific wins",
        ),
        pytest.param(
            [
                named("a", alertLabels={"team": "shop"}),
                named("b", alertLabels={"team": "shop", "tier": "1"}),
            ],
            [],
            "b",
            id="two labels are more specific than one",
        ),
        pytest.param(
            [named("a", priority=1), named("b", targetKinds=["Deployment"])],
            [],
            "a",
            id="priority comes before being specific",
        ),
        pytest.param([named("b"), named("a")], [], "a", id="the name decides the rest"),
        pytest.param([named("a", targetKinds=["DaemonSet"])], [], None, id="another kind"),
        pytest.param([named("a", targetSelector={"app": "x"})], [], None, id="another target"),
        pytest.param([named("a", targetSelector={"app": "checkout"})], [], "a", id="this target"),
        pytest.param([named("a", alertNames=["HighErrorRate"])], [], "a", id="this alert"),
        pytest.param([named("a", alertNames=["Latency"])], [], None, id="another alert"),
        pytest.param([named("a", alertLabels={"team": "x"})], [], None, id="another alert label"),
        pytest.param([named("a", severities=["SEV1"])], [], "a", id="the effective severity"),
        pytest.param([named("a", severities=["SEV2"])], [], None, id="not the declared one"),
    ],
)
def test_match(here: list[Runbook], beside: list[Runbook], expected: str | None) -> None:
    about = incident(spec={"alert": ALERT}, status={"severity": "SEV1"})
    chosen = match(here, beside, about, {"app": "checkout"})
    assert (chosen.metadata.name if chosen else None) == expected


def test_without_an_alert_nothing_that_asks_for_one_matches() -> None:
    here = [named("a", alertNames=["HighErrorRate"]), named("b", alertLabels={"team": "shop"})]
    assert match(here, [], incident(), {}) is None


def test_a_usable_runbook_is_ready() -> None:
    condition = ready_condition(runbook(), NOW)
    assert (condition.type, condition.status) == ("Ready", ConditionStatus.TRUE)
    assert (condition.reason, condition.observed_generation) == ("Usable", 1)


def test_an_unusable_runbook_names_the_first_problem_and_counts_the_rest() -> None:
    condition = ready_condition(
        diagnosing({"name": "a", "promQL": BAD_QUERY}, {"name": "b", "promQL": BAD_QUERY}), NOW
    )
    assert (condition.status, condition.reason) == (ConditionStatus.FALSE, "Invalid")
    assert condition.message.startswith("spec.diagnosis[0].promQL.query: the bracket (")
    assert condition.message.endswith("(and 1 more)")


@pytest.mark.parametrize(
    ("before", "moved"),
    [
        pytest.param("True", False, id="the same status keeps its time"),
        pytest.param("False", True, id="another status gets a new one"),
    ],
)
def test_the_transition_time_moves_with_the_status(before: str, moved: bool) -> None:  # noqa: FBT001
    earlier = ago(days=1)
    old = {
        "type": "Ready",
        "status": before,
        "reason": "Any",
        "message": "",
        "lastTransitionTime": format_timestamp(earlier),
    }
    condition = ready_condition(runbook(status={"conditions": [old]}), NOW)
    assert condition.last_transition_time == (NOW if moved else earlier)


class TestUnreadable:
    """One that is there and cannot be read is not said to be missing."""

    def test_the_one_that_is_named(self) -> None:
        play = Play(spec={"runbookRef": {"name": "mine"}})
        play.shelf.unread["shop"] = ["Runbook mine"]
        play.tick()

        assert play.status.stalled is not None
        assert "Runbook shop/mine cannot be read" in play.status.stalled
        assert "kubectl -n shop describe runbook mine" in play.status.stalled

    def test_one_that_might_have_matched(self) -> None:
        play = Play()
        play.shelf.books = []
        play.shelf.unread["shop"] = ["ResponsePolicy other", "Runbook mine"]
        play.tick()

        assert "1 cannot be read: shop/mine" in play.last("DiagnosisStarted")
