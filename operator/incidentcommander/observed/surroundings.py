"""What was observed around a workload: its autoscalers, warnings about it, its configuration.

``values`` are about the workload itself; these are about what acts on it. The gateways produce
them, the checks judge them. Nothing here does I/O or reads the clock, and no value of a ConfigMap
or a Secret is ever held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .managed_fields import Edit

__all__ = [
    "Autoscaler",
    "Budget",
    "ConfigObject",
    "Configuration",
    "Reference",
    "WarningEvent",
    "Warnings",
]


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler (``autoscaling/v2``) as the API server gave it."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """``metadata``."""
        metadata: Mapping[str, Any] = self.raw["metadata"]
        return metadata

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
    def least(self) -> int:
        """``spec.minReplicas``; the API server defaults it to 1."""
        return int(self.spec.get("minReplicas", 1))

    @property
    def most(self) -> int:
        """``spec.maxReplicas``."""
        return int(self.spec["maxReplicas"])


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget (``policy/v1``) of a workload's pods, as its controller counted."""

    name: str
    allowed: int
    """``status.disruptionsAllowed``."""
    healthy: int
    """``status.currentHealthy``."""
    needed: int
    """``status.desiredHealthy``."""


@dataclass(frozen=True, slots=True)
class WarningEvent:
    """An event of type Warning, with the object that it is about."""

    kind: str
    name: str
    uid: str
    reason: str
    message: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Warnings:
    """The Warning events of a workload's namespace, those of others too."""

    events: tuple[WarningEvent, ...]
    complete: bool = True
    """False where the namespace has more warnings than are read."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An object that the pods of a workload need by its name; no name: all of that kind."""

    kind: str
    name: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ConfigObject:
    """When an object that the pods depend on was made and changed; nothing of what it holds."""

    kind: str
    name: str
    resource_version: str
    created_at: datetime
    edits: tuple[Edit, ...] = ()
    """Newest first."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The ConfigMaps, Secrets, Services and PodDisruptionBudgets of a workload."""

    objects: tuple[ConfigObject, ...]
    missing: tuple[Reference, ...] = ()
    forbidden: tuple[Reference, ...] = ()
    """What this operator may not look at."""
    left_out: int = 0
    """Further references, beyond how many are looked at."""
