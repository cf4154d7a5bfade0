"""Whether a ResponsePolicy can be used as it is written: what no schema can judge.

A policy with a problem is not Ready and says so. Incidents go on all the same: in place of a
template that cannot be used the built-in words are sent, in place of an unknown time zone UTC counts.
"""

from __future__ import annotations

from datetime import datetime

from ...api.common import Condition, ConditionStatus
from ...api.policy import ResponsePolicy
from ..communication.templates import template_problems
from ..response.business_hours import zone_problem

__all__ = ["problems", "ready_condition"]


def problems(policy: ResponsePolicy) -> tuple[str, ...]:
    """Say what cannot be used; each text starts with the field's path."""
    zone = zone_problem(policy.spec.business_hours)
    return (*((zone,) if zone else ()), *template_problems(policy.spec))


def ready_condition(policy: ResponsePolicy, now: datetime) -> Condition:
    """Say whether all of it can be used."""
    found = problems(policy)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Condition(
        type="Ready",
        status=ConditionStatus.FALSE if found else ConditionStatus.TRUE,
        observed_generation=policy.metadata.generation,
        last_transition_time=now,
        reason="Invalid" if found else "Usable",
        message=f"{found[0][:900]}{more}"
        if found
        else "Incidents declared from now on run under it.",
    )
