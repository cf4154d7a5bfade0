"""Fixtures that every test may ask for: a real cluster, its API, the CRDs, a namespace.

The cluster is started at the first use and left running: `make test` takes it down afterwards.
INCIDENT_COMMANDER_TEST_DIR names another directory for it, such as that of a running one.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.api import Api
from tests.support.kubectl import Kubectl

if TYPE_CHECKING:
    from cluster import Cluster

# The same examples in every run: a failure is somebody's change, not somebody's luck. To look for
# new ones: HYPOTHESIS_PROFILE=explore.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

ROOT = Path(__file__).parent.parent
CRDS = ROOT / "crds"
_ESTABLISHED_WITHIN = 60.0


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """A real control plane, running and well."""
    # Here, so that tests which need no cluster do not depend on it at all.
    from cluster import Cluster, ensure_cluster

    directory = Path(os.environ.get("INCIDENT_COMMANDER_TEST_DIR", ROOT / ".local" / "test"))
    running = Cluster.load(directory.absolute())
    return ensure_cluster(directory, running.name if running else "test")


@pytest.fixture(scope="session")
def api(cluster: Cluster) -> Iterator[Api]:
    """The API server, as its administrator (of the group system:masters)."""
    client = Api.from_kubeconfig(cluster.kubeconfig)
    yield client
    client.close()


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Kubectl:
    """The real kubectl, as the administrator."""
    return Kubectl(cluster.kubectl, cluster.kubeconfig)


@pytest.fixture(scope="session")
def crds(kubectl: Kubectl, api: Api) -> list[str]:
    """The names of our CRDs: of this checkout, established and served."""
    kubectl.run("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    names = [f"{_plural(file)}.incidentcommander.dev" for file in sorted(CRDS.glob("*.yaml"))]
    kubectl.run(
        "wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{name}" for name in names)
    )
    # A changed schema is served a moment after it was stored.
    _until_served(api, names)
    return names


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A fresh namespace; it is deleted in the background."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    api.create("namespaces", {"metadata": {"name": name}}).expect_ok()
    yield name
    api.delete("namespaces", name)


def _plural(file: Path) -> str:
    return file.stem.partition("_")[2]


def _until_served(api: Api, names: list[str]) -> None:
    deadline = time.monotonic() + _ESTABLISHED_WITHIN
    for name in names:
        plural = name.partition(".")[0]
        while not api.list(plural, limit="1").ok:
            assert time.monotonic() < deadline, f"{plural} is not served"
            time.sleep(0.05)
