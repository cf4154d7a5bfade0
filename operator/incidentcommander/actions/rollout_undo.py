"""Roll back: the result of ``kubectl rollout undo --to-revision``, bound to one destination.

Found by name through ``all_actions``. The plan names the destination by uid and template hash, so
that running it twice cannot toggle back; the numbers are for people and for kubectl. What speaks
against it stands in ``undo_guards``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from typing_extensions import override

from ..api.base import ApiModel
from ..api.common import TargetKind
from ..api.runbook import RolloutUndoAction
from ..observed.workloads import JsonPatch, Pod, Revision, Workload
from .annotations import planned, written
from .base import Plan, Undone
from .destination import Choice, choose
from .follow_up import MOST_DELETED, named, still_there
from .on_target import OnTarget
from .patching import guarded_patch
from .replacing import strategy, stuck
from .revisions import look_at
from .situation import Situation
from .traits import Traits
from .undo_guards import guards, undo_command
from .undone import template_undone
from .wording import deleting, images_of, images_text, target_text, then_delete

__all__ = ["ACTION", "RolloutUndo"]


class RolloutUndo(OnTarget):
    """Go back to the previous release."""

    name: str = "rolloutUndo"
    traits: Traits = Traits(rolls_back=True, replaces_pods=True)
    kinds: frozenset[TargetKind] = frozenset(TargetKind)

    def plan(self, spec: ApiModel, situation: Situation) -> Plan:
        """Choose the destination, and say what speaks against going there."""
        pinned = spec.to_revision if isinstance(spec, RolloutUndoAction) else None
        choice, workload = choose(situation, pinned), situation.workload
        pods = _to_delete(situation, choice)
        parameters = _parameters(workload, choice, pods)
        names = [pod.name for pod in pods]
        return Plan(
            parameters=parameters,
            depends_on=self.depends_on(parameters, situation),
            summary=deleting(_summary(workload, choice), names),
            reason=choice.reason,
            command=then_delete(workload, undo_command(workload, choice.destination), names).field,
            guards=guards(situation, choice),
            look=look_at(workload, choice.destination) if choice.destination else None,
        )

    def depends_on(self, parameters: Mapping[str, str], situation: Situation) -> Mapping[str, str]:
        """Target, both templates, whether it is paused, how and which pods are replaced."""
        destination = _find(parameters, situation)
        return {
            "targetUid": situation.workload.uid,
            "templateHash": situation.workload.template_hash,
            "destinationHash": destination.template_hash if destination else "",
            "paused": str(situation.workload.paused).lower(),
            **strategy(situation.workload),
            **still_there(parameters, situation),
        }

    @override
    def as_planned(
        self, parameters: Mapping[str, str], situation: Situation, started_at: datetime
    ) -> bool:
        """Whether the template is that of the destination."""
        wanted = parameters.get("toHash")
        return bool(wanted) and situation.workload.template_hash == wanted

    @override
    def undone(self, parameters: Mapping[str, str], situation: Situation) -> Undone | None:
        """Hold the live template against the destination and the one that was left."""
        return template_undone(situation, parameters["fromHash"], parameters["toHash"])

    @override
    def reversal(self, parameters: Mapping[str, str], situation: Situation) -> Plan | None:
        """Plan to release again what was rolled back, however bad it was."""
        left = [r for r in situation.revisions if r.template_hash == parameters["fromHash"]]
        number = max((r.number for r in left), default=0)
        if not number:
            return None
        return self.plan(RolloutUndoAction(to_revision=number), situation)

    @override
    def change(
        self,
        parameters: Mapping[str, str],
        situation: Situation,
        marker: str,
        started_at: datetime,
    ) -> JsonPatch:
        """Write what kubectl writes, with tests and marker.

        A ``ControllerRevision`` holds a strategic merge patch that replaces the template as a
        whole, so that for StatefulSets and DaemonSets too the result is that template.

        Raises
        ------
        LookupError
            If the destination is gone: ``depends_on`` differs then, so that this is a bug.
        """
        destination = _find(parameters, situation)
        if destination is None:
            raise LookupError(f"revision {parameters.get('toUid')!r} is gone")
        template = {"op": "replace", "path": "/spec/template", "value": destination.template}
        plan = parameters.get("annotations")
        annotations = written(situation.workload, destination, plan)
        return guarded_patch(situation.workload, template, marker=marker, annotations=annotations)


ACTION: Final = RolloutUndo()


def _find(parameters: Mapping[str, str], situation: Situation) -> Revision | None:
    uid = parameters.get("toUid", "")
    return next((r for r in situation.revisions if uid and r.uid == uid), None)


def _to_delete(situation: Situation, choice: Choice) -> list[Pod]:
    if choice.destination is None:
        return []
    found = stuck(situation, choice.destination.label)
    return [pod for pod in found if pod.uid][:MOST_DELETED]


def _parameters(workload: Workload, choice: Choice, pods: list[Pod]) -> Mapping[str, str]:
    if choice.destination is None:
        return {}
    return {
        "fromRevision": str(choice.current.number) if choice.current else "",
        "fromHash": workload.template_hash,
        "toRevision": str(choice.destination.number),
        "toName": choice.destination.name,
        "toUid": choice.destination.uid,
        "toHash": choice.destination.template_hash,
        "annotations": planned(workload, choice.destination),
        **named(pods),
    }


def _summary(workload: Workload, choice: Choice) -> str:
    if choice.destination is None:
        return f"Roll back {target_text(workload)}: there is nothing to go back to"
    old, new = images_of(workload.template), images_of(choice.destination.template)
    here = images_text(old, beside=new)
    number = f"revision {choice.current.number}" if choice.current else "its template"
    there = f"revision {choice.destination.number} ({images_text(new, beside=old)})"
    return f"Roll back {target_text(workload)} from {number} ({here}) to {there}"
