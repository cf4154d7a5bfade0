"""What was observed of the world: plain frozen values.

The gateways produce them, the pure code judges them. "There is none" (``Missing``) and "could not
ask" (``Unavailable``) are values too. Nothing here does I/O or reads the clock.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias

from typing_extensions import override

from ..api.base import parse_timestamp
from ..api.common import TargetKind

__all__ = [
    "AUTOSCALERS",
    "PODS",
    "POD_TEMPLATE_HASH_LABEL",
    "RESTARTED_AT_ANNOTATION",
    "Applied",
    "Container",
    "Delivery",
    "DryRun",
    "GuardProof",
    "IncidentRef",
    "JsonPatch",
    "Missing",
    "Outcome",
    "Pod",
    "Refused",
    "Revision",
    "Scalar",
    "Sent",
    "Stale",
    "Unavailable",
    "Workload",
    "Write",
    "digest",
    "significant_hash",
    "template_hash",
]

POD_TEMPLATE_HASH_LABEL: Final = "pod-template-hash"
RESTARTED_AT_ANNOTATION: Final = "kubectl.kubernetes.io/restartedAt"

AUTOSCALERS: Final = "horizontalpodautoscalers"
PODS: Final = "pods"

JsonPatch: TypeAlias = tuple[Mapping[str, Any], ...]
"""Operations of RFC 6902, in order."""


@dataclass(frozen=True, slots=True)
class IncidentRef:
    """All that an event tells the runner: which Incident to look at."""

    namespace: str
    name: str
    uid: str = ""

    @override
    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


# --- answers -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Missing:
    """The API server says that there is no such object."""

    what: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """It could not be asked: unreachable, too slow, forbidden, or the answer made no sense.

    ``message`` is for the person on call and says what was tried and what came back.
    """

    what: str
    message: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The API server understood a write (or its dry run) and said no."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Scalar:
    """The answer of a PromQL instant query that gives one number.

    ``value`` is None where the result was empty; it can be NaN or infinite. ``series`` counts the
    series in the result: more than one is no answer to a question for one number.
    """

    value: float | None
    series: int = 1


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet or DaemonSet as the API server gave it."""

    kind: TargetKind
    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def annotations(self) -> Mapping[str, str]:
        """``metadata.annotations``, empty where absent."""
        return self.raw["metadata"].get("annotations") or {}

    @property
    def labels(self) -> Mapping[str, str]:
        """``metadata.labels``, empty where absent."""
        return self.raw["metadata"].get("labels") or {}

    @property
    def spec(self) -> Mapping[str, Any]:
        """``spec``."""
        spec: Mapping[str, Any] = self.raw["spec"]
        return spec

    @property
    def status(self) -> Mapping[str, Any]:
        """``status``, empty where absent."""
        return self.raw.get("status") or {}

    @property
    def template(self) -> Mapping[str, Any]:
        """``spec.template``."""
        template: Mapping[str, Any] = self.raw["spec"]["template"]
        return template

    @property
    def replicas(self) -> int:
        """``spec.replicas``; the API server defaults it to 1. 0 for a DaemonSet has no meaning."""
        return int(self.raw["spec"].get("replicas", 1))

    @property
    def paused(self) -> bool:
        """Whether the rollout of a Deployment is paused."""
        return bool(self.raw["spec"].get("paused", False))

    @property
    def observed(self) -> bool:
        """Whether the controller has seen the newest spec."""
        return int(self.status.get("observedGeneration") or 0) >= self.generation

    @property
    def template_hash(self) -> str:
        """Our hash of the pod template."""
        return template_hash(self.template)


@dataclass(frozen=True, slots=True)
class Revision:
    """One entry of a workload's rollout history (a ReplicaSet or a ControllerRevision).

    ``template`` is the pod template without the label ``pod-template-hash``; for a
    ControllerRevision ``raw["data"]`` is the patch that kubectl would send.
    ``label`` is the value that its pods carry (``pod-template-hash`` or
    ``controller-revision-hash``).
    """

    number: int
    name: str
    uid: str
    label: str
    created_at: datetime
    template: Mapping[str, Any] = field(repr=False, compare=False)
    annotations: Mapping[str, str] = field(repr=False, compare=False)
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def change_cause(self) -> str:
        """``kubernetes.io/change-cause``, empty where absent."""
        return self.annotations.get("kubernetes.io/change-cause", "")

    @property
    def template_hash(self) -> str:
        """Our hash of the pod template."""
        return template_hash(self.template)

    @property
    def images(self) -> tuple[str, ...]:
        """Images of the containers, in order."""
        containers = (self.template.get("spec") or {}).get("containers") or []
        return tuple(c.get("image", "") for c in containers)


@dataclass(frozen=True, slots=True)
class Container:
    """The state of one container of a pod (init containers too)."""

    name: str
    image: str
    ready: bool
    restarts: int
    waiting_reason: str = ""
    waiting_message: str = ""
    terminated_reason: str = ""
    last_terminated_reason: str = ""
    last_exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of the target."""

    name: str
    revision: str
    """Value of ``pod-template-hash`` or ``controller-revision-hash``; empty where absent."""
    phase: str
    ready: bool
    created_at: datetime
    deleting: bool = False
    unschedulable: str = ""
    """Message of PodScheduled=False with reason Unschedulable, else empty."""
    containers: tuple[Container, ...] = ()
    uid: str = ""
    """Empty where it was not read; such a pod cannot be named in a plan."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a patch would leave, as the API server computed it (``dryRun=All``)."""

    before: Mapping[str, Any] = field(repr=False, compare=False)
    after: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Write:
    """One request that changes one object, or makes it."""

    resource: str
    """In the plural: ``deployments``, ``horizontalpodautoscalers``."""
    namespace: str
    name: str
    patch: JsonPatch = ()
    """Tests, the change and the marker; empty where the object is made."""
    body: Mapping[str, Any] | None = None
    """The object to make, marker and all; None where one is patched."""
    delete: str = ""
    """The uid of the object to delete; empty where one is patched or made."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The approved change was made; the API server confirmed it."""

    generation: int
    resource_version: str


@dataclass(frozen=True, slots=True)
class Stale:
    """A test of the patch failed: the workload is not the one that was planned for."""

    message: str


Outcome: TypeAlias = Applied | Stale | Refused | Unavailable
"""What came of the one write to the target.

``Unavailable``: whether it was made is not known; read the target before anything else.
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The newest that is known of one notice on its way to one channel."""

    notice: str
    """Id of the notice."""
    channel: str
    at: datetime
    """When it was tried last."""
    problem: str = ""
    """Why the channel did not take it; empty: it did."""
    tries: int = 1
    since: datetime | None = None
    """With a problem: when it was tried first."""
    refused: bool = False
    """Whether the channel is not for it: it is never tried again, and nothing is failing."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of sending one notice to one channel."""

    problem: str = ""
    """Why the channel did not take it; empty: it did."""
    done: frozenset[str] = frozenset()
    """Those of its addresses that have taken it: a later try leaves them out."""
    refused: bool = False
    """Whether the channel is not for it, as ``problem`` says: nothing was sent, nor will be."""


@dataclass(frozen=True, slots=True)
class GuardProof:
    """Whether the admission policies refuse a forged approval and a forged status right now."""

    fingerprint: str
    proven: bool
    message: str
    at: datetime


# --- hashes --------------------------------------------------------------------------------------


def digest(value: Any) -> str:
    """SHA-256 over canonical JSON, hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def template_hash(template: Mapping[str, Any]) -> str:
    """Hash a pod template as the Deployment controller compares it.

    The label ``pod-template-hash`` is left out (``EqualIgnoreHash`` in
    pkg/controller/deployment/util), absent and empty maps are the same. Never cut: whoever can write templates would find two alike.
    """
    return digest(_normal(template, ignore_restart=False))


def significant_hash(template: Mapping[str, Any]) -> str:
    """Hash a pod template without the time of its last restart.

    Two revisions that differ only by ``rollout restart`` run the same release.
    """
    return digest(_normal(template, ignore_restart=True))


def _normal(template: Mapping[str, Any], *, ignore_restart: bool) -> Mapping[str, Any]:
    normal: dict[str, Any] = copy.deepcopy(dict(template))
    meta = dict(normal.get("metadata") or {})
    meta.pop("creationTimestamp", None)
    labels = dict(meta.get("labels") or {})
    labels.pop(POD_TEMPLATE_HASH_LABEL, None)
    annotations = dict(meta.get("annotations") or {})
    if ignore_restart:
        annotations.pop(RESTARTED_AT_ANNOTATION, None)
    meta["labels"], meta["annotations"] = labels, annotations
    normal["metadata"] = {key: value for key, value in meta.items() if value}
    return normal


def time_of(raw: Mapping[str, Any]) -> datetime:
    """``metadata.creationTimestamp`` of a raw object."""
    return parse_timestamp(raw["metadata"]["creationTimestamp"])
