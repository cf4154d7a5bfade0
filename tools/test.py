"""Run all tests on control planes of their own, and take them down afterwards.

``make test`` calls it. Without arguments three parts run side by side, each on its own cluster: most
of the time a test waits for a controller, and the chart of one part is in the way of the others.
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
_PARTS: Final = (
    ("tests/e2e",),
    ("tests/e2e/test_postmortem.py", "tests/cli", "tests/scenarios", "tests/story"),
)
"""Operators under the whole chart. All other tests are a part of their own."""


def main() -> int:
    """Start clusters visibly, run pytest, stop the clusters; give the worse exit code."""
    kept, arguments = os.environ.get(_VARIABLE), sys.argv[1:]
    if kept:
        _up("test", kept)
        return _pytest(kept, arguments).wait()
    if arguments:
        with _cluster("test") as directory:
            return _pytest(directory, arguments).wait()
    return _side_by_side()


def _side_by_side() -> int:
    apart = [path for part in _PARTS for path in part]
    parts = [
        [*part, *(f"--ignore={path}" for path in apart if path not in part)]
        for part in (*_PARTS, ("tests",))
    ]
    with ExitStack() as stack:
        clusters = [stack.enter_context(_cluster(f"test-{n}")) for n in range(len(parts))]
        # The first is the longest, and shows how it goes; of the others people see the end.
        outputs = [None, *(stack.enter_context(tempfile.TemporaryFile()) for _ in parts[1:])]
        runs = [
            _pytest(cluster, [*part, "-o", f"cache_dir=.local/pytest-{n}"], output)
            for n, (cluster, part, output) in enumerate(zip(clusters, parts, outputs, strict=True))
        ]
        try:
            codes = [_ended(run, output) for run, output in zip(runs, outputs, strict=True)]
        finally:
            for run in runs:
                run.kill()
        return next((code for code in codes if code), 0)


def _ended(run: subprocess.Popen[bytes], output: IO[bytes] | None) -> int:
    """Wait for one run, and show what it said where nobody has seen it yet."""
    code = run.wait()
    if output is not None:
        print("\nbeside it ran:", flush=True)
        output.seek(0)
        sys.stdout.buffer.write(output.read())
        sys.stdout.flush()
    return code


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
