"""Fixtures: the operator as the chart makes it, and gateways that act under its ServiceAccount."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Cluster
from incidentcommander.gateways.kubernetes.client import Client
from incidentcommander.settings import Settings
from tests.support.api import Api
from tests.support.objects import incident
from tests.support.sockets import hung_up, open_sockets

CHART = Path(__file__).parents[2] / "helm" / "incident-commander"
RELEASE = "incident-commander"
_WITHIN = 60.0

Helm = Callable[..., str]


@pytest.fixture(scope="package")
def helm(cluster: Cluster) -> Helm:
    """The real helm, as the administrator, on our release."""

    def run(*arguments: str) -> str:
        line = [cluster.helm, f"--kubeconfig={cluster.kubeconfig}", "-n", RELEASE, *arguments]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def install(helm: Helm, *values: str) -> None:
    """Install the chart, or bring it back to what it was; the CRDs stand already."""
    sets = [
        part
        for value in ("deployment.enabled=false", "crds.install=false", *values)
        for part in ("--set", value)
    ]
    # Tests that break the guard become managers of the fields that they broke.
    helm(
        "upgrade",
        "--install",
        RELEASE,
        str(CHART),
        "--create-namespace",
        "--force-conflicts",
        *sets,
    )


@pytest.fixture(scope="package")
def installed(helm: Helm, api: Api, crds: list[str]) -> Iterator[None]:
    """The chart without its Deployment: roles and guard are in force."""
    install(helm)
    until_guarded(api)
    yield
    helm("uninstall", RELEASE)


def until_guarded(api: Api) -> None:
    """Wait until the policies are seen to act: new ones need seconds.

    The stamping policy refuses everything for some seconds after a CRD was created.
    """
    note = {"metadata": {"annotations": {"incidentcommander.dev/note": "x"}}}
    asked = incident("default", "guard-probe")
    created = {**asked, "metadata": {**asked["metadata"], **note["metadata"]}}
    api.create("incidents", asked)
    deadline = time.monotonic() + _WITHIN
    while not (
        "'incident-commander-requests'" in api.dry().create("incidents", created).message
        and api.dry().merge("incidents", "guard-probe", note, "default").ok
    ):
        assert time.monotonic() < deadline, "the guard does not act"
        time.sleep(0.1)
    api.delete("incidents", "guard-probe", "default")


@pytest.fixture(scope="package")
def token_file(installed: None, api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a token of the operator's ServiceAccount, as its pod has one."""
    path = f"/api/v1/namespaces/{RELEASE}/serviceaccounts/incident-commander/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = api.request("POST", path, body).expect_ok()["status"]["token"]
    file = tmp_path_factory.mktemp("operator") / "token"
    file.write_text(f"{token}\n")
    return file


@pytest.fixture(scope="package")
def kubeconfig(cluster: Cluster, token_file: Path) -> Path:
    """A kubeconfig for the operator."""
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"tokenFile": str(token_file)}
    target = token_file.with_name("kubeconfig")
    target.write_text(yaml.safe_dump(config))
    return target


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run something beside the test, and end it before its connections are closed."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def settings() -> Settings:
    """The settings of an operator that was installed with the chart's defaults."""
    return Settings()


@pytest.fixture
async def quiet() -> AsyncIterator[None]:
    """All connections of a test end before its event loop does."""
    before = open_sockets()
    yield
    await hung_up(before)


@pytest.fixture
async def client(kubeconfig: Path, settings: Settings, quiet: None) -> AsyncIterator[Client]:
    """The API server as the operator sees it."""
    client = await Client.connect(settings, str(kubeconfig))
    yield client
    await client.close()


@pytest.fixture
async def admin(cluster: Cluster, settings: Settings, quiet: None) -> AsyncIterator[Client]:
    """The API server as its administrator sees it, for what RBAC would refuse first."""
    client = await Client.connect(settings, str(cluster.kubeconfig))
    yield client
    await client.close()
