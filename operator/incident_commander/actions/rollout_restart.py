"""Restart: the result of ``kubectl rollout restart``.

Found by name through ``all_actions``. The time comes from the intent, so that a second try after a
crash writes the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ..api.base import ApiModel, format_timestamp
from ..api.common import TargetKind
from ..api.incident import GuardFinding
from ..values import RESTARTED_AT_ANNOTATION, JsonPatch, Workload
from .base import Plan, Situation
from .guards import paused, present, recreated, warn
from .patching import escaped, guarded_patch
from .wording import kubectl, resource, target_text

__all__ = ["ACTION", "RolloutRestart"]

_TEMPLATE_ANNOTATIONS: Final = "/spec/template/metadata/annotations"


class RolloutRestart:
    """Replace all pods by new ones of the same release."""

    name: str = "rolloutRestart"
    kinds: frozenset[TargetKind] = frozenset({TargetKind.DEPLOYMENT})

    def plan(
        self,
        spec: ApiModel,  # noqa: ARG002 -- a restart has no parameters
        situation: Situation,
    ) -> Plan:
        """Plan a restart of the template as it is."""
        workload = situation.workload
        parameters = {"templateHash": workload.template_hash}
        return Plan(
            parameters=parameters,
            depends_on=self.depends_on(parameters, situation),
            summary=f"Restart {target_text(workload)}: replace its pods by new ones of the same "
            "release",
            reason="A restart clears what the processes hold in memory; it changes neither image "
            "nor configuration.",
            command=kubectl(workload, f"rollout restart {resource(workload)}"),
            guards=present((paused(workload), _nothing_runs(workload), recreated(workload))),
        )

    def depends_on(
        self,
        parameters: Mapping[str, str],  # noqa: ARG002 -- they say the same
        situation: Situation,
    ) -> Mapping[str, str]:
        """Target, template, and whether it is paused."""
        return {
            "targetUid": situation.workload.uid,
            "templateHash": situation.workload.template_hash,
            "paused": str(situation.workload.paused).lower(),
        }

    def change(
        self,
        parameters: Mapping[str, str],  # noqa: ARG002 -- the template is the live one
        situation: Situation,
        marker: str,
        started_at: datetime,
    ) -> JsonPatch:
        """Write the time into the template (``defaultObjectRestarter`` in kubectl)."""
        operation = _restart(situation.workload, format_timestamp(started_at))
        return guarded_patch(situation.workload, operation, marker=marker)


ACTION: Final = RolloutRestart()


def _restart(workload: Workload, time: str) -> Mapping[str, Any]:
    # The generation counts changes of the template, so that a missing map needs no test.
    if not (workload.template.get("metadata") or {}).get("annotations"):
        value = {RESTARTED_AT_ANNOTATION: time}
        return {"op": "add", "path": _TEMPLATE_ANNOTATIONS, "value": value}
    path = f"{_TEMPLATE_ANNOTATIONS}/{escaped(RESTARTED_AT_ANNOTATION)}"
    return {"op": "add", "path": path, "value": time}


def _nothing_runs(workload: Workload) -> GuardFinding | None:
    if workload.kind is TargetKind.DAEMON_SET or workload.replicas > 0:
        return None
    return warn("ScaledToZero", "spec.replicas is 0: there is no pod to restart.")
