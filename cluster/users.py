"""Gives a person a kubeconfig of their own, with a client certificate of the cluster.

For demos and tests in which somebody without an administrator's rights acts. What the person
may do is decided by RBAC alone: a new user may do nothing.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluster.layout import Cluster

_NAME = re.compile(r"[A-Za-z0-9._:@-]+")


class UserRefused(Exception):  # noqa: N818 - reads as what happened
    """The name cannot be put into a certificate, or the authority cannot sign."""


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
    with warnings.catch_warnings():
        # kwokctl gives its authority the serial number 0, which the library is going to refuse.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        authority = x509.load_pem_x509_certificate((cluster.pki / "ca.crt").read_bytes())
    signer = serialization.load_pem_private_key((cluster.pki / "ca.key").read_bytes(), None)
    if not isinstance(signer, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UserRefused("the cluster's authority has a key that cannot sign")
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = [
        *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups),
        x509.NameAttribute(NameOID.COMMON_NAME, name),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate").write_bytes(certificate.public_bytes(pem))
    (folder / "key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cluster.kubeconfig_text(name, folder / "certificate", folder / "key")
