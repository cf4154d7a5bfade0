"""The real kubectl, for tests of what a person types and sees.

Each call is a process of its own; long tables go through ``tests.support.api`` instead.
"""

from __future__ import annotations

import errno
import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Kubectl", "Said"]


@dataclass(frozen=True)
class Said:
    """How one call of kubectl ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Kubectl:
    """A kubectl that talks to one cluster as one user."""

    program: str
    kubeconfig: Path
    options: tuple[str, ...] = ()
    timeout: float = 120.0

    def with_options(self, *options: str) -> Kubectl:
        """Give one that adds these to every call: ``-n``, ``shop`` or ``--as``, ``alice``."""
        return Kubectl(self.program, self.kubeconfig, (*self.options, *options), self.timeout)

    def attempt(self, *arguments: str, stdin: str | None = None) -> Said:
        """Run it, whatever the outcome."""
        line = [self.program, f"--kubeconfig={self.kubeconfig}", *self.options, *arguments]
        try:
            done = self._run(line, stdin)
        except OSError as error:
            # Seen once in thousands of calls, in a nested virtual machine: the program never ran.
            if error.errno != errno.EFAULT:
                raise
            done = self._run(line, stdin)
        return Said(done.returncode, done.stdout, done.stderr)

    def _run(self, line: Sequence[str], stdin: str | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line, input=stdin, capture_output=True, text=True, check=False, timeout=self.timeout
        )

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Run it and give its output; a failure fails the test with what it said."""
        said = self.attempt(*arguments, stdin=stdin)
        assert said.code == 0, f"kubectl {' '.join(arguments)}: {said.err or said.out}"
        return said.out

    def json(self, *arguments: str) -> Any:
        """Run it with ``-o json`` and give what it printed."""
        return json.loads(self.run(*arguments, "-o", "json"))

    def apply(self, objects: Iterable[dict[str, Any]], *options: str) -> str:
        """Apply objects as a person would."""
        documents = yaml.safe_dump_all(objects, sort_keys=False, allow_unicode=True)
        return self.run("apply", "-f", "-", *options, stdin=documents)

    def expect_refused(
        self, *arguments: str, words: Sequence[str] = (), stdin: str | None = None
    ) -> str:
        """Run what must be refused and give the words on stderr; each of ``words`` is in them."""
        said = self.attempt(*arguments, stdin=stdin)
        assert said.code != 0, f"kubectl {' '.join(arguments)} should be refused: {said.out}"
        missing = [word for word in words if word not in said.err]
        assert not missing, f"{missing} not in: {said.err}"
        return said.err
