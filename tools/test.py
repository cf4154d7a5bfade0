"""Run all tests on a control plane of their own, and take it down afterwards.

``make test`` calls it; its arguments go to pytest. Where ``INCIDENT_COMMANDER_TEST_DIR`` is set,
that cluster is used and left running.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
_VARIABLE: Final = "INCIDENT_COMMANDER_TEST_DIR"


def main() -> int:
    """Start the cluster visibly, run pytest, stop the cluster; give pytest's exit code."""
    kept = os.environ.get(_VARIABLE)
    directory = kept or str(ROOT / ".local" / "test")
    cluster = [sys.executable, "-m", "cluster"]
    subprocess.run([*cluster, "up", "--name", "test", "--dir", directory], cwd=ROOT, check=True)
    try:
        return subprocess.run(
            [sys.executable, "-m", "pytest", *sys.argv[1:]],
            cwd=ROOT,
            env={**os.environ, _VARIABLE: directory},
            check=False,
        ).returncode
    finally:
        if not kept:
            subprocess.run([*cluster, "down", "--dir", directory], cwd=ROOT, check=False)


if __name__ == "__main__":
    sys.exit(main())
