"""Copies the default Runbooks into the Helm chart, which can read no file outside itself.

The sources in ``runbooks/`` are the truth; ``--check`` only compares, for ``make verify``.
It must not change a file on the way: the chart carries exactly what was reviewed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

__all__ = ["differences", "main"]

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = ROOT / "runbooks"
COPIES: Final = ROOT / "helm" / "incident-commander" / "files" / "runbooks"


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.yaml"))}


def differences() -> list[str]:
    """Name the Runbooks whose copy in the chart is missing, stale or orphaned."""
    sources, copies = _contents(SOURCES), _contents(COPIES)
    return sorted(name for name in sources | copies if sources.get(name) != copies.get(name))


def _write() -> None:
    COPIES.mkdir(parents=True, exist_ok=True)
    sources = _contents(SOURCES)
    for name in differences():
        if name in sources:
            (COPIES / name).write_bytes(sources[name])
        else:
            (COPIES / name).unlink()


def main() -> int:
    """Write the copies, or say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    if not parser.parse_args().check:
        _write()
        return 0
    stale = differences()
    for name in stale:
        print(f"helm/incident-commander/files/runbooks/{name} differs from runbooks/{name}")
    if stale:
        print("run: python tools/chart_files.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
