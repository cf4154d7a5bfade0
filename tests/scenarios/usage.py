"""The metrics that autoscalers read: an extension API server for ``metrics.k8s.io``.

Nothing measures the simulated pods. This server says that the pods of a namespace share a load in
CPU, as they would: more pods, less for each. The autoscaler, its controller and the API aggregation
are the real ones.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

from typing_extensions import override

from tests.e2e.shop import until
from tests.scenarios.certificate import self_signed
from tests.support.api import Api, Body

__all__ = ["Usage"]

_NAME: Final = "usage"
_SERVICE_NAMESPACE: Final = "default"
_API: Final = "v1beta1.metrics.k8s.io"
_APIS: Final = "/apis/apiregistration.k8s.io/v1/apiservices"
_VERSION: Final = "metrics.k8s.io/v1beta1"
_PODS: Final = re.compile(r"^/apis/metrics\.k8s\.io/v1beta1/namespaces/([^/?]+)/pods")


class Usage:
    """The server, and its registration with the API server.

    Parameters
    ----------
    api
        As the administrator.
    folder
        For the certificate.
    """

    def __init__(self, api: Api, folder: Path) -> None:
        self._api: Final = api
        self._loads: Final[dict[str, int]] = {}
        self._server: Final = _Server(("127.0.0.1", 0), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(folder / "usage.pem"))
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    def start(self) -> Self:
        """Serve, and wait until the API server passes questions on."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        port = self._server.server_port
        service = {
            "metadata": {"name": _NAME, "namespace": _SERVICE_NAMESPACE},
            "spec": {
                "type": "ExternalName",
                "externalName": "localhost",
                "ports": [{"port": port}],
            },
        }
        registration = {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": _API},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": True,
                "service": {"name": _NAME, "namespace": _SERVICE_NAMESPACE, "port": port},
            },
        }
        self._forget()
        self._api.create("services", service).expect_ok()
        self._api.request("POST", _APIS, registration).expect_ok()
        where = f"/apis/{_VERSION}/namespaces/default/pods"
        until(lambda: self._api.request("GET", where).ok or None, "usage is served")
        return self

    def stop(self) -> None:
        """Take the registration back first: namespaces are not deleted while an API is away."""
        self._forget()
        self._server.shutdown()
        self._server.server_close()

    def share(self, namespace: str, millicores: int) -> None:
        """Let the pods of that namespace share this load."""
        self._loads[namespace] = millicores

    def pods(self, namespace: str) -> list[Body]:
        """Say what each pod of a namespace uses."""
        if namespace not in self._loads:
            return []
        found = self._api.list("pods", namespace).expect_ok()["items"]
        ready = [pod for pod in found if _is_ready(pod)]
        each = self._loads[namespace] // max(len(ready), 1)
        return [_used(pod, each) for pod in ready]

    def _forget(self) -> None:
        self._api.request("DELETE", f"{_APIS}/{_API}")
        self._api.delete("services", _NAME, _SERVICE_NAMESPACE)


def _is_ready(pod: Body) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _used(pod: Body, millicores: int) -> Body:
    meta, containers = pod["metadata"], pod["spec"]["containers"]
    return {
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": meta["labels"],
        },
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "window": "0s",
        "containers": [
            {"name": c["name"], "usage": {"cpu": f"{millicores}m", "memory": "64Mi"}}
            for c in containers
        ],
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away."""


def _handler(usage: Usage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = _PODS.match(self.path)
            if found:
                items = usage.pods(found.group(1))
                body = {"kind": "PodMetricsList", "apiVersion": _VERSION, "metadata": {}}
                self._answer({**body, "items": items})
            else:
                self._answer(_RESOURCES)

        def _answer(self, body: Body) -> None:
            payload = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Be quiet."""

    return Handler


_RESOURCES: Final = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": _VERSION,
    "resources": [
        {
            "name": "pods",
            "singularName": "",
            "namespaced": True,
            "kind": "PodMetrics",
            "verbs": ["get", "list"],
        }
    ],
}
