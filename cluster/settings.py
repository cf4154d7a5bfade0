"""Says what kwokctl is told about one cluster: programs, ports, and how the components differ.

Written to a file when a cluster is created; a change of what stands here makes a new cluster.
Starts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cluster.layout import Cluster

_IMPATIENT = [
    # There is one of each, so nobody needs to be elected.
    {"key": "leader-elect", "value": "false"},
    # Thirty controllers ask for their tokens one after another; the defaults (20 a second) make
    # that five seconds.
    {"key": "kube-api-qps", "value": "500"},
    {"key": "kube-api-burst", "value": "1000"},
]


def settings(cluster: Cluster) -> dict[str, Any]:
    """Return the configuration file of kwokctl."""
    return {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokctlConfiguration",
        "metadata": {"name": "kwokctl-configuration"},
        "options": _options(cluster),
        "componentsPatches": [
            {"name": name, "extraArgs": arguments}
            for name, arguments in _arguments(cluster).items()
        ],
    }


def _options(cluster: Cluster) -> dict[str, Any]:
    tools, ports = cluster.tools, cluster.ports
    return {
        "runtime": "binary",
        "bindAddress": "127.0.0.1",
        "enableCRDs": ["Stage", "Metric", "ClusterResourceUsage"],
        "kubeApiserverPort": ports.apiserver,
        "etcdPort": ports.etcd,
        "etcdPeerPort": ports.etcd_peer,
        "kubeControllerManagerPort": ports.controller_manager,
        "kubeSchedulerPort": ports.scheduler,
        "kwokControllerPort": ports.kwok,
        "prometheusPort": ports.prometheus,
        "kubeApiserverBinary": tools["kube-apiserver"],
        "kubeControllerManagerBinary": tools["kube-controller-manager"],
        "kubeSchedulerBinary": tools["kube-scheduler"],
        "etcdBinary": tools["etcd"],
        "kwokControllerBinary": tools["kwok"],
        "prometheusBinary": tools["prometheus"],
        "kubectlBinary": tools["kubectl"],
    }


def _arguments(cluster: Cluster) -> dict[str, list[dict[str, Any]]]:
    prometheus_settings = str(cluster.home / "prometheus.yaml")
    return {
        "kube-controller-manager": [
            # Else every controller acts as an administrator, and a policy that would stop the
            # garbage collector of a real cluster stops nothing here.
            {"key": "use-service-account-credentials", "value": "true"},
            *_IMPATIENT,
        ],
        "kube-scheduler": _IMPATIENT,
        "kwok-controller": [
            # Else nodes and pods have no host address.
            {"key": "node-ip", "value": "127.0.0.1", "override": True},
            # Else it complains every second about each node without pods.
            {"key": "v", "value": "ERROR"},
        ],
        "prometheus": [
            {"key": "config.file", "value": prometheus_settings, "override": True},
            {"key": "storage.tsdb.path", "value": str(cluster.workdir / "prometheus")},
        ],
    }
