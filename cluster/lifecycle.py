"""Brings a cluster up, keeps it as it is if it is well, mends it if not, takes it down.

What `python -m cluster` and the tests call. Decides only; each step is a module of its own.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

from cluster import control_plane, simulation
from cluster.files import locked
from cluster.health import complaints, unfinished
from cluster.layout import Cluster, Ports
from cluster.toolchain import ensure_tools
from cluster.toolchain.catalogue import TOOLS

_READY_SECONDS = 90.0
_POLL_SECONDS = 0.1
_ATTEMPTS = 3


class ClusterBroken(Exception):  # noqa: N818 - reads as what happened
    """The cluster could not be brought up; the text says what is wrong and where to look."""


def ensure_cluster(directory: Path, name: str) -> Cluster:
    """Return a cluster that is up and well, doing only what is needed for that."""
    directory = directory.absolute()
    with locked(directory / ".lock"):
        cluster = Cluster.load(directory)
        if cluster is not None and cluster.name != name:
            raise ClusterBroken(f"{directory} holds the cluster {cluster.name}, not {name}")
        if cluster is not None and _outdated(cluster):
            _say("the pinned versions or settings have changed: creating the cluster anew")
            _remove(cluster)
            cluster = None
        if cluster is not None:
            cluster = _mended(cluster)
        if cluster is None:
            cluster = _created(directory, name)
        return cluster


def stop_cluster(directory: Path) -> int:
    """Take a cluster down, whatever state it is in; returns how many processes were ended."""
    directory = directory.absolute()
    with locked(directory / ".lock"):
        cluster = Cluster.load(directory)
        ended = 0 if cluster is None else _remove(cluster)
        # After a crash in the middle of creating, there may be processes but no record of them.
        for workdir in directory.glob("kwok/clusters/*"):
            leftover = Cluster(directory, workdir.name, Ports(0, 0, 0, 0, 0, 0, 0), {}, "")
            ended += control_plane.destroy(leftover)
        return ended


def _mended(cluster: Cluster) -> Cluster | None:
    """Return the cluster in good health, or None where it had to be given up."""
    wrong = complaints(cluster)
    if wrong:
        _say(f"the cluster is not well ({'; '.join(wrong)}): starting it again")
        try:
            control_plane.stop(cluster)
            control_plane.start(cluster)
            _wait_ready(cluster, first=True)
        except (control_plane.StartFailed, ClusterBroken) as problem:
            _say(f"that did not help ({problem}): creating the cluster anew")
            _remove(cluster)
            return None
    if not simulation.is_applied(cluster):
        _say("the simulation has changed: applying it")
        simulation.apply(cluster)
        # kwok takes changed stages at once, but goes on serving the metrics it knew before.
        control_plane.restart_kwok(cluster)
        _wait_ready(cluster, first=False)
    return cluster


def _created(directory: Path, name: str) -> Cluster:
    tools = ensure_tools().paths
    cluster = Cluster(directory, name, Ports.pick(), tools, _definition())
    cluster.link_programs()
    since = time.monotonic()
    _say(f"starting cluster {name}")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            cluster.save()
            control_plane.create(cluster)
            break
        except control_plane.StartFailed as problem:
            control_plane.destroy(cluster)
            if attempt == _ATTEMPTS:
                raise ClusterBroken(str(problem)) from problem
            # Somebody else may have taken a port between picking and listening.
            _say(f"it did not start, trying other ports: {problem}")
            cluster = replace(cluster, ports=Ports.pick())
    cluster.write_access()
    simulation.apply(cluster)
    _wait_ready(cluster, first=False)
    _say(f"cluster {name} is ready after {time.monotonic() - since:.1f} s")
    return cluster


def _wait_ready(cluster: Cluster, *, first: bool) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    # Without the simulation nodes cannot get ready, so the first look is at the processes only.
    while wrong := complaints(cluster) if first else unfinished(cluster, simulation.node_count()):
        if time.monotonic() > deadline:
            raise ClusterBroken(f"{'; '.join(wrong)}; see {cluster.workdir / 'logs'}")
        time.sleep(_POLL_SECONDS)


def _remove(cluster: Cluster) -> int:
    ended = control_plane.destroy(cluster)
    for name in ("kubeconfig", "env", "cluster.json"):
        (cluster.directory / name).unlink(missing_ok=True)
    shutil.rmtree(cluster.directory / "users", ignore_errors=True)
    return ended


def _outdated(cluster: Cluster) -> bool:
    gone = [path for path in cluster.tools.values() if not Path(path).exists()]
    return bool(gone) or cluster.definition != _definition()


def _definition() -> str:
    """Digest what a running cluster cannot be changed in: its programs and their settings."""
    names = {tool.name: tool.name for tool in TOOLS}
    sample = Cluster(Path("/"), "sample", Ports(1, 2, 3, 4, 5, 6, 7), names, "")
    parts = [tool.key() for tool in TOOLS] + [json.dumps(control_plane.settings(sample))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
