"""Asks a cluster whether it works.

Used before anything is started, and again until everything has started.
Answers with sentences about what is wrong; an empty list means that all is well.
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from cluster.processes import COMPONENTS, running_components

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.layout import Cluster

_PATIENCE = 3.0


class NoAnswer(Exception):  # noqa: N818 - reads as what happened
    """A part of the cluster did not answer, or said no."""


def ask_api(cluster: Cluster, path: str) -> bytes:
    """Read a path of the API server as its administrator."""
    try:
        context = ssl.create_default_context(cafile=str(cluster.pki / "ca.crt"))
        context.load_cert_chain(cluster.pki / "admin.crt", cluster.pki / "admin.key")
    except OSError as problem:
        raise NoAnswer(f"the keys of the cluster cannot be read: {problem}") from problem
    connection = http.client.HTTPSConnection(
        "127.0.0.1", cluster.ports.apiserver, timeout=_PATIENCE, context=context
    )
    return _ask(connection, path)


def ask_plain(base: str, path: str) -> bytes:
    """Read a path of Prometheus or of the simulated kubelets."""
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)
    return _ask(connection, path)


def query_prometheus(cluster: Cluster, expression: str) -> list[dict[str, Any]]:
    """Evaluate an expression now and return the resulting series."""
    path = f"/api/v1/query?query={quote(expression)}"
    answer = json.loads(ask_plain(cluster.prometheus_url, path))
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def all_running(cluster: Cluster) -> bool:
    """Tell whether every process is there, whether or not it answers."""
    return running_components(cluster.workdir).keys() == set(COMPONENTS)


def complaints(cluster: Cluster) -> list[str]:
    """Say what is wrong with the processes; quick, so that it can be asked every time."""
    running = running_components(cluster.workdir)
    wrong = [f"{name} is not running" for name in COMPONENTS if name not in running]
    if wrong:
        return wrong
    questions: dict[str, Callable[[], object]] = {
        "the API server is not ready": lambda: ask_api(cluster, "/readyz"),
        "Prometheus is not ready": lambda: ask_plain(cluster.prometheus_url, "/-/ready"),
        "kwok is not ready": lambda: ask_plain(cluster.kwok_url, "/healthz"),
    }
    for subject, ask in questions.items():
        try:
            ask()
        except NoAnswer as problem:
            wrong.append(f"{subject}: {problem}")
    return wrong


def unfinished(cluster: Cluster, nodes: int) -> list[str]:
    """Say what has not come up yet in a cluster whose processes run."""
    wrong = complaints(cluster)
    if wrong:
        return wrong
    try:
        ready = sum(map(_is_ready, json.loads(ask_api(cluster, "/api/v1/nodes"))["items"]))
        if ready < nodes:
            wrong.append(f"{ready} of {nodes} nodes are ready")
        ask_api(cluster, "/api/v1/namespaces/default/serviceaccounts/default")
        scraped = len(query_prometheus(cluster, 'up{job="pods"} == 1'))
        if scraped < nodes:
            wrong.append(f"Prometheus reads the metrics of {scraped} of {nodes} nodes")
    except NoAnswer as problem:
        wrong.append(str(problem))
    return wrong


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _ask(connection: http.client.HTTPConnection, path: str) -> bytes:
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as problem:
        raise NoAnswer(
            f"no answer from {connection.host}:{connection.port}: {problem}"
        ) from problem
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise NoAnswer(f"{path} answers {answer.status}: {body[:200].decode(errors='replace')}")
    return body
