"""A program is taken from the machine if it fits, else downloaded whole or not at all."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typing_extensions import override

from cluster.toolchain.catalogue import GO_MODULES, TOOLS, Tool
from cluster.toolchain.download import DownloadFailed, download, is_reachable, reachable_hosts
from cluster.toolchain.found import find_installed

KUBECTL = next(tool for tool in TOOLS if tool.name == "kubectl")
HELM = next(tool for tool in TOOLS if tool.name == "helm")


class Quiet(SimpleHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A release page on this machine: its address and its folder."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    thread.join()
    server.server_close()


def program(folder: Path, name: str, says: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("says", "fits"),
    [
        ("Client Version: v1.33.0", True),
        ("Client Version: v1.36.3", True),
        ("Client Version: v1.32.4", False),
        ("no version here", False),
    ],
)
def test_installed_program_must_tell_a_version_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, *, fits: bool
) -> None:
    path = program(tmp_path / "bin", "kubectl", says)
    monkeypatch.setenv("PATH", str(path.parent))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    found, why_not = find_installed(KUBECTL, tmp_path / "cache")
    assert (found == path) is fits
    assert (str(path) in why_not) is not fits


def test_own_links_on_the_path_are_not_taken_for_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = program(tmp_path / "cache" / "kubectl-1", "kubectl", "v1.36.3")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl").symlink_to(kept)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    assert find_installed(KUBECTL, tmp_path / "cache") == (None, "not on this machine")


def released(site: tuple[str, Path], content: bytes) -> Tool:
    """Helm, as if it were released on the page of this test."""
    address, folder = site
    archive = folder / "helm.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("some-arch/helm")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    (folder / "sums").write_text(f"{'0' * 64}  other.tar.gz\n{digest}  helm.tar.gz\n")
    return replace(
        HELM,
        url=f"{address}/helm.tar.gz",
        member="some-arch/helm",
        checksum_url=f"{address}/sums",
    )


def test_release_is_unpacked_and_can_be_run(site: tuple[str, Path], tmp_path: Path) -> None:
    tool = released(site, b"#!/bin/sh\n")
    download(tool, tmp_path / "helm")
    assert (tmp_path / "helm").read_bytes() == b"#!/bin/sh\n"
    assert (tmp_path / "helm").stat().st_mode & 0o111


def test_release_with_a_wrong_checksum_is_refused(site: tuple[str, Path], tmp_path: Path) -> None:
    tool = released(site, b"good")
    (site[1] / "sums").write_text(f"{'0' * 64}  helm.tar.gz\n")
    with pytest.raises(DownloadFailed, match="sha256"):
        download(tool, tmp_path / "helm")
    assert not (tmp_path / "helm").exists()


def test_host_counts_as_reachable_only_if_it_answers(site: tuple[str, Path]) -> None:
    there = released(site, b"good")
    away = replace(there, url="http://127.0.0.1:9/helm.tar.gz")
    hosts = reachable_hosts([there, away])
    assert is_reachable(there, hosts)
    assert not is_reachable(away, hosts)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_modules_pin_the_version_of_the_catalogue(tool: Tool) -> None:
    pinned = (GO_MODULES / tool.module / "go.mod").read_text()
    assert f"\t{tool.package}\n" in pinned or f"tool {tool.package}\n" in pinned
    # The module of Prometheus 3.5.0 has the version 0.305.0.
    major, minor, patch = tool.version.split(".")
    known = {f" v{tool.version}", f" v0.{major}{int(minor):02}.{patch}"}
    assert any(version in pinned for version in known)
