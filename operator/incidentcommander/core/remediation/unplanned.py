"""What stands in for a remediation that could not be planned: said, blocked, and inert.

A bug, or something monstrous on the target, costs this one proposal; the others are offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...actions import Plan, Situation
from ...api.common import GuardVerdict
from ...api.incident import GuardFinding
from ...faults import fault

__all__ = ["is_unplanned", "unplanned"]

_FAULT: Final = "notPlanned"
"""The only parameter: nothing is ever done with it."""


def unplanned(name: str, where: Situation, error: Exception) -> Plan:
    """Give a plan that says why there is none."""
    workload, what = where.workload, fault(error)
    return Plan(
        parameters={_FAULT: type(error).__name__},
        depends_on={},
        summary=f"{name} of {workload.kind} {workload.name}: it could not be planned",
        reason="There is no plan.",
        command="",
        guards=(
            GuardFinding(
                name="NotPlanned",
                verdict=GuardVerdict.BLOCK,
                message=f"It could not be planned: {what}, a bug of the operator. Something on the "
                "target is not as it expects; other proposals are not affected. It is planned anew "
                "with the next round. Please report it.",
            ),
        ),
    )


def is_unplanned(parameters: Mapping[str, str]) -> bool:
    """Whether these are the parameters of what could not be planned."""
    return _FAULT in parameters
