"""URL paths of the resources that the operator touches, and what a request to one is called.

Every gateway takes its paths from here; ``client`` counts and describes requests with it.
Pure functions over strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from ...api.base import GROUP, VERSION
from ...api.common import TargetKind

__all__ = ["PLURALS", "Asked", "asked", "path_of"]

PLURALS: Final[Mapping[TargetKind, str]] = {
    TargetKind.DEPLOYMENT: "deployments",
    TargetKind.STATEFUL_SET: "statefulsets",
    TargetKind.DAEMON_SET: "daemonsets",
}

_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "apps/v1": (*PLURALS.values(), "replicasets", "controllerrevisions"),
    "autoscaling/v2": ("horizontalpodautoscalers",),
    "policy/v1": ("poddisruptionbudgets",),
    "events.k8s.io/v1": ("events",),
    "admissionregistration.k8s.io/v1": (
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
    ),
    f"{GROUP}/{VERSION}": (
        "incidents",
        "timelinepages",
        "runbooks",
        "responsepolicies",
        "postmortems",
    ),
}
_GROUP_OF: Final = {plural: group for group, plurals in _GROUPS.items() for plural in plurals}
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Asked(NamedTuple):
    """A request in the words of RBAC."""

    verb: str
    resource: str
    """With the subresource: ``incidents/status``."""
    namespace: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        """For people: ``patch deployments/checkout in namespace shop``."""
        plural, _, subresource = self.resource.partition("/")
        what = "/".join(part for part in (plural, self.name, subresource) if part)
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {what}{where}"


def path_of(plural: str, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """Give the path of an object, or of a collection; core/v1 where the plural is not ours."""
    group = _GROUP_OF.get(plural)
    parts = [f"/apis/{group}" if group else "/api/v1"]
    if namespace:
        parts.append(f"namespaces/{quote(namespace, safe='')}")
    parts.append(plural)
    parts.extend(quote(part, safe="") for part in (name, subresource) if part)
    return "/".join(parts)


def asked(method: str, path: str, query: Mapping[str, str]) -> Asked:
    """Say what a request is called."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    parts = parts[3:] if parts[0] == "apis" else parts[2:]
    namespace = ""
    if len(parts) > 2 and parts[0] == "namespaces":  # noqa: PLR2004
        namespace, parts = parts[1], parts[2:]
    plural, name, subresource = (*parts, "", "", "")[:3]
    verb = _VERBS.get(method) or _reading(name, query)
    return Asked(verb, f"{plural}/{subresource}" if subresource else plural, namespace, name)


def _reading(name: str, query: Mapping[str, str]) -> str:
    if query.get("watch") in {"true", "1"}:
        return "watch"
    return "get" if name else "list"
