"""The chart installed by the real helm, people with roles, and operators behind proxies.

Shared by the end-to-end tests and the scenarios. Each function undoes at its end what it did.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from cluster import Cluster
from tests.e2e.shop import GROUP, Office, until
from tests.support.api import Api, Body
from tests.support.proxy import FaultProxy
from tools.local_operator import NAMESPACE, LocalOperator, install_chart

__all__ = ["installed_chart", "working_office"]


@contextmanager
def installed_chart(
    cluster: Cluster, api: Api, label: str, held: Mapping[str, Sequence[str]]
) -> Iterator[None]:
    """Install the chart without its Deployment; roles and guard are in force, people hold roles.

    Parameters
    ----------
    label
        Marks the bindings that are made.
    held
        Who holds which ClusterRole.
    """
    # The CRDs stand already, and not by Helm's hand.
    install_chart(cluster.kubeconfig, cluster.helm, cluster.kubectl, ["crds.install=false"])
    for role, people in held.items():
        _bind(api, label, role, people)
    yield
    selector = {"labelSelector": f"tests={label}"}
    for binding in api.list("clusterrolebindings", **selector).expect_ok()["items"]:
        api.delete("clusterrolebindings", binding["metadata"]["name"])
    _uninstall(cluster, api)


def _uninstall(cluster: Cluster, api: Api) -> None:
    """Leave the cluster to other tests without the guard, which they do not expect."""
    line = [cluster.helm, f"--kubeconfig={cluster.kubeconfig}", "uninstall", NAMESPACE]
    subprocess.run([*line, "-n", NAMESPACE], check=True, capture_output=True, timeout=120)
    said = {f"{GROUP}/note": "x"}
    body: Body = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Incident",
        "metadata": {"name": "probe", "namespace": "default", "annotations": said},
        "spec": {"title": "probe", "target": {"kind": "Deployment", "name": "probe"}},
    }
    until(lambda: api.dry().create("incidents", body).ok or None, "the guard is gone")


def _bind(api: Api, label: str, role: str, people: Sequence[str]) -> None:
    group = "rbac.authorization.k8s.io"
    body: Body = {
        "metadata": {"name": f"{label}-{role}", "labels": {"tests": label}},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": name} for name in people],
    }
    answer = api.create("clusterrolebindings", body)
    assert answer.ok or answer.reason == "AlreadyExists", answer.message


@contextmanager
def working_office(
    cluster: Cluster, credentials: Path, folder: Path, settings: Mapping[str, str]
) -> Iterator[Office]:
    """Run an operator behind a proxy of its own.

    Parameters
    ----------
    credentials
        A kubeconfig with a token of the operator's ServiceAccount.
    settings
        Of the operator, without the prefix of their names.
    """
    with FaultProxy(cluster.kubeconfig) as proxy:
        kubeconfig = _pointed_at(credentials, proxy.url, folder / "kubeconfig")
        prefixed = {f"INCIDENT_COMMANDER_{key}": value for key, value in settings.items()}
        office = Office(LocalOperator(kubeconfig, folder / "log", prefixed), proxy)
        try:
            office.operator.start(120)
            yield office
        finally:
            # An orderly end takes seconds, and is not what is tested.
            office.operator.kill()


def _pointed_at(credentials: Path, server: str, target: Path) -> Path:
    config = yaml.safe_load(credentials.read_text())
    config["clusters"][0]["cluster"] = {"server": server}
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(config))
    return target
