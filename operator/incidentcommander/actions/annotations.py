"""What an undo does to the annotations of a Deployment: kept, restored and dropped ones.

Used by the undo and its guards. As kubectl has it (``annotationsToSkip`` in rollback.go), which
means that annotations which the old ReplicaSet lacks are lost. What is changed is fixed when it is
planned: whoever annotates the Deployment or a ReplicaSet afterwards changes nothing of what was
shown, and voids nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from ..api.base import MARKER_ANNOTATION
from ..api.common import TargetKind
from ..observed.workloads import Revision, Workload

__all__ = ["LAST_APPLIED", "LEFT_ALONE", "planned", "restored", "written"]

LEFT_ALONE: Final = "left alone"
"""In place of the changes, where they are too many to be fixed in a plan."""
_MOST: Final = 512

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


def planned(workload: Workload, destination: Revision) -> str:
    """Give what the undo changes of the annotations, as JSON: values to set, null to drop.

    Empty where the kind has none to restore; ``LEFT_ALONE`` where it is more than a plan holds.
    """
    after = restored(workload, destination)
    if after is None:
        return ""
    before = {k: v for k, v in workload.annotations.items() if k != MARKER_ANNOTATION}
    changes = {k: after.get(k) for k in {*before, *after} if before.get(k) != after.get(k)}
    text = json.dumps(changes, sort_keys=True)
    return text if len(text) <= _MOST else LEFT_ALONE


def written(
    workload: Workload, destination: Revision, plan: str | None
) -> Mapping[str, str] | None:
    """Give all annotations after the undo, by what was planned; None where they are left alone.

    ``plan`` is None for proposals of older operators: these restore what is there now.
    """
    if plan is None:
        return restored(workload, destination)
    if plan in {"", LEFT_ALONE}:
        return None
    changes: Mapping[str, str | None] = json.loads(plan)
    kept = {k: v for k, v in workload.annotations.items() if k not in changes}
    return {**kept, **{k: v for k, v in changes.items() if v is not None}}
