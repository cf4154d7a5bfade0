"""The chart installed by the real helm, and a kubeconfig of the operator's ServiceAccount."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import Cluster
from tests.story.run import HELD
from tests.story.told import World
from tests.support.api import Api
from tests.support.kubectl import Kubectl
from tests.support.staff import installed_chart
from tools.local_operator import operator_kubeconfig


@pytest.fixture(scope="package")
def world(
    cluster: Cluster,
    api: Api,
    kubectl: Kubectl,
    crds: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """The cluster with the chart; roles and guard are in force, people hold roles."""
    target: Path = tmp_path_factory.mktemp("story") / "kubeconfig"
    with installed_chart(cluster, api, "story", HELD):
        credentials = operator_kubeconfig(cluster.kubeconfig, target, cluster.kubectl)
        yield World(api, kubectl, credentials)
