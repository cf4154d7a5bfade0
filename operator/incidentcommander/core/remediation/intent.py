"""What an intent holds on to: the version of the object to be changed, and a marker of its own.

Written by ``recheck``, held against the live object by ``act``. The nonce is drawn with the intent
and stands only there, so that no marker from before can be taken for it; but whoever reads the
status may copy it, so that the marker alone proves nothing either: what the change was to leave
must be there too, on an object that has moved on since.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ...actions import Situation, all_actions, traits_of
from ...actions.autoscaling import planned_for
from ...api.base import MARKER_ANNOTATION
from ...api.incident import Execution, ExecutionState, Proposal
from ...observed.workloads import AUTOSCALERS, Write

__all__ = [
    "MOST_RETRIES",
    "NONCE_DIGITS",
    "done",
    "intent_of",
    "marker_of",
    "moved",
    "pinned",
    "planted",
    "renewed",
    "request_of",
    "version_of",
]

MOST_RETRIES: Final = 5
"""How often an intent follows a target that moves; after that it is offered anew."""
NONCE_DIGITS: Final = 32


def intent_of(proposal: Proposal, live: Situation, at: datetime, nonce: str) -> Execution:
    """Write down what is about to be done, and to which version of what."""
    return Execution(
        proposal=proposal.id,
        state=ExecutionState.INTENT,
        target_uid=live.workload.uid,
        started_at=at,
        nonce=nonce,
        **{"target_generation": live.workload.generation, **_versions(proposal, live)},
    )


def renewed(execution: Execution, proposal: Proposal, live: Situation) -> Execution:
    """Follow a target that has moved, where that was of no consequence."""
    newer = {"retries": execution.retries + 1, **_versions(proposal, live)}
    return execution.model_copy(update=newer)


def marker_of(execution: Execution) -> str:
    """Give the value of the marker annotation."""
    return f"{execution.proposal}.{execution.nonce}"


def done(execution: Execution, proposal: Proposal, live: Situation) -> bool:
    """Whether the change is found: its marker, its content, and an object that has moved on."""
    action, parameters = all_actions()[proposal.action], proposal.parameters
    return (
        bool(execution.nonce)
        and action.marker(parameters, live) == marker_of(execution)
        and action.as_planned(parameters, live, execution.started_at)
        and moved(execution, proposal, live)
    )


def moved(execution: Execution, proposal: Proposal, live: Situation) -> bool:
    """Whether the object that is changed is at another version than the intent says."""
    now = _versions(proposal, live)
    return any(getattr(execution, field) != value for field, value in now.items())


def version_of(execution: Execution) -> str:
    """Say at which version the object is to be, for people."""
    if execution.autoscaler_version:
        return f"resourceVersion {execution.autoscaler_version}"
    return f"generation {execution.target_generation}"


def pinned(write: Write, execution: Execution) -> Write:
    """Have the request test the version of an autoscaler, which has no generation to test."""
    if write.resource != AUTOSCALERS or not write.patch:
        return write
    version = execution.autoscaler_version
    test = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
    return replace(write, patch=(test, *write.patch))


def request_of(execution: Execution, proposal: Proposal, live: Situation) -> Write | None:
    """Give the request that carries it out; None where people do it."""
    write = all_actions()[proposal.action].write(
        proposal.parameters, live, marker_of(execution), execution.started_at
    )
    return pinned(write, execution) if write else None


def planted(proposal: Proposal, live: Situation) -> str:
    """Say that somebody wrote a marker for a proposal before it was carried out; else nothing."""
    found = all_actions()[proposal.action].marker(proposal.parameters, live)
    if found.partition(".")[0] != proposal.id:
        return ""
    return (
        f"The annotation {MARKER_ANNOTATION} names {proposal.id} already, though it was not carried "
        "out: somebody else wrote it. It is not believed."
    )


def _versions(proposal: Proposal, live: Situation) -> dict[str, Any]:
    """What the request tests: the target's generation, or which version of which autoscaler."""
    if not traits_of(proposal.action).writes_autoscaler:
        return {"target_generation": live.workload.generation}
    found = planned_for(proposal.parameters, live)
    return {
        "autoscaler_uid": found.uid if found else "",
        "autoscaler_version": found.resource_version if found else "",
    }
