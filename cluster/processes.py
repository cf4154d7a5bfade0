"""Finds and ends the processes of one cluster.

They are recognised by program name and by the cluster's folder in their arguments, not by pid
files: those are gone or wrong after a crash. Never touches another cluster's processes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# In the order in which they can be stopped without complaining about each other.
COMPONENTS = (
    "prometheus",
    "kwok-controller",
    "kube-scheduler",
    "kube-controller-manager",
    "kube-apiserver",
    "etcd",
)

_POLITE_SECONDS = 3.0
_FIRM_SECONDS = 10.0


class StillRunning(Exception):  # noqa: N818 - reads as what happened
    """A process of the cluster does not end."""


def running_components(workdir: Path) -> dict[str, list[int]]:
    """Return the pids of the cluster's processes by component."""
    found: dict[str, list[int]] = {}
    marker = f"{workdir}/"
    for pid, arguments in _all_processes():
        name = Path(arguments[0]).name
        if name in COMPONENTS and any(marker in argument for argument in arguments[1:]):
            found.setdefault(name, []).append(pid)
    return found


def signal_component(workdir: Path, name: str, number: signal.Signals) -> None:
    """Send a signal to one component."""
    for pid in running_components(workdir).get(name, ()):
        _send(pid, number)


def stop_components(workdir: Path, names: Sequence[str] = COMPONENTS) -> None:
    """Let the cluster's processes end, all or the named, and kill those that do not."""
    _signal_and_wait(workdir, names, signal.SIGTERM, _POLITE_SECONDS)
    kill_components(workdir, names)


def kill_components(workdir: Path, names: Sequence[str] = COMPONENTS) -> int:
    """End the cluster's processes at once and return how many there were."""
    number_of_processes = len(_pids(workdir, names))
    _signal_and_wait(workdir, names, signal.SIGKILL, _FIRM_SECONDS)
    if left := _pids(workdir, names):
        raise StillRunning(f"processes {left} of {workdir} do not end")
    return number_of_processes


def forget_ended(workdir: Path) -> None:
    """Remove the pid files of processes that have ended.

    Until somebody collects an ended process, kwokctl takes its pid for a running one.
    """
    running = running_components(workdir)
    for name in COMPONENTS:
        if name not in running:
            (workdir / "pids" / f"{name}.pid").unlink(missing_ok=True)


def _signal_and_wait(
    workdir: Path, names: Sequence[str], number: signal.Signals, patience: float
) -> None:
    for pid in _pids(workdir, names):
        _send(pid, number)
    deadline = time.monotonic() + patience
    while _pids(workdir, names) and time.monotonic() < deadline:
        time.sleep(0.05)


def _pids(workdir: Path, names: Sequence[str]) -> list[int]:
    running = running_components(workdir)
    return [pid for name in names for pid in running.get(name, ())]


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _all_processes() -> list[tuple[int, list[str]]]:
    if not Path("/proc/self/cmdline").exists():
        return _asked_from_ps()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        # A process that has ended but was not yet collected has an empty command line.
        if line:
            found.append((int(folder.name), line.decode(errors="replace").rstrip("\0").split("\0")))
    return found


def _asked_from_ps() -> list[tuple[int, list[str]]]:
    answer = subprocess.run(
        ["ps", "-axww", "-o", "pid=,args="], capture_output=True, text=True, check=True
    )
    rows = (line.split() for line in answer.stdout.splitlines())
    return [(int(row[0]), row[1:]) for row in rows if len(row) > 1]
