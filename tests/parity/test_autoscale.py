"""What autoscale leaves is what ``kubectl autoscale``, or ``kubectl patch``, leaves."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from incidentcommander.actions import Situation
from incidentcommander.actions.autoscale import ACTION
from incidentcommander.api.base import MARKER_ANNOTATION
from incidentcommander.api.common import TargetKind
from incidentcommander.api.incident import Execution, ExecutionState
from incidentcommander.api.runbook import AutoscaleAction
from incidentcommander.core.remediation.intent import MOST_RETRIES, pinned
from incidentcommander.observed.surroundings import Autoscaler
from incidentcommander.observed.workloads import Write
from tests.parity.cases import started
from tests.parity.settling import PLURALS
from tests.parity.twins import MARKER, Raw, Stage
from tests.support.api import Answer
from tests.support.build import merged
from tests.support.objects import OPERATOR

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
HPAS: Final = "horizontalpodautoscalers"


@dataclass(frozen=True)
class Row:
    """What there is, and what is asked for."""

    id: str
    spec: AutoscaleAction
    before: Raw | None = None
    """The spec of the autoscaler that there is."""
    kind: TargetKind = TargetKind.DEPLOYMENT

    @property
    def name(self) -> str:
        return f"hpa-{self.id}"


def asked(**spec: Any) -> AutoscaleAction:
    return AutoscaleAction.model_validate({"maxReplicas": 5, **spec})


def utilization(name: str, percent: int) -> Raw:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": name, "target": target}}


QUEUE: Final = {
    "type": "External",
    "external": {
        "metric": {"name": "queue", "selector": {"matchLabels": {"q": "orders"}}},
        "target": {"type": "AverageValue", "averageValue": "1500m"},
    },
}
BEHAVIOUR: Final = {"scaleDown": {"stabilizationWindowSeconds": 60}}
CPU: Final = {"maxReplicas": 3, "metrics": [utilization("cpu", 80)]}

_STATES: Final = (
    Row("limits", asked()),
    Row("cpu", asked(minReplicas=2, cpuUtilization=70)),
    Row("memory", asked(memoryUtilization=60)),
    Row("both", asked(minReplicas=2, cpuUtilization=70, memoryUtilization=60)),
    Row("one-to-one", asked(maxReplicas=1)),
    Row("wider", asked(minReplicas=2), CPU),
    Row("from-default", asked(minReplicas=2, cpuUtilization=50), {"maxReplicas": 5}),
    Row("tighter-cpu", asked(maxReplicas=3, cpuUtilization=50), CPU),
    Row("memory-too", asked(maxReplicas=3, memoryUtilization=60), CPU),
    Row(
        "others-stay",
        asked(cpuUtilization=50),
        {"maxReplicas": 3, "metrics": [QUEUE, utilization("cpu", 80)], "behavior": BEHAVIOUR},
    ),
    Row("of-values", asked(cpuUtilization=50), {"maxReplicas": 3, "metrics": [QUEUE]}),
)
ROWS: Final = tuple(
    replace(row, id=f"{row.id}-{kind.lower()}", kind=kind)
    for kind in (TargetKind.DEPLOYMENT, TargetKind.STATEFUL_SET)
    for row in _STATES
)


@dataclass(frozen=True)
class End:
    """What is left of the twins, and how a second try went."""

    theirs: Raw
    ours: Raw
    marker: str
    again: Answer


@pytest.fixture(scope="module")
def ends(stage: Stage) -> Iterator[dict[str, Future[End]]]:
    """The ends of all rows, being played side by side."""
    with ThreadPoolExecutor(len(ROWS)) as pool:
        yield {row.id: pool.submit(played, stage, row) for row in ROWS}


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
def test_the_same_is_left(row: Row, ends: dict[str, Future[End]]) -> None:
    end = ends[row.id].result()

    assert end.ours == end.theirs
    assert end.marker == MARKER
    assert not end.again.ok


MOVED: Final = Row("moved", asked(cpuUtilization=50), {"maxReplicas": 3}, TargetKind.DEPLOYMENT)


def intent(version: str) -> Execution:
    return Execution(
        proposal="autoscale-00000001",
        state=ExecutionState.INTENT,
        target_uid="uid",
        target_generation=1,
        started_at=NOW,
        autoscaler_version=version,
    )


def test_ed_touches_the_autoscaler_and_what_was_read_before_changes_nothing(stage: Stage) -> None:
    namespace = stage.namespaces[1]
    where = situation(stage, MOVED, namespace)
    (read,) = where.autoscalers or ()
    write = ACTION.write(ACTION.plan(MOVED.spec, where).parameters, where, MARKER, NOW)
    touched = {"metadata": {"labels": {"touched": "by-ed"}}}
    stage.api.merge(HPAS, MOVED.name, touched, namespace).expect_ok()

    send(stage, pinned(write, intent(read.resource_version))).expect_refused()

    # Its controller moves it as well, now and then: it is followed.
    for _ in range(MOST_RETRIES):
        now = stage.api.get(HPAS, MOVED.name, namespace).expect_ok()["metadata"]
        if (answer := send(stage, pinned(write, intent(now["resourceVersion"])))).ok:
            break
    assert answer.expect_ok()["metadata"]["annotations"][MARKER_ANNOTATION] == MARKER


def played(stage: Stage, row: Row) -> End:
    theirs, ours = (situation(stage, row, namespace) for namespace in stage.namespaces)
    plans = [ACTION.plan(row.spec, where) for where in (theirs, ours)]
    words = plans[0].command.replace(f"-n {stage.namespaces[0]} ", "", 1)
    stage.kubectl.run(*shlex.split(words)[1:], "-n", stage.namespaces[0])
    write = ACTION.write(plans[1].parameters, ours, MARKER, NOW)
    send(stage, write).expect_ok()
    left = [stage.api.get(HPAS, row.name, n).expect_ok() for n in stage.namespaces]
    again = send(stage, write)
    marker = left[1]["metadata"].get("annotations", {}).get(MARKER_ANNOTATION, "")
    return End(essence(left[0]), essence(left[1]), marker, again)


def send(stage: Stage, write: Write) -> Answer:
    """Send it as the operator is to."""
    if write.body is not None:
        return stage.api.create(write.resource, dict(write.body), write.namespace)
    operations = [dict(operation) for operation in write.patch]
    return stage.api.as_user(OPERATOR, "system:masters").patch(
        write.resource, write.name, operations, write.namespace
    )


def situation(stage: Stage, row: Row, namespace: str) -> Situation:
    body = merged({"apiVersion": "apps/v1", "kind": row.kind.value}, started(row.name))
    body = merged(body, {"metadata": {"name": row.name}})
    stage.api.create(PLURALS[row.kind], body, namespace).expect_ok()
    found: tuple[Autoscaler, ...] = ()
    if row.before is not None:
        target = {"apiVersion": "apps/v1", "kind": row.kind.value, "name": row.name}
        head = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
        spec = {"scaleTargetRef": target, **row.before}
        made = {**head, "metadata": {"name": row.name}, "spec": spec}
        raw = stage.api.create(HPAS, made, namespace).expect_ok()
        meta = raw["metadata"]
        found = (Autoscaler(namespace, row.name, meta["uid"], meta["resourceVersion"], raw),)
    workload = stage.board.workload(row.kind, namespace, row.name, time.monotonic())
    return Situation(workload, (), autoscalers=found)


def essence(raw: Raw) -> Raw:
    meta = raw["metadata"]
    annotations = dict(meta.get("annotations") or {})
    annotations.pop(MARKER_ANNOTATION, None)
    return {"labels": meta.get("labels"), "annotations": annotations, "spec": raw["spec"]}
