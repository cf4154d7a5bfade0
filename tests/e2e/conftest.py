"""Fixtures: the chart installed by the real helm, operators as child processes, a shop per test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cluster import Cluster
from tests.e2e.shop import ALICE, BOB, ERIN, Office, Shop
from tests.support.api import Api
from tests.support.kubectl import Kubectl
from tests.support.prometheus import FakePrometheus
from tests.support.staff import installed_chart, working_office
from tools.local_operator import operator_kubeconfig

_HELD = {
    "incident-commander-responder": (ALICE, BOB, ERIN),
    "incident-commander-commander": (ALICE, BOB),
}

Hire = Callable[..., Office]
Open = Callable[[Callable[[str], Office]], Shop]


@pytest.fixture(scope="package")
def chart(cluster: Cluster, kubectl: Kubectl, api: Api, crds: list[str]) -> Iterator[None]:
    """The chart without its Deployment; roles and guard are in force, people hold roles."""
    with installed_chart(cluster, api, "e2e", _HELD):
        yield


@pytest.fixture(scope="package")
def credentials(cluster: Cluster, chart: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig with a token of the operator's ServiceAccount."""
    target = tmp_path_factory.mktemp("operator") / "kubeconfig"
    return operator_kubeconfig(cluster.kubeconfig, target, cluster.kubectl)


@pytest.fixture(scope="package")
def prometheus() -> Iterator[FakePrometheus]:
    """A Prometheus that says what tests want."""
    prometheus = FakePrometheus().start()
    yield prometheus
    prometheus.stop()


@pytest.fixture(scope="module")
def hire(
    cluster: Cluster,
    credentials: Path,
    prometheus: FakePrometheus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Hire]:
    """Start operators behind proxies of their own, until the end of the module."""
    with ExitStack() as stack:

        def start(**settings: str) -> Office:
            folder = tmp_path_factory.mktemp("operator")
            environment = {"PROMETHEUS_URL": prometheus.url, **settings}
            return stack.enter_context(working_office(cluster, credentials, folder, environment))

        yield start


@pytest.fixture(scope="module")
def office(hire: Hire) -> Office:
    """One operator for the whole module, for all namespaces."""
    return hire()


@pytest.fixture(scope="module")
def open_shop(api: Api, prometheus: FakePrometheus) -> Iterator[Open]:
    """Make namespaces; they are deleted in the background, at the end of the module."""
    names: list[str] = []

    def make(staff: Callable[[str], Office]) -> Shop:
        name = f"e2e-{uuid.uuid4().hex[:8]}"
        api.create("namespaces", {"metadata": {"name": name}}).expect_ok()
        names.append(name)
        return Shop(api, name, prometheus, staff(name))

    yield make
    for name in names:
        api.delete("namespaces", name)


@pytest.fixture
def shop(open_shop: Open, office: Office) -> Shop:
    """A namespace of one's own, with a Runbook and a policy."""
    return open_shop(lambda _: office).furnish()
