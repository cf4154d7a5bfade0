"""Starts the control plane of one cluster through kwokctl, and ends it.

Called by the lifecycle, which decides what is needed; leaves the judgement of health to it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from cluster.files import write_whole
from cluster.processes import forget_ended, stop_components
from cluster.settings import settings

if TYPE_CHECKING:
    from cluster.layout import Cluster

_PROMETHEUS_TEMPLATE = Path(__file__).with_name("prometheus.yaml")
_START_SECONDS = 180


class StartFailed(Exception):  # noqa: N818 - reads as what happened
    """kwokctl could not start the control plane; the text is the end of what it said."""


class Refused(Exception):  # noqa: N818 - reads as what happened
    """kubectl failed; the text is what it said."""


def create(cluster: Cluster) -> None:
    """Create the control plane and start it."""
    cluster.home.mkdir(parents=True, exist_ok=True)
    write_prometheus_settings(cluster)
    # kwokctl reads this file by itself.
    write_whole(cluster.home / "kwok.yaml", yaml.safe_dump(settings(cluster), sort_keys=False))
    _kwokctl(cluster, "create", "cluster")


def start(cluster: Cluster) -> None:
    """Start what is not running of a control plane that was created before."""
    forget_ended(cluster.workdir)
    _kwokctl(cluster, "start", "cluster")


def restart_kwok(cluster: Cluster) -> None:
    """Start the simulated kubelets again; the pods and their states stay as they are."""
    stop_components(cluster.workdir, ["kwok-controller"])
    # Each kwok has a name of its own, and would wait for minutes until its predecessor's leases
    # on the nodes have run out.
    in_node_leases = ["--namespace=kube-node-lease", "--ignore-not-found", "--all"]
    kubectl(cluster, "delete", "leases.coordination.k8s.io", *in_node_leases)
    start(cluster)


def kubectl(cluster: Cluster, *arguments: str) -> None:
    """Run kubectl as the administrator."""
    answer = subprocess.run(
        [cluster.kubectl, f"--kubeconfig={cluster.kubeconfig}", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise Refused(answer.stderr.strip())


def stop(cluster: Cluster) -> None:
    """End all processes and keep the data."""
    stop_components(cluster.workdir)


def write_prometheus_settings(cluster: Cluster) -> bool:
    """Write the settings of Prometheus and tell whether they are new."""
    target = cluster.home / "prometheus.yaml"
    text = _PROMETHEUS_TEMPLATE.read_text().replace("KWOK_ADDRESS", cluster.kwok_url)
    if target.exists() and target.read_text() == text:
        return False
    write_whole(target, text)
    return True


def _kwokctl(cluster: Cluster, *command: str) -> None:
    log = cluster.directory / "kwokctl.log"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("KWOK_", "KUBE"))
    }
    environment |= {
        "KWOK_WORKDIR": str(cluster.home),
        # It calls kubectl by name to see whether the API server answers.
        "PATH": f"{cluster.programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    # A file, not a pipe: the processes it starts would keep a pipe open for ever.
    with log.open("w") as output:
        try:
            answer = subprocess.run(
                [cluster.tools["kwokctl"], *command, "--name", cluster.name],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_START_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise StartFailed(f"kwokctl {' '.join(command)}: {problem}") from problem
    if answer.returncode != 0:
        raise StartFailed(f"kwokctl {' '.join(command)}: {log.read_text()[-2000:].strip()}")
