"""One chart, one operator, and all wanted scenarios played beside each other.

Each scenario has a namespace of its own. They are begun when the first of them is asked for, the
slow ones first, and each test then waits for its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from cluster import Cluster
from tests.e2e.shop import ALICE, BOB, ERIN, Office
from tests.scenarios.metrics import Metrics
from tests.scenarios.plays import SCENARIOS
from tests.scenarios.registry import Scenario
from tests.scenarios.scene import INTAKE, Scene
from tests.scenarios.usage import Usage
from tests.support.api import Api
from tests.support.kubectl import Kubectl
from tests.support.staff import installed_chart, working_office
from tools.local_operator import operator_kubeconfig

_HELD: Final = {
    "incident-commander-responder": (ALICE, BOB, ERIN),
    "incident-commander-commander": (ALICE, BOB),
    "incident-commander-intake": (INTAKE,),
}
_AT_ONCE: Final = 8

Playing = Mapping[str, "Future[None]"]


@pytest.fixture(scope="package")
def chart(cluster: Cluster, api: Api, crds: list[str]) -> Iterator[None]:
    """The chart without its Deployment; roles and guard are in force, people hold roles."""
    with installed_chart(cluster, api, "scenarios", _HELD):
        yield


@pytest.fixture(scope="package")
def metrics(cluster: Cluster) -> Iterator[Metrics]:
    """The cluster's Prometheus, and what scenarios tell instead."""
    metrics = Metrics(f"http://127.0.0.1:{cluster.ports.prometheus}").start()
    yield metrics
    metrics.stop()


@pytest.fixture(scope="package")
def usage(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Usage]:
    """What autoscalers are told."""
    usage = Usage(api, tmp_path_factory.mktemp("usage")).start()
    yield usage
    usage.stop()


@pytest.fixture(scope="package")
def office(
    cluster: Cluster, chart: None, metrics: Metrics, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """One operator for all."""
    folder: Path = tmp_path_factory.mktemp("operator")
    credentials = operator_kubeconfig(cluster.kubeconfig, folder / "token", cluster.kubectl)
    settings = {"PROMETHEUS_URL": metrics.url}
    with working_office(cluster, credentials, folder, settings) as office:
        yield office


@pytest.fixture(scope="package")
def playing(
    request: pytest.FixtureRequest,
    api: Api,
    kubectl: Kubectl,
    office: Office,
    metrics: Metrics,
    usage: Usage,
) -> Iterator[Playing]:
    """Every scenario that this run asks for, under way."""
    asked = [getattr(item, "callspec", None) for item in request.session.items]
    parameters = [spec.params.get("scenario") for spec in asked if spec is not None]
    names = {found.name for found in parameters if isinstance(found, Scenario)}
    wanted = sorted((s for s in SCENARIOS if s.name in names), key=lambda s: not s.slow)
    made: list[str] = []

    def play(scenario: Scenario) -> None:
        namespace = f"scenario-{uuid.uuid4().hex[:8]}"
        api.create("namespaces", {"metadata": {"name": namespace}}).expect_ok()
        made.append(namespace)
        here = kubectl.with_options("-n", namespace)
        scene = Scene(api, namespace, metrics, office, kubectl=here, metrics=metrics, usage=usage)
        scenario.play(scene)

    with ThreadPoolExecutor(_AT_ONCE, "scenario") as pool:
        try:
            yield {s.name: pool.submit(play, s) for s in wanted}
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            for namespace in made:
                api.delete("namespaces", namespace)
