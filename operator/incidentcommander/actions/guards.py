"""Guards that several actions share: what speaks against a change, and how to clear it.

Each gives one finding or none; the plan carries them, the shell refuses what is blocked. They judge
the situation that they are given and know nothing of approvals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..api.common import GuardVerdict, TargetKind
from ..api.incident import GuardFinding
from ..command_line import Line, Name, fitted, texts
from ..observed.surroundings import Budget
from ..observed.workloads import Pod, Workload
from .situation import Situation
from .wording import MESSAGE_LENGTH, cut, kubectl, listed, resource, target_text

__all__ = [
    "block",
    "budgets",
    "history_limit",
    "nothing_runs",
    "paused",
    "present",
    "recreated",
    "unpullable",
    "warn",
]

_BUDGETS: Final = 3
"""Budgets that are told one by one: anybody may add more."""
_NOT_PULLED: Final = frozenset(
    {
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RegistryUnavailable",
    }
)
"""Why the kubelet does not start a container (pkg/kubelet/images/types.go)."""
_HISTORY_LIMIT: Final = 10


def block(name: str, message: str, *commands: Line) -> GuardFinding:
    """Say what forbids the plan; ``commands``: those that the message has."""
    return _finding(name, GuardVerdict.BLOCK, message, commands)


def warn(name: str, message: str, *commands: Line) -> GuardFinding:
    """Say what the person who approves must know; ``commands``: those that the message has."""
    return _finding(name, GuardVerdict.WARN, message, commands)


def _finding(
    name: str, verdict: GuardVerdict, message: str, commands: Sequence[Line]
) -> GuardFinding:
    typed = texts(commands)
    return GuardFinding(
        name=name,
        verdict=verdict,
        message=fitted(message, MESSAGE_LENGTH, typed),
        commands=typed,
    )


def present(findings: Iterable[GuardFinding | None]) -> tuple[GuardFinding, ...]:
    """Keep the findings that there are."""
    return tuple(f for f in findings if f is not None)


def paused(workload: Workload) -> GuardFinding | None:
    """Block where the rollout is paused: kubectl refuses it too, since nothing would happen."""
    if not workload.paused:
        return None
    clear = kubectl(workload, "rollout", "resume", resource(workload))
    return block(
        "Paused",
        f"The rollout of {target_text(workload)} is paused: a changed template would not be "
        f"rolled out. To clear: {clear}",
        clear,
    )


def recreated(workload: Workload) -> GuardFinding | None:
    """Warn where all pods end before the new ones start."""
    if (workload.spec.get("strategy") or {}).get("type") != "Recreate":
        return None
    return warn(
        "Recreate",
        f"The strategy is Recreate: all {workload.replicas} pods of {target_text(workload)} stop "
        "before the new ones start.",
    )


def nothing_runs(workload: Workload) -> GuardFinding | None:
    """Warn where no pod is wanted: the change shows only when there is one again."""
    if workload.kind is TargetKind.DAEMON_SET:
        # The API server leaves a zero out only before the controller has counted.
        if workload.status.get("desiredNumberScheduled") != 0:
            return None
        return warn("NoNodes", f"No node is eligible for {target_text(workload)}: no pod starts.")
    if workload.replicas > 0:
        return None
    return warn(
        "ScaledToZero", "spec.replicas is 0: no pod is replaced, none starts before it is scaled."
    )


def budgets(situation: Situation) -> tuple[GuardFinding, ...]:
    """Warn where a PodDisruptionBudget is used up: a rollout does not ask it."""
    used_up = [budget for budget in situation.budgets if budget.allowed <= 0]
    if len(used_up) > _BUDGETS:
        return (_many_used_up(situation.workload, used_up),)
    return tuple(_used_up(situation.workload, budget) for budget in used_up)


def _many_used_up(workload: Workload, used_up: Sequence[Budget]) -> GuardFinding:
    look = kubectl(workload, "get", "pdb")
    names = listed([budget.name for budget in used_up], 3)
    return warn(
        "DisruptionBudget",
        f"{len(used_up)} PodDisruptionBudgets allow no disruption now: {names}. A rollout does not ask "
        f"them: pods of {target_text(workload)} are replaced all the same. To see them: {look}",
        look,
    )


def _used_up(workload: Workload, budget: Budget) -> GuardFinding:
    look = kubectl(workload, "describe", "pdb", Name(budget.name))
    return warn(
        "DisruptionBudget",
        f"PodDisruptionBudget {budget.name} allows no disruption now ({budget.healthy} pods "
        f"are healthy, {budget.needed} are to be). A rollout does not ask it: pods of "
        f"{target_text(workload)} are replaced all the same. To see it: {look}",
        look,
    )


def unpullable(pods: Iterable[Pod], images: Iterable[str], name: str) -> GuardFinding | None:
    """Warn where a node cannot pull an image of the destination right now.

    Parameters
    ----------
    pods
        The target's pods.
    images
        Images of the destination.
    name
        The destination, for people.
    """
    wanted = frozenset(images)
    for pod in pods:
        for container in pod.containers:
            if container.image in wanted and container.waiting_reason in _NOT_PULLED:
                said = container.waiting_message or container.waiting_reason
                return warn(
                    "ImageNotPulled",
                    f"{name} needs {cut(container.image, 128)}, and pod {pod.name} cannot pull "
                    f"it: {cut(said, 160)}. Push it again, or choose another revision.",
                )
    return None


def history_limit(workload: Workload) -> int:
    """Give the number of old revisions that its controller keeps."""
    return int(workload.spec.get("revisionHistoryLimit", _HISTORY_LIMIT))
