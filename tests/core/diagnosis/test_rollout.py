"""How far a rollout is: one row per answer of ``kubectl rollout status``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from incidentcommander.api.base import format_timestamp
from incidentcommander.api.common import TargetKind
from incidentcommander.core.diagnosis.rollout import Progress, RolloutState, progress
from tests.support.build import NOW, ago, workload

DEPLOYMENT, STATEFUL_SET, DAEMON_SET = TargetKind
WAITING, COMPLETE, FAILED, UNJUDGEABLE = RolloutState
NOT_ROLLING = "rollout status is only available for RollingUpdate strategy type"


def judged(kind: TargetKind, status: dict[str, Any], spec: dict[str, Any]) -> Progress:
    # The builder's own counts are of a healthy workload; only those of the row must be there.
    none = dict.fromkeys(["replicas", "readyReplicas", "updatedReplicas", "desiredNumberScheduled"])
    return progress(workload(kind, status={**none, **status}, spec=spec), applied_at=None)


def deadline(at: datetime | None) -> list[dict[str, Any]]:
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    return [
        {"type": "Available", "status": "False"},
        {**condition, **({"lastUpdateTime": format_timestamp(at)} if at else {})},
    ]


@pytest.mark.parametrize(
    ("status", "state", "message"),
    [
        pytest.param(
            {"observedGeneration": 6},
            WAITING,
            "Waiting for deployment spec update to be observed...",
            id="the controller has not seen it",
        ),
        pytest.param(
            {"observedGeneration": 6, "conditions": deadline(NOW)},
            WAITING,
            "Waiting for deployment spec update to be observed...",
            id="unseen comes before the deadline",
        ),
        pytest.param(
            {"updatedReplicas": 3, "replicas": 3, "conditions": deadline(NOW)},
            FAILED,
            'deployment "checkout" exceeded its progress deadline',
            id="the deadline is exceeded",
        ),
        pytest.param(
            {"replicas": 4, "updatedReplicas": None, "availableReplicas": 3},
            WAITING,
            'Waiting for deployment "checkout" rollout to finish: 0 out of 3 new replicas have '
            "been updated...",
            id="no new pod yet",
        ),
        pytest.param(
            {"replicas": 5, "updatedReplicas": 3, "availableReplicas": 3},
            WAITING,
            'Waiting for deployment "checkout" rollout to finish: 2 old replicas are pending '
            "termination...",
            id="old pods are still there",
        ),
        pytest.param(
            {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 1},
            WAITING,
            'Waiting for deployment "checkout" rollout to finish: 1 of 3 updated replicas are '
            "available...",
            id="new pods are not available",
        ),
        pytest.param(
            {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3},
            COMPLETE,
            'deployment "checkout" successfully rolled out',
            id="done",
        ),
    ],
)
def test_a_deployment(status: dict[str, Any], state: RolloutState, message: str) -> None:
    assert judged(DEPLOYMENT, status, {}) == Progress(state, message)


@pytest.mark.parametrize(
    ("applied_at", "seen_at", "state"),
    [
        pytest.param(None, ago(minutes=9), FAILED, id="kubectl looks at no time"),
        pytest.param(NOW, ago(minutes=9), COMPLETE, id="it belongs to the rollout before"),
        pytest.param(NOW, NOW, COMPLETE, id="written in the same second"),
        pytest.param(
            NOW + timedelta(milliseconds=700), NOW, COMPLETE, id="truncated to the same second"
        ),
        pytest.param(NOW, NOW + timedelta(seconds=1), FAILED, id="it belongs to this rollout"),
        pytest.param(NOW, None, FAILED, id="nothing says when"),
    ],
)
def test_an_exceeded_deadline(
    applied_at: datetime | None, seen_at: datetime | None, state: RolloutState
) -> None:
    status = {
        "updatedReplicas": 3,
        "replicas": 3,
        "availableReplicas": 3,
        "conditions": deadline(seen_at),
    }
    seen = progress(workload(status=status), applied_at=applied_at)

    assert seen.state is state


@pytest.mark.parametrize(
    ("status", "strategy", "state", "message"),
    [
        pytest.param(
            {"updatedReplicas": 1, "readyReplicas": 3},
            {"type": "OnDelete"},
            UNJUDGEABLE,
            f"{NOT_ROLLING}; replaced by hand so far: 1 of 3 pods",
            id="by hand, one of three",
        ),
        pytest.param(
            {"updatedReplicas": 3, "readyReplicas": 3, "observedGeneration": 6},
            {"type": "OnDelete"},
            UNJUDGEABLE,
            f"{NOT_ROLLING}; replaced by hand so far: 0 of 3 pods",
            id="by hand, the controller has not seen it",
        ),
        pytest.param(
            {"observedGeneration": None},
            {"type": "OnDelete"},
            UNJUDGEABLE,
            f"{NOT_ROLLING}; replaced by hand so far: 0 of 3 pods",
            id="by hand, just made",
        ),
        pytest.param(
            {"updatedReplicas": 3, "readyReplicas": 2},
            {"type": "OnDelete"},
            WAITING,
            "all 3 pods were replaced by hand, 2 are available...",
            id="by hand, one is not ready",
        ),
        pytest.param(
            {"updatedReplicas": 3, "readyReplicas": 3},
            {"type": "OnDelete"},
            COMPLETE,
            "all 3 pods were replaced by hand",
            id="by hand, done",
        ),
        pytest.param(
            {"observedGeneration": 0},
            {},
            WAITING,
            "Waiting for statefulset spec update to be observed...",
            id="the controller has not seen it",
        ),
        pytest.param(
            {"readyReplicas": 1},
            {"type": "RollingUpdate"},
            WAITING,
            "Waiting for 2 pods to be ready...",
            id="pods are not ready",
        ),
        pytest.param(
            {"readyReplicas": 3, "updatedReplicas": 1},
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
            WAITING,
            "Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...",
            id="a partition is being rolled out",
        ),
        pytest.param(
            {"readyReplicas": 3, "updatedReplicas": 2},
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
            COMPLETE,
            "partitioned roll out complete: 2 new pods have been updated...",
            id="a partition is rolled out",
        ),
        pytest.param(
            {"readyReplicas": 3, "updatedReplicas": 1},
            {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            COMPLETE,
            "partitioned roll out complete: 1 new pods have been updated...",
            id="without a partition kubectl does not wait",
        ),
        pytest.param(
            {
                "readyReplicas": 3,
                "updatedReplicas": 1,
                "updateRevision": "checkout-b",
                "currentRevision": "checkout-a",
            },
            {"type": "RollingUpdate"},
            WAITING,
            "waiting for statefulset rolling update to complete 1 pods at revision checkout-b...",
            id="without rollingUpdate, two revisions",
        ),
        pytest.param(
            {
                "readyReplicas": 3,
                "currentReplicas": 3,
                "updateRevision": "checkout-b",
                "currentRevision": "checkout-b",
            },
            {},
            COMPLETE,
            "statefulset rolling update complete 3 pods at revision checkout-b...",
            id="without rollingUpdate, done",
        ),
    ],
)
def test_a_stateful_set(
    status: dict[str, Any], strategy: dict[str, Any], state: RolloutState, message: str
) -> None:
    seen = judged(STATEFUL_SET, status, {"updateStrategy": strategy})

    assert seen == Progress(state, message)


@pytest.mark.parametrize(
    ("status", "strategy", "state", "message"),
    [
        pytest.param(
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 1, "numberAvailable": 3},
            {"type": "OnDelete"},
            UNJUDGEABLE,
            f"{NOT_ROLLING}; replaced by hand so far: 1 of 3 pods",
            id="by hand, one of three",
        ),
        pytest.param(
            {"observedGeneration": None},
            {"type": "OnDelete"},
            UNJUDGEABLE,
            f"{NOT_ROLLING}; replaced by hand so far: 0 of 0 pods",
            id="by hand, just made",
        ),
        pytest.param(
            {
                "observedGeneration": 6,
                "desiredNumberScheduled": 3,
                "updatedNumberScheduled": 3,
                "numberAvailable": 3,
            },
            {"type": "OnDelete"},
            UNJUDGEABLE,
            f"{NOT_ROLLING}; replaced by hand so far: 0 of 3 pods",
            id="by hand, the controller has not seen it",
        ),
        pytest.param(
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3},
            {"type": "OnDelete"},
            COMPLETE,
            "all 3 pods were replaced by hand",
            id="by hand, done",
        ),
        pytest.param(
            {"observedGeneration": 6},
            {"type": "RollingUpdate"},
            WAITING,
            "Waiting for daemon set spec update to be observed...",
            id="the controller has not seen it",
        ),
        pytest.param(
            {"desiredNumberScheduled": 3},
            {},
            WAITING,
            'Waiting for daemon set "checkout" rollout to finish: 0 out of 3 new pods have been '
            "updated...",
            id="old pods",
        ),
        pytest.param(
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2},
            {},
            WAITING,
            'Waiting for daemon set "checkout" rollout to finish: 2 of 3 updated pods are '
            "available...",
            id="new pods are not available",
        ),
        pytest.param(
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3},
            {},
            COMPLETE,
            'daemon set "checkout" successfully rolled out',
            id="done",
        ),
    ],
)
def test_a_daemon_set(
    status: dict[str, Any], strategy: dict[str, Any], state: RolloutState, message: str
) -> None:
    seen = judged(DAEMON_SET, status, {"updateStrategy": strategy})

    assert seen == Progress(state, message)
