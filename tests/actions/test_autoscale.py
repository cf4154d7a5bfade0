"""Autoscale: what an HPA is to be told, what forbids it, and what is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from incidentcommander.actions import Plan, Situation
from incidentcommander.actions.autoscale import ACTION
from incidentcommander.api.base import MARKER_ANNOTATION
from incidentcommander.api.common import TargetKind
from incidentcommander.api.runbook import AutoscaleAction, ScaleAction
from incidentcommander.observed.surroundings import Autoscaler
from tests.actions.hpa import CPU, QUEUE, autoscaler, of_keda
from tests.actions.jsonpatch import TestFailedError, apply
from tests.actions.undo import LAST_APPLIED
from tests.support.build import NOW, history, managed, merged, template, workload


def situation(*autoscalers: Autoscaler, **over: Any) -> Situation:
    body = template()
    body["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1", "memory": "1Gi"}}
    target = workload(**merged({"spec": {"template": body}}, over))
    return Situation(target, history(), autoscalers=autoscalers)


def plan(where: Situation, **spec: int) -> Plan:
    return ACTION.plan(AutoscaleAction.model_validate({"maxReplicas": 20, **spec}), where)


def guards(found: Plan) -> list[tuple[str, str]]:
    return [(g.name, g.verdict.value) for g in found.guards]


def test_deployments_and_stateful_sets_can_be_scaled() -> None:
    assert ACTION.kinds == {TargetKind.DEPLOYMENT, TargetKind.STATEFUL_SET}


def test_it_needs_its_own_parameters() -> None:
    with pytest.raises(TypeError, match="ScaleAction"):
        ACTION.plan(ScaleAction(by=1), situation())


# --- a new one -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "summary", "flags"),
    [
        pytest.param({}, "1 to 20 replicas, CPU 80 % (the default)", "", id="limits only"),
        pytest.param(
            {"minReplicas": 3, "cpuUtilization": 70},
            "3 to 20 replicas, CPU 70 %",
            " --cpu=70%",
            id="CPU",
        ),
        pytest.param(
            {"minReplicas": 2, "cpuUtilization": 70, "memoryUtilization": 60},
            "2 to 20 replicas, CPU 70 %, memory 60 %",
            " --cpu=70% --memory=60%",
            id="CPU and memory",
        ),
    ],
)
def test_a_new_one_reads_well(spec: dict[str, int], summary: str, flags: str) -> None:
    found = plan(situation(), **spec)
    least = spec.get("minReplicas", 1)

    assert found.summary == f"Autoscale Deployment checkout: {summary}"
    assert found.command == (
        f"kubectl -n shop autoscale deployment/checkout --min={least} --max=20{flags}"
    )
    assert found.guards == ()
    assert found.depends_on == {"targetUid": "workload-uid"}


def test_a_new_one_is_made_with_the_marker() -> None:
    where = situation()
    found = plan(where, minReplicas=3, memoryUtilization=60)
    write = ACTION.write(found.parameters, where, "m-1", NOW)
    target = {"type": "Utilization", "averageUtilization": 60}

    assert (write.resource, write.namespace, write.name, write.patch) == (
        "horizontalpodautoscalers",
        "shop",
        "checkout",
        (),
    )
    assert write.body is not None
    assert write.body["metadata"] == {
        "name": "checkout",
        "namespace": "shop",
        "annotations": {MARKER_ANNOTATION: "m-1"},
    }
    assert write.body["spec"] == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"},
        "minReplicas": 3,
        "maxReplicas": 20,
        "metrics": [{"type": "Resource", "resource": {"name": "memory", "target": target}}],
    }


def test_what_happens_at_once_is_said() -> None:
    assert (
        "There are 3 replicas: it scales to 5 at once." in plan(situation(), minReplicas=5).reason
    )
    assert "it scales to 2 at once." in plan(situation(), maxReplicas=2).reason
    assert "at once" not in plan(situation()).reason


# --- one that is there ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "spec", "changed"),
    [
        pytest.param({}, {}, {"maxReplicas": 20}, id="limits only"),
        pytest.param(
            {},
            {"minReplicas": 3, "maxReplicas": 10},
            {"minReplicas": 3},
            id="only what is different",
        ),
        pytest.param(
            {"minReplicas": None},
            {"minReplicas": 2, "maxReplicas": 10},
            {"minReplicas": 2},
            id="from a default that is not written",
        ),
        pytest.param({}, {"cpuUtilization": 80}, {"maxReplicas": 20}, id="the same CPU"),
        pytest.param(
            {"metrics": [QUEUE, CPU]},
            {"maxReplicas": 10, "cpuUtilization": 50},
            {"metrics": [QUEUE, merged(CPU, {"resource": {"target": {"averageUtilization": 50}}})]},
            id="other metrics stay, in their order",
        ),
        pytest.param(
            {"metrics": [QUEUE]},
            {"maxReplicas": 10, "cpuUtilization": 80},
            {"metrics": [QUEUE, CPU]},
            id="a metric more",
        ),
    ],
)
def test_only_what_differs_is_changed(
    old: dict[str, Any], spec: dict[str, int], changed: dict[str, Any]
) -> None:
    now = autoscaler(spec=old)
    where = situation(now)
    found = plan(where, **spec)
    write = ACTION.write(found.parameters, where, "m-1", NOW)
    # Unlike our double, the API server takes null for a path that is not there.
    raw = merged(now.raw, {"metadata": {"annotations": {"a": "b"}}})
    patch = [op for op in write.patch if not (op["op"] == "test" and op["value"] is None)]
    after = apply(tuple(op for op in patch if op["path"] != "/metadata/annotations"), raw)

    assert (write.body, write.name) == (None, "checkout")
    assert after["spec"] == {**now.spec, **changed}
    assert found.guards == ()


def test_a_change_reads_well() -> None:
    where = situation(autoscaler(spec={"metrics": [QUEUE, CPU]}))
    found = plan(where, minReplicas=3)

    assert found.summary == (
        "Change HPA checkout of Deployment checkout from 1 to 10 replicas, CPU 80 %, "
        "1 other metric to 3 to 20 replicas, CPU 80 %, 1 other metric"
    )
    assert found.command == (
        "kubectl -n shop patch hpa checkout --type=merge "
        """-p '{"spec":{"minReplicas":3,"maxReplicas":20}}'"""
    )


def test_a_command_that_is_too_long_is_an_edit() -> None:
    many = [merged(QUEUE, {"external": {"metric": {"name": f"queue-{n}"}}}) for n in range(20)]
    found = plan(situation(autoscaler(spec={"metrics": many})), cpuUtilization=50)

    assert found.command == "kubectl -n shop edit hpa checkout"
    assert max(len(found.summary), len(found.reason)) <= 512


def test_a_change_is_written_once_and_only_over_what_was_read() -> None:
    now = autoscaler(metadata={"annotations": {"a": "b"}})
    where = situation(now)
    patch = ACTION.write(plan(where, minReplicas=3).parameters, where, "m-1", NOW).patch
    after = apply(patch, now.raw)

    assert after["metadata"]["annotations"] == {"a": "b", MARKER_ANNOTATION: "m-1"}
    for live in (
        after,
        merged(now.raw, {"spec": {"maxReplicas": 11}}),
        merged(now.raw, {"metadata": {"uid": "other"}}),
        merged(now.raw, {"spec": {"scaleTargetRef": {"name": "other"}}}),
    ):
        with pytest.raises(TestFailedError):
            apply(patch, live)


def test_one_that_is_gone_is_not_made_anew() -> None:
    found = plan(situation(autoscaler()))

    with pytest.raises(LookupError, match="checkout"):
        ACTION.write(found.parameters, situation(), "m-1", NOW)


# --- recovery and drift --------------------------------------------------------------------------


MARKED = {"annotations": {MARKER_ANNOTATION: "m-1"}}


@pytest.mark.parametrize(
    ("autoscalers", "marker"),
    [
        pytest.param([], "", id="there is none"),
        pytest.param([autoscaler()], "", id="without marker"),
        pytest.param([autoscaler(metadata=MARKED)], "m-1", id="with a marker"),
        pytest.param([autoscaler("other", metadata=MARKED)], "", id="another HPA"),
    ],
)
def test_its_marker_is_that_of_the_hpa(autoscalers: list[Autoscaler], marker: str) -> None:
    parameters = plan(situation()).parameters

    assert ACTION.marker(parameters, situation(*autoscalers)) == marker


PLANNED = {"minReplicas": 3, "maxReplicas": 20}


@pytest.mark.parametrize(
    ("before", "now", "planned"),
    [
        pytest.param([], [], False, id="there is none"),
        pytest.param([], [autoscaler(spec=PLANNED)], True, id="made as planned"),
        pytest.param([], [autoscaler("other", spec=PLANNED)], False, id="another HPA"),
        pytest.param([autoscaler()], [autoscaler()], False, id="told nothing yet"),
        pytest.param([autoscaler()], [autoscaler(spec=PLANNED)], True, id="told as planned"),
        pytest.param(
            [autoscaler()],
            [autoscaler(spec={**PLANNED, "maxReplicas": 21})],
            False,
            id="told something else",
        ),
        pytest.param(
            [autoscaler()],
            [autoscaler(metadata={"uid": "made-anew"}, spec=PLANNED)],
            False,
            id="made anew by others",
        ),
    ],
)
def test_it_is_as_planned_when(
    before: list[Autoscaler], now: list[Autoscaler], *, planned: bool
) -> None:
    parameters = plan(situation(*before), **PLANNED).parameters

    assert ACTION.as_planned(parameters, situation(*now), NOW) is planned


@pytest.mark.parametrize(
    ("before", "live", "drifted"),
    [
        pytest.param([autoscaler()], [autoscaler()], False, id="nothing changed"),
        pytest.param(
            [autoscaler()], [autoscaler(status={"currentReplicas": 9})], False, id="it scaled"
        ),
        pytest.param(
            [autoscaler()],
            [autoscaler(metadata={"annotations": {"a": "b"}})],
            False,
            id="annotated",
        ),
        pytest.param(
            [autoscaler()], [autoscaler(spec={"maxReplicas": 11})], True, id="told otherwise"
        ),
        pytest.param([autoscaler()], [autoscaler(metadata={"uid": "other"})], True, id="made anew"),
        pytest.param([autoscaler()], [], True, id="deleted"),
        pytest.param([], [autoscaler()], True, id="somebody made one"),
        pytest.param([autoscaler()], None, False, id="not read"),
        pytest.param([], None, False, id="none, not read"),
    ],
)
def test_a_plan_is_void_when(
    before: list[Autoscaler], live: list[Autoscaler] | None, *, drifted: bool
) -> None:
    found = plan(situation(*before))
    now = replace(situation(), autoscalers=None if live is None else tuple(live))

    assert (ACTION.depends_on(found.parameters, now) != found.depends_on) is drifted


# --- guards --------------------------------------------------------------------------------------

BARE = template()


@pytest.mark.parametrize(
    ("where", "spec", "expected"),
    [
        pytest.param(
            replace(situation(), autoscalers=None),
            {},
            [("AutoscalerUnknown", "Block")],
            id="it is not known whether there is one",
        ),
        pytest.param(
            situation(autoscaler(), autoscaler("other")),
            {},
            [("SeveralAutoscalers", "Block")],
            id="two fight",
        ),
        pytest.param(situation(of_keda()), {}, [("KedaOwned", "Warn")], id="KEDA"),
        pytest.param(
            situation(autoscaler()),
            {"maxReplicas": 10, "cpuUtilization": 80},
            [("AlreadyThere", "Block")],
            id="already so",
        ),
        pytest.param(
            situation(spec={"replicas": 0}), {}, [("ScaledToZero", "Warn")], id="switched off"
        ),
        pytest.param(
            situation(spec={"template": BARE}), {}, [("NoRequests", "Warn")], id="no requests"
        ),
        pytest.param(
            situation(autoscaler(), spec={"template": BARE}), {}, [], id="metrics are not touched"
        ),
        pytest.param(
            situation(metadata={"annotations": {LAST_APPLIED: '{"spec":{"replicas":3}}'}}),
            {},
            [("LastAppliedStale", "Warn")],
            id="a manifest with a number",
        ),
        pytest.param(
            situation(
                autoscaler(
                    metadata={
                        "labels": {"argocd.argoproj.io/instance": "web"},
                        "managedFields": [
                            managed(
                                "argocd-controller",
                                NOW,
                                {"f:spec": {"f:minReplicas": {}, "f:maxReplicas": {}}},
                            )
                        ],
                    }
                )
            ),
            {},
            [("AutoSync", "Warn"), ("GitOpsOwned", "Warn")],
            id="the HPA is in Git",
        ),
    ],
)
def test_what_speaks_against_it(
    where: Situation, spec: dict[str, int], expected: list[tuple[str, str]]
) -> None:
    assert guards(plan(where, **spec)) == expected


def test_limits_are_requests_too() -> None:
    body = template()
    body["spec"]["containers"] += [
        {"name": "limited", "resources": {"limits": {"cpu": "1"}}},
        {"name": "bare"},
    ]
    found = plan(situation(spec={"template": body}), cpuUtilization=70)

    assert guards(found) == [("NoRequests", "Warn")]
    assert "(cpu: app, bare)" in found.guards[0].message


@pytest.mark.parametrize(
    ("limits", "replicas", "expected"),
    [
        pytest.param((2, 20), 3, [], id="more room"),
        pytest.param((1, 10), 3, [("AlreadyThere", "Block")], id="the same"),
        pytest.param((1, 8), 3, [("LowersAutoscaler", "Warn")], id="less room than there is"),
        pytest.param((1, 8), 9, [("LowersAutoscaler", "Block")], id="pods would be taken away"),
    ],
)
def test_room_is_not_taken_away_unseen(
    limits: tuple[int, int], replicas: int, expected: list[tuple[str, str]]
) -> None:
    where = situation(autoscaler(), spec={"replicas": replicas})

    found = plan(where, minReplicas=limits[0], maxReplicas=limits[1])

    assert guards(found) == expected


def test_an_hpa_that_took_the_name_of_another_is_not_reverted() -> None:
    his = autoscaler(metadata={"uid": "of-ed"}, spec={"minReplicas": 2, "maxReplicas": 12})
    found = plan(situation(autoscaler()), min_replicas=2, max_replicas=12)
    assert ACTION.reversal(found.parameters, situation(autoscaler())) is not None

    where = situation(his)

    assert ACTION.reversal(found.parameters, where) is None
    assert not ACTION.as_planned(found.parameters, where, NOW)
    undone = ACTION.undone(found.parameters, where)
    assert undone is not None
    assert (undone.back, "is another one now" in undone.what) == (False, True)
