"""What the actions share that change the target itself: where it is written, how it is found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime

from ..api.base import MARKER_ANNOTATION
from ..observed.workloads import JsonPatch, Write
from .base import Plan, Undone
from .situation import Situation

__all__ = ["OnTarget"]


class OnTarget(ABC):
    """An action whose one write is a patch of the target."""

    @abstractmethod
    def change(
        self,
        parameters: Mapping[str, str],
        situation: Situation,
        marker: str,
        started_at: datetime,
    ) -> JsonPatch:
        """Give the JSON patch for the live target: tests, change and marker in one."""

    def write(
        self,
        parameters: Mapping[str, str],
        situation: Situation,
        marker: str,
        started_at: datetime,
    ) -> Write:
        """Address the patch to the target."""
        workload = situation.workload
        return Write(
            resource=f"{workload.kind.lower()}s",
            namespace=workload.namespace,
            name=workload.name,
            patch=self.change(parameters, situation, marker, started_at),
        )

    def marker(
        self,
        parameters: Mapping[str, str],  # noqa: ARG002 -- it stands on the target
        situation: Situation,
    ) -> str:
        """Give the target's marker."""
        return situation.workload.annotations.get(MARKER_ANNOTATION, "")

    @abstractmethod
    def as_planned(
        self, parameters: Mapping[str, str], situation: Situation, started_at: datetime
    ) -> bool:
        """Whether the target is what the patch would have left."""

    @abstractmethod
    def undone(self, parameters: Mapping[str, str], situation: Situation) -> Undone | None:
        """Say what became of the change, where others took it back or replaced it."""

    def reversal(
        self,
        parameters: Mapping[str, str],  # noqa: ARG002 -- nothing leads back
        situation: Situation,  # noqa: ARG002
    ) -> Plan | None:
        """Give none: what it does cannot be taken back."""
        return None
