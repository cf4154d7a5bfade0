"""How far a rollout is, in the words of ``kubectl rollout status``.

Asked while a remediation is being applied and verified. Judges one reading of the workload; how
long to wait is not decided here: StatefulSets and DaemonSets have no deadline of their own, and
that of a Deployment is not refreshed if nothing ever moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, assert_never

from ...api.base import parse_timestamp
from ...api.common import TargetKind
from ...observed.workloads import Workload

__all__ = ["Progress", "RolloutState", "progress"]

_ROLLING: Final = "RollingUpdate"


class RolloutState(StrEnum):
    """What a reading says of a rollout."""

    WAITING = "Waiting"
    COMPLETE = "Complete"
    FAILED = "Failed"
    UNJUDGEABLE = "Unjudgeable"
    """Pods are replaced by hand (``OnDelete``), and not all are: kubectl does not judge that."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rollout is."""

    state: RolloutState
    message: str
    """The text that kubectl prints for it; more where kubectl does not judge it."""


def progress(workload: Workload, *, applied_at: datetime | None) -> Progress:
    """Judge as kubectl does (pkg/polymorphichelpers/rollout_status.go).

    Parameters
    ----------
    workload
        As just read.
    applied_at
        When the change was made whose rollout is asked about. An exceeded deadline that is not
        newer belongs to the rollout before it. None: judge exactly as kubectl.
    """
    match workload.kind:
        case TargetKind.DEPLOYMENT:
            return _deployment(workload, applied_at)
        case TargetKind.STATEFUL_SET:
            return _stateful_set(workload)
        case TargetKind.DAEMON_SET:
            return _daemon_set(workload)
        case _:
            assert_never(workload.kind)


def _deployment(workload: Workload, applied_at: datetime | None) -> Progress:
    if not workload.observed:
        return _waiting("Waiting for deployment spec update to be observed...")
    if _deadline_exceeded(workload, applied_at):
        text = f'deployment "{workload.name}" exceeded its progress deadline'
        return Progress(RolloutState.FAILED, text)
    updated, all_pods = _count(workload, "updatedReplicas"), _count(workload, "replicas")
    available = _count(workload, "availableReplicas")
    wait = f'Waiting for deployment "{workload.name}" rollout to finish:'
    if updated < workload.replicas:
        return _waiting(
            f"{wait} {updated} out of {workload.replicas} new replicas have been updated..."
        )
    if all_pods > updated:
        return _waiting(f"{wait} {all_pods - updated} old replicas are pending termination...")
    if available < updated:
        return _waiting(f"{wait} {available} of {updated} updated replicas are available...")
    return _complete(f'deployment "{workload.name}" successfully rolled out')


def _deadline_exceeded(workload: Workload, applied_at: datetime | None) -> bool:
    condition = _condition(workload, "Progressing")
    if condition.get("reason") != "ProgressDeadlineExceeded":
        return False
    if applied_at is None or "lastUpdateTime" not in condition:
        return True
    # An undo to an existing ReplicaSet leaves the condition of the rollout before it in place
    # until progress is seen. Whole seconds: no deadline ends in the second that it begins in.
    return parse_timestamp(condition["lastUpdateTime"]) > applied_at


def _stateful_set(workload: Workload) -> Progress:
    strategy = workload.spec.get("updateStrategy") or {}
    ready = _count(workload, "readyReplicas")
    if strategy.get("type", _ROLLING) != _ROLLING:
        return _by_hand(workload, _count(workload, "updatedReplicas"), ready, workload.replicas)
    if _count(workload, "observedGeneration") == 0 or not workload.observed:
        return _waiting("Waiting for statefulset spec update to be observed...")
    if ready < workload.replicas:
        return _waiting(f"Waiting for {workload.replicas - ready} pods to be ready...")
    if strategy.get("rollingUpdate") is not None:
        return _partitioned(workload, strategy["rollingUpdate"])
    status = workload.status
    updated, update = _count(workload, "updatedReplicas"), status.get("updateRevision", "")
    if update != status.get("currentRevision", ""):
        return _waiting(
            "waiting for statefulset rolling update to complete "
            f"{updated} pods at revision {update}..."
        )
    current = _count(workload, "currentReplicas")
    return _complete(f"statefulset rolling update complete {current} pods at revision {update}...")


def _partitioned(workload: Workload, rolling: dict[str, Any]) -> Progress:
    updated = _count(workload, "updatedReplicas")
    wanted = workload.replicas - int(rolling.get("partition") or 0)
    if rolling.get("partition") is not None and updated < wanted:
        return _waiting(
            "Waiting for partitioned roll out to finish: "
            f"{updated} out of {wanted} new pods have been updated..."
        )
    return _complete(f"partitioned roll out complete: {updated} new pods have been updated...")


def _daemon_set(workload: Workload) -> Progress:
    strategy = workload.spec.get("updateStrategy") or {}
    desired = _count(workload, "desiredNumberScheduled")
    updated = _count(workload, "updatedNumberScheduled")
    available = _count(workload, "numberAvailable")
    if strategy.get("type", _ROLLING) != _ROLLING:
        return _by_hand(workload, updated, available, desired)
    if not workload.observed:
        return _waiting("Waiting for daemon set spec update to be observed...")
    wait = f'Waiting for daemon set "{workload.name}" rollout to finish:'
    if updated < desired:
        return _waiting(f"{wait} {updated} out of {desired} new pods have been updated...")
    if available < desired:
        return _waiting(f"{wait} {available} of {desired} updated pods are available...")
    return _complete(f'daemon set "{workload.name}" successfully rolled out')


def _count(workload: Workload, name: str) -> int:
    # The API server leaves zeros out.
    return int(workload.status.get(name) or 0)


def _condition(workload: Workload, kind: str) -> dict[str, Any]:
    conditions = workload.status.get("conditions") or []
    return next((c for c in conditions if c.get("type") == kind), {})


def _waiting(text: str) -> Progress:
    return Progress(RolloutState.WAITING, text)


def _complete(text: str) -> Progress:
    return Progress(RolloutState.COMPLETE, text)


def _by_hand(workload: Workload, updated: int, good: int, wanted: int) -> Progress:
    """Judge what kubectl does not: the counts are kept whatever the strategy."""
    if updated < wanted or not workload.observed:
        refusal = f"rollout status is only available for {_ROLLING} strategy type"
        so_far = f"{updated if workload.observed else 0} of {wanted} pods"
        return Progress(RolloutState.UNJUDGEABLE, f"{refusal}; replaced by hand so far: {so_far}")
    if good < wanted:
        return _waiting(f"all {wanted} pods were replaced by hand, {good} are available...")
    return _complete(f"all {wanted} pods were replaced by hand")
