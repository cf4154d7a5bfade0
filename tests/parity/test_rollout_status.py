"""Our judgement of a rollout, in the words of ``kubectl rollout status``, on real objects."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from incidentcommander.api.common import TargetKind
from incidentcommander.core.diagnosis.rollout import Progress, RolloutState, progress
from incidentcommander.gateways.kubernetes.convert import workload_from
from tests.parity.settling import PLURALS, until
from tests.parity.twins import Raw, Stage
from tests.support.api import Body
from tests.support.build import merged

DEPLOYMENT, STATEFUL_SET, DAEMON_SET = TargetKind
WAITING, COMPLETE, FAILED, UNJUDGEABLE = RolloutState


@dataclass(frozen=True)
class Row:
    """A workload, a change of it once it is rolled out, and what is said of it then."""

    id: str
    kind: TargetKind
    start: Raw
    step: Raw
    state: RolloutState
    words: str
    more: str = ""
    """What we say beyond the words of kubectl."""
    name: str = field(init=False)

    def __post_init__(self) -> None:
        name = self.id.lower().replace(", ", "-").replace(" ", "-")
        object.__setattr__(self, "name", f"status-{name}")


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
NONE: Final = {"spec": {"replicas": 0}}
NOWHERE: Final = {"spec": {"template": {"spec": {"nodeSelector": {"parity": "none"}}}}}
LATE: Final = merged(image("1-unready"), {"spec": {"progressDeadlineSeconds": 1}})
PAUSED: Final = merged(image("2"), {"spec": {"paused": True}})
HALF: Final = image("2-unready")
BAD: Final = image("1-unready")
BY_HAND: Final = strategy("OnDelete")
ONLY: Final = "only available for RollingUpdate"
SO_FAR: Final = "; replaced by hand so far: 0 of "
PARTITION: Final = merged(TWO, strategy("RollingUpdate", partition=1))
PARTS: Final = "partitioned roll out complete:"

ROWS: Final = (
    Row("Deployment, done", DEPLOYMENT, TWO, {}, COMPLETE, "successfully rolled out"),
    Row("Deployment, none wanted", DEPLOYMENT, NONE, {}, COMPLETE, "successfully rolled out"),
    Row("Deployment, half way", DEPLOYMENT, TWO, HALF, WAITING, "1 out of 2 new replicas have been"),
    Row("Deployment, old pod kept", DEPLOYMENT, {}, HALF, WAITING, "1 old replicas are pending"),
    Row("Deployment, never good", DEPLOYMENT, merged(TWO, BAD), {}, WAITING, "0 of 2 updated replicas"),
    Row("Deployment, out of time", DEPLOYMENT, LATE, {}, FAILED, "exceeded its progress deadline"),
    Row("Deployment, paused", DEPLOYMENT, TWO, PAUSED, WAITING, "0 out of 2 new replicas have been"),
    Row("StatefulSet, done", STATEFUL_SET, {}, {}, COMPLETE, f"{PARTS} 1 new pods"),
    Row("StatefulSet, none wanted", STATEFUL_SET, NONE, {}, COMPLETE, f"{PARTS} 0 new pods"),
    Row("StatefulSet, changed", STATEFUL_SET, TWO, image("2"), COMPLETE, f"{PARTS} 2 new pods"),
    Row("StatefulSet, not ready", STATEFUL_SET, BAD, {}, WAITING, "Waiting for 1 pods to be ready"),
    Row("StatefulSet, half way", STATEFUL_SET, TWO, HALF, WAITING, "Waiting for 1 pods to be ready"),
    Row("StatefulSet, first of two", STATEFUL_SET, merged(TWO, BAD), {}, WAITING, "Waiting for 2 pods"),
    Row("StatefulSet, partition", STATEFUL_SET, PARTITION, image("2"), COMPLETE, f"{PARTS} 1 new pods"),
    Row("StatefulSet, by hand", STATEFUL_SET, BY_HAND, image("2"), UNJUDGEABLE, ONLY, f"{SO_FAR}1 pods"),
    Row("DaemonSet, done", DAEMON_SET, {}, {}, COMPLETE, "successfully rolled out"),
    Row("DaemonSet, nowhere", DAEMON_SET, NOWHERE, {}, COMPLETE, "successfully rolled out"),
    Row("DaemonSet, changed", DAEMON_SET, {}, image("2"), COMPLETE, "successfully rolled out"),
    Row("DaemonSet, half way", DAEMON_SET, {}, HALF, WAITING, "new pods have been updated"),
    Row("DaemonSet, never good", DAEMON_SET, BAD, {}, WAITING, "updated pods are available"),
    Row("DaemonSet, by hand", DAEMON_SET, BY_HAND, image("2"), UNJUDGEABLE, ONLY, f"{SO_FAR}3 pods"),
)  # fmt: skip


@pytest.fixture(scope="module")
def answers(
    stage: Stage, request: pytest.FixtureRequest
) -> Iterator[dict[str, Future[tuple[str, str]]]]:
    """What we and kubectl say of all chosen rows, which are played side by side."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    chosen = {id(call.params["row"]) for call in calls if call and "row" in call.params}
    with ThreadPoolExecutor(len(ROWS)) as pool:
        yield {row.id: pool.submit(asked, stage, row) for row in ROWS if id(row) in chosen}


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
def test_the_words_of_kubectl(row: Row, answers: dict[str, Future[tuple[str, str]]]) -> None:
    ours, theirs = answers[row.id].result()

    assert ours == theirs + row.more


def asked(stage: Stage, row: Row) -> tuple[str, str]:
    plural, namespace = PLURALS[row.kind], stage.namespaces[0]
    stage.api.create(plural, made(row.kind, row.name, row.start), namespace).expect_ok()
    if row.step:
        until(lambda: complete(stage, row), f"{row.id}: rolled out")
        stage.api.merge(plural, row.name, row.step, namespace).expect_ok()

    def both() -> tuple[str, str] | None:
        raw = read(stage, row)
        ours = judged(row, raw)
        expected = ours.state is row.state and row.words in ours.message
        theirs = told(stage, row) if expected else None
        # Only what both said of one and the same object can be compared: between two looks that
        # find the same words it may have been another, and come back.
        return (
            (ours.message, theirs) if theirs and version(read(stage, row)) == version(raw) else None
        )

    return until(both, f"{row.id}: {row.words}")


def read(stage: Stage, row: Row) -> Body:
    return stage.api.get(PLURALS[row.kind], row.name, stage.namespaces[0]).expect_ok()


def version(raw: Body) -> str:
    return str(raw["metadata"]["resourceVersion"])


def judged(row: Row, raw: Body) -> Progress:
    return progress(workload_from(row.kind, raw), applied_at=None)


def complete(stage: Stage, row: Row) -> Progress | None:
    seen = judged(row, read(stage, row))
    return seen if seen.state is COMPLETE else None


def told(stage: Stage, row: Row) -> str:
    said = stage.kubectl.attempt(
        *("rollout", "status", f"{PLURALS[row.kind]}/{row.name}", "--watch=false"),
        *("-n", stage.namespaces[0]),
    )
    return (said.out or said.err).strip().removeprefix("error: ")
