"""Gives a person a kubeconfig of their own, with a client certificate of the cluster.

For demos and tests in which somebody without an administrator's rights acts. What the person
may do is decided by RBAC alone: a new user may do nothing.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluster.layout import Cluster

# A certificate's subject separates its fields by slashes.
_NAME = re.compile(r"[A-Za-z0-9._:@-]+")


class UserRefused(Exception):  # noqa: N818 - reads as what happened
    """The name cannot be put into a certificate, or openssl is missing or said no."""


def user_kubeconfig(cluster: Cluster, name: str, groups: Sequence[str] = ()) -> Path:
    """Return the kubeconfig of a person, making it the first time."""
    for part in (name, *groups):
        if not _NAME.fullmatch(part):
            raise UserRefused(f"{part!r} is no name that a certificate can carry")
    suffix = "".join(f"+{group}" for group in sorted(groups))
    target = cluster.directory / "users" / f"{name}{suffix}.kubeconfig"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=cluster.directory) as folder:
            text = _signed(cluster, name, groups, Path(folder))
        write_whole(target, text, mode=0o600)
    return target


def _signed(cluster: Cluster, name: str, groups: Sequence[str], folder: Path) -> str:
    """Have a new key signed by the cluster's authority, as kubeadm does for administrators."""
    key, request, certificate = (folder / end for end in ("key", "request", "certificate"))
    subject = "".join(f"/O={group}" for group in groups) + f"/CN={name}"
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    _openssl("req", "-new", *ec, "-keyout", str(key), "-out", str(request), "-subj", subject)
    extensions = folder / "extensions"
    extensions.write_text("extendedKeyUsage=clientAuth\n")
    authority = ["-CA", str(cluster.pki / "ca.crt"), "-CAkey", str(cluster.pki / "ca.key")]
    serial = ["-set_serial", f"0x{folder.name.encode().hex()[:30]}"]
    _openssl(
        "x509", "-req", "-in", str(request), "-out", str(certificate), "-days", "365",
        *authority, *serial, "-extfile", str(extensions),
    )  # fmt: skip
    return cluster.kubeconfig_text(name, certificate, key)


def _openssl(*arguments: str) -> None:
    try:
        answer = subprocess.run(
            ["openssl", *arguments],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as problem:
        raise UserRefused("openssl is needed to make a key for a user") from problem
    if answer.returncode != 0:
        raise UserRefused(answer.stderr.strip())
