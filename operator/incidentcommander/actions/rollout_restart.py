"""Restart: the result of ``kubectl rollout restart``.

Found by name through ``all_actions``. The time comes from the intent, so that a second try after a
crash writes the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from typing_extensions import override

from ..api.base import ApiModel, format_timestamp
from ..api.common import TargetKind
from ..api.incident import GuardFinding
from ..observed.workloads import (
    RESTARTED_AT_ANNOTATION,
    JsonPatch,
    Revision,
    Workload,
    significant_hash,
)
from .base import Plan, Undone
from .destination import choose
from .follow_up import MOST_DELETED, named, still_there
from .guards import budgets, history_limit, nothing_runs, paused, present, recreated, warn
from .left_alone import left_alone
from .on_target import OnTarget
from .patching import escaped, guarded_patch
from .replacing import strategy, stuck
from .situation import Situation
from .traits import Traits
from .undone import template_undone
from .wording import deleting, kubectl, resource, revision_text, target_text, then_delete

__all__ = ["ACTION", "RolloutRestart"]

_NAMED: Final = 3
_TEMPLATE_ANNOTATIONS: Final = "/spec/template/metadata/annotations"


class RolloutRestart(OnTarget):
    """Replace all pods by new ones of the same release."""

    name: str = "rolloutRestart"
    traits: Traits = Traits(replaces_pods=True)
    kinds: frozenset[TargetKind] = frozenset(TargetKind)

    def plan(
        self,
        spec: ApiModel,  # noqa: ARG002 -- a restart has no parameters
        situation: Situation,
    ) -> Plan:
        """Plan a restart of the template as it is."""
        workload = situation.workload
        # No pod can have the new template yet: whichever is not ready would be waited for.
        pods = [pod for pod in stuck(situation, "") if pod.uid][:MOST_DELETED]
        parameters = {"templateHash": workload.template_hash, **named(pods)}
        names = [pod.name for pod in pods]
        restart = kubectl(workload, "rollout", "restart", resource(workload))
        summary = f"Restart {target_text(workload)}: replace its pods by new ones of the same "
        return Plan(
            parameters=parameters,
            depends_on=self.depends_on(parameters, situation),
            summary=deleting(f"{summary}release", names),
            reason="A restart clears what the processes hold in memory; it changes neither image "
            "nor configuration.",
            command=then_delete(workload, restart, names).field,
            guards=_guards(situation),
        )

    def depends_on(self, parameters: Mapping[str, str], situation: Situation) -> Mapping[str, str]:
        """Target, template, whether it is paused, how and which pods are replaced."""
        return {
            "targetUid": situation.workload.uid,
            "templateHash": situation.workload.template_hash,
            "paused": str(situation.workload.paused).lower(),
            **strategy(situation.workload),
            **still_there(parameters, situation),
        }

    @override
    def as_planned(
        self, parameters: Mapping[str, str], situation: Situation, started_at: datetime
    ) -> bool:
        """Whether it is the template of before with the time of this restart, and nothing else."""
        template, before = situation.workload.template, parameters["templateHash"]
        annotations = (template.get("metadata") or {}).get("annotations") or {}
        release = significant_hash(template)
        return annotations.get(RESTARTED_AT_ANNOTATION) == format_timestamp(started_at) and any(
            r.template_hash == before and significant_hash(r.template) == release
            for r in situation.revisions
        )

    @override
    def undone(self, parameters: Mapping[str, str], situation: Situation) -> Undone | None:
        """Say so where the template is the one from before the restart, or another release's."""
        return template_undone(situation, parameters["templateHash"], "")

    @override
    def change(
        self,
        parameters: Mapping[str, str],
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


def _guards(situation: Situation) -> tuple[GuardFinding, ...]:
    workload = situation.workload
    return present(
        (
            paused(workload),
            nothing_runs(workload),
            recreated(workload),
            *budgets(situation),
            *left_alone(situation, ""),
            _last_way_back(situation),
            _behind(situation),
        )
    )


def _behind(situation: Situation) -> GuardFinding | None:
    """Warn where pods run another revision than the template: a restart is a release to them."""
    workload = situation.workload
    now = [r for r in situation.revisions if r.template_hash == workload.template_hash]
    known = {r.label for r in situation.revisions} - {r.label for r in now}
    others = [pod.name for pod in situation.pods if pod.revision in known and not pod.deleting]
    if not now or not others:
        return None
    shown = ", ".join(others[:_NAMED]) + (", …" if len(others) > _NAMED else "")
    return warn(
        "PodsBehind",
        f"{len(others)} of {len(situation.pods)} pods run another revision than the template "
        f"({shown}). New ones get the template's: {revision_text(now[-1])}. For these it is a "
        "release, not a restart.",
    )


def _last_way_back(situation: Situation) -> GuardFinding | None:
    """Warn where the revision that a restart makes pushes out the one to roll back to."""
    limit = history_limit(situation.workload)
    choice = choose(situation, None)
    newer = [r for r in situation.revisions if choice.destination and _newer(r, choice.destination)]
    if choice.destination is None or len(newer) < limit:
        return None
    return warn(
        "LastWayBack",
        f"A restart makes a revision too, and revisionHistoryLimit is {limit}: it throws away "
        f"{revision_text(choice.destination)}. After that there is nothing to roll back to.",
    )


def _newer(revision: Revision, than: Revision) -> bool:
    return revision.number > than.number
