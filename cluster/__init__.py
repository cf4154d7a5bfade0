"""A real Kubernetes control plane on this machine, with simulated workloads and Prometheus.

For demos, tests and development of everything else in this repository, which uses only what
this page exports. It is no part of the operator, and the operator never imports it.
"""

from cluster.layout import Cluster
from cluster.lifecycle import ClusterBroken, ensure_cluster, stop_cluster
from cluster.users import user_kubeconfig

__all__ = ["Cluster", "ClusterBroken", "ensure_cluster", "stop_cluster", "user_kubeconfig"]
