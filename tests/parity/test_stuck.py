"""A StatefulSet that waits for ever for a broken pod: what kubectl leaves, and what a plan does."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import pytest

from incidentcommander.actions import Plan, Situation, all_actions
from incidentcommander.actions.follow_up import PodDeletion, deletions_due
from incidentcommander.api.base import ApiModel
from incidentcommander.api.common import TargetKind
from incidentcommander.gateways.kubernetes.convert import pods_from, revisions_from
from incidentcommander.observed.workloads import Pod, Workload
from tests.parity.cases import AGAIN, PREVIOUS, release, scaled
from tests.parity.set_cases import started
from tests.parity.settling import until
from tests.parity.twins import Raw, Stage
from tests.support.api import Answer, path_of
from tests.support.build import merged
from tests.support.objects import OPERATOR

STATEFUL_SET: Final = TargetKind.STATEFUL_SET
A_WHILE: Final = 3.0
"""Longer than a rollout that is not stuck needs to replace a pod."""


def make(stage: Stage, name: str, over: Raw, bad: Raw) -> None:
    """Make the twins, each with a bad release that got stuck at its last pod."""
    head = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}}
    body = merged(head, started(STATEFUL_SET, name, merged(scaled(2), over)))
    for namespace in stage.namespaces:
        stage.api.create("statefulsets", body, namespace).expect_ok()
    for namespace in stage.namespaces:
        stage.board.settled(STATEFUL_SET, namespace, name)
        stage.api.merge("statefulsets", name, bad, namespace).expect_ok()
    for namespace in stage.namespaces:
        stage.board.settled(STATEFUL_SET, namespace, name)


def pods_of(stage: Stage, name: str, namespace: str) -> tuple[Pod, ...]:
    items = stage.api.list("pods", namespace, labelSelector=f"app={name}").expect_ok()["items"]
    uids = {item["metadata"]["name"]: item["metadata"]["uid"] for item in items}
    return tuple(replace(pod, uid=uids[pod.name]) for pod in pods_from(items))


def situation(stage: Stage, name: str, namespace: str) -> Situation:
    now = time.monotonic()
    workload = stage.board.workload(STATEFUL_SET, namespace, name, now)
    revisions = revisions_from(workload, stage.board.owned(workload, now))
    return Situation(workload, revisions, pods_of(stage, name, namespace))


def delete(stage: Stage, deletion: PodDeletion, namespace: str) -> Answer:
    options = {"preconditions": {"uid": deletion.uid}}
    return stage.api.request("DELETE", path_of("pods", namespace, deletion.name), options)


def by_kubectl(stage: Stage, plan: Plan, namespace: str) -> None:
    """Type the command of a plan, and see after its first half that this was not enough."""
    first, second = (
        shlex.split(part.strip().replace(f"-n {namespace} ", "", 1))[1:]
        for part in plan.command.split("&&")
    )
    (deletion,) = plan.follow_up
    stage.kubectl.run(*first, "-n", namespace)
    time.sleep(A_WHILE)
    name = deletion.name.rpartition("-")[0]
    (stuck,) = [p for p in pods_of(stage, name, namespace) if p.name == deletion.name]
    assert (stuck.uid, stuck.ready, stuck.deleting) == (deletion.uid, False, False)
    stage.kubectl.run(*second, "-n", namespace)


def by_plan(stage: Stage, action: str, plan: Plan, live: Situation, namespace: str) -> None:
    """Do what the operator is to do: the patch, then once it is observed the deletion, once."""
    name, at = live.workload.name, live.revisions[0].created_at
    write = all_actions()[action].write(plan.parameters, live, "stuck-0123abcd", at)
    assert write is not None
    operations = [dict(operation) for operation in write.patch]
    stage.api.as_user(OPERATOR, "system:masters").patch(
        "statefulsets", name, operations, namespace
    ).expect_ok()
    due = until(
        lambda: deletions_due(plan.parameters, situation(stage, name, namespace)) or None,
        f"{name}: a deletion is due",
    )
    assert due == plan.follow_up
    delete(stage, due[0], namespace).expect_ok()
    until(
        lambda: all(p.uid != due[0].uid for p in pods_of(stage, name, namespace)) or None,
        f"{due[0].name} is gone",
    )
    # Once more does nothing: whatever has that name by now is another pod.
    delete(stage, due[0], namespace).expect_refused()


CRASH: Final = release("app:2-crash")
UNREADY: Final = release("app:2-unready")
FROM_THREE: Final = {"spec": {"ordinals": {"start": 3}}}


@dataclass(frozen=True)
class Row:
    """How it got stuck, and what is done about it."""

    id: str
    action: str
    spec: ApiModel
    over: Raw
    bad: Raw
    ready: int
    """Of two pods, at the end."""


ROWS: Final = (
    Row("undo-of-a-crash", "rolloutUndo", PREVIOUS, {}, CRASH, 2),
    Row("undo-counted-from-three", "rolloutUndo", PREVIOUS, FROM_THREE, UNREADY, 2),
    Row("restart", "rolloutRestart", AGAIN, {}, CRASH, 1),
)


def played(stage: Stage, row: Row) -> list[Workload]:
    """Give the twins at the end: kubectl's, and ours."""
    name = f"stuck-{row.id}"
    make(stage, name, row.over, row.bad)
    theirs, ours = (situation(stage, name, namespace) for namespace in stage.namespaces)
    plans = [all_actions()[row.action].plan(row.spec, where) for where in (theirs, ours)]
    by_kubectl(stage, plans[0], stage.namespaces[0])
    by_plan(stage, row.action, plans[1], ours, stage.namespaces[1])
    return [stage.board.settled(STATEFUL_SET, n, name)[0] for n in stage.namespaces]


@pytest.fixture(scope="module")
def twins(stage: Stage) -> Iterator[dict[str, Future[list[Workload]]]]:
    """The ends of all rows, being played side by side."""
    with ThreadPoolExecutor(len(ROWS)) as pool:
        yield {row.id: pool.submit(played, stage, row) for row in ROWS}


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
def test_a_plan_does_what_kubectl_needs_two_commands_for(
    row: Row, twins: dict[str, Future[list[Workload]]]
) -> None:
    theirs, ours = twins[row.id].result()

    assert theirs.template_hash == ours.template_hash or row.action == "rolloutRestart"
    for workload in (theirs, ours):
        assert workload.status.get("readyReplicas") == row.ready
        assert workload.status["updatedReplicas"] == row.ready
