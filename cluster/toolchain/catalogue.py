"""Says which programs are needed, in which versions, and where each can be had.

Read by the three ways of getting a program: found on the machine, downloaded, built.
Holds data only; a new version is changed here and in the go.mod beside it.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

KUBERNETES = "1.36.3"
KWOK = "0.8.0"
ETCD = "3.6.8"
PROMETHEUS = "3.5.0"
HELM = "4.3.1"

GO_MODULES = Path(__file__).parent.parent / "go"

_KUBERNETES_STAMP = "k8s.io/component-base/version"
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Tool:
    """One program: what counts as good enough, and how to get it otherwise."""

    name: str
    version: str
    oldest: tuple[int, int]
    newest: tuple[int, int] | None
    """The last minor version that is known to do, or None where any later one will."""
    version_arguments: tuple[str, ...]
    url: str
    """Official release; `{os}` and `{arch}` are filled in as Go spells them."""
    member: str | None
    """Path inside the archive, or None where the download is the program itself."""
    checksum_url: str | None
    module: str
    """Folder below `cluster/go` whose go.mod pins everything."""
    package: str
    stamp: tuple[tuple[str, str], ...]
    """Version strings the official build puts in with the linker."""
    minutes: str
    """What a first build takes on two cores, for the progress line."""

    def accepts(self, found: tuple[int, int]) -> bool:
        """Tell whether a program of this version will do."""
        return self.oldest <= found and (self.newest is None or found <= self.newest)

    def wanted(self) -> str:
        """Describe the accepted versions for the progress line."""
        oldest = ".".join(map(str, self.oldest))
        return f"{oldest}.x" if self.newest == self.oldest else f"{oldest} or newer"

    def link(self, template: str) -> str:
        """Fill this machine into the template of an address or of an archive member."""
        system, architecture = machine()
        return template.format(os=system, arch=architecture, version=self.version)

    def key(self) -> str:
        """Name the cache folder: version, machine, and everything that decides the build."""
        digest = hashlib.sha256("/".join(machine()).encode())
        for part in (GO_MODULES / self.module / "go.mod", GO_MODULES / self.module / "go.sum"):
            digest.update(part.read_bytes())
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"


def machine() -> tuple[str, str]:
    """Return this machine's operating system and architecture as Go spells them."""
    architecture = platform.machine().lower()
    return sys.platform, _ARCHITECTURES.get(architecture, architecture)


def _kubernetes(name: str, *, client: bool, minutes: str) -> Tool:
    url = "https://dl.k8s.io/release/v{version}/bin/{os}/{arch}/" + name
    major, minor, _ = KUBERNETES.split(".")
    return Tool(
        name=name,
        version=KUBERNETES,
        # The servers must be of the pinned minor version: admission policies differ between them.
        oldest=(1, 33) if client else (1, 36),
        newest=None if client else (1, 36),
        version_arguments=("version", "--client") if client else ("--version",),
        url=url,
        member=None,
        checksum_url=url + ".sha256",
        module="kubernetes",
        package=f"k8s.io/kubernetes/cmd/{name}",
        stamp=(
            (f"{_KUBERNETES_STAMP}.gitVersion", f"v{KUBERNETES}"),
            (f"{_KUBERNETES_STAMP}.gitMajor", major),
            (f"{_KUBERNETES_STAMP}.gitMinor", minor),
        ),
        minutes=minutes,
    )


def _kwok(name: str, *, minutes: str) -> Tool:
    releases = "https://github.com/kubernetes-sigs/kwok/releases/download/v{version}/"
    return Tool(
        name=name,
        version=KWOK,
        # The stages and metrics are written for this version.
        oldest=(0, 8),
        newest=(0, 8),
        version_arguments=("--version",),
        url=releases + name + "-{os}-{arch}",
        member=None,
        checksum_url=None,
        module="kubernetes",
        package=f"sigs.k8s.io/kwok/cmd/{name}",
        stamp=(),
        minutes=minutes,
    )


# In the order of building: kube-apiserver first, since the others share its packages.
TOOLS = (
    _kubernetes("kube-apiserver", client=False, minutes="4 min"),
    _kubernetes("kube-controller-manager", client=False, minutes="1 min"),
    _kubernetes("kube-scheduler", client=False, minutes="10 s"),
    _kubernetes("kubectl", client=True, minutes="20 s"),
    Tool(
        name="etcd",
        version=ETCD,
        oldest=(3, 5),
        newest=None,
        version_arguments=("--version",),
        url="https://github.com/etcd-io/etcd/releases/download/v{version}/etcd-v{version}-{os}-{arch}.tar.gz",
        member="etcd-v{version}-{os}-{arch}/etcd",
        checksum_url="https://github.com/etcd-io/etcd/releases/download/v{version}/SHA256SUMS",
        module="kubernetes",
        package="go.etcd.io/etcd/server/v3",
        stamp=(),
        minutes="10 s",
    ),
    _kwok("kwok", minutes="20 s"),
    _kwok("kwokctl", minutes="20 s"),
    Tool(
        name="prometheus",
        version=PROMETHEUS,
        oldest=(3, 0),
        newest=None,
        version_arguments=("--version",),
        url="https://github.com/prometheus/prometheus/releases/download/v{version}/prometheus-{version}.{os}-{arch}.tar.gz",
        member="prometheus-{version}.{os}-{arch}/prometheus",
        checksum_url="https://github.com/prometheus/prometheus/releases/download/v{version}/sha256sums.txt",
        module="prometheus",
        package="github.com/prometheus/prometheus/cmd/prometheus",
        stamp=(("github.com/prometheus/common/version.Version", PROMETHEUS),),
        minutes="1 min",
    ),
    Tool(
        name="helm",
        version=HELM,
        oldest=(3, 14),
        newest=None,
        version_arguments=("version", "--short"),
        url="https://get.helm.sh/helm-v{version}-{os}-{arch}.tar.gz",
        member="{os}-{arch}/helm",
        checksum_url="https://get.helm.sh/helm-v{version}-{os}-{arch}.tar.gz.sha256sum",
        module="helm",
        package="helm.sh/helm/v4/cmd/helm",
        stamp=(("helm.sh/helm/v4/internal/version.version", f"v{HELM}"),),
        minutes="2 min",
    ),
)
