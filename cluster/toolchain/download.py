"""Fetches the official release of a program where the internet is in reach.

The second of the three ways of getting a program.
Gives up quickly and without noise: a machine with package indexes only is a normal case.
"""

# ruff: noqa: S310 - every address comes from the catalogue

from __future__ import annotations

import hashlib
import shutil
import tarfile
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cluster.toolchain.catalogue import Tool

_PROBE_SECONDS = 2.5
_STALL_SECONDS = 20.0


class DownloadFailed(Exception):  # noqa: N818 - reads as what happened
    """The release could not be had; the text says why."""


def reachable_hosts(tools: Iterable[Tool]) -> frozenset[str]:
    """Return those release hosts that answer within a moment.

    All are asked at once, and a slow name server is not waited for: that is why threads do it.
    """
    samples = {_host(tool): tool.link(tool.url) for tool in tools}
    answered: set[str] = set()
    threads = [
        threading.Thread(target=_probe, args=(host, url, answered), daemon=True)
        for host, url in samples.items()
    ]
    deadline = time.monotonic() + _PROBE_SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return frozenset(answered)


def is_reachable(tool: Tool, hosts: frozenset[str]) -> bool:
    """Tell whether the release host of a tool was among those that answered."""
    return _host(tool) in hosts


def download(tool: Tool, target: Path) -> None:
    """Put the released program at `target`, checked against the published checksum."""
    url = tool.link(tool.url)
    archive = target.with_suffix(".download")
    try:
        _fetch(url, archive)
        if tool.checksum_url is not None:
            _check(tool, url, archive)
        if tool.member is None:
            archive.replace(target)
        else:
            _unpack(archive, tool.link(tool.member), target)
    except (OSError, urllib.error.URLError, tarfile.TarError, KeyError) as problem:
        raise DownloadFailed(f"{url}: {problem}") from problem
    target.chmod(0o755)


def _host(tool: Tool) -> str:
    return urlsplit(tool.url).netloc


def _probe(host: str, url: str, answered: set[str]) -> None:
    # Redirects are followed: the store behind the host must be in reach too.
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_PROBE_SECONDS):
            answered.add(host)
    except (OSError, ValueError):
        return


def _fetch(url: str, target: Path) -> None:
    with urllib.request.urlopen(url, timeout=_STALL_SECONDS) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)


def _check(tool: Tool, url: str, archive: Path) -> None:
    with urllib.request.urlopen(tool.link(tool.checksum_url or ""), timeout=_STALL_SECONDS) as page:
        published = page.read().decode()
    name = url.rsplit("/", 1)[-1]
    lines = [line.split() for line in published.splitlines() if line.strip()]
    # Either the bare checksum, or the usual list "checksum  name".
    sums = {line[-1].lstrip("*"): line[0] for line in lines if len(line) > 1}
    expected = sums.get(name) or (lines[0][0] if len(lines) == 1 else None)
    with archive.open("rb") as content:
        actual = hashlib.file_digest(content, "sha256").hexdigest()
    if actual != expected:
        raise DownloadFailed(f"{url}: sha256 is {actual}, published is {expected}")


def _unpack(archive: Path, member: str, target: Path) -> None:
    with tarfile.open(archive) as content:
        source = content.extractfile(member)
        if source is None:
            raise KeyError(member)
        with target.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
    archive.unlink()
