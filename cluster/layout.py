"""Knows where everything of one cluster lies: files below one folder, ports, programs.

Written once when a cluster is created and read by every later command.
Starts and stops nothing.
"""

from __future__ import annotations

import base64
import json
import random
import shlex
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.files import write_whole

# Below the range from which systems take ports of outgoing connections, so that a port is
# still free when a cluster is started again.
_PORTS = range(20000, 32000)


@dataclass(frozen=True)
class Ports:
    """The ports of one cluster, all on the loopback interface."""

    apiserver: int
    etcd: int
    etcd_peer: int
    controller_manager: int
    scheduler: int
    kwok: int
    prometheus: int

    @classmethod
    def pick(cls) -> Ports:
        """Pick ports on which nobody listens now."""
        numbers: list[int] = []
        while len(numbers) < len(cls.__dataclass_fields__):
            number = random.choice(_PORTS)  # noqa: S311 - no secret
            if number not in numbers and _is_free(number):
                numbers.append(number)
        return cls(*numbers)


@dataclass(frozen=True)
class Cluster:
    """One local cluster: what a test or a person needs in order to talk to it."""

    directory: Path
    name: str
    ports: Ports
    tools: dict[str, str]
    definition: str
    """Digest of the programs and settings it was created from."""

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the administrator."""
        return self.directory / "kubeconfig"

    @property
    def server(self) -> str:
        """Address of the API server."""
        return f"https://127.0.0.1:{self.ports.apiserver}"

    @property
    def prometheus_url(self) -> str:
        """Address of Prometheus."""
        return f"http://127.0.0.1:{self.ports.prometheus}"

    @property
    def kwok_url(self) -> str:
        """Address of the simulated kubelets, which also serve the metrics of the pods."""
        return f"http://127.0.0.1:{self.ports.kwok}"

    @property
    def kubectl(self) -> str:
        """Path of a kubectl that fits."""
        return self.tools["kubectl"]

    @property
    def helm(self) -> str:
        """Path of a helm that fits."""
        return self.tools["helm"]

    @property
    def programs(self) -> Path:
        """Links to the programs."""
        return self.directory / "bin"

    @property
    def home(self) -> Path:
        """Home of kwokctl, inside the folder so that clusters do not see each other."""
        return self.directory / "kwok"

    @property
    def workdir(self) -> Path:
        """Data, logs and keys of the control plane."""
        return self.home / "clusters" / self.name

    @property
    def pki(self) -> Path:
        """Keys and certificates of the cluster."""
        return self.workdir / "pki"

    def save(self) -> None:
        """Write this down for later commands."""
        state: dict[str, Any] = asdict(self)
        del state["directory"]
        write_whole(self.directory / "cluster.json", json.dumps(state, indent=2) + "\n")

    @classmethod
    def load(cls, directory: Path) -> Cluster | None:
        """Read what was written down, or None where there is no cluster."""
        try:
            state = json.loads((directory / "cluster.json").read_text())
            ports = Ports(**state.pop("ports"))
            return cls(directory=directory, ports=ports, **state)
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def link_programs(self) -> None:
        """Put the programs into `bin`, for people and for kwokctl."""
        self.programs.mkdir(parents=True, exist_ok=True)
        for name, path in self.tools.items():
            link = self.programs / name
            if not link.is_symlink() or link.readlink() != Path(path):
                link.unlink(missing_ok=True)
                link.symlink_to(path)

    def write_access(self) -> None:
        """Write what people use: the kubeconfig and a file to source."""
        admin = self.pki / "admin.crt", self.pki / "admin.key"
        write_whole(self.kubeconfig, self.kubeconfig_text("admin", *admin), mode=0o600)
        write_whole(
            self.directory / "env",
            "# To be sourced by a shell.\n"
            f"export KUBECONFIG={shlex.quote(str(self.kubeconfig))}\n"
            f'export PATH={shlex.quote(str(self.programs))}:"$PATH"\n'
            f"export INCIDENT_COMMANDER_PROMETHEUS_URL={self.prometheus_url}\n",
        )

    def kubeconfig_text(self, user: str, certificate: Path, key: Path) -> str:
        """Return a kubeconfig that needs no other file, so that it can be copied."""
        context = {"cluster": self.name, "user": user}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": self.name,
                    "cluster": {
                        "server": self.server,
                        "certificate-authority-data": _encoded(self.pki / "ca.crt"),
                    },
                }
            ],
            "users": [
                {
                    "name": user,
                    "user": {
                        "client-certificate-data": _encoded(certificate),
                        "client-key-data": _encoded(key),
                    },
                }
            ],
            "contexts": [{"name": self.name, "context": context}],
            "current-context": self.name,
        }
        return yaml.safe_dump(document, sort_keys=False)


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _is_free(number: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True
