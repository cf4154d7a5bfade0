"""Our judgement of a rollout, in the words of ``kubectl rollout status``, on real objects."""

from __future__ import annotations

from typing import Any, Final

import pytest

from incident_commander.api.common import TargetKind
from incident_commander.core.rollout import Progress, RolloutState, progress
from incident_commander.gateways.convert import workload_from
from tests.parity.twins import Raw, Stage, until
from tests.support.build import merged

DEPLOYMENT, STATEFUL_SET, DAEMON_SET = TargetKind
WAITING, COMPLETE, FAILED, UNJUDGEABLE = RolloutState
PLURALS: Final = {
    DEPLOYMENT: "deployments",
    STATEFUL_SET: "statefulsets",
    DAEMON_SET: "daemonsets",
}


def image(tag: str) -> Raw:
    return {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": f"app:{tag}"}]}}}}


def made(kind: TargetKind, name: str, over: Raw) -> Raw:
    labels = {"app": name}
    base: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": kind.value,
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, **image("1")["spec"]["template"]},
        },
    }
    return merged(base, over)


def strategy(kind: str, **rolling: Any) -> Raw:
    update: Raw = {"type": kind, **({"rollingUpdate": rolling} if rolling else {})}
    return {"spec": {"updateStrategy": update}}


TWO: Final = {"spec": {"replicas": 2}}


@pytest.mark.parametrize(
    ("kind", "name", "start", "step", "state", "words"),
    [
        pytest.param(
            DEPLOYMENT, "done", TWO, {}, COMPLETE, "successfully rolled out", id="Deployment, done"
        ),
        pytest.param(
            DEPLOYMENT,
            "half",
            TWO,
            image("2-unready"),
            WAITING,
            "1 out of 2 new replicas have been updated",
            id="Deployment, the first new pod is not ready",
        ),
        pytest.param(
            DEPLOYMENT,
            "old",
            {"spec": {"replicas": 1}},
            image("2-unready"),
            WAITING,
            "1 old replicas are pending termination",
            id="Deployment, the old pod is kept",
        ),
        pytest.param(
            DEPLOYMENT,
            "none",
            merged(TWO, image("1-unready")),
            {},
            WAITING,
            "0 of 2 updated replicas are available",
            id="Deployment, never was available",
        ),
        pytest.param(
            DEPLOYMENT,
            "late",
            merged(image("1-unready"), {"spec": {"progressDeadlineSeconds": 1}}),
            {},
            FAILED,
            "exceeded its progress deadline",
            id="Deployment, out of time",
        ),
        pytest.param(
            DEPLOYMENT,
            "paused",
            TWO,
            merged(image("2"), {"spec": {"paused": True}}),
            WAITING,
            "0 out of 2 new replicas have been updated",
            id="Deployment, paused and changed",
        ),
        pytest.param(
            STATEFUL_SET,
            "done",
            {},
            {},
            COMPLETE,
            "partitioned roll out complete: 1 new pods",
            id="StatefulSet, done",
        ),
        pytest.param(
            STATEFUL_SET,
            "unready",
            image("1-unready"),
            {},
            WAITING,
            "Waiting for 1 pods to be ready",
            id="StatefulSet, not ready",
        ),
        pytest.param(
            STATEFUL_SET,
            "part",
            merged(TWO, strategy("RollingUpdate", partition=1)),
            image("2"),
            COMPLETE,
            "partitioned roll out complete: 1 new pods",
            id="StatefulSet, one partition",
        ),
        pytest.param(
            STATEFUL_SET,
            "by-hand",
            strategy("OnDelete"),
            {},
            UNJUDGEABLE,
            "only available for RollingUpdate",
            id="StatefulSet, by hand",
        ),
        pytest.param(
            DAEMON_SET, "done", {}, {}, COMPLETE, "successfully rolled out", id="DaemonSet, done"
        ),
        pytest.param(
            DAEMON_SET,
            "half",
            {},
            image("2-unready"),
            WAITING,
            "new pods have been updated",
            id="DaemonSet, half way",
        ),
        pytest.param(
            DAEMON_SET,
            "none",
            image("1-unready"),
            {},
            WAITING,
            "updated pods are available",
            id="DaemonSet, never was available",
        ),
        pytest.param(
            DAEMON_SET,
            "by-hand",
            strategy("OnDelete"),
            {},
            UNJUDGEABLE,
            "only available for RollingUpdate",
            id="DaemonSet, by hand",
        ),
    ],
)
def test_the_words_of_kubectl(
    kind: TargetKind,
    name: str,
    start: Raw,
    step: Raw,
    state: RolloutState,
    words: str,
    stage: Stage,
) -> None:
    plural, namespace = PLURALS[kind], stage.namespaces[0]
    name = f"status-{name}"
    stage.api.create(plural, made(kind, name, start), namespace).expect_ok()
    if step:
        until(lambda: complete(stage, kind, name), f"{plural}/{name} is rolled out")
        stage.api.merge(plural, name, step, namespace).expect_ok()

    def both() -> tuple[str, str] | None:
        ours = judged(stage, kind, name)
        expected = ours.state is state and words in ours.message
        theirs = told(stage, kind, name) if expected else None
        # Only what both said of one and the same state of affairs can be compared.
        return (ours.message, theirs) if theirs and judged(stage, kind, name) == ours else None

    ours, theirs = until(both, f"{plural}/{name}: {words}")

    assert ours == theirs


def judged(stage: Stage, kind: TargetKind, name: str) -> Progress:
    raw = stage.api.get(PLURALS[kind], name, stage.namespaces[0]).expect_ok()
    return progress(workload_from(kind, raw), applied_at=None)


def complete(stage: Stage, kind: TargetKind, name: str) -> Progress | None:
    seen = judged(stage, kind, name)
    return seen if seen.state is COMPLETE else None


def told(stage: Stage, kind: TargetKind, name: str) -> str:
    said = stage.kubectl.attempt(
        *("rollout", "status", f"{PLURALS[kind]}/{name}", "--watch=false"),
        *("-n", stage.namespaces[0]),
    )
    return (said.out or said.err).strip().removeprefix("error: ")
