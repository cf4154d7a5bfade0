"""Looks for a program that is already on this machine.

The first of the three ways of getting a program, since it costs nothing.
Never trusts a name: a program counts only after it has told its version.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.toolchain.catalogue import Tool

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?")
_PATIENCE = 10.0


def find_installed(tool: Tool, cache: Path) -> tuple[Path | None, str]:
    """Return a good enough program from this machine, or None and what was wrong with the others."""
    objections: list[str] = []
    for candidate in _candidates(tool.name, cache):
        version = told_version(candidate, tool.version_arguments)
        if version is None:
            objections.append(f"{candidate} does not tell its version")
        elif tool.accepts(version):
            return candidate, ""
        else:
            objections.append(f"{candidate} is {version[0]}.{version[1]}, not {tool.wanted()}")
    return None, "; ".join(objections) or "not on this machine"


def told_version(program: Path, arguments: tuple[str, ...]) -> tuple[int, int] | None:
    """Ask a program for its version and return major and minor."""
    try:
        answer = subprocess.run(
            [str(program), *arguments],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    # Some print the version on standard error.
    match = _VERSION.search(answer.stdout) or _VERSION.search(answer.stderr)
    return (int(match[1]), int(match[2])) if match else None


def _candidates(name: str, cache: Path) -> Iterator[Path]:
    folders = [os.environ.get("KUBEBUILDER_ASSETS", ""), *os.get_exec_path()]
    for folder in dict.fromkeys(filter(None, folders)):
        candidate = Path(folder) / name
        if not os.access(candidate, os.X_OK) or not candidate.is_file():
            continue
        # A sourced `.local/env` puts our own links on the PATH: they are ours, not the machine's.
        if not candidate.resolve().is_relative_to(cache.resolve()):
            yield candidate
