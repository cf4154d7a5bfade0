"""What speaks against an undo, and how to clear it.

Used by the undo alone. Judges a choice of destination that is made already.
"""

from __future__ import annotations

from typing import Any, Final

from ..api.base import GROUP, MARKER_ANNOTATION
from ..api.incident import GuardFinding
from ..command_line import Line, Pair
from ..foreign import ForeignError, inside, parsed
from ..observed.workloads import Revision, Workload, significant_hash
from .annotations import LAST_APPLIED, restored
from .destination import Choice
from .guards import (
    block,
    budgets,
    history_limit,
    nothing_runs,
    paused,
    present,
    recreated,
    unpullable,
    warn,
)
from .left_alone import left_alone
from .ownership import owners, synchronised
from .revisions import believed, look_at
from .situation import Situation
from .wording import cut, kubectl, listed, patching, resource

__all__ = ["NO_ROLLBACK_ANNOTATION", "guards", "undo_command"]

NO_ROLLBACK_ANNOTATION: Final = f"{GROUP}/no-rollback"
"""On a pod template: why this release must not be rolled back."""
_CAUSE: Final = "kubernetes.io/change-cause"


def guards(situation: Situation, choice: Choice) -> tuple[GuardFinding, ...]:
    """Give everything that speaks against it, what blocks it first."""
    workload, destination = situation.workload, choice.destination
    forbidding = (paused(workload), _unobserved(situation, choice), _forbidden(workload, choice))
    if destination is None:
        return present((*forbidding, _no_destination(workload, choice)))
    found = (
        *forbidding,
        _already_there(workload, destination),
        believed(situation, choice),
        _seen_failing(situation, destination),
        _loop(situation, choice),
        unpullable(situation.pods, _images(destination), f"Revision {destination.number}"),
        nothing_runs(workload),
        recreated(workload),
        *budgets(situation),
        *left_alone(situation, destination.label),
        _dropped(workload, destination),
        _cause_stays(workload, destination),
        _stale_manifest(workload, destination),
        _no_way_back(workload),
        synchronised(workload, "template", "the pod template"),
        *owners(workload),
    )
    return present(found)


def undo_command(workload: Workload, destination: Revision | None) -> Line:
    """Give the same by plain kubectl; where there is no destination, how to look for one."""
    if destination is None:
        return kubectl(workload, "rollout", "history", resource(workload))
    to = f"--to-revision={destination.number}"
    return kubectl(workload, "rollout", "undo", resource(workload), to)


def _unobserved(situation: Situation, choice: Choice) -> GuardFinding | None:
    # Before the controller has made the revision of the newest template, "previous" means one
    # revision too far back. A paused Deployment gets none; that is said by its own guard.
    workload = situation.workload
    if workload.observed and (choice.current is not None or workload.paused):
        return None
    # Annotations raise a Deployment's generation, too: whoever writes one every second keeps the
    # controller behind it, and adds no revision.
    newest = max((r.number for r in situation.revisions), default=0)
    if choice.current is not None and choice.current.number == newest:
        return None
    look = kubectl(workload, "rollout", "status", resource(workload), "--watch=false")
    return block(
        "NotObserved",
        f"The controller has not made a revision of generation {workload.generation} yet, so that "
        f"the history is one short. Wait until it has: {look}",
        look,
    )


def _forbidden(workload: Workload, choice: Choice) -> GuardFinding | None:
    annotations = (workload.template.get("metadata") or {}).get("annotations") or {}
    why = annotations.get(NO_ROLLBACK_ANNOTATION)
    if why is None:
        return None
    by_hand = undo_command(workload, choice.destination)
    return block(
        "NoRollback",
        f"This release forbids a rollback: {cut(why or 'no reason given', 200)}. Roll forward; or, "
        f"if its owners agree, by hand: {by_hand}",
        by_hand,
    )


def _no_destination(workload: Workload, choice: Choice) -> GuardFinding:
    reason = cut(choice.reason, 200)
    forward = kubectl(workload, "set", "image", resource(workload), "CONTAINER=IMAGE")
    if history_limit(workload) != 0:
        return block("NoHistory", f"{reason} Roll forward: {forward}", forward)
    keep = patching(workload, {"revisionHistoryLimit": 10})
    return block(
        "NoHistory",
        f"{reason} Roll forward: {forward} ; revisionHistoryLimit is 0; to keep a history from now "
        f"on: {keep}",
        forward,
        keep,
    )


def _already_there(workload: Workload, destination: Revision) -> GuardFinding | None:
    if destination.template_hash == workload.template_hash:
        look = undo_command(workload, None)
        return block(
            "AlreadyThere",
            f"The template already is that of revision {destination.number}; to kubectl, too, there "
            f"is nothing to do. What else there is: {look}",
            look,
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
    look = undo_command(situation.workload, None)
    return block(
        "SeenFailing",
        f"Revision {destination.number} was seen failing in this incident. Choose another: {look}",
        look,
    )


def _loop(situation: Situation, choice: Choice) -> GuardFinding | None:
    """Say so where the release that runs was taken up again, and the destination left for it.

    The revision that runs is older than the one before it only if it was taken up again: A, B, A.
    To go back to B then is a circle. Whether it was an approved rollback that left B stands in the
    statuses of Incidents.
    """
    workload = situation.workload
    current, destination = choice.current, choice.destination
    if current is None or destination is None or current.created_at >= destination.created_at:
        return None
    by_hand = undo_command(workload, destination)
    circle = (
        f"Revision {destination.number} was left for the release that runs now, which is older: to "
        "go back to it goes in a circle (A-B-A)."
    )
    if whose := situation.left.get(destination.template_hash):
        return block(
            "Loop",
            f"{circle} An approved rollback left it ({whose}). Roll forward; or, if it is good after "
            f"all, by hand: {by_hand}",
            by_hand,
        )
    # Whoever may release can make it look like that: it forbids nothing.
    return warn(
        "Loop",
        f"{circle} No rollback known here left it: somebody released it. See what ran when: "
        f"{look_at(workload, destination)}",
        look_at(workload, destination),
    )


def _images(destination: Revision) -> list[str]:
    spec = destination.template.get("spec") or {}
    containers: list[dict[str, Any]] = [
        *(spec.get("initContainers") or []),
        *(spec.get("containers") or []),
    ]
    return [container.get("image", "") for container in containers]


def _dropped(workload: Workload, destination: Revision) -> GuardFinding | None:
    after = restored(workload, destination)
    if after is None:
        return None
    lost = sorted(workload.annotations.keys() - after.keys() - {MARKER_ANNOTATION})
    if not lost:
        return None
    annotate = kubectl(workload, "annotate", resource(workload), "KEY=VALUE")
    return warn(
        "AnnotationsDropped",
        "As with kubectl, annotations that the old ReplicaSet does not have are dropped from the "
        f"{workload.kind}: {listed(lost)}. Set them again afterwards: {annotate}",
        annotate,
    )


def _cause_stays(workload: Workload, destination: Revision) -> GuardFinding | None:
    cause = workload.annotations.get(_CAUSE)
    if restored(workload, destination) is not None or cause in {None, destination.change_cause}:
        return None
    old = cut(destination.change_cause, 64)
    words = ("--overwrite", Pair(_CAUSE, old)) if old else (f"{_CAUSE}-",)
    right = kubectl(workload, "annotate", resource(workload), *words)
    return warn(
        "ChangeCauseStays",
        f"As with kubectl, the change-cause stays “{cut(cause or '', 64)}”, that of the release "
        f"left behind. Set it right afterwards: {right}",
        right,
    )


def _stale_manifest(workload: Workload, destination: Revision) -> GuardFinding | None:
    if LAST_APPLIED not in workload.annotations:
        return None
    try:
        applied = inside(parsed(workload.annotations[LAST_APPLIED]), "spec", "template", "spec")
        images = {c["name"]: c["image"] for c in applied["containers"]}
    except (ForeignError, LookupError, TypeError):
        images = {}
    spec = destination.template.get("spec") or {}
    if images and images == {c["name"]: c.get("image") for c in spec.get("containers") or []}:
        return None
    return warn(
        "LastAppliedStale",
        "It was made by kubectl apply, of a manifest that says otherwise: the next apply of it "
        "releases that again. Revert the manifest too.",
    )


def _no_way_back(workload: Workload) -> GuardFinding | None:
    if history_limit(workload) != 0:
        return None
    return warn(
        "NoWayBack",
        "revisionHistoryLimit is 0: once this is rolled out, the revision that runs now is thrown "
        "away, and cannot be taken up again.",
    )
