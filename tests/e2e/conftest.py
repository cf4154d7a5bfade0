"""Fixtures: the chart installed by the real helm, operators as child processes, a shop per test."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from cluster import Cluster
from tests.e2e.shop import ALICE, BOB, ERIN, GROUP, Office, Shop, until
from tests.support.api import Api, Body
from tests.support.kubectl import Kubectl
from tests.support.prometheus import FakePrometheus
from tests.support.proxy import FaultProxy
from tools.local_operator import NAMESPACE, LocalOperator, install_chart, operator_kubeconfig

_HELD = {
    "incident-commander-responder": (ALICE, BOB, ERIN),
    "incident-commander-commander": (ALICE, BOB),
}
_LABEL = {"tests": "e2e"}

Hire = Callable[..., Office]
Open = Callable[[Callable[[str], Office]], Shop]


@pytest.fixture(scope="package")
def chart(cluster: Cluster, kubectl: Kubectl, api: Api, crds: list[str]) -> Iterator[None]:
    """The chart without its Deployment; roles and guard are in force, people hold roles."""
    # The CRDs stand already, and not by Helm's hand.
    install_chart(cluster.kubeconfig, cluster.helm, cluster.kubectl, ["crds.install=false"])
    for role, people in _HELD.items():
        _bind(api, role, people)
    yield
    for binding in api.list("clusterrolebindings", labelSelector="tests=e2e").expect_ok()["items"]:
        api.delete("clusterrolebindings", binding["metadata"]["name"])
    _uninstall(cluster, api)


def _uninstall(cluster: Cluster, api: Api) -> None:
    """Leave the cluster to other tests without the guard, which they do not expect."""
    line = [cluster.helm, f"--kubeconfig={cluster.kubeconfig}", "uninstall", NAMESPACE]
    subprocess.run([*line, "-n", NAMESPACE], check=True, capture_output=True, timeout=120)
    said = {f"{GROUP}/note": "x"}
    body: Body = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Incident",
        "metadata": {"name": "probe", "namespace": "default", "annotations": said},
        "spec": {"title": "probe", "target": {"kind": "Deployment", "name": "probe"}},
    }
    until(lambda: api.dry().create("incidents", body).ok or None, "the guard is gone")


def _bind(api: Api, role: str, people: tuple[str, ...]) -> None:
    group = "rbac.authorization.k8s.io"
    body: Body = {
        "metadata": {"name": f"e2e-{role}", "labels": _LABEL},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": name} for name in people],
    }
    answer = api.create("clusterrolebindings", body)
    assert answer.ok or answer.reason == "AlreadyExists", answer.message


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
            proxy = stack.enter_context(FaultProxy(cluster.kubeconfig))
            kubeconfig = _pointed_at(credentials, proxy.url, folder / "kubeconfig")
            environment = {"PROMETHEUS_URL": prometheus.url, **settings}
            prefixed = {f"INCIDENT_COMMANDER_{key}": value for key, value in environment.items()}
            office = Office(LocalOperator(kubeconfig, folder / "log", prefixed), proxy)
            stack.enter_context(_running(office))
            return office

        yield start


def _pointed_at(credentials: Path, server: str, target: Path) -> Path:
    config = yaml.safe_load(credentials.read_text())
    config["clusters"][0]["cluster"] = {"server": server}
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(config))
    return target


@contextmanager
def _running(office: Office) -> Iterator[None]:
    try:
        office.operator.start(120)
        yield
    finally:
        # An orderly end takes seconds, and is not what is tested.
        office.operator.kill()


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
