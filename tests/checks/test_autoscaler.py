"""The check ``autoscaler``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from incidentcommander.api.base import format_timestamp
from incidentcommander.api.common import TargetKind, Verdict
from incidentcommander.api.incident import Finding
from incidentcommander.checks.autoscaler import CHECK
from incidentcommander.checks.autoscaler_metrics import metrics_of, quantity
from incidentcommander.observed.needs import Answer, AutoscalersNeed
from incidentcommander.observed.surroundings import Autoscaler
from incidentcommander.observed.workloads import Missing, Unavailable
from tests.support.build import NAME, NAMESPACE, NOW, ago, facts, merged, step, subject

OK, BAD, UNSURE, ERROR = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ERROR
NEED = AutoscalersNeed(TargetKind.DEPLOYMENT, NAMESPACE, NAME)
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}}


def condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason or "AsUsual",
        "message": message or "as usual",
        "lastTransitionTime": format_timestamp(ago(minutes=9)),
    }


ABLE = condition("AbleToScale", "True")
ACTIVE = condition("ScalingActive", "True")
FREE = condition("ScalingLimited", "False", "DesiredWithinRange")
LIMITED = condition("ScalingLimited", "True", "TooManyReplicas")
WELL = [ABLE, ACTIVE, FREE]


def hpa(
    conditions: list[dict[str, Any]],
    replicas: int = 2,
    *,
    cpu: int | None = 45,
    name: str = "checkout",
    **over: Any,
) -> Autoscaler:
    current = [{"type": "Resource", "resource": {"name": "cpu", "current": {}}}]
    if cpu is not None:
        current[0]["resource"]["current"] = {"averageUtilization": cpu}  # type: ignore[index]
    base = {
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "creationTimestamp": format_timestamp(ago(days=3)),
        },
        "spec": {"minReplicas": 2, "maxReplicas": 3, "metrics": [CPU]},
        "status": {
            "currentReplicas": replicas,
            "desiredReplicas": replicas,
            "conditions": conditions,
            "currentMetrics": current,
        },
    }
    return Autoscaler(NAMESPACE, name, f"{name}-uid", "77", merged(base, over))


def judge(*found: Autoscaler, answer: Answer | None = None, of: Answer | None = None) -> Finding:
    known = facts(of=of).with_({NEED: found if answer is None else answer})
    return CHECK.judge(step("autoscaler"), subject(), known, NOW)


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        pytest.param((), OK, "NoAutoscaler", id="nothing scales it"),
        pytest.param((hpa(WELL),), OK, "Scaling", id="room left"),
        pytest.param((hpa(WELL, 3),), OK, "Scaling", id="at its maximum, and content"),
        pytest.param((hpa([ABLE, ACTIVE, LIMITED], 3),), BAD, "AtMaximum", id="wants more"),
        pytest.param((hpa(WELL, 3, cpu=92),), BAD, "AtMaximum", id="CPU above target at maximum"),
        pytest.param((hpa(WELL, 3, cpu=75),), OK, "Scaling", id="within the tolerance"),
        pytest.param((hpa(WELL, 2, cpu=92),), OK, "Scaling", id="above target with room left"),
        pytest.param(
            (hpa([ABLE, ACTIVE, LIMITED], 2, status={"desiredReplicas": 3}),),
            BAD,
            "AtMaximum",
            id="asks for its maximum, pods are late",
        ),
        pytest.param(
            (hpa([condition("AbleToScale", "False", "FailedGetScale", "not found")]),),
            BAD,
            "CannotScale",
            id="cannot get at the target",
        ),
        pytest.param(
            (hpa([ABLE, condition("ScalingActive", "False", "FailedGetResourceMetric")]),),
            BAD,
            "CannotCompute",
            id="no metrics",
        ),
        pytest.param(
            (hpa([ABLE, condition("ScalingActive", "False", "ScalingDisabled")], 0),),
            UNSURE,
            "ScalingDisabled",
            id="switched off by 0 replicas",
        ),
        pytest.param((hpa([]),), UNSURE, "NotObserved", id="not looked at yet"),
        pytest.param((hpa([ABLE]),), UNSURE, "NotObserved", id="nothing computed yet"),
        pytest.param((hpa(WELL, 3, cpu=None),), OK, "Scaling", id="a metric without a value"),
        pytest.param(
            (hpa(WELL), hpa([ABLE, ACTIVE, LIMITED], 3, name="other")),
            BAD,
            "AtMaximum",
            id="the worst of two counts",
        ),
    ],
)
def test_verdict(found: tuple[Autoscaler, ...], verdict: Verdict, reason: str) -> None:
    finding = judge(*found)
    assert (finding.verdict, finding.reason) == (verdict, reason), finding.message


@pytest.mark.parametrize(
    ("answer", "of", "reason"),
    [
        pytest.param(Unavailable("the HPAs", "timeout"), None, "KubernetesUnavailable", id="down"),
        pytest.param((), Missing("Deployment/checkout"), "TargetMissing", id="no target"),
    ],
)
def test_what_cannot_be_asked_is_an_error(answer: Answer, of: Answer | None, reason: str) -> None:
    finding = judge(answer=answer, of=of)
    assert (finding.verdict, finding.reason) == (ERROR, reason)


def test_at_its_maximum_it_says_the_numbers_and_since_when() -> None:
    finding = judge(hpa([ABLE, ACTIVE, LIMITED], 3, cpu=92))
    assert finding.message == (
        "HPA checkout has no room left: 3 of max 3 replicas, CPU 92 % of target 70 %."
    )
    assert finding.since == ago(minutes=9)
    assert finding.evidence is not None
    assert finding.evidence.to_api() == {
        "query": "GET /apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers "
        "of Deployment/checkout",
        "value": "3 of max 3 replicas, CPU 92 % of target 70 %",
        "threshold": "able to scale, and below its maximum or no metric above its target",
        "verdict": "Failed",
        "resourceVersion": "77",
    }


def test_what_it_cannot_is_told_in_its_own_words() -> None:
    broken = condition("ScalingActive", "False", "FailedGetResourceMetric", "no metrics API.")
    assert judge(hpa([ABLE, broken])).message == (
        "HPA checkout cannot tell how many are needed (FailedGetResourceMetric): no metrics API."
    )


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"labels": {"scaledobject.keda.sh/name": "queue"}}, id="label"),
        pytest.param({"ownerReferences": [{"kind": "ScaledObject", "name": "queue"}]}, id="owner"),
    ],
)
def test_keda_is_named(metadata: dict[str, Any]) -> None:
    message = judge(hpa(WELL, name="keda-hpa-queue", metadata=metadata)).message
    assert message.startswith("HPA keda-hpa-queue (of KEDA's ScaledObject queue) scales")


def test_two_of_them_are_said_to_fight() -> None:
    message = judge(hpa(WELL), hpa(WELL, name="other")).message
    assert message.endswith("2 autoscalers fight for it: checkout, other.")


# --- metrics -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("500m", Decimal("0.5"), id="milli"),
        pytest.param("1.5Gi", Decimal(1536) * 1024 * 1024, id="binary"),
        pytest.param("2k", Decimal(2000), id="kilo"),
        pytest.param("2e3", Decimal(2000), id="exponent"),
        pytest.param(70, Decimal(70), id="a number"),
        pytest.param("many", None, id="a word"),
        pytest.param("NaN", None, id="not a number"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_quantity(text: object, value: Decimal | None) -> None:
    assert quantity(text) == value


def metric(kind: str, source: str, name: dict[str, Any], unit: str, now: str, wanted: str) -> Any:
    spec = {"type": kind, source: {**name, "target": {unit: wanted}}}
    seen = {"type": kind, source: {**name, "current": {unit: now}}}
    return hpa(WELL, spec={"metrics": [spec]}, status={"currentMetrics": [seen]})


@pytest.mark.parametrize(
    ("given", "text", "above"),
    [
        pytest.param(
            metric("Pods", "pods", {"metric": {"name": "rps"}}, "averageValue", "1500m", "1"),
            "rps 1500m of target 1",
            True,
            id="pods",
        ),
        pytest.param(
            metric("External", "external", {"metric": {"name": "queue"}}, "value", "1k", "2k"),
            "queue 1k of target 2k",
            False,
            id="external",
        ),
        pytest.param(
            metric(
                "ContainerResource",
                "containerResource",
                {"name": "memory", "container": "app"},
                "averageValue",
                "2Gi",
                "1Gi",
            ),
            "memory of container app 2Gi of target 1Gi",
            True,
            id="one container",
        ),
    ],
)
def test_metrics_of_every_kind(given: Autoscaler, text: str, above: bool) -> None:  # noqa: FBT001
    assert [(m.text, m.above) for m in metrics_of(given)] == [(text, above)]


def test_a_metric_that_cannot_be_compared_is_left_out() -> None:
    given = metric("Pods", "pods", {"metric": {"name": "rps"}}, "averageValue", "odd", "1")
    assert metrics_of(given) == ()
