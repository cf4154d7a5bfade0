"""Roll back: the result of ``kubectl rollout undo --to-revision``, bound to one destination.

Found by name through ``all_actions``. The plan names the destination by uid and template hash, so
that running it twice cannot toggle back; the numbers are for people and for kubectl.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from ..api.base import GROUP, MARKER_ANNOTATION, ApiModel
from ..api.common import TargetKind
from ..api.incident import GuardFinding
from ..api.runbook import RolloutUndoAction
from ..values import JsonPatch, Revision, Workload, significant_hash
from .base import Plan, Situation
from .destination import Choice, choose
from .guards import block, paused, present, recreated, warn
from .ownership import owners
from .patching import guarded_patch
from .wording import cut, images_text, kubectl, listed, resource, target_text

__all__ = ["ACTION", "NO_ROLLBACK_ANNOTATION", "RolloutUndo"]

NO_ROLLBACK_ANNOTATION: Final = f"{GROUP}/no-rollback"
"""On a pod template: why this release must not be rolled back."""

_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_KEPT: Final = frozenset(
    {
        _LAST_APPLIED,
        "deployment.kubernetes.io/revision",
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    }
)
"""The object's own values stay (``annotationsToSkip`` in kubectl's rollback.go)."""


class RolloutUndo:
    """Go back to the previous release."""

    name: str = "rolloutUndo"
    kinds: frozenset[TargetKind] = frozenset({TargetKind.DEPLOYMENT})

    def plan(self, spec: ApiModel, situation: Situation) -> Plan:
        """Choose the destination, and say what speaks against going there."""
        pinned = spec.to_revision if isinstance(spec, RolloutUndoAction) else None
        choice = choose(situation, pinned)
        parameters = _parameters(situation.workload, choice)
        return Plan(
            parameters=parameters,
            depends_on=self.depends_on(parameters, situation),
            summary=_summary(situation.workload, choice),
            reason=choice.reason,
            command=_command(situation.workload, choice.destination),
            guards=_guards(situation, choice),
        )

    def depends_on(self, parameters: Mapping[str, str], situation: Situation) -> Mapping[str, str]:
        """Target, both templates, and whether it is paused."""
        destination = _find(parameters, situation)
        return {
            "targetUid": situation.workload.uid,
            "templateHash": situation.workload.template_hash,
            "destinationHash": destination.template_hash if destination else "",
            "paused": str(situation.workload.paused).lower(),
        }

    def change(
        self,
        parameters: Mapping[str, str],
        situation: Situation,
        marker: str,
        started_at: datetime,  # noqa: ARG002 -- an undo writes no time
    ) -> JsonPatch:
        """Write what kubectl writes (``DeploymentRollbacker.Rollback``), with tests and marker.

        Raises
        ------
        LookupError
            If the destination is gone: ``depends_on`` differs then, so that this is a bug.
        """
        destination = _find(parameters, situation)
        if destination is None:
            raise LookupError(f"revision {parameters.get('toUid')!r} is gone")
        template = {"op": "replace", "path": "/spec/template", "value": destination.template}
        annotations = _restored(situation.workload, destination)
        return guarded_patch(situation.workload, template, marker=marker, annotations=annotations)


ACTION: Final = RolloutUndo()


def _find(parameters: Mapping[str, str], situation: Situation) -> Revision | None:
    uid = parameters.get("toUid", "")
    return next((r for r in situation.revisions if uid and r.uid == uid), None)


def _parameters(workload: Workload, choice: Choice) -> Mapping[str, str]:
    if choice.destination is None:
        return {}
    return {
        "fromRevision": str(choice.current.number) if choice.current else "",
        "fromHash": workload.template_hash,
        "toRevision": str(choice.destination.number),
        "toName": choice.destination.name,
        "toUid": choice.destination.uid,
        "toHash": choice.destination.template_hash,
    }


def _restored(workload: Workload, destination: Revision) -> Mapping[str, str] | None:
    # A ControllerRevision restores the template only (StatefulSetRollbacker.Rollback).
    if workload.kind is not TargetKind.DEPLOYMENT:
        return None
    theirs = {k: v for k, v in destination.annotations.items() if k not in _KEPT}
    return {**theirs, **{k: v for k, v in workload.annotations.items() if k in _KEPT}}


def _summary(workload: Workload, choice: Choice) -> str:
    if choice.destination is None:
        return f"Roll back {target_text(workload)}: there is nothing to go back to"
    containers = (workload.template.get("spec") or {}).get("containers") or []
    here = images_text([c.get("image", "") for c in containers])
    number = f"revision {choice.current.number}" if choice.current else "its template"
    there = f"revision {choice.destination.number} ({images_text(choice.destination.images)})"
    return cut(f"Roll back {target_text(workload)} from {number} ({here}) to {there}")


def _command(workload: Workload, destination: Revision | None) -> str:
    if destination is None:
        return kubectl(workload, f"rollout history {resource(workload)}")
    to = f"--to-revision={destination.number}"
    return kubectl(workload, f"rollout undo {resource(workload)} {to}")


# --- guards --------------------------------------------------------------------------------------


def _guards(situation: Situation, choice: Choice) -> tuple[GuardFinding, ...]:
    workload, destination = situation.workload, choice.destination
    findings = [paused(workload), _unobserved(workload, choice), _forbidden(workload, destination)]
    if destination is None:
        return present([*findings, _no_destination(workload, choice)])
    findings += [
        _already_there(workload, destination),
        _seen_failing(situation, destination),
        recreated(workload),
        _dropped(workload, destination),
        _stale_manifest(workload),
    ]
    return (*present(findings), *owners(workload))


def _unobserved(workload: Workload, choice: Choice) -> GuardFinding | None:
    # Before the controller has made the ReplicaSet of the newest template, "previous" means one
    # revision too far back. A paused Deployment gets none; that is said by its own guard.
    if workload.observed and (choice.current is not None or workload.paused):
        return None
    return block(
        "NotObserved",
        f"The controller has not made a revision of generation {workload.generation} yet, so that "
        f"the history is one short. Wait until it has: "
        f"{kubectl(workload, f'rollout status {resource(workload)} --watch=false')}",
    )


def _forbidden(workload: Workload, destination: Revision | None) -> GuardFinding | None:
    annotations = (workload.template.get("metadata") or {}).get("annotations") or {}
    why = annotations.get(NO_ROLLBACK_ANNOTATION)
    if why is None:
        return None
    by_hand = _command(workload, destination)
    return block(
        "NoRollback",
        f"This release forbids a rollback: {cut(why or 'no reason given', 200)}. Roll forward; or, "
        f"if its owners agree, by hand: {by_hand}",
    )


def _no_destination(workload: Workload, choice: Choice) -> GuardFinding:
    keep = ""
    if workload.spec.get("revisionHistoryLimit") == 0:
        patch = '{"spec":{"revisionHistoryLimit":10}}'
        keep = (
            " revisionHistoryLimit is 0; to keep a history from now on: "
            f"{kubectl(workload, f'patch {resource(workload)} -p')} '{patch}'."
        )
    roll_forward = kubectl(workload, f"set image {resource(workload)} CONTAINER=IMAGE")
    return block("NoHistory", f"{cut(choice.reason, 200)}{keep} Roll forward: {roll_forward}")


def _already_there(workload: Workload, destination: Revision) -> GuardFinding | None:
    if destination.template_hash == workload.template_hash:
        return block(
            "AlreadyThere",
            f"The template already is that of revision {destination.number}; kubectl skips such a "
            f"rollback. What else there is: {_command(workload, None)}",
        )
    if significant_hash(destination.template) == significant_hash(workload.template):
        return warn(
            "SameRelease",
            f"Revision {destination.number} differs only by the time of a restart: the same "
            "release would be rolled out again.",
        )
    return None


def _seen_failing(situation: Situation, destination: Revision) -> GuardFinding | None:
    if significant_hash(destination.template) not in situation.failing:
        return None
    return block(
        "SeenFailing",
        f"Revision {destination.number} was seen failing in this incident. Choose another: "
        f"{_command(situation.workload, None)}",
    )


def _dropped(workload: Workload, destination: Revision) -> GuardFinding | None:
    after = _restored(workload, destination)
    if after is None:
        return None
    lost = sorted(workload.annotations.keys() - after.keys() - {MARKER_ANNOTATION})
    if not lost:
        return None
    return warn(
        "AnnotationsDropped",
        "As with kubectl, annotations that the old ReplicaSet does not have are dropped from the "
        f"{workload.kind}: {listed(lost)}. Set them again afterwards: "
        f"{kubectl(workload, f'annotate {resource(workload)} KEY=VALUE')}",
    )


def _stale_manifest(workload: Workload) -> GuardFinding | None:
    if _LAST_APPLIED not in workload.annotations:
        return None
    return warn(
        "LastAppliedStale",
        "It was made by kubectl apply: the next apply of the same manifest releases the new "
        "template again. Revert the manifest too.",
    )
