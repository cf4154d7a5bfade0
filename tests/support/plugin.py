"""`kubectl incident` as a person types it: kubectl finds the plugin on the PATH and runs it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.kubectl import Said

__all__ = ["Plugin"]


@dataclass(frozen=True)
class Plugin:
    """The plugin, on one cluster, as one person, in one namespace."""

    programs: Path
    kubeconfig: Path
    options: tuple[str, ...] = ()

    def by(self, person: str) -> Plugin:
        """Give one that acts as somebody else."""
        return Plugin(self.programs, self.kubeconfig, (*self.options, "--as", person))

    def at(self, namespace: str) -> Plugin:
        """Give one for a namespace."""
        return Plugin(self.programs, self.kubeconfig, (*self.options, "-n", namespace))

    def environment(self) -> dict[str, str]:
        """Give the environment of a call."""
        places = [str(self.programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PATH": os.pathsep.join(places)}

    def run(self, *words: str, stdin: str = "") -> Said:
        """Run it, whatever the outcome."""
        done = subprocess.run(
            self.line(words),
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start it, and leave it running."""
        return subprocess.Popen(
            self.line(words),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answering(self, *words: str, answers: str) -> Said:
        """Run it on a terminal, at which somebody types these answers."""
        ours, theirs = pty.openpty()
        environment = {
            **self.environment(),
            "TERM": "xterm-256color",
            "COLUMNS": "120",
            "LINES": "40",
        }
        process = subprocess.Popen(
            self.line(words), env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        os.write(ours, answers.encode())
        seen = b""
        # The end of a terminal is an error: the program at its other side has closed it.
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 65536):
                seen += piece
        os.close(ours)
        return Said(process.wait(), seen.decode().replace("\r\n", "\n"), "")

    def line(self, words: Sequence[str]) -> list[str]:
        """Give the whole command line."""
        return [str(self.programs / "kubectl"), "incident", *words, *self.options]

    def done(self, *words: str, stdin: str = "") -> str:
        """Run what must succeed, and give what it printed."""
        said = self.run(*words, stdin=stdin)
        assert said.code == 0, f"{words}: code {said.code}\n{said.err}\n{said.out}"
        return said.out

    def json(self, *words: str) -> Any:
        """Run it with ``-o json``."""
        return json.loads(self.done(*words, "-o", "json"))
