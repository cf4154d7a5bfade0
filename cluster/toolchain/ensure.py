"""Makes sure that every program is there, and says in one line each where it came from.

The entrance of this package: the machine's own, then the cache, then a download, then a build.
Writes only to the cache of the person; two runs at a time do the work once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cluster.files import locked
from cluster.toolchain.build import BuildFailed, build
from cluster.toolchain.catalogue import TOOLS, Tool
from cluster.toolchain.download import DownloadFailed, download, is_reachable, reachable_hosts
from cluster.toolchain.found import find_installed
from cluster.toolchain.golang import NoGo, ensure_go, go_environment
from cluster.toolchain.progress import Line


class ToolMissing(Exception):  # noqa: N818 - reads as what happened
    """A program could not be had in any of the three ways."""


@dataclass(frozen=True)
class Toolbox:
    """Paths of the programs, by name."""

    paths: dict[str, str]

    def __getitem__(self, name: str) -> str:
        """Return the path of one program."""
        return self.paths[name]


def cache_folder() -> Path:
    """Return the folder in which downloaded and built programs are kept, for all checkouts."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "incident-commander" / "tools"


def ensure_tools() -> Toolbox:
    """Return all programs, getting those that are missing."""
    getter = _Getter(cache_folder())
    return Toolbox(
        {tool.name: str(getter.get(tool, number)) for number, tool in enumerate(TOOLS, start=1)}
    )


class _Getter:
    """Remembers within one run what was found out about the network and about Go."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        cache.mkdir(parents=True, exist_ok=True)

    @cached_property
    def _hosts(self) -> frozenset[str]:
        return reachable_hosts(TOOLS)

    @cached_property
    def _go(self) -> Path:
        return ensure_go(self._cache)

    def get(self, tool: Tool, number: int) -> Path:
        """Return one program, and print its line."""
        line = Line(f"[{number}/{len(TOOLS)}] {tool.name}")
        installed, why_not = find_installed(tool, self._cache)
        if installed is not None:
            line.close(f"{installed}, as installed on this machine")
            return installed
        program = self._cache / tool.key() / tool.name
        # The lock is held while building, so a second run waits and then finds the result.
        with locked(self._cache / f"{tool.key()}.lock"):
            if program.exists():
                origin = (program.parent / "origin").read_text().strip()
                line.close(f"{tool.version}, kept from an earlier run ({origin})")
            else:
                self._obtain(tool, program, line, why_not)
        return program

    def _obtain(self, tool: Tool, program: Path, line: Line, why: str) -> None:
        with tempfile.TemporaryDirectory(dir=self._cache, prefix=f".{tool.name}-") as folder:
            part = Path(folder) / tool.name
            origin = self._download(tool, part, line, why) or self._build(tool, part, line, why)
            (part.parent / "origin").write_text(f"{origin}\n")
            shutil.rmtree(program.parent, ignore_errors=True)
            program.parent.mkdir()
            for name in ("origin", tool.name):
                # The program last: its presence means that all is there.
                (part.parent / name).replace(program.parent / name)

    def _download(self, tool: Tool, part: Path, line: Line, why: str) -> str | None:
        if not is_reachable(tool, self._hosts):
            return None
        line.open(f"{tool.version}: downloading the official release ({why})")
        try:
            download(tool, part)
        except DownloadFailed as problem:
            line.close(f"failed: {problem}")
            return None
        line.close("done")
        return "downloaded official release"

    def _build(self, tool: Tool, part: Path, line: Line, why: str) -> str:
        line.open(
            f"{tool.version}: building from Go modules, about {tool.minutes} the first time ({why})"
        )
        try:
            build(tool, part, self._go, go_environment(self._cache))
        except (BuildFailed, NoGo) as problem:
            line.close("failed")
            raise ToolMissing(f"{tool.name} {tool.version}: {problem}") from problem
        line.close("done")
        return "built from Go modules"
