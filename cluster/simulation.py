"""Puts the simulated nodes, pod behaviours and pod metrics into a running cluster.

The last step of bringing a cluster up, and all that is done again when only those files changed.
What they do stands in the files themselves.
"""

from __future__ import annotations

import hashlib
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from cluster.control_plane import Refused, kubectl, write_prometheus_settings
from cluster.files import write_whole
from cluster.processes import signal_component

if TYPE_CHECKING:
    from cluster.layout import Cluster

_FOLDER = Path(__file__).parent
_SOURCES = (_FOLDER / "nodes.yaml", _FOLDER / "stages", _FOLDER / "metrics")
_TEMPLATES = (*_SOURCES, _FOLDER / "prometheus.yaml")
_MANAGER = "--field-manager=simulation"
_SERVED_SECONDS = 30.0
_POLL_SECONDS = 0.2


def node_count() -> int:
    """Return how many nodes are simulated."""
    return len(list(yaml.safe_load_all((_FOLDER / "nodes.yaml").read_text())))


def is_applied(cluster: Cluster) -> bool:
    """Tell whether the cluster runs the simulation as it is in the files now."""
    mark = cluster.home / "simulation"
    return mark.exists() and mark.read_text() == _digest()


def apply(cluster: Cluster) -> None:
    """Bring the simulation up to date."""
    sources = [option for source in _SOURCES for option in ("-f", str(source))]
    deadline = time.monotonic() + _SERVED_SECONDS
    while True:
        try:
            kubectl(cluster, "apply", "--server-side", "--force-conflicts", _MANAGER, *sources)
            break
        except Refused as refusal:
            # In a new cluster a kind is known to the API server a moment before it is served.
            if "no matches for kind" not in str(refusal) or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
    if write_prometheus_settings(cluster):
        # Prometheus reads its settings again on this signal.
        signal_component(cluster.workdir, "prometheus", signal.SIGHUP)
    write_whole(cluster.home / "simulation", _digest())


def _digest() -> str:
    digest = hashlib.sha256()
    for source in _TEMPLATES:
        for path in sorted(source.glob("*.yaml")) if source.is_dir() else [source]:
            digest.update(path.read_bytes())
    return digest.hexdigest()
