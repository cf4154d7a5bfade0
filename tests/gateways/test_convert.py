"""Raw objects become values, however little is in them."""

from __future__ import annotations

from typing import Any

import pytest

from incidentcommander.api.common import TargetKind
from incidentcommander.gateways.kubernetes.convert import (
    controller_revisions,
    deployment_revisions,
    owners_of_pods,
    pods_from,
    selector_of,
    workload_from,
)
from incidentcommander.observed.workloads import Container, Workload

META = {"uid": "u", "resourceVersion": "1", "creationTimestamp": "2026-11-22T08:00:00Z"}


def target(kind: TargetKind = TargetKind.DEPLOYMENT, **spec: Any) -> Workload:
    meta = {**META, "name": "checkout", "namespace": "shop", "generation": 3}
    return workload_from(kind, {"metadata": meta, "spec": spec})


def owned(name: str, **over: Any) -> dict[str, Any]:
    owner = {"controller": True, "uid": over.pop("owner", "u"), "kind": over.pop("kind", "X")}
    return {**META, "name": name, "ownerReferences": [owner], **over}


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        (
            {"matchExpressions": [{"key": "a", "operator": "In", "values": ["2", "1"]}]},
            "a in (1,2)",
        ),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, "a notin (1)"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, "a"),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, "!a"),
        ({}, ""),
    ],
)
def test_a_selector_becomes_the_text_of_a_request(selector: dict[str, Any], text: str) -> None:
    assert selector_of(target(selector=selector)) == text


def replica_set(name: str, revision: str | None, **over: Any) -> dict[str, Any]:
    annotations = {} if revision is None else {"deployment.kubernetes.io/revision": revision}
    template = {
        "metadata": {"labels": {"app": "checkout", "pod-template-hash": name}},
        "spec": {"containers": [{"name": "app", "image": f"checkout:{revision}"}]},
    }
    return {
        "metadata": owned(f"checkout-{name}", annotations=annotations, **over),
        "spec": {"template": template},
    }


def test_the_history_of_a_deployment_is_what_it_owns_and_can_be_numbered() -> None:
    items = [
        replica_set("ccc", "10"),
        replica_set("aaa", "9"),
        replica_set("bad", "ten"),
        replica_set("new", None),
        replica_set("foreign", "3", owner="another"),
        {"metadata": {**META, "name": "orphan"}, "spec": {}},
    ]

    history = deployment_revisions(target(), items)

    assert [(r.number, r.name, r.label) for r in history] == [
        (9, "checkout-aaa", "aaa"),
        (10, "checkout-ccc", "ccc"),
    ]
    assert history[0].template["metadata"]["labels"] == {"app": "checkout"}
    # What was read is not changed.
    assert "pod-template-hash" in items[1]["spec"]["template"]["metadata"]["labels"]


@pytest.mark.parametrize(("kind", "label"), [("StatefulSet", "checkout-5d"), ("DaemonSet", "5d")])
def test_a_controller_revision_has_the_label_that_its_pods_carry(kind: str, label: str) -> None:
    template = {"$patch": "replace", "metadata": {}, "spec": {"containers": []}}
    item = {
        "metadata": owned("checkout-5d", kind=kind, labels={"controller-revision-hash": "5d"}),
        "revision": 4,
        "data": {"spec": {"template": template}},
    }

    (revision,) = controller_revisions(target(TargetKind(kind)), [item])

    assert (revision.number, revision.label) == (4, label)
    assert revision.template == {"metadata": {}, "spec": {"containers": []}}
    assert revision.raw["data"]["spec"]["template"]["$patch"] == "replace"


def test_a_pod_without_status_is_not_ready() -> None:
    (pod,) = pods_from([{"metadata": {**META, "name": "p"}}])

    assert (pod.phase, pod.ready, pod.revision, pod.containers) == ("Unknown", False, "", ())


def test_a_pod_says_what_keeps_it_from_working() -> None:
    raw = {
        "metadata": {
            **META,
            "name": "p",
            "deletionTimestamp": "2026-11-22T08:00:00Z",
            "labels": {"pod-template-hash": "aaa"},
        },
        "spec": {
            "initContainers": [{"name": "migrate", "image": "m:1"}],
            "containers": [{"name": "app", "image": "a:1"}],
        },
        "status": {
            "phase": "Pending",
            "conditions": [
                {"type": "Ready", "status": "False"},
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/3 nodes",
                },
            ],
            "initContainerStatuses": [
                {
                    "name": "migrate",
                    "ready": False,
                    "restartCount": 0,
                    "state": {"terminated": {"reason": "Error", "exitCode": 2}},
                }
            ],
            "containerStatuses": [
                {
                    "name": "app",
                    "image": "resolved@sha256:1",
                    "ready": False,
                    "restartCount": 7,
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                }
            ],
        },
    }

    (pod,) = pods_from([raw])

    assert pod.deleting
    assert pod.unschedulable == "0/3 nodes"
    assert pod.revision == "aaa"
    assert pod.containers == (
        Container(
            "migrate", "m:1", ready=False, restarts=0, terminated_reason="Error", last_exit_code=2
        ),
        Container(
            "app",
            "a:1",
            ready=False,
            restarts=7,
            waiting_reason="CrashLoopBackOff",
            waiting_message="back-off",
            last_terminated_reason="OOMKilled",
            last_exit_code=137,
        ),
    )


def test_ed_names_a_pods_owner_like_the_targets_and_it_is_not_the_targets() -> None:
    def controlled(name: str, uid: str) -> dict[str, Any]:
        owner = {"kind": "ReplicaSet", "name": "checkout-abc", "uid": uid, "controller": True}
        labels = {"pod-template-hash": "abc"}
        meta = {**META, "name": name, "ownerReferences": [owner], "labels": labels}
        return {"metadata": meta}

    found = pods_from([controlled("mine", "rs-1"), controlled("ed", "rs-2")], {"rs-1": "xyz"})

    # The revision is that of the ReplicaSet, whatever the pod's label says.
    assert [(pod.name, pod.revision) for pod in found] == [("mine", "xyz")]


def test_only_replica_sets_that_the_deployment_controls_own_its_pods() -> None:
    deployment = target()

    def replica_set(uid: str, owner: str) -> dict[str, Any]:
        owners = [{"kind": "Deployment", "name": "checkout", "uid": owner, "controller": True}]
        labels = {"pod-template-hash": uid}
        meta = {**META, "uid": uid, "ownerReferences": owners, "labels": labels}
        return {"metadata": meta, "spec": {"template": {}}}

    history = [replica_set("mine", "u"), replica_set("ed", "evil")]

    assert owners_of_pods(deployment, history) == {"mine": "mine"}
    assert owners_of_pods(target(TargetKind.DAEMON_SET), []) == {"u": ""}
