"""The check ``dependency``."""

from __future__ import annotations

from typing import Any

import pytest

from incidentcommander.api.common import TargetKind, Verdict
from incidentcommander.api.incident import Finding
from incidentcommander.api.runbook import DiagnosisStep
from incidentcommander.checks.dependency import CHECK
from incidentcommander.observed.needs import Answer, Facts, QueryNeed, TargetNeeds
from incidentcommander.observed.workloads import Missing, Scalar, Unavailable
from tests.support.build import (
    NAMESPACE,
    NOW,
    ago,
    crashing_pod,
    facts,
    history,
    pod,
    step,
    subject,
    workload,
)

OK, BAD, UNSURE, ERROR = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ERROR


def on(kind: str, name: str) -> DiagnosisStep:
    other = {"kind": kind, "name": name}
    return DiagnosisStep.model_validate({"name": "database", "dependency": other})


DATABASE = on("StatefulSet", "db")
NEEDS = TargetNeeds.of(TargetKind.STATEFUL_SET, NAMESPACE, "db")
THREE = (pod(), pod(), pod())
YOUNG = (pod(ready=False, created_at=ago(seconds=5)),) * 3


def database(**over: Any) -> Answer:
    return workload(TargetKind.STATEFUL_SET, **over)


def judge(of: Answer, pods: Answer = THREE) -> Finding:
    known = facts(of=of, pods=pods, revisions=history(), needs=NEEDS)
    return CHECK.judge(DATABASE, subject(), known, NOW)


@pytest.mark.parametrize(
    ("of", "pods", "verdict", "reason"),
    [
        pytest.param(database(), THREE, OK, "DependencyUp", id="its pods are well"),
        pytest.param(
            database(), (pod(), pod(), crashing_pod()), BAD, "DependencyDown", id="a pod crashes"
        ),
        pytest.param(database(spec={"replicas": 0}), (), BAD, "DependencyDown", id="scaled to 0"),
        pytest.param(database(), (), BAD, "DependencyDown", id="no pods"),
        pytest.param(
            database(status={"readyReplicas": 0}), YOUNG, BAD, "DependencyDown", id="none is ready"
        ),
        pytest.param(database(), YOUNG, UNSURE, "Starting", id="some are starting"),
        pytest.param(
            database(
                status={
                    "updatedReplicas": 1,
                    "conditions": [{"type": "x", "reason": "ProgressDeadlineExceeded"}],
                }
            ),
            THREE,
            BAD,
            "DependencyDown",
            id="its rollout is stuck",
        ),
        pytest.param(
            database(
                status={"conditions": [{"type": "x", "reason": "ProgressDeadlineExceeded"}]},
            ),
            THREE,
            OK,
            "DependencyUp",
            id="the deadline of a rollout that is over",
        ),
        pytest.param(Missing("db"), THREE, ERROR, "DependencyMissing", id="there is none"),
        pytest.param(
            Unavailable("db", "timeout"), THREE, ERROR, "KubernetesUnavailable", id="not asked"
        ),
    ],
)
def test_another_workload(of: Answer, pods: Answer, verdict: Verdict, reason: str) -> None:
    finding = judge(of, pods)
    assert (finding.verdict, finding.reason) == (verdict, reason), finding.message
    assert (finding.step, finding.check) == ("database", "dependency")


def test_a_daemon_set_is_down_when_none_of_its_pods_is_available() -> None:
    needs = TargetNeeds.of(TargetKind.DAEMON_SET, NAMESPACE, "proxy")
    known = facts(of=workload(TargetKind.DAEMON_SET), pods=YOUNG, needs=needs)
    finding = CHECK.judge(on("DaemonSet", "proxy"), subject(), known, NOW)
    assert finding.message == ("DaemonSet/proxy is not well: None of its 3 pods is available.")


def test_it_names_the_dependency_and_what_is_wrong_with_it() -> None:
    finding = judge(database(), (pod(), pod(), crashing_pod()))
    assert finding.message == (
        "StatefulSet/db is not well: 1 of 3 pods of revision 7 (shop/checkout:v2) fails: "
        "CrashLoopBackOff, container app, last exit code 1, 5 restarts."
    )
    assert finding.evidence is not None
    assert finding.evidence.verdict is BAD
    assert CHECK.needs(DATABASE, subject()) == (NEEDS.workload, NEEDS.revisions, NEEDS.pods)


# --- queries and links ---------------------------------------------------------------------------

QUERY = step("dependency", promQL={"query": 'up{job="db"}', "min": 1})


@pytest.mark.parametrize(
    ("answer", "verdict", "reason"),
    [
        pytest.param(Scalar(1.0), OK, "DependencyUp", id="up"),
        pytest.param(Scalar(0.0), BAD, "DependencyDown", id="down"),
        pytest.param(Scalar(None, 0), UNSURE, "NoData", id="no data"),
        pytest.param(Unavailable("q", "down"), ERROR, "PrometheusUnavailable", id="not asked"),
    ],
)
def test_a_query(answer: Answer, verdict: Verdict, reason: str) -> None:
    known = Facts({QueryNeed('up{job="db"}', NAMESPACE): answer})
    finding = CHECK.judge(QUERY, subject(), known, NOW)
    assert (finding.verdict, finding.reason) == (verdict, reason)


def test_a_query_is_asked_as_any_other() -> None:
    needs = CHECK.needs(QUERY, subject())
    assert needs[0] == QueryNeed('up{job="db"}', NAMESPACE)
    assert len(needs) > 1


def test_a_link_is_for_people() -> None:
    asked = step("dependency", url="https://status.example")
    finding = CHECK.judge(asked, subject(), Facts(), NOW)
    assert CHECK.needs(asked, subject()) == ()
    assert (finding.verdict, finding.reason) == (UNSURE, "LinkOnly")
    assert "https://status.example" in finding.message


def test_a_step_without_a_dependency_is_an_error() -> None:
    asked = DiagnosisStep.model_validate({"name": "x", "dependency": {}})
    assert CHECK.judge(asked, subject(), Facts(), NOW).reason == "NoDependency"
    assert CHECK.needs(asked, subject()) == ()
