"""Run the operator on this machine, as the chart would run it in the cluster.

The chart is installed by real helm, without its Deployment; the operator process then uses a
token of the chart's ServiceAccount, so that it may do what the chart gives and no more.
``make run``, the demo, the tests and the benchmarks share this.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

import yaml

__all__ = ["NAMESPACE", "LocalOperator", "install_chart", "operator_kubeconfig"]

ROOT: Final = Path(__file__).resolve().parent.parent
NAMESPACE: Final = "incident-commander"
_CHART: Final = ROOT / "helm" / "incident-commander"
_PROBE: Final = "chart-probe"


def _run(arguments: Sequence[str], kubeconfig: Path) -> str:
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def install_chart(
    kubeconfig: Path, helm: str = "helm", kubectl: str = "kubectl", values: Sequence[str] = ()
) -> None:
    """Install or upgrade the chart, and wait until its admission policies are in force.

    Raises
    ------
    RuntimeError
        If helm fails, or the policies are not in force after a minute.
    """
    settings = ["deployment.enabled=false", *values]
    sets = [part for value in settings for part in ("--set", value)]
    install = [helm, "upgrade", "--install", "incident-commander", str(_CHART)]
    _run([*install, "-n", NAMESPACE, "--create-namespace", *sets], kubeconfig)
    _await_guard(kubeconfig, kubectl)


def _await_guard(kubeconfig: Path, kubectl: str) -> None:
    """New policies take effect seconds after they were written: wait for their refusal."""
    forged = {
        "apiVersion": "incidentcommander.dev/v1alpha1",
        "kind": "Incident",
        "metadata": {
            "name": _PROBE,
            "namespace": NAMESPACE,
            "annotations": {"incidentcommander.dev/approve": "forged"},
        },
        "spec": {"title": "probe", "target": {"kind": "Deployment", "name": "none"}},
    }
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = subprocess.run(
            [kubectl, "create", "--dry-run=server", "-f", "-"],
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            input=json.dumps(forged),
            capture_output=True,
            text=True,
            check=False,
        )
        if "incident-commander-requests" in done.stderr:
            return
        time.sleep(0.2)
    raise RuntimeError(f"the admission policies are not in force: {done.stderr or done.stdout}")


def operator_kubeconfig(
    kubeconfig: Path, target: Path, kubectl: str = "kubectl", server: str | None = None
) -> Path:
    """Write a kubeconfig with a token of the chart's ServiceAccount.

    Parameters
    ----------
    server
        Another address of the API server, such as a proxy's.
    """
    raw = _run([kubectl, "config", "view", "--raw", "--minify", "--flatten"], kubeconfig)
    config: dict[str, Any] = yaml.safe_load(raw)
    cluster = config["clusters"][0]["cluster"]
    create = [kubectl, "create", "token", "incident-commander", "-n", NAMESPACE]
    token = _run([*create, "--duration=24h"], kubeconfig).strip()
    entry = {"server": server} if server else cluster
    written = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": entry}],
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "operator"}}],
        "current-context": "local",
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(written))
    return target


@dataclass
class LocalOperator:
    """The operator as a child process.

    Parameters
    ----------
    kubeconfig
        With the ServiceAccount's token.
    log
        File for what it prints.
    environment
        Settings ``INCIDENT_COMMANDER_*``.
    """

    kubeconfig: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _output: TextIO | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        """Process id of the running operator."""
        if self._process is None:
            raise RuntimeError("the operator is not running")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = 30.0) -> None:
        """Start it, and wait until it watches."""
        offset = self.log.stat().st_size if self.log.exists() else 0
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._output = self.log.open("a")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("INCIDENT_COMMANDER_")},
            "KUBECONFIG": str(self.kubeconfig),
            "INCIDENT_COMMANDER_HTTP_PORT": "0",
            **self.environment,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "incidentcommander.main", "run"],
            env=environment,
            stdout=self._output,
            stderr=self._output,
            cwd=ROOT,
        )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.log.read_bytes()[offset:].find(b"watching Incidents") >= 0:
                return
            if not self.alive:
                break
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"the operator did not start:\n{self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """End it as a crash does: SIGKILL."""
        if self._process is not None:
            self._process.kill()
        self._reap()

    def wait(self, within: float) -> int:
        """Wait until it has ended by itself, at most so many seconds; give its exit code.

        Raises
        ------
        subprocess.TimeoutExpired
            If it runs on.
        """
        if self._process is None:
            raise RuntimeError("the operator is not running")
        return self._process.wait(within)

    def stop(self) -> None:
        """End it as Kubernetes does: SIGTERM, and SIGKILL after 10 s."""
        if self._process is not None and self.alive:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._reap()

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._output is not None:
            self._output.close()
            self._output = None


def main() -> None:
    """Install the chart where ``KUBECONFIG`` points, and run the operator in the foreground."""
    local = ROOT / ".local"
    kubeconfig = Path(os.environ.get("KUBECONFIG") or local / "kubeconfig")
    tools = os.pathsep.join([str(local / "bin"), os.environ.get("PATH", "")])
    os.environ["PATH"] = tools
    helm, kubectl = (shutil.which(tool, path=tools) or tool for tool in ("helm", "kubectl"))
    install_chart(kubeconfig, helm, kubectl)
    own = Path(tempfile.mkdtemp(prefix="incident-commander-")) / "kubeconfig"
    os.environ["KUBECONFIG"] = str(operator_kubeconfig(kubeconfig, own, kubectl))
    os.environ.setdefault("INCIDENT_COMMANDER_HTTP_PORT", "0")
    print(f"The chart is installed; the operator runs as {NAMESPACE}/incident-commander.")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "incidentcommander.main", "run"])


if __name__ == "__main__":
    main()
