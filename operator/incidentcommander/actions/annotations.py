"""What an undo does to the annotations of a Deployment: kept, restored and dropped ones.

Used by the undo and its guards. As kubectl has it (``annotationsToSkip`` in rollback.go), which
means that annotations which the old ReplicaSet lacks are lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..api.common import TargetKind
from ..observed.workloads import Revision, Workload

__all__ = ["LAST_APPLIED", "restored"]

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_KEPT: Final = frozenset(
    {
        LAST_APPLIED,
        "deployment.kubernetes.io/revision",
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    }
)
"""The object's own values stay."""


def restored(workload: Workload, destination: Revision) -> Mapping[str, str] | None:
    """Give all annotations after the undo, without the marker; None where it leaves them alone."""
    # A ControllerRevision restores the template only (StatefulSetRollbacker.Rollback).
    if workload.kind is not TargetKind.DEPLOYMENT:
        return None
    theirs = {k: v for k, v in destination.annotations.items() if k not in _KEPT}
    return {**theirs, **{k: v for k, v in workload.annotations.items() if k in _KEPT}}
