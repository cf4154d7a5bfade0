"""The benchmarks: ``make bench``.

It fails only where something does not work; a figure that is over its goal is only said.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from cluster import ensure_cluster, stop_cluster

from .report import told
from .run import Plan, run

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".local" / "bench"


def main() -> int:
    """Measure everything, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--incidents", type=int, default=40, help="serial ones (default 40)")
    parser.add_argument("--crowd", type=int, default=200, help="open at once (default 200)")
    parser.add_argument("--keep", action="store_true", help="leave the control plane running")
    chosen = parser.parse_args()
    plan = Plan(serial=chosen.incidents, crowd=chosen.crowd)
    began = time.monotonic()
    stop_cluster(HOME)
    try:
        results = asyncio.run(run(ensure_cluster(HOME, "bench"), plan))
    finally:
        if not chosen.keep:
            stop_cluster(HOME)
    print("\n".join(told(results)))
    print(f"\nmeasured in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
