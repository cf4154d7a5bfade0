"""A tiny client for a real API server: one request in, status code and body out.

For tables of requests that must be refused, where a kubectl process per row costs too much, and
for what kubectl hides (dry run with a field manager, impersonation, raw patches). It judges
nothing and never raises for an answer that is an error: tests say what they expect.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlencode, urlsplit

import yaml

__all__ = ["Answer", "Api", "Body", "path_of"]

Body = dict[str, Any]

_GROUPS: Final = {
    "apps/v1": ("controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"),
    "autoscaling/v2": ("horizontalpodautoscalers",),
    "policy/v1": ("poddisruptionbudgets",),
    "coordination.k8s.io/v1": ("leases",),
    "events.k8s.io/v1": ("events",),
    "rbac.authorization.k8s.io/v1": (
        "clusterrolebindings",
        "clusterroles",
        "rolebindings",
        "roles",
    ),
    "admissionregistration.k8s.io/v1": (
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    ),
    "apiextensions.k8s.io/v1": ("customresourcedefinitions",),
    "incidentcommander.dev/v1alpha1": (
        "incidents",
        "responsepolicies",
        "runbooks",
        "timelinepages",
        "postmortems",
    ),
}
_GROUP_OF: Final = {plural: group for group, plurals in _GROUPS.items() for plural in plurals}

_JSON: Final = "application/json"
_MERGE: Final = "application/merge-patch+json"
_JSON_PATCH: Final = "application/json-patch+json"
_APPLY: Final = "application/apply-patch+yaml"
_STRICT: Final = {"fieldValidation": "Strict"}
_TIMEOUT: Final = 60.0


def path_of(
    plural: str, namespace: str | None = None, name: str | None = None, subresource: str = ""
) -> str:
    """Give the URL path of a resource; plurals without a known group are of the core group."""
    group = _GROUP_OF.get(plural)
    parts = ["/api/v1" if group is None else f"/apis/{group}"]
    if namespace:
        parts.append(f"namespaces/{namespace}")
    parts += [part for part in (plural, name, subresource) if part]
    return "/".join(parts)


class Answer(NamedTuple):
    """What the API server said."""

    status: int
    body: Body

    @property
    def ok(self) -> bool:
        """Whether it did what was asked."""
        return self.status < http.client.BAD_REQUEST

    @property
    def message(self) -> str:
        """What it says to people, where it refused."""
        return str(self.body.get("message", ""))

    @property
    def reason(self) -> str:
        """The machine-readable word for a refusal: Invalid, Forbidden, Conflict …"""
        return str(self.body.get("reason", ""))

    @property
    def causes(self) -> list[tuple[str, str]]:
        """Field path and message of each thing that was wrong."""
        causes = (self.body.get("details") or {}).get("causes") or []
        return [(cause.get("field", ""), cause.get("message", "")) for cause in causes]

    def expect_ok(self) -> Body:
        """Give the body, or fail the test with what the server said."""
        assert self.ok, f"{self.status} {self.message or self.body}"
        return self.body

    def expect_refused(self, *words: str) -> str:
        """Give the message of a refusal, or fail the test; each word must stand in it."""
        assert not self.ok, f"expected a refusal, got {self.status}: {json.dumps(self.body)[:500]}"
        missing = [word for word in words if word not in self.message]
        assert not missing, f"{missing} not in the refusal: {self.status} {self.message}"
        return self.message


Headers = tuple[tuple[str, str], ...]


class _Connections:
    """One kept-alive connection per thread."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        self._host = host
        self._port = port
        self._context = context
        self._local = threading.local()
        self._all: list[http.client.HTTPSConnection] = []

    def fetch(
        self, verb: str, target: str, payload: bytes | None, headers: Headers
    ) -> tuple[int, bytes]:
        connection = self._mine()
        reused = connection.sock is not None
        try:
            return _exchange(connection, verb, target, payload, headers)
        except (ConnectionError, ssl.SSLError, http.client.HTTPException):
            connection.close()
            if not reused:
                raise
            # A server may close an idle connection at any time: that says nothing of this request.
            return _exchange(connection, verb, target, payload, headers)

    def close(self) -> None:
        for connection in self._all:
            connection.close()

    def _mine(self) -> http.client.HTTPSConnection:
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPSConnection(
                self._host, self._port, context=self._context, timeout=_TIMEOUT
            )
            self._local.connection = connection
            self._all.append(connection)
        return connection


def _exchange(
    connection: http.client.HTTPSConnection,
    verb: str,
    target: str,
    payload: bytes | None,
    headers: Headers,
) -> tuple[int, bytes]:
    # Not `request()`: its mapping of headers cannot carry Impersonate-Group twice.
    connection.putrequest(verb, target)
    for name, value in headers:
        connection.putheader(name, value)
    if payload is not None:
        connection.putheader("Content-Length", str(len(payload)))
    connection.endheaders(payload)
    response = connection.getresponse()
    return response.status, response.read()


@dataclass(frozen=True)
class Api:
    """An API server as seen by one user. ``as_user`` and ``with_token`` give other views of it.

    Writes are validated strictly, as `kubectl apply` has it.
    """

    connections: _Connections
    anonymous: _Connections
    headers: Headers = ()
    query: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Self:
        """Connect with the current context of a kubeconfig that carries its keys within."""
        config = yaml.safe_load(path.read_text())
        contexts = {c["name"]: c["context"] for c in config["contexts"]}
        context = contexts[config["current-context"]]
        clusters = {c["name"]: c["cluster"] for c in config["clusters"]}
        users = {u["name"]: u["user"] for u in config["users"]}
        cluster, user = clusters[context["cluster"]], users[context["user"]]
        url = urlsplit(cluster["server"])
        host, port = url.hostname or "", url.port or 443
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        own = ssl.create_default_context(cadata=authority)
        if "client-certificate-data" in user:
            _load_key(own, user["client-certificate-data"], user["client-key-data"])
        nobody = ssl.create_default_context(cadata=authority)
        headers = (("Authorization", f"Bearer {user['token']}"),) if "token" in user else ()
        return cls(
            connections=_Connections(host, port, own),
            anonymous=_Connections(host, port, nobody),
            headers=headers,
        )

    def close(self) -> None:
        """Close every connection, of this view and of those made from it."""
        self.connections.close()
        self.anonymous.close()

    def as_user(self, name: str, *groups: str) -> Self:
        """Give a view that acts as somebody else, by impersonation."""
        said = (("Impersonate-User", name), *(("Impersonate-Group", group) for group in groups))
        return replace(self, headers=(*self.headers, *said))

    def as_service_account(self, namespace: str, name: str) -> Self:
        """Give a view that acts as a ServiceAccount, in the groups that its token would have."""
        return self.as_user(
            f"system:serviceaccount:{namespace}:{name}",
            "system:serviceaccounts",
            f"system:serviceaccounts:{namespace}",
            "system:authenticated",
        )

    def with_token(self, token: str) -> Self:
        """Give a view that has a bearer token only: a client certificate would win over it."""
        return replace(
            self, connections=self.anonymous, headers=(("Authorization", f"Bearer {token}"),)
        )

    def with_query(self, **query: str) -> Self:
        """Give a view that adds these to every request, such as ``dryRun="All"``."""
        return replace(self, query={**self.query, **query})

    def dry(self) -> Self:
        """Give a view whose requests change nothing."""
        return self.with_query(dryRun="All")

    def by(self, field_manager: str) -> Self:
        """Give a view that writes as this field manager."""
        return self.with_query(fieldManager=field_manager)

    def request(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = _JSON,
        query: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request as it is."""
        headers = (("Accept", _JSON), ("Content-Type", content_type), *self.headers)
        parameters = {**self.query, **(query or {})}
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        payload = None if body is None else json.dumps(body).encode()
        status, answer = self.connections.fetch(verb, target, payload, headers)
        return Answer(status, _parsed(answer))

    def create(self, plural: str, body: Body, namespace: str | None = None) -> Answer:
        """POST an object; its namespace is taken from the object where none is given."""
        namespace = namespace or body.get("metadata", {}).get("namespace")
        return self.request("POST", path_of(plural, namespace), body, query=_STRICT)

    def get(self, plural: str, name: str, namespace: str | None = None, sub: str = "") -> Answer:
        """GET one object."""
        return self.request("GET", path_of(plural, namespace, name, sub))

    def list(self, plural: str, namespace: str | None = None, **query: str) -> Answer:
        """GET a list, such as with ``labelSelector`` or ``fieldSelector``."""
        return self.request("GET", path_of(plural, namespace), query=query)

    def replace(self, plural: str, body: Body, sub: str = "") -> Answer:
        """PUT an object as a whole (or its status)."""
        meta = body["metadata"]
        path = path_of(plural, meta.get("namespace"), meta["name"], sub)
        return self.request("PUT", path, body, query=_STRICT)

    def merge(
        self, plural: str, name: str, patch: Body, namespace: str | None = None, sub: str = ""
    ) -> Answer:
        """PATCH by JSON merge patch; ``None`` removes."""
        path = path_of(plural, namespace, name, sub)
        return self.request("PATCH", path, patch, content_type=_MERGE, query=_STRICT)

    def patch(
        self,
        plural: str,
        name: str,
        operations: Sequence[Body],
        namespace: str | None = None,
        sub: str = "",
    ) -> Answer:
        """PATCH by JSON patch."""
        path = path_of(plural, namespace, name, sub)
        return self.request(
            "PATCH", path, list(operations), content_type=_JSON_PATCH, query=_STRICT
        )

    def apply(self, plural: str, body: Body, sub: str = "", **query: str) -> Answer:
        """PATCH by server-side apply (give ``force="true"`` to take fields over)."""
        meta = body["metadata"]
        path = path_of(plural, meta.get("namespace"), meta["name"], sub)
        query = {"fieldManager": "tests", **_STRICT, **query}
        return self.request("PATCH", path, body, content_type=_APPLY, query=query)

    def delete(self, plural: str, name: str, namespace: str | None = None, **query: str) -> Answer:
        """DELETE one object."""
        return self.request("DELETE", path_of(plural, namespace, name), query=query)


def _load_key(context: ssl.SSLContext, certificate: str, key: str) -> None:
    # The ssl module takes keys from files only.
    with tempfile.NamedTemporaryFile() as file:
        file.write(base64.b64decode(certificate) + b"\n" + base64.b64decode(key))
        file.flush()
        context.load_cert_chain(file.name)


def _parsed(answer: bytes) -> Body:
    try:
        body = json.loads(answer)
    except ValueError:
        return {"message": answer.decode(errors="replace")}
    return body if isinstance(body, dict) else {"value": body}
