"""The target as an action sees it: the workload, its revisions, and what acts on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..observed.surroundings import Autoscaler, Budget
from ..observed.workloads import Pod, Revision, Workload

__all__ = ["Situation"]


@dataclass(frozen=True, slots=True)
class Situation:
    """The target as it was just read."""

    workload: Workload
    revisions: tuple[Revision, ...]
    """Rollout history, oldest first."""
    pods: tuple[Pod, ...] = ()
    failing: frozenset[str] = frozenset()
    """Significant hashes of the pod templates already seen failing in this Incident."""
    autoscalers: tuple[Autoscaler, ...] | None = None
    """The HPAs that scale the workload; None where they were not read."""
    left: Mapping[str, str] = field(default_factory=dict)
    """Hashes of pod templates that approved rollbacks left, and which Incident's each was."""
    budgets: tuple[Budget, ...] = ()
    """The PodDisruptionBudgets of its pods, where they were read."""
    noted: Mapping[str, str] = field(default_factory=dict)
    """By uid of a revision, the hash that its template had when this Incident first saw it."""
