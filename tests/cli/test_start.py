"""The plugin starts at once: nothing heavy is imported on the way to a list or to the help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "aiohttp",
    "incidentcommander.api",
    "incidentcommander.cli.doctor",
    "incidentcommander.core",
    "jinja2",
    "kopf",
    "kubernetes",
    "prometheus_api_client",
    "pydantic",
    "requests",
    "rich",
    "typing_extensions",
    "yaml",
}
ASK = """
import atexit, sys
def tell():
    print("\\n".join(sorted(sys.modules)), file=sys.stderr)
atexit.register(tell)
from incidentcommander.cli.plugin import main
main()
"""


@pytest.fixture
def kubectl_that_finds_nothing(tmp_path: Path) -> Path:
    """A folder with a kubectl that knows of no object: what it says is not what is tested."""
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\necho '{\"items\": []}'\n")
    program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    "words", [["--help"], ["list"], ["list", "-o", "json"], ["note", "--help"]]
)
def test_no_heavy_module_is_imported(kubectl_that_finds_nothing: Path, words: list[str]) -> None:
    path = os.pathsep.join([str(kubectl_that_finds_nothing), os.environ["PATH"]])

    done = subprocess.run(
        [sys.executable, "-c", ASK, *words],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.splitlines())
    assert "incidentcommander.cli.plugin" in loaded
    assert loaded & HEAVY == set()
