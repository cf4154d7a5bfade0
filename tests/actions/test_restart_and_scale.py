"""Restart and scale: what they plan, what forbids them, and what they write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidentcommander.actions import Plan, Situation, all_actions, scale
from incidentcommander.actions import rollout_restart as restart
from incidentcommander.actions.annotations import LAST_APPLIED
from incidentcommander.api.base import MARKER_ANNOTATION
from incidentcommander.api.runbook import RolloutRestartAction, ScaleAction
from incidentcommander.observed.surroundings import Autoscaler
from incidentcommander.observed.workloads import RESTARTED_AT_ANNOTATION, Write
from tests.actions.hpa import autoscaler, of_keda
from tests.actions.jsonpatch import TestFailedError, apply
from tests.support.build import NOW, history, managed, pod, revision, template, workload


def situation(**over: Any) -> Situation:
    return Situation(workload=workload(**over), revisions=history())


def guards(found: Plan) -> list[tuple[str, str]]:
    return [(g.name, g.verdict.value) for g in found.guards]


def test_they_are_found_by_the_names_that_runbooks_use() -> None:
    assert all_actions()["rolloutRestart"] is restart.ACTION
    assert all_actions()["scale"] is scale.ACTION


# --- restart -------------------------------------------------------------------------------------


def restart_plan(where: Situation) -> Plan:
    return restart.ACTION.plan(RolloutRestartAction(), where)


def test_a_restart_reads_well() -> None:
    found = restart_plan(situation())

    assert found.summary == (
        "Restart Deployment checkout: replace its pods by new ones of the same release"
    )
    assert found.command == "kubectl -n shop rollout restart deployment/checkout"
    assert found.guards == ()


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        pytest.param({"spec": {"paused": True}}, ("Paused", "Block"), id="kubectl refuses paused"),
        pytest.param({"spec": {"replicas": 0}}, ("ScaledToZero", "Warn"), id="nothing runs"),
        pytest.param(
            {"spec": {"strategy": {"type": "Recreate"}}}, ("Recreate", "Warn"), id="all at once"
        ),
    ],
)
def test_what_speaks_against_a_restart(over: dict[str, Any], expected: tuple[str, str]) -> None:
    assert guards(restart_plan(situation(**over))) == [expected]


@pytest.mark.parametrize(
    "annotations",
    [
        pytest.param(None, id="a template without annotations"),
        pytest.param({"team": "a"}, id="a template with annotations"),
        pytest.param({RESTARTED_AT_ANNOTATION: "earlier"}, id="a template restarted before"),
    ],
)
def test_a_restart_writes_the_time_of_the_intent(annotations: dict[str, str] | None) -> None:
    where = situation(spec={"template": template(annotations=annotations)})
    # The same moment, told in the zone of the machine, as kubectl does.
    local = NOW.astimezone(timezone(timedelta(hours=2)))
    patch = restart.ACTION.change({}, where, "restart-1", local)
    after = apply(patch, where.workload.raw)

    written = {**(annotations or {}), RESTARTED_AT_ANNOTATION: "2026-11-22T08:30:00Z"}
    assert after["spec"]["template"]["metadata"]["annotations"] == written
    assert after["metadata"]["annotations"][MARKER_ANNOTATION] == "restart-1"


@pytest.mark.parametrize(
    ("numbers", "limit", "lost"),
    [
        pytest.param([6, 7], 2, False, id="there is room"),
        pytest.param([6, 7], 1, True, id="one is kept, and that is the bad one"),
        pytest.param([6, 7], 0, True, id="none is kept"),
        pytest.param([1, 2, 7], 3, False, id="gaps do not count"),
        pytest.param([7], 0, False, id="there is nothing to lose"),
    ],
)
def test_a_restart_may_throw_away_what_to_roll_back_to(
    numbers: list[int], limit: int, *, lost: bool
) -> None:
    revisions = tuple(revision(n, f"app:{n}") for n in numbers)
    spec = {"template": revisions[-1].template, "revisionHistoryLimit": limit}
    found = restart_plan(Situation(workload=workload(spec=spec), revisions=revisions))

    assert guards(found) == ([("LastWayBack", "Warn")] if lost else [])
    assert all("it throws away revision 6 (app:6," in g.message for g in found.guards)


@pytest.mark.parametrize(
    ("runs", "behind"),
    [
        pytest.param([7, 7, 7], "", id="all run the template"),
        pytest.param([6, 7, 7], "1 of 3 pods run another revision", id="a rollout hangs"),
        pytest.param([6, 6], "2 of 2 pods run another revision", id="nothing was replaced yet"),
    ],
)
def test_a_restart_says_for_whom_it_is_a_release(runs: list[int], behind: str) -> None:
    revisions = tuple(revision(n, f"app:{n}") for n in (6, 7))
    labels = {r.number: r.label for r in revisions}
    pods = tuple(pod(labels[number], name=f"checkout-{n}") for n, number in enumerate(runs))
    target = workload(spec={"template": revisions[-1].template, "revisionHistoryLimit": 10})
    found = restart_plan(Situation(workload=target, revisions=revisions, pods=pods))

    said = [g.message for g in found.guards if g.name == "PodsBehind"]
    assert bool(said) == bool(behind)
    assert all(behind in message and "the template's: revision 7" in message for message in said)


@pytest.mark.parametrize(
    ("over", "drifted"),
    [
        pytest.param({"metadata": {"generation": 9}, "spec": {"replicas": 9}}, False, id="scaled"),
        pytest.param({"metadata": {"uid": "other"}}, True, id="made anew"),
        pytest.param({"spec": {"paused": True}}, True, id="paused"),
        pytest.param({"spec": {"template": template("a:9")}}, True, id="released"),
        pytest.param(
            {"spec": {"template": template(annotations={RESTARTED_AT_ANNOTATION: "now"})}},
            True,
            id="restarted by somebody else",
        ),
    ],
)
def test_a_restart_is_void_when(over: dict[str, Any], *, drifted: bool) -> None:
    found = restart_plan(situation())
    live = restart.ACTION.depends_on(found.parameters, situation(**over))

    assert (live != found.depends_on) is drifted


# --- scale ---------------------------------------------------------------------------------------


def scale_plan(where: Situation, **spec: int) -> Plan:
    return scale.ACTION.plan(ScaleAction.model_validate(spec), where)


@pytest.mark.parametrize(
    ("now", "spec", "to"),
    [
        pytest.param(3, {"replicas": 5}, 5, id="a number"),
        pytest.param(3, {"replicas": 50, "max": 20}, 20, id="a number above max"),
        pytest.param(3, {"replicas": 1, "min": 2}, 2, id="a number below min"),
        pytest.param(3, {"by": 2}, 5, id="more"),
        pytest.param(3, {"by": -2}, 1, id="fewer"),
        pytest.param(3, {"by": 2, "max": 4}, 4, id="more, up to max"),
        pytest.param(3, {"by": -2, "min": 2}, 2, id="fewer, down to min"),
        pytest.param(1, {"by": -2}, 0, id="never below none"),
        pytest.param(1, {"by": 1, "min": 5}, 5, id="more, at least min"),
        pytest.param(25, {"by": 2, "max": 20}, 25, id="more never takes pods away"),
        pytest.param(2, {"by": -1, "min": 3}, 2, id="fewer never adds pods"),
        pytest.param(0, {"replicas": 3}, 3, id="from none"),
    ],
)
def test_scale_plans_a_number(now: int, spec: dict[str, int], to: int) -> None:
    found = scale_plan(situation(spec={"replicas": now}), **spec)

    assert found.parameters == {"from": str(now), "to": str(to)}
    assert found.depends_on == {"targetUid": "workload-uid", "replicas": str(now)}
    assert found.command == f"kubectl -n shop scale deployment/checkout --replicas={to}"


def test_scale_reads_well() -> None:
    found = scale_plan(situation(), by=2, max=20)

    assert found.summary == "Scale Deployment checkout from 3 to 5 replicas"
    assert found.reason == ("The Runbook asks for 2 more than the 3 there are, within max 20: 5.")


@pytest.mark.parametrize(
    ("over", "spec", "expected"),
    [
        pytest.param({}, {"replicas": 4}, [], id="nothing"),
        pytest.param({}, {"replicas": 3}, [("AlreadyThere", "Block")], id="already so many"),
        pytest.param({}, {"by": 1, "max": 3}, [("AlreadyThere", "Block")], id="at the limit"),
        pytest.param({}, {"replicas": 0}, [("ScaleToZero", "Warn")], id="switched off"),
        pytest.param(
            {"spec": {"replicas": 0}}, {"replicas": 0}, [("AlreadyThere", "Block")], id="is off"
        ),
        pytest.param({"spec": {"paused": True}}, {"by": 1}, [], id="paused ones can be scaled"),
        pytest.param(
            {"metadata": {"annotations": {"meta.helm.sh/release-name": "web"}}},
            {"by": 1},
            [("HelmOwned", "Warn")],
            id="Helm",
        ),
        pytest.param(
            {"metadata": {"annotations": {LAST_APPLIED: '{"spec":{"replicas":3}}'}}},
            {"by": 1},
            [("LastAppliedStale", "Warn")],
            id="kubectl apply with a number",
        ),
        pytest.param(
            {"metadata": {"annotations": {LAST_APPLIED: '{"spec":{}}'}}},
            {"by": 1},
            [],
            id="kubectl apply without a number",
        ),
        pytest.param(
            {"metadata": {"annotations": {LAST_APPLIED: "[" * 120_000}}},
            {"by": 1},
            [],
            id="ed nests 120,000 brackets in what kubectl apply left",
        ),
        pytest.param(
            {"metadata": {"annotations": {LAST_APPLIED: '{"spec":{"replicas":"$(id)"}}'}}},
            {"by": 1},
            [],
            id="ed writes words for the number",
        ),
        pytest.param(
            {
                "metadata": {
                    "managedFields": [
                        managed("argocd-controller", NOW, {"f:spec": {"f:replicas": {}}}),
                        managed("argocd-controller", NOW),
                    ]
                }
            },
            {"by": 1},
            [("AutoSync", "Warn")],
            id="a program that writes it again by itself",
        ),
        pytest.param(
            {"metadata": {"managedFields": [managed("argocd-controller", NOW)]}},
            {"by": 1},
            [],
            id="a program that writes the template only",
        ),
    ],
)
def test_what_speaks_against_scaling(
    over: dict[str, Any], spec: dict[str, int], expected: list[tuple[str, str]]
) -> None:
    assert guards(scale_plan(situation(**over), **spec)) == expected


@pytest.mark.parametrize(
    ("over", "drifted"),
    [
        pytest.param({"spec": {"template": template("a:9")}}, False, id="released"),
        pytest.param({"spec": {"replicas": 9}}, True, id="scaled"),
        pytest.param({"metadata": {"uid": "other"}}, True, id="made anew"),
    ],
)
def test_scaling_is_void_when(over: dict[str, Any], *, drifted: bool) -> None:
    found = scale_plan(situation(), by=1)
    live = scale.ACTION.depends_on(found.parameters, situation(**over))

    assert (live != found.depends_on) is drifted


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({"by": 1}, '"minReplicas":4,"maxReplicas":10', id="more"),
        pytest.param({"replicas": 12}, '"minReplicas":12,"maxReplicas":12', id="beyond it"),
        pytest.param({"by": -1}, '"minReplicas":1,"maxReplicas":2', id="fewer"),
        pytest.param({"replicas": 0}, "", id="switched off"),
    ],
)
def test_an_autoscaler_overwrites_the_number(spec: dict[str, int], words: str) -> None:
    found = scale_plan(replace(situation(), autoscalers=(autoscaler(),)), **spec)
    messages = [g.message for g in found.guards if g.name == "AutoscalerOwned"]

    assert len(messages) == bool(words)
    assert all(words in message for message in messages)
    assert all("(1 to 10 replicas, CPU 80 %), and overwrites" in message for message in messages)


def test_keda_takes_the_number_back() -> None:
    found = scale_plan(replace(situation(), autoscalers=(of_keda(),)), by=1)

    assert guards(found) == [("KedaOwned", "Warn")]
    assert found.guards[0].message.endswith(
        "kubectl -n shop annotate scaledobject orders autoscaling.keda.sh/paused-replicas=4"
    )


@pytest.mark.parametrize(
    ("live", "drifted"),
    [
        pytest.param((autoscaler(status={"currentReplicas": 9}),), False, id="it scaled"),
        pytest.param((autoscaler(spec={"maxReplicas": 11}),), True, id="told otherwise"),
        pytest.param((), True, id="deleted"),
        pytest.param(None, False, id="not read"),
    ],
)
def test_scaling_depends_on_the_autoscaler(
    live: tuple[Autoscaler, ...] | None, *, drifted: bool
) -> None:
    found = scale_plan(replace(situation(), autoscalers=(autoscaler(),)), by=1)
    now = replace(situation(), autoscalers=live)

    assert (scale.ACTION.depends_on(found.parameters, now) != found.depends_on) is drifted


def test_scale_needs_its_own_parameters() -> None:
    with pytest.raises(TypeError, match="RolloutRestartAction"):
        scale.ACTION.plan(RolloutRestartAction(), situation())


# --- both ----------------------------------------------------------------------------------------

annotation_maps = st.one_of(
    st.none(), st.dictionaries(st.sampled_from(["a", "b/c", "~d"]), st.text())
)


@settings(deadline=None, max_examples=50)
@given(
    annotations=annotation_maps,
    replicas=st.integers(0, 9),
    by=st.integers(-9, 9).filter(bool),
    generation=st.integers(1, 9),
)
def test_whatever_the_target(
    annotations: dict[str, str] | None, replicas: int, by: int, generation: int
) -> None:
    where = situation(
        metadata={"annotations": None, "generation": generation}, spec={"replicas": replicas}
    )
    if annotations is not None:
        where = situation(
            metadata={"annotations": annotations, "generation": generation},
            spec={"replicas": replicas},
        )
    before = dict(where.workload.annotations)
    for action, found in (
        (restart.ACTION, restart_plan(where)),
        (scale.ACTION, scale_plan(where, by=by)),
    ):
        assert action.depends_on(found.parameters, where) == found.depends_on
        patch = action.change(found.parameters, where, "m-1", NOW)
        write = action.write(found.parameters, where, "m-1", NOW)
        assert write == Write("deployments", "shop", "checkout", patch)
        assert patch[0] == {"op": "test", "path": "/metadata/uid", "value": "workload-uid"}
        assert patch[1] == {"op": "test", "path": "/metadata/generation", "value": generation}
        after = apply(patch, where.workload.raw)
        assert after["metadata"]["annotations"] == {**before, MARKER_ANNOTATION: "m-1"}
        marked = situation(metadata=after["metadata"])
        assert action.marker(found.parameters, marked) == "m-1"
        after["metadata"]["generation"] += 1
        with pytest.raises(TestFailedError):
            apply(patch, after)


def test_no_annotation_that_came_meanwhile_is_wiped_out() -> None:
    where = situation(metadata={"annotations": None})
    patch = restart.ACTION.change({}, where, "m", NOW)

    with pytest.raises(TestFailedError, match="annotations"):
        apply(patch, situation().workload.raw)
