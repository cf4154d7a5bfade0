"""Memory and CPU of processes, as the kernel counts them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster import Cluster

__all__ = ["Memory", "component", "cpu_ms", "memory"]

_TICK_MS: Final = 1000 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """In MiB."""

    rss: float
    pss: float
    """With what is shared counted in part."""


def memory(pid: int) -> Memory:
    """Measure a process now."""
    return Memory(_mib(pid, "status", "VmRSS:"), _mib(pid, "smaps_rollup", "Pss:"))


def cpu_ms(pid: int) -> float:
    """Give the CPU time that a process has used so far, its ended children not included."""
    # The name of the program, in brackets, may hold blanks.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_MS


def component(cluster: Cluster, name: str) -> int:
    """Find the process of one component of the cluster.

    Raises
    ------
    RuntimeError
        If it does not run.
    """
    marker = f"{cluster.workdir}/".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        program = Path(arguments[0].decode()).name
        if program == name and any(marker in argument for argument in arguments[1:]):
            return int(entry.name)
    raise RuntimeError(f"{name} of cluster {cluster.name} does not run")


def _mib(pid: int, file: str, field: str) -> float:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/{pid}/{file} does not say {field}")
