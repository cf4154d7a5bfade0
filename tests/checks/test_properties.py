"""What holds for every check whatever the world answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidentcommander.api.common import Verdict
from incidentcommander.api.incident import MAX_ENTRY_TEXT, Finding
from incidentcommander.api.runbook import DiagnosisStep
from incidentcommander.checks import all_checks
from incidentcommander.checks.relate import relate
from incidentcommander.observed.managed_fields import Edit
from incidentcommander.observed.needs import Answer, Facts, Need, QueryNeed
from incidentcommander.observed.surroundings import (
    Autoscaler,
    ConfigObject,
    Configuration,
    Reference,
    WarningEvent,
    Warnings,
)
from incidentcommander.observed.workloads import Missing, Scalar, Unavailable
from tests.support.build import NOW, container, pod, revision, step, subject, template, workload

# The machine that runs the tests may be busy with a cluster.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

STEPS = {
    "podStatus": step("podStatus"),
    "rolloutHistory": step("rolloutHistory"),
    "errorRate": step("errorRate", errors="errors", total="total", baseline={}),
    "promQL": step("promQL", query="q", max=0.5),
    "autoscaler": step("autoscaler"),
    "events": step("events"),
    "recentChanges": step("recentChanges"),
    "dependency": DiagnosisStep.model_validate(
        {"name": "db", "dependency": {"kind": "Deployment", "name": "db"}}
    ),
}

moments = st.integers(-600, 10**7).map(lambda s: NOW - timedelta(seconds=s))
words = st.sampled_from(
    ["", "CrashLoopBackOff", "OOMKilled", "Error", "Completed", "ContainerCreating", "odd one"]
)
labels = st.sampled_from(["rev6", "rev7", "rev8", ""])
containers = st.builds(
    container,
    st.sampled_from(["app", "sidecar"]),
    ready=st.booleans(),
    restarts=st.integers(0, 9),
    waiting_reason=words,
    waiting_message=st.text(max_size=600),
    terminated_reason=words,
    last_terminated_reason=words,
    last_exit_code=st.none() | st.integers(0, 255),
)
pods = st.builds(
    pod,
    labels,
    created_at=moments,
    phase=st.sampled_from(["Pending", "Running", "Failed", "Succeeded", "Unknown"]),
    ready=st.booleans(),
    deleting=st.booleans(),
    unschedulable=st.sampled_from(["", "no node" * 100]),
    containers=st.lists(containers, max_size=3),
)
templates = st.builds(
    template,
    st.sampled_from(["a:1", "b:2" * 100]),
    annotations=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)
revisions = st.builds(revision, st.integers(0, 9), created_at=moments, pod_template=templates)
workloads = st.builds(
    lambda replicas, pod_template, conditions: workload(
        spec={"replicas": replicas, "template": pod_template}, status={"conditions": conditions}
    ),
    st.integers(0, 4),
    templates,
    st.lists(
        st.fixed_dictionaries(
            {
                "type": st.sampled_from(["Progressing", "ReplicaFailure"]),
                "status": st.sampled_from(["True", "False"]),
                "lastUpdateTime": st.sampled_from(["", "2026-11-22T08:00:00Z"]),
            }
        ),
        max_size=2,
    ),
)
texts = st.text(max_size=600)
names = st.sampled_from(["checkout", "checkout-rev7", "checkout-rev6-bcdfg", "a" * 253])
kinds = st.sampled_from(["Deployment", "ReplicaSet", "Pod", "ConfigMap", "Secret", "Service"])
measured = st.sampled_from(["", "70", "500m", "odd", "9" * 300]) | st.integers(0, 200)
metrics = st.builds(
    lambda unit, now: {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {unit: 70}, "current": {unit: now}},
    },
    st.sampled_from(["averageUtilization", "averageValue"]),
    measured,
)
autoscalers = st.builds(
    lambda name, status, now: Autoscaler(
        "shop",
        name,
        "uid",
        "1",
        {
            "metadata": {"name": name, "creationTimestamp": "2026-11-22T08:00:00Z"},
            "spec": {"maxReplicas": 3, "metrics": now},
            "status": {**status, "currentMetrics": now},
        },
    ),
    names,
    st.fixed_dictionaries(
        {},
        optional={
            "currentReplicas": st.integers(0, 5),
            "desiredReplicas": st.integers(0, 5),
            "conditions": st.lists(
                st.fixed_dictionaries(
                    {
                        "type": st.sampled_from(["AbleToScale", "ScalingActive", "ScalingLimited"]),
                        "status": st.sampled_from(["True", "False", "Unknown"]),
                        "reason": st.sampled_from(["ScalingDisabled", "TooManyReplicas", "Other"]),
                        "message": texts,
                        "lastTransitionTime": st.sampled_from([None, "2026-11-22T08:00:00Z"]),
                    }
                ),
                max_size=3,
            ),
        },
    ),
    st.lists(metrics, max_size=2),
)
events = st.builds(
    WarningEvent,
    kinds,
    names,
    st.just(""),
    st.sampled_from(["BackOff", "Unhealthy", "Other", "R" * 200]),
    texts,
    st.integers(1, 10**6),
    moments,
    moments,
)
references = st.builds(Reference, kinds, names | st.just(""), st.booleans())
config_objects = st.builds(
    ConfigObject,
    kinds,
    names,
    st.just("1"),
    moments,
    st.lists(st.builds(Edit, moments, texts), max_size=2).map(tuple),
)
configurations = st.builds(
    Configuration,
    st.lists(config_objects, max_size=4).map(tuple),
    st.lists(references, max_size=5).map(tuple),
    st.lists(references, max_size=5).map(tuple),
    st.integers(0, 3),
)
refusals = st.builds(Missing, st.just("it")) | st.builds(
    Unavailable, st.just("it"), st.text(max_size=600)
)
scalars = st.builds(
    Scalar, st.none() | st.floats() | st.integers(0, 100).map(float), st.integers(0, 3)
)


def answers(need: Need) -> st.SearchStrategy[Answer]:
    if isinstance(need, QueryNeed):
        return scalars | refusals
    by_kind: dict[str, st.SearchStrategy[Any]] = {
        "WorkloadNeed": workloads,
        "RevisionsNeed": st.lists(revisions, max_size=4).map(tuple),
        "PodsNeed": st.lists(pods, max_size=4).map(tuple),
        "AutoscalersNeed": st.lists(autoscalers, max_size=2).map(tuple),
        "WarningsNeed": st.builds(Warnings, st.lists(events, max_size=4).map(tuple), st.booleans()),
        "ConfigurationNeed": configurations,
    }
    return by_kind[type(need).__name__] | refusals


@st.composite
def judged(draw: Callable[[st.SearchStrategy[Any]], Any], chosen: DiagnosisStep) -> Finding:
    check = all_checks()[chosen.kind]
    known: dict[Need, Answer] = {
        need: draw(answers(need)) for need in check.needs(chosen, subject())
    }
    dropped = draw(st.sets(st.sampled_from(list(known)), max_size=2))
    given_facts = Facts({need: answer for need, answer in known.items() if need not in dropped})
    return check.judge(chosen, subject(), given_facts, NOW)


@pytest.mark.parametrize("kind", STEPS)
@relaxed
@given(data=st.data())
def test_judging_is_total_and_fits_the_schema(kind: str, data: st.DataObject) -> None:
    finding: Finding = data.draw(judged(STEPS[kind]))
    assert Finding.model_validate(finding.to_api()) == Finding.model_validate(
        relate((finding,))[0].to_api()
    )
    assert finding.message
    assert finding.since is None or finding.reason
    assert finding.reason.isalnum()
    seen = finding.evidence.to_api() if finding.evidence else {}
    # The timeline's entry has the step and its reason besides.
    assert len(finding.message) + sum(map(len, seen.values())) <= MAX_ENTRY_TEXT - 2 * 64


NO_ANSWER = (
    Unavailable("it", "timeout"),
    Scalar(None, series=0),
    Scalar(float("nan")),
    Scalar(float("inf")),
    Scalar(0.1, series=2),
)


@pytest.mark.parametrize("kind", STEPS)
@relaxed
@given(data=st.data())
def test_no_answer_is_never_good_and_never_bad(kind: str, data: st.DataObject) -> None:
    chosen, check = STEPS[kind], all_checks()[kind]
    needs = check.needs(chosen, subject())
    asked_now = [n for n in needs if not isinstance(n, QueryNeed) or not n.offset]
    lost = data.draw(st.sampled_from(asked_now))
    known: dict[Need, Answer] = {need: data.draw(answers(need)) for need in needs}
    empty_errors = isinstance(lost, QueryNeed) and lost.query == "errors"
    choices = [a for a in NO_ANSWER if not empty_errors or a != Scalar(None, series=0)]
    known[lost] = data.draw(st.sampled_from(choices))
    finding = check.judge(chosen, subject(), Facts(dict(known.items())), NOW)
    assert finding.verdict in {Verdict.INCONCLUSIVE, Verdict.ERROR}


@pytest.mark.parametrize("kind", STEPS)
def test_nothing_asked_is_an_error(kind: str) -> None:
    finding = all_checks()[kind].judge(STEPS[kind], subject(), Facts(), NOW)
    assert finding.verdict is Verdict.ERROR


def test_the_checks_are_found_by_name() -> None:
    assert set(all_checks()) == set(STEPS)
