"""Fixtures: the chart, one operator, a shop per test, and the plugin as a person types it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from cluster import Cluster
from tests.e2e.shop import ALICE, BOB, ERIN, Office, Shop
from tests.support.api import Api
from tests.support.plugin import Plugin
from tests.support.prometheus import FakePrometheus
from tests.support.staff import installed_chart, working_office
from tools.local_operator import operator_kubeconfig

_HELD: Final = {
    "incident-commander-responder": (ALICE, BOB, ERIN),
    "incident-commander-commander": (ALICE, BOB),
}

At = Callable[[Shop], Plugin]


@pytest.fixture(scope="package")
def chart(cluster: Cluster, api: Api, crds: list[str]) -> Iterator[None]:
    """The chart without its Deployment; roles and guard are in force, people hold roles."""
    with installed_chart(cluster, api, "cli", _HELD):
        yield


@pytest.fixture(scope="package")
def prometheus() -> Iterator[FakePrometheus]:
    """A Prometheus that says what tests want."""
    prometheus = FakePrometheus().start()
    yield prometheus
    prometheus.stop()


@pytest.fixture(scope="package")
def office(
    cluster: Cluster,
    chart: None,
    prometheus: FakePrometheus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Office]:
    """One operator for all; its Incidents hold few entries, so that there are pages."""
    folder: Path = tmp_path_factory.mktemp("operator")
    credentials = operator_kubeconfig(cluster.kubeconfig, folder / "token", cluster.kubectl)
    settings = {"PROMETHEUS_URL": prometheus.url, "PAGE_AT": "32"}
    with working_office(cluster, credentials, folder, settings) as office:
        yield office


@pytest.fixture
def shop(api: Api, prometheus: FakePrometheus, office: Office) -> Iterator[Shop]:
    """A namespace of one's own, with a Runbook and a policy."""
    name = f"cli-{uuid.uuid4().hex[:8]}"
    api.create("namespaces", {"metadata": {"name": name}}).expect_ok()
    yield Shop(api, name, prometheus, office).furnish()
    office.revive()
    api.delete("namespaces", name)


@pytest.fixture(scope="session")
def plugin(cluster: Cluster) -> Plugin:
    """`kubectl incident`, as the administrator."""
    return Plugin(Path(cluster.kubectl).parent, cluster.kubeconfig)


@pytest.fixture
def erin(plugin: Plugin, shop: Shop) -> Plugin:
    """As erin, who declares and talks, and may not decide."""
    return plugin.at(shop.namespace).by(ERIN)


@pytest.fixture
def alice(plugin: Plugin, shop: Shop) -> Plugin:
    """As alice, who decides."""
    return plugin.at(shop.namespace).by(ALICE)
