"""Run all tests on control planes of their own, and take them down afterwards.

``make test`` calls it. Without arguments two lanes run side by side, each part on its own cluster:
most of the time a test waits for a controller, and the chart of one part is in the way of the others.
Arguments go to one pytest. Where ``INCIDENT_COMMANDER_TEST_DIR`` is set, that cluster is used, by
one pytest, and left running.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).resolve().parent.parent
_VARIABLE: Final = "INCIDENT_COMMANDER_TEST_DIR"
_LANES: Final = (
    (("tests/e2e",),),
    (("tests",), ("tests/cli", "tests/scenarios", "tests/story")),
)
"""What runs side by side, and in each lane one after the other. Beside ``tests`` all are operators
under the whole chart; ``tests`` is what no other part names."""


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
    with ExitStack() as stack:
        # The first lane shows how it goes; of the other people see the end.
        outputs = [None, *(stack.enter_context(tempfile.TemporaryFile()) for _ in _LANES[1:])]
        lanes = stack.enter_context(ThreadPoolExecutor(len(_LANES)))
        runs = [
            lanes.submit(_lane, number, output)
            for number, output in zip(range(len(_LANES)), outputs, strict=True)
        ]
        codes = [run.result() for run in runs]
        for output in filter(None, outputs):
            print("\nbeside it ran:", flush=True)
            output.seek(0)
            sys.stdout.buffer.write(output.read())
            sys.stdout.flush()
        return next((code for code in codes if code), 0)


def _lane(number: int, output: IO[bytes] | None) -> int:
    """Run the parts of a lane one after the other; give the first exit code that is not 0."""
    every = {path for lane in _LANES for part in lane for path in part}
    codes = []
    for place, part in enumerate(_LANES[number]):
        name = f"test-{number}-{place}"
        others = [f"--ignore={path}" for path in sorted(every - {"tests", *part})]
        with _cluster(name) as directory:
            arguments = [*part, *others, "-o", f"cache_dir=.local/pytest-{name}"]
            codes.append(_pytest(directory, arguments, output).wait())
    return next((code for code in codes if code), 0)


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
