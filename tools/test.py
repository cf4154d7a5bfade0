"""Run all tests on control planes of their own, and take them down afterwards.

``make test`` calls it. Without arguments two halves run side by side, each on its own cluster: most
of the time a test waits for a controller, and the chart of the one half is in the way of the other.
Arguments go to one pytest. Where ``INCIDENT_COMMANDER_TEST_DIR`` is set, that cluster is used, by
one pytest, and left running.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).resolve().parent.parent
_VARIABLE: Final = "INCIDENT_COMMANDER_TEST_DIR"
_END_TO_END: Final = ("tests/e2e", "tests/cli", "tests/scenarios")
"""Operators as processes of their own, under the whole chart."""


def main() -> int:
    """Start clusters visibly, run pytest, stop the clusters; give the worse exit code."""
    kept, arguments = os.environ.get(_VARIABLE), sys.argv[1:]
    if kept:
        _up("test", kept)
        return _pytest(kept, arguments).wait()
    if arguments:
        with _cluster("test") as directory:
            return _pytest(directory, arguments).wait()
    return _halves()


def _halves() -> int:
    there = [path for path in _END_TO_END if (ROOT / path).is_dir()]
    with ExitStack() as stack:
        first = stack.enter_context(_cluster("test-e2e"))
        second = stack.enter_context(_cluster("test"))
        said = stack.enter_context(tempfile.TemporaryFile())
        others = [f"--ignore={path}" for path in there]
        rest = _pytest(second, ["tests", *others, "-o", "cache_dir=.local/pytest"], said)
        try:
            code = _pytest(first, there).wait()
            print("\nthe other half, which ran beside it:", flush=True)
            other = rest.wait()
        finally:
            rest.kill()
        said.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(said.read())
        sys.stdout.flush()
        return code or other


@contextmanager
def _cluster(name: str) -> Iterator[str]:
    directory = str(ROOT / ".local" / name)
    _up(name, directory)
    try:
        yield directory
    finally:
        down = [sys.executable, "-m", "cluster", "down", "--dir", directory]
        subprocess.run(down, cwd=ROOT, check=False)


def _up(name: str, directory: str) -> None:
    up = [sys.executable, "-m", "cluster", "up", "--name", name, "--dir", directory]
    subprocess.run(up, cwd=ROOT, check=True)


def _pytest(
    directory: str, arguments: Sequence[str], output: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT,
        env={**os.environ, _VARIABLE: directory},
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
    )


if __name__ == "__main__":
    sys.exit(main())
