"""What the tests of the local cluster share: workloads with a behaviour, and patient questions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from cluster import Cluster
from cluster.health import query_prometheus
from tests.support.kubectl import Kubectl

# Far longer than anything takes: a slow machine must not fail a test.
PATIENCE = 60.0

Answer = TypeVar("Answer")


def eventually(ask: Callable[[], Answer | None], what: str) -> Answer:
    """Ask until there is an answer."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = ask()
        if answer is not None:
            return answer
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.2)


@dataclass(frozen=True)
class Shop:
    """A namespace with simulated workloads."""

    cluster: Cluster
    kubectl: Kubectl
    namespace: str

    def deploy(self, name: str, image: str, replicas: int = 1) -> None:
        """Create a Deployment."""
        self.kubectl.run("create", "deployment", name, f"--image={image}", f"--replicas={replicas}")

    def pods(self, name: str) -> list[dict[str, Any]]:
        """The pods of a workload."""
        found: list[dict[str, Any]] = self.kubectl.json("get", "pods", "-l", f"app={name}")["items"]
        return found

    def container(self, name: str, accept: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The status of a workload's container, as soon as it is as wanted."""

        def look() -> dict[str, Any] | None:
            for pod in self.pods(name):
                for status in pod["status"].get("containerStatuses", ()):
                    if accept(status):
                        return dict(status)
            return None

        return eventually(look, f"a container of {name} in the wanted state")

    def error_rate(self, workload: str) -> float | None:
        """The share of failed requests in the last seconds, or None while there are none at all."""
        labels = f'namespace="{self.namespace}",deployment="{workload}"'
        answer = query_prometheus(
            self.cluster,
            f'sum(rate(http_requests_total{{{labels},code=~"5.."}}[5s]))'
            f" / sum(rate(http_requests_total{{{labels}}}[5s]))",
        )
        share = float(answer[0]["value"][1]) if answer else float("nan")
        return None if share != share else share  # noqa: PLR0124 - not a number


@pytest.fixture
def shop(cluster: Cluster, kubectl: Kubectl, namespace: str) -> Shop:
    """A fresh namespace to put workloads into."""
    return Shop(cluster, kubectl.with_options("-n", namespace), namespace)
