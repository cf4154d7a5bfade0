"""Plays the story outside of the tests, to write the page anew."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Final

from tests.story.page import PAGE, page
from tests.story.script import ALICE, BOB, CAROL, DAVE, ERIN, play
from tests.story.told import World
from tests.support.api import Api
from tests.support.kubectl import Kubectl
from tests.support.staff import installed_chart
from tools.local_operator import operator_kubeconfig

__all__ = ["HELD", "write"]

ROOT: Final = Path(__file__).parents[2]
HELD: Final = {
    "incident-commander-responder": (ALICE, BOB, CAROL, DAVE, ERIN),
    "incident-commander-commander": (ALICE, BOB),
}
"""Who holds which ClusterRole of the chart."""


def write() -> str:
    """Play it once on a local cluster and write the page; gives it."""
    from cluster import Cluster, ensure_cluster

    directory = Path(os.environ.get("INCIDENT_COMMANDER_TEST_DIR", ROOT / ".local" / "test"))
    running = Cluster.load(directory.absolute())
    cluster = ensure_cluster(directory.absolute(), running.name if running else "test")
    api = Api.from_kubeconfig(cluster.kubeconfig)
    kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
    kubectl.run("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    with (
        tempfile.TemporaryDirectory() as folder,
        installed_chart(cluster, api, "story", HELD),
    ):
        target = Path(folder) / "kubeconfig"
        credentials = operator_kubeconfig(cluster.kubeconfig, target, cluster.kubectl)
        told = page(asyncio.run(play(World(api, kubectl, credentials))))
    PAGE.write_text(told)
    api.close()
    return told
