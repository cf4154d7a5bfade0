"""Puts the simulated nodes, pod behaviours and pod metrics into a running cluster.

The last step of bringing a cluster up, and all that is done again when only those files changed.
What they do stands in the files themselves.
"""

from __future__ import annotations

import hashlib
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from cluster.control_plane import write_prometheus_settings
from cluster.files import write_whole
from cluster.processes import signal_component

if TYPE_CHECKING:
    from cluster.layout import Cluster

_FOLDER = Path(__file__).parent
_SOURCES = (_FOLDER / "nodes.yaml", _FOLDER / "stages", _FOLDER / "metrics")
_TEMPLATES = (*_SOURCES, _FOLDER / "prometheus.yaml")
_SERVED_SECONDS = 30.0
_POLL_SECONDS = 0.2


class ApplyFailed(Exception):  # noqa: N818 - reads as what happened
    """The API server refused a simulation file; the text is what it said."""


def node_count() -> int:
    """Return how many nodes are simulated."""
    return len(list(yaml.safe_load_all((_FOLDER / "nodes.yaml").read_text())))


def is_applied(cluster: Cluster) -> bool:
    """Tell whether the cluster runs the simulation as it is in the files now."""
    mark = cluster.home / "simulation"
    return mark.exists() and mark.read_text() == _digest()


def apply(cluster: Cluster) -> None:
    """Bring the simulation up to date."""
    deadline = time.monotonic() + _SERVED_SECONDS
    while refusal := _refusal(cluster):
        # In a new cluster the kinds are known to the API server a moment before they are served.
        if "no matches for kind" not in refusal or time.monotonic() > deadline:
            raise ApplyFailed(refusal)
        time.sleep(_POLL_SECONDS)
    if write_prometheus_settings(cluster):
        # Prometheus reads its settings again on this signal.
        signal_component(cluster.workdir, "prometheus", signal.SIGHUP)
    write_whole(cluster.home / "simulation", _digest())


def _refusal(cluster: Cluster) -> str:
    sources = [option for source in _SOURCES for option in ("-f", str(source))]
    command = [cluster.kubectl, f"--kubeconfig={cluster.kubeconfig}", "apply", "--server-side"]
    answer = subprocess.run(
        [*command, "--force-conflicts", "--field-manager=simulation", *sources],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stderr.strip() if answer.returncode != 0 else ""


def _digest() -> str:
    digest = hashlib.sha256()
    for source in _TEMPLATES:
        for path in sorted(source.glob("*.yaml")) if source.is_dir() else [source]:
            digest.update(path.read_bytes())
    return digest.hexdigest()
