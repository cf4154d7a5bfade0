"""Builds a program from Go modules that are pinned in this repository.

The last of the three ways of getting a program: it needs only a Go module proxy, and minutes.
The result is the same program as the release, with one exception that is told below.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

from cluster.toolchain.catalogue import GO_MODULES

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.toolchain.catalogue import Tool

_PROMETHEUS = "github.com/prometheus/prometheus"


class BuildFailed(Exception):  # noqa: N818 - reads as what happened
    """The compiler or the module proxy said no; the text is the end of what it said."""


def build(tool: Tool, target: Path, go: Path, environment: dict[str, str]) -> None:
    """Compile one program to `target`; the folder of the target is free for use."""
    folder = GO_MODULES / tool.module
    if tool.name == "prometheus":
        folder = _without_plugins(target.with_name("source"), go, environment)
    stamps = " ".join(f"-X {name}={value}" for name, value in tool.stamp)
    arguments = ["-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {stamps}".strip()]
    command = [str(go), "build", *arguments, "-o", str(target), tool.package]
    _run(command, folder, environment)


def _without_plugins(copy: Path, go: Path, environment: dict[str, str]) -> Path:
    """Copy the sources of Prometheus and leave its clients of thirty clouds out.

    Only discovery over HTTP is used here, which is not among them, and they take longer to
    compile than Prometheus itself. The copy is built as the main module, by its own go.mod.
    """
    command = [str(go), "mod", "download", "-json", _PROMETHEUS]
    answer = _run(command, GO_MODULES / "prometheus", environment)
    shutil.copytree(json.loads(answer)["Dir"], copy, copy_function=shutil.copyfile)
    for folder in (copy, *copy.rglob("*/")):
        # The module cache is read-only, and so is what is copied from it.
        folder.chmod(0o755)
    (copy / "plugins" / "plugins.go").unlink()
    return copy


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    answer = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        said = (answer.stderr or answer.stdout).strip()[-2000:]
        raise BuildFailed(f"{' '.join(command)}: {said}")
    return answer.stdout
