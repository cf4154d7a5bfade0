"""Guards that several actions share: what speaks against a change, and how to clear it.

Each gives one finding or none; the plan carries them, the shell refuses what is blocked. They judge
the situation that they are given and know nothing of approvals.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..api.common import GuardVerdict
from ..api.incident import GuardFinding
from ..values import Workload
from .wording import cut, kubectl, resource, target_text

__all__ = ["block", "paused", "present", "recreated", "warn"]


def block(name: str, message: str) -> GuardFinding:
    """Say what forbids the plan."""
    return GuardFinding(name=name, verdict=GuardVerdict.BLOCK, message=cut(message))


def warn(name: str, message: str) -> GuardFinding:
    """Say what the person who approves must know."""
    return GuardFinding(name=name, verdict=GuardVerdict.WARN, message=cut(message))


def present(findings: Iterable[GuardFinding | None]) -> tuple[GuardFinding, ...]:
    """Keep the findings that there are."""
    return tuple(f for f in findings if f is not None)


def paused(workload: Workload) -> GuardFinding | None:
    """Block where the rollout is paused: kubectl refuses it too, since nothing would happen."""
    if not workload.paused:
        return None
    clear = kubectl(workload, f"rollout resume {resource(workload)}")
    return block(
        "Paused",
        f"The rollout of {target_text(workload)} is paused: a changed template would not be "
        f"rolled out. To clear: {clear}",
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
