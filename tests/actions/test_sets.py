"""StatefulSets and DaemonSets: what is written, and what does not happen by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from incidentcommander.actions import Plan, Situation, rollout_restart, rollout_undo, scale
from incidentcommander.api.base import MARKER_ANNOTATION
from incidentcommander.api.common import TargetKind
from incidentcommander.api.runbook import RolloutRestartAction, RolloutUndoAction, ScaleAction
from tests.actions.jsonpatch import apply
from tests.actions.sets import NEW, OLD, numbered, on_delete, rolling, situation, warned
from tests.support.build import NOW, merged

STATEFUL_SET, DAEMON_SET = TargetKind.STATEFUL_SET, TargetKind.DAEMON_SET
BOTH = pytest.mark.parametrize("kind", [STATEFUL_SET, DAEMON_SET])
HEALTHY = (numbered(0), numbered(1), numbered(2))


def undo(where: Situation) -> Plan:
    return rollout_undo.ACTION.plan(RolloutUndoAction(), where)


def restart(where: Situation) -> Plan:
    return rollout_restart.ACTION.plan(RolloutRestartAction(), where)


def scaled(where: Situation, **spec: int) -> Plan:
    return scale.ACTION.plan(ScaleAction.model_validate(spec), where)


# --- what is written -----------------------------------------------------------------------------


@BOTH
def test_an_undo_restores_the_template_and_nothing_else(kind: TargetKind) -> None:
    where = situation(kind, metadata={"annotations": {"a": "b"}}, pods=HEALTHY)
    patch = rollout_undo.ACTION.change(undo(where).parameters, where, "m-1", NOW)
    after = apply(patch, where.workload.raw)

    assert after["spec"] == {**where.workload.spec, "template": where.revisions[0].template}
    assert after["metadata"]["annotations"] == {
        **where.workload.annotations,
        MARKER_ANNOTATION: "m-1",
    }


@BOTH
def test_the_commands_name_the_kind(kind: TargetKind) -> None:
    where, what = situation(kind, pods=HEALTHY), f"{kind.lower()}/checkout"

    assert undo(where).command == f"kubectl -n shop rollout undo {what} --to-revision=6"
    assert restart(where).command == f"kubectl -n shop rollout restart {what}"


def test_a_daemon_set_cannot_be_scaled() -> None:
    assert scale.ACTION.kinds == {TargetKind.DEPLOYMENT, TargetKind.STATEFUL_SET}


@pytest.mark.parametrize(
    ("cause", "command"),
    [
        pytest.param("tax's", """--overwrite kubernetes.io/change-cause='tax'"'"'s'""", id="other"),
        pytest.param("", "kubernetes.io/change-cause-", id="none"),
    ],
)
def test_the_change_cause_stays_and_that_is_said(cause: str, command: str) -> None:
    where = situation(
        DAEMON_SET, metadata={"annotations": {"kubernetes.io/change-cause": "broke it"}}
    )
    old = replace(where.revisions[0], annotations={"kubernetes.io/change-cause": cause})
    message = warned(undo(replace(where, revisions=(old, where.revisions[1]))))["ChangeCauseStays"]

    assert "“broke it”" in message
    assert message.endswith(f"annotate daemonset/checkout {command}")


# --- a broken pod that is never replaced (kubernetes#67250) --------------------------------------


def test_an_undo_deletes_the_pod_that_the_rollout_would_wait_for() -> None:
    found = undo(situation())

    assert [(d.name, d.uid) for d in found.follow_up] == [("checkout-2", "checkout-2-uid")]
    assert found.parameters["delete/checkout-2"] == "checkout-2-uid"
    assert found.depends_on["pods"] == "2"
    assert found.summary == (
        "Roll back StatefulSet checkout from revision 7 (app:2) to revision 6 (app:1), "
        "then delete pod checkout-2"
    )
    assert found.command == (
        "kubectl -n shop rollout undo statefulset/checkout --to-revision=6 && "
        "kubectl -n shop delete pod checkout-2"
    )
    assert warned(found)["PodsStuck"] == (
        "StatefulSet checkout replaces no pod before all are ready, and would wait for ever for "
        "checkout-2. Deleted after the change, as part of this plan: checkout-2."
    )


def test_a_restart_deletes_it_too() -> None:
    found = restart(situation())

    assert [d.name for d in found.follow_up] == ["checkout-2"]
    assert found.summary.endswith("of the same release, then delete pod checkout-2")
    assert found.command.endswith(" && kubectl -n shop delete pod checkout-2")
    assert "PodsStuck" in warned(found)


PARALLEL = {"spec": {"podManagementPolicy": "Parallel"}}
BROKEN = numbered(2, NEW, ready=False)


@pytest.mark.parametrize(
    ("over", "pods", "deleted"),
    [
        pytest.param({}, HEALTHY, [], id="all are ready"),
        pytest.param({}, [BROKEN], ["checkout-2"], id="the last one is broken"),
        pytest.param(
            {},
            [numbered(n, NEW, ready=False) for n in (2, 0, 1)],
            ["checkout-0", "checkout-1", "checkout-2"],
            id="all are broken",
        ),
        pytest.param(
            {}, [numbered(2, NEW, ready=False, phase="Pending")], ["checkout-2"], id="pending"
        ),
        pytest.param(
            {}, [numbered(2, NEW, ready=False, phase="Failed")], [], id="one that has ended"
        ),
        pytest.param(
            {}, [numbered(2, NEW, ready=False, deleting=True)], [], id="one being deleted"
        ),
        pytest.param({}, [numbered(2, OLD, ready=False)], [], id="one of the destination"),
        pytest.param({}, [numbered(3, NEW, ready=False)], [], id="one too many"),
        pytest.param({}, [replace(BROKEN, name="checkout-x")], [], id="not numbered"),
        pytest.param(PARALLEL, [BROKEN], [], id="Parallel replaces it"),
        pytest.param(
            merged(PARALLEL, rolling(maxUnavailable=1)),
            [BROKEN],
            ["checkout-2"],
            id="Parallel with maxUnavailable does not",
        ),
        pytest.param(on_delete(), [BROKEN], [], id="OnDelete is by hand"),
        pytest.param(rolling(partition=2), [BROKEN], ["checkout-2"], id="at the partition"),
        pytest.param(rolling(partition=3), [BROKEN], [], id="below the partition"),
        pytest.param(
            {"spec": {"ordinals": {"start": 1}}},
            [numbered(3, NEW, ready=False)],
            ["checkout-3"],
            id="counted from one",
        ),
    ],
)
def test_only_what_would_be_waited_for_is_deleted(
    over: dict[str, Any], pods: list[Any], deleted: list[str]
) -> None:
    found = undo(situation(pods=pods, **over))

    assert [d.name for d in found.follow_up] == deleted
    assert ("PodsStuck" in warned(found)) is bool(deleted)


def test_a_daemon_set_replaces_broken_pods_by_itself() -> None:
    found = undo(situation(DAEMON_SET, pods=[numbered(2, NEW, ready=False)]))

    assert found.follow_up == ()
    assert warned(found) == {}


def test_a_pod_without_uid_is_left_to_people() -> None:
    found = undo(situation(pods=[numbered(2, NEW, ready=False, uid="")]))

    assert found.follow_up == ()
    assert warned(found)["PodsStuck"].endswith(
        "To be deleted by hand then: kubectl -n shop delete pod checkout-2"
    )


def test_so_many_pods_are_not_deleted_by_one_plan() -> None:
    pods = [numbered(n, NEW, ready=False) for n in range(12)]
    found = undo(situation(pods=pods, spec={"replicas": 12}))

    assert len(found.follow_up) == 8
    assert found.summary.endswith("then delete pods checkout-0, checkout-1, checkout-2 and 5 more")
    assert "by hand then: kubectl -n shop delete pod checkout-8" in warned(found)["PodsStuck"]
    assert len(found.parameters) <= 24
    assert len(found.command) <= 1024


def test_pods_that_cannot_be_read_are_a_warning() -> None:
    assert "kubectl -n shop get pods" in warned(undo(situation(pods=())))["PodsUnknown"]
    assert warned(undo(situation(pods=(), status={"replicas": 0}))) == {}


# --- drift ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pods", "drifted"),
    [
        pytest.param([BROKEN], False, id="the same pod"),
        pytest.param([numbered(2, NEW)], False, id="it is ready for a moment"),
        pytest.param([BROKEN, numbered(1, ready=False)], False, id="another is not ready"),
        pytest.param([replace(BROKEN, uid="another")], True, id="somebody deleted it"),
        pytest.param([numbered(0)], True, id="it is gone"),
        pytest.param([], False, id="pods were not read"),
    ],
)
def test_a_plan_that_deletes_is_void_when(pods: list[Any], *, drifted: bool) -> None:
    for action, found in (
        (rollout_undo.ACTION, undo(situation())),
        (rollout_restart.ACTION, restart(situation())),
    ):
        live = action.depends_on(found.parameters, situation(pods=pods))

        assert (live != found.depends_on) is drifted


@pytest.mark.parametrize(
    ("over", "drifted"),
    [
        pytest.param({"spec": {"replicas": 9}}, False, id="scaled"),
        pytest.param(on_delete(), True, id="by hand from now on"),
        pytest.param(rolling(partition=1), True, id="partitioned"),
        pytest.param(rolling(partition=0), False, id="the default, written out"),
    ],
)
def test_a_plan_depends_on_how_pods_are_replaced(over: dict[str, Any], *, drifted: bool) -> None:
    for action, found in (
        (rollout_undo.ACTION, undo(situation())),
        (rollout_restart.ACTION, restart(situation())),
    ):
        assert (action.depends_on(found.parameters, situation(**over)) != found.depends_on) is (
            drifted
        )


# --- strategies that leave pods alone ------------------------------------------------------------


@BOTH
def test_on_delete_says_what_to_delete(kind: TargetKind) -> None:
    pods = [numbered(0, NEW), numbered(1, OLD), numbered(9, NEW), numbered(10, NEW)]
    one_by_one = "One by one, each when the one before is ready: checkout-10, checkout-9, "
    then = "After the change: kubectl -n shop delete pod checkout-10"

    assert (
        warned(undo(situation(kind, pods=pods, **on_delete())))["OnDelete"].partition("hand. ")[2]
        == f"{one_by_one}checkout-0. {then}"
    )
    assert (
        warned(restart(situation(kind, pods=pods, **on_delete())))["OnDelete"].partition("hand. ")[
            2
        ]
        == f"{one_by_one}checkout-1, checkout-0. {then}"
    )


def test_on_delete_without_pods_still_says_how() -> None:
    found = undo(situation(pods=(), **on_delete()))

    assert warned(found).keys() == {"OnDelete"}
    assert warned(found)["OnDelete"].endswith(": kubectl -n shop delete pod NAME")


@pytest.mark.parametrize(
    ("partition", "words"),
    [
        pytest.param(2, "pods below checkout-2 keep the template that they have", id="some"),
        pytest.param(3, "none of the 3 pods is replaced", id="all"),
    ],
)
def test_a_partition_is_said(partition: int, words: str) -> None:
    found = undo(situation(pods=HEALTHY, **rolling(partition=partition)))

    assert words in warned(found)["Partitioned"]
    assert warned(found)["Partitioned"].endswith(
        """patch statefulset/checkout -p '{"spec":{"updateStrategy":{"rollingUpdate":"""
        """{"partition":0}}}}'"""
    )


def test_a_broken_pod_below_the_partition_blocks_the_others() -> None:
    pods = [numbered(0, ready=False), numbered(1), numbered(2, NEW)]
    found = undo(situation(pods=pods, **rolling(partition=1)))

    assert found.follow_up == ()
    assert "below the partition: checkout-0." in warned(found)["WaitsForPod"]
    assert warned(undo(situation(pods=pods, **merged(PARALLEL, rolling(partition=1))))).keys() == {
        "Partitioned"
    }


@pytest.mark.parametrize(
    ("nodes", "warns"), [pytest.param(0, True, id="none"), pytest.param(3, False, id="three")]
)
def test_a_daemon_set_without_nodes(nodes: int, *, warns: bool) -> None:
    where = situation(DAEMON_SET, status={"desiredNumberScheduled": nodes})

    assert ("NoNodes" in warned(restart(where))) is warns
    assert ("NoNodes" in warned(undo(where))) is warns


# --- scale ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "over", "words"),
    [
        pytest.param(1, {}, "checkout-1 to checkout-2 are DELETED", id="two volumes"),
        pytest.param(
            2, {"spec": {"ordinals": {"start": 5}}}, "checkout-7 are DELETED", id="one volume"
        ),
        pytest.param(4, {}, "", id="more"),
        pytest.param(1, {"spec": {"volumeClaimTemplates": None}}, "", id="no volumes"),
        pytest.param(
            1,
            {"spec": {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Retain"}}},
            "",
            id="kept",
        ),
    ],
)
def test_fewer_pods_may_mean_fewer_volumes(wanted: int, over: dict[str, Any], words: str) -> None:
    spec = {
        "volumeClaimTemplates": [{}],
        "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"},
    }
    found = scaled(situation(pods=HEALTHY, **merged({"spec": spec}, over)), replicas=wanted)

    assert ("VolumesDeleted" in warned(found)) is bool(words)
    assert words in warned(found).get("VolumesDeleted", "")


@pytest.mark.parametrize(
    ("over", "pods", "warns"),
    [
        pytest.param({}, [BROKEN], True, id="a broken pod"),
        pytest.param({}, [numbered(0, OLD, ready=False)], True, id="of any revision"),
        pytest.param(on_delete(), [BROKEN], True, id="whatever the strategy"),
        pytest.param({}, HEALTHY, False, id="all are ready"),
        pytest.param(PARALLEL, [BROKEN], False, id="all at once"),
    ],
)
def test_pods_are_added_in_order(over: dict[str, Any], pods: list[Any], *, warns: bool) -> None:
    found = scaled(situation(pods=pods, **over), by=1)

    assert ("WaitsForPod" in warned(found)) is warns
    assert found.command == "kubectl -n shop scale statefulset/checkout --replicas=4"
