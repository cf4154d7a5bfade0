"""Brings a cluster up, keeps it as it is if it is well, mends it if not, takes it down.

What `python -m cluster` and the tests call. Decides only; each step is a module of its own.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from pathlib import Path

from cluster import control_plane, simulation
from cluster.files import locked
from cluster.health import all_running, complaints, unfinished
from cluster.layout import Cluster, Ports
from cluster.processes import kill_components
from cluster.settings import settings
from cluster.toolchain import ensure_tools
from cluster.toolchain.catalogue import TOOLS
from cluster.toolchain.ensure import cache_folder

_READY_SECONDS = 180.0
_SILENCE_SECONDS = 20.0
_POLL_SECONDS = 0.1


class ClusterBroken(Exception):  # noqa: N818 - reads as what happened
    """The cluster could not be brought up; the text says what is wrong and where to look."""


def ensure_cluster(directory: Path, name: str) -> Cluster:
    """Return a cluster that is up and well, doing only what is needed for that."""
    directory = directory.resolve()
    with locked(directory / ".lock"):
        cluster = Cluster.load(directory)
        if cluster is not None and cluster.name != name:
            raise ClusterBroken(f"{directory} holds the cluster {cluster.name}, not {name}")
        if cluster is not None and _outdated(cluster):
            _say("the pinned versions or settings have changed: creating the cluster anew")
            _remove(cluster.directory)
            cluster = None
        if cluster is not None:
            cluster = _mended(cluster)
        if cluster is None:
            cluster = _created(directory, name)
        return cluster


def stop_cluster(directory: Path) -> int:
    """Take a cluster down, whatever state it is in; returns how many processes were ended."""
    directory = directory.resolve()
    with locked(directory / ".lock"):
        return _remove(directory)


def _mended(cluster: Cluster) -> Cluster | None:
    """Return the cluster in good health, or None where it had to be given up."""
    wrong = _lasting_complaints(cluster)
    if wrong:
        _say(f"the cluster is not well ({'; '.join(wrong)}): starting it again")
        try:
            if all_running(cluster):
                # They are there and do not answer; what is merely missing is only started.
                control_plane.stop(cluster)
            control_plane.start(cluster)
            _wait_ready(cluster, first=True)
        except (control_plane.StartFailed, ClusterBroken) as problem:
            _say(f"that did not help ({problem}): creating the cluster anew")
            _remove(cluster.directory)
            return None
    # They may be missing after a start that was interrupted.
    cluster.link_programs()
    cluster.write_access()
    if not simulation.is_applied(cluster):
        _say("the simulation has changed: applying it")
        _apply_simulation(cluster)
    elif wrong:
        control_plane.restart_kwok(cluster)
        _wait_ready(cluster, first=False)
    return cluster


def _lasting_complaints(cluster: Cluster) -> list[str]:
    deadline = time.monotonic() + _SILENCE_SECONDS
    while wrong := complaints(cluster):
        # On a busy machine an answer may be late; starting again would disturb whoever is at work.
        if not all_running(cluster) or time.monotonic() > deadline:
            return wrong
        time.sleep(_POLL_SECONDS)
    return []


def _created(directory: Path, name: str) -> Cluster:
    tools = ensure_tools().paths
    _remove(directory)
    since = time.monotonic()
    _say(f"starting cluster {name}")
    # One at a time on this machine, since ports are free only until somebody else takes them.
    with locked(cache_folder() / "ports.lock"):
        cluster = Cluster(directory, name, Ports.pick(), tools, _definition())
        cluster.link_programs()
        cluster.save()
        try:
            control_plane.create(cluster)
        except control_plane.StartFailed as problem:
            kill_components(cluster.workdir)
            raise ClusterBroken(f"{problem}; see {cluster.workdir / 'logs'}") from problem
    cluster.write_access()
    _apply_simulation(cluster)
    _say(f"cluster {name} is ready after {time.monotonic() - since:.1f} s")
    return cluster


def _apply_simulation(cluster: Cluster) -> None:
    simulation.apply(cluster)
    # In a new cluster kwok has looked for stages too early and pauses for seconds; in an old one it
    # takes changed stages at once, but goes on serving the metrics it knew before.
    control_plane.restart_kwok(cluster)
    _wait_ready(cluster, first=False)


def _wait_ready(cluster: Cluster, *, first: bool) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    # Without the simulation nodes cannot get ready, so the first look is at the processes only.
    while wrong := complaints(cluster) if first else unfinished(cluster, simulation.node_count()):
        if time.monotonic() > deadline:
            raise ClusterBroken(f"{'; '.join(wrong)}; see {cluster.workdir / 'logs'}")
        if not all_running(cluster):
            # The controllers give up if the API server is not there after ten seconds, which
            # happens on a busy machine.
            control_plane.start(cluster)
        time.sleep(_POLL_SECONDS)


def _remove(directory: Path) -> int:
    """End all processes of a directory, also those without a record, and remove the data."""
    home = directory / "kwok"
    # The data is not kept, so nothing has to end in good order.
    ended = kill_components(home / "clusters")
    for folder in (home, directory / "users"):
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("kubeconfig", "env", "cluster.json", "kwokctl.log"):
        (directory / name).unlink(missing_ok=True)
    return ended


def _outdated(cluster: Cluster) -> bool:
    gone = [path for path in cluster.tools.values() if not Path(path).exists()]
    return bool(gone) or cluster.definition != _definition()


def _definition() -> str:
    """Digest what a running cluster cannot be changed in: its programs and their settings."""
    names = {tool.name: tool.name for tool in TOOLS}
    sample = Cluster(Path("/"), "sample", Ports(1, 2, 3, 4, 5, 6, 7), names, "")
    parts = [tool.key() for tool in TOOLS] + [json.dumps(settings(sample))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
