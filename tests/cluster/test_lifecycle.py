"""A cluster comes up once, is mended when half dead, and leaves nothing behind."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from cluster import Cluster, ClusterBroken, ensure_cluster, stop_cluster, user_kubeconfig
from cluster.health import complaints
from cluster.processes import running_components, signal_component
from cluster.users import UserRefused
from tests.support.kubectl import Kubectl


def test_up_again_changes_nothing(cluster: Cluster) -> None:
    before = running_components(cluster.workdir)
    assert ensure_cluster(cluster.directory, cluster.name) == cluster
    assert running_components(cluster.workdir) == before


def test_directory_holds_one_cluster_only(cluster: Cluster) -> None:
    with pytest.raises(ClusterBroken, match="not another"):
        ensure_cluster(cluster.directory, "another")


def test_cluster_is_mended_and_taken_down(tmp_path: Path) -> None:
    try:
        cluster = ensure_cluster(tmp_path, "mended")
        kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
        kubectl.run("create", "namespace", "kept")
        for name in ("etcd", "kwok-controller"):
            signal_component(cluster.workdir, name, signal.SIGKILL)
        assert ensure_cluster(tmp_path, "mended").ports == cluster.ports
        assert complaints(cluster) == []
        kubectl.run("get", "namespace", "kept")
        kubectl.run("create", "deployment", "web", "--image=shop/web:v1", "--replicas=3")
        kubectl.run("rollout", "status", "deployment/web", "--timeout=60s")
    finally:
        stop_cluster(tmp_path)
    assert running_components(cluster.workdir) == {}
    assert not cluster.kubeconfig.exists()
    assert stop_cluster(tmp_path) == 0


def test_control_plane_is_the_real_thing(cluster: Cluster, kubectl: Kubectl) -> None:
    served = kubectl.run("api-resources", "--api-group=admissionregistration.k8s.io", "-o", "name")
    assert "mutatingadmissionpolicies.admissionregistration.k8s.io" in served.split()
    # Controllers act under names of their own: with less than an administrator's rights.
    accounts = kubectl.run("get", "serviceaccounts", "-n", "kube-system", "-o", "name")
    assert "serviceaccount/generic-garbage-collector" in accounts.split()


def test_user_is_known_by_name_and_may_do_nothing(cluster: Cluster) -> None:
    alice = Kubectl(cluster.kubectl, user_kubeconfig(cluster, "alice", ["oncall"]))
    told = alice.json("auth", "whoami")["status"]["userInfo"]
    assert told["username"] == "alice"
    assert set(told["groups"]) == {"oncall", "system:authenticated"}
    alice.expect_refused("get", "pods", words=['User "alice" cannot list'])


def test_user_name_cannot_smuggle_a_group(cluster: Cluster) -> None:
    with pytest.raises(UserRefused):
        user_kubeconfig(cluster, "alice/O=system:masters")


def test_token_of_a_service_account_is_accepted(kubectl: Kubectl, namespace: str) -> None:
    token = kubectl.run("create", "token", "default", "-n", namespace).strip()
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token},
    }
    told = json.loads(kubectl.run("create", "-f", "-", "-o", "json", stdin=json.dumps(review)))
    assert told["status"]["user"]["username"] == f"system:serviceaccount:{namespace}:default"
