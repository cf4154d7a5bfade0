"""The command line: `python -m cluster up|down|tools|user`.

Translates arguments and errors; everything else is in the modules it calls.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cluster.control_plane import Refused
from cluster.layout import Cluster
from cluster.lifecycle import ClusterBroken, ensure_cluster, stop_cluster
from cluster.processes import StillRunning
from cluster.toolchain import ensure_tools
from cluster.toolchain.ensure import ToolMissing
from cluster.users import UserRefused, user_kubeconfig


def main() -> int:
    """Run one command and return the exit code."""
    arguments = _parser().parse_args()
    try:
        return _run(arguments)
    except (ToolMissing, ClusterBroken, Refused, StillRunning, UserRefused) as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "up":
            cluster = ensure_cluster(arguments.dir, arguments.name)
            print(f"cluster {cluster.name} is up: {cluster.server}")
            print(f"Prometheus: {cluster.prometheus_url}")
            print(f"to use it: source {arguments.dir / 'env'}")
        case "down":
            ended = stop_cluster(arguments.dir)
            print(f"{ended} processes ended" if ended else "nothing was running")
        case "tools":
            for name, path in ensure_tools().paths.items():
                print(f"{name}\t{path}")
        case _:
            cluster_or_none = Cluster.load(arguments.dir.resolve())
            if cluster_or_none is None:
                raise ClusterBroken(f"there is no cluster in {arguments.dir}")
            print(user_kubeconfig(cluster_or_none, arguments.user, arguments.group))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cluster", description="A real control plane on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring the cluster up, or mend it")
    up.add_argument("--name", default="demo", help="its name, also in kubeconfigs (%(default)s)")
    down = commands.add_parser("down", help="take the cluster down and remove its data")
    commands.add_parser("tools", help="only make sure that the programs are there")
    user = commands.add_parser("user", help="write a kubeconfig for a person and print its path")
    user.add_argument("user", metavar="NAME")
    user.add_argument("--group", action="append", default=[], help="may be given more than once")
    for command in (up, down, user):
        command.add_argument(
            "--dir", type=Path, default=Path(".local"), help="where it lives (%(default)s)"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
