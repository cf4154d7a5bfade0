"""The check ``podStatus``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from incidentcommander.api.common import TargetKind, Verdict
from incidentcommander.api.incident import Finding
from incidentcommander.checks.pod_status import CHECK
from incidentcommander.observed.needs import Answer, TargetNeeds
from incidentcommander.observed.workloads import Missing, Pod, Unavailable, Workload
from tests.support.build import (
    NAME,
    NAMESPACE,
    NOW,
    ago,
    container,
    crashing_pod,
    facts,
    history,
    pod,
    step,
    subject,
    workload,
)

OK, BAD, UNSURE, ERROR = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ERROR


def judge(pods: Answer, of: Answer | None = None, **parameters: Any) -> Finding:
    return CHECK.judge(step("podStatus", **parameters), subject(), facts(pods=pods, of=of), NOW)


def waiting(reason: str, **over: Any) -> Pod:
    app = container(ready=False, waiting_reason=reason, waiting_message=over.pop("message", ""))
    return pod(ready=False, containers=[app], **over)


def ran(*, ready: bool, restarts: int, age: datetime | None = None, **over: Any) -> Pod:
    app = container(ready=ready, restarts=restarts, **over)
    return pod(ready=ready, containers=[app], created_at=age)


THREE = (pod(), pod(), pod())
OOM: dict[str, Any] = {"last_terminated_reason": "OOMKilled", "last_exit_code": 137}


@pytest.mark.parametrize(
    ("pods", "verdict", "reason"),
    [
        pytest.param(THREE, OK, "PodsHealthy", id="three ready pods are healthy"),
        pytest.param((*THREE, crashing_pod()), BAD, "CrashLoopBackOff", id="one pod crashes"),
        pytest.param(
            (waiting("ImagePullBackOff"), *THREE), BAD, "ImagePullBackOff", id="image not there"
        ),
        pytest.param((waiting("ErrImagePull"), *THREE), BAD, "ErrImagePull", id="pull failed"),
        pytest.param(
            (waiting("CreateContainerConfigError"), *THREE),
            BAD,
            "CreateContainerConfigError",
            id="a secret is missing",
        ),
        pytest.param((waiting("odd reason!"),), BAD, "ContainerWaiting", id="odd reason"),
        pytest.param(
            (pod(ready=False, phase="Pending", unschedulable="no nodes"), *THREE),
            BAD,
            "Unschedulable",
            id="no node takes it",
        ),
        pytest.param(
            (ran(ready=False, restarts=1, **OOM), *THREE), BAD, "OOMKilled", id="out of memory"
        ),
        pytest.param(
            (ran(ready=True, restarts=1, age=ago(days=9), **OOM), *THREE),
            OK,
            "PodsHealthy",
            id="out of memory once, long ago, is over",
        ),
        pytest.param(
            (ran(ready=True, restarts=6, age=ago(days=9)), *THREE),
            BAD,
            "TooManyRestarts",
            id="more restarts than allowed",
        ),
        pytest.param(
            (ran(ready=True, restarts=5, age=ago(days=9)), *THREE),
            OK,
            "PodsHealthy",
            id="as many restarts as allowed",
        ),
        pytest.param(
            (ran(ready=True, restarts=2, age=ago(minutes=2), last_exit_code=1), *THREE),
            UNSURE,
            "Restarting",
            id="a crash loop between two crashes is not called good",
        ),
        pytest.param(
            (ran(ready=False, restarts=0, terminated_reason="Error"), *THREE),
            BAD,
            "CrashLoopBackOff",
            id="a container that has just crashed",
        ),
        pytest.param(
            (
                pod(containers=[container("init", ready=False, terminated_reason="Completed")]),
                *THREE,
            ),
            OK,
            "PodsHealthy",
            id="an init container that is done",
        ),
        pytest.param(
            (pod(ready=False, created_at=ago(seconds=29)), *THREE),
            UNSURE,
            "Starting",
            id="unready for less than 30 s is starting",
        ),
        pytest.param(
            (pod(ready=False, created_at=ago(seconds=30)), *THREE),
            BAD,
            "NotReady",
            id="unready for 30 s fails",
        ),
        pytest.param(
            (waiting("ContainerCreating", phase="Pending", created_at=ago(seconds=119)), *THREE),
            UNSURE,
            "Starting",
            id="pulling images may take two minutes",
        ),
        pytest.param(
            (waiting("ContainerCreating", phase="Pending", created_at=ago(minutes=2)), *THREE),
            BAD,
            "NotReady",
            id="after two minutes it fails",
        ),
        pytest.param(
            (crashing_pod(deleting=True), crashing_pod(phase="Failed"), *THREE),
            OK,
            "PodsHealthy",
            id="pods that go or were evicted do not count",
        ),
        pytest.param((), BAD, "NoPods", id="no pods at all"),
        pytest.param((pod(),), UNSURE, "TooFewPods", id="fewer pods than wanted"),
        pytest.param(Missing("pods"), BAD, "NoPods", id="the API server knows no pods"),
        pytest.param(
            Unavailable("pods", "timeout"), ERROR, "KubernetesUnavailable", id="not to be asked"
        ),
    ],
)
def test_verdict(pods: Answer, verdict: Verdict, reason: str) -> None:
    finding = judge(pods)
    assert (finding.verdict, finding.reason) == (verdict, reason), finding.message


@pytest.mark.parametrize(
    ("of", "pods", "verdict", "reason"),
    [
        pytest.param(workload(spec={"replicas": 0}), (), BAD, "ScaledToZero", id="scaled to zero"),
        pytest.param(
            workload(
                status={
                    "conditions": [
                        {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
                    ]
                }
            ),
            (pod(),),
            BAD,
            "PodsRefused",
            id="a quota refuses pods",
        ),
        pytest.param(Missing("Deployment/checkout"), THREE, ERROR, "TargetMissing", id="no target"),
        pytest.param(
            Unavailable("the workload", "refused"), THREE, ERROR, "KubernetesUnavailable", id="down"
        ),
    ],
)
def test_the_workload_counts(
    of: Answer, pods: Sequence[Pod], verdict: Verdict, reason: str
) -> None:
    finding = judge(tuple(pods), of)
    assert (finding.verdict, finding.reason) == (verdict, reason)


def test_only_the_new_pods_fail() -> None:
    finding = judge((crashing_pod(), crashing_pod(), pod(), pod("rev6"), pod("rev6")))
    assert finding.message == (
        "Only the new pods fail: 2 of 3 pods of revision 7 (shop/checkout:v2) fail: "
        "CrashLoopBackOff, container app, last exit code 1, 5 restarts; "
        "the 2 pods of other revisions are fine."
    )


def test_all_revisions_fail() -> None:
    finding = judge((crashing_pod(), crashing_pod("rev6"), pod("rev6")))
    assert finding.message.startswith("1 of 1 pod of revision 7 (shop/checkout:v2) fails")
    assert finding.message.endswith("; 1 of 2 pods of other revisions fail, too.")


def test_a_revision_that_left_the_history_is_said_to_be_unknown() -> None:
    assert "an unknown revision (rev1)" in judge((crashing_pod("rev1"),)).message


def test_a_young_crashing_pod_says_since_when() -> None:
    assert judge((crashing_pod(created_at=ago(minutes=4)),)).since == ago(minutes=4)
    assert judge((crashing_pod(created_at=ago(days=4)),)).since is None


def test_the_limit_of_restarts_is_the_runbooks() -> None:
    assert (
        judge((ran(ready=True, restarts=6, age=ago(days=9)), *THREE), maxRestarts=6).verdict is OK
    )


def test_a_daemon_set_wants_a_pod_on_each_node() -> None:
    needs = TargetNeeds.of(TargetKind.DAEMON_SET, NAMESPACE, NAME)
    daemon_set: Workload = workload(TargetKind.DAEMON_SET)
    about = subject(spec={"target": {"kind": "DaemonSet"}})
    known = facts(of=daemon_set, revisions=history(), pods=(pod(), pod()), needs=needs)
    assert CHECK.judge(step("podStatus"), about, known, NOW).reason == "TooFewPods"


def test_the_evidence_says_what_was_asked() -> None:
    evidence = judge((crashing_pod(), pod(), pod())).evidence
    assert evidence is not None
    assert evidence.to_api() == {
        "query": "GET /api/v1/namespaces/shop/pods of Deployment/checkout",
        "value": "1 of 3 pods failing, 3 wanted",
        "threshold": "no failing pod; at most 5 restarts of a container",
        "verdict": "Failed",
        "resourceVersion": "700",
    }
