"""Guards: whether the revision to go back to is what its controller recorded.

Used by the undo. The pod template of an old ReplicaSet can be edited by anybody who may patch
ReplicaSets, where no admission policy forbids it; that of a ControllerRevision cannot (the API
server refuses it). What an Incident has noted of a revision is believed; managed fields are not:
they can speak against a revision, never for it.

The label ``pod-template-hash`` is no proof either. It is 32 bits of FNV, for which an edited
template can be made to match; and one that does not match is no sign of an edit: the hash goes over
the fields that the controller of that day knew, and every release of Kubernetes adds some.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..api.common import TargetKind
from ..api.incident import GuardFinding
from ..command_line import Line
from ..observed.managed_fields import names_of_writers
from ..observed.workloads import Revision, Workload
from .destination import Choice
from .guards import block, warn
from .situation import Situation
from .wording import cut, kubectl, listed, resource

__all__ = ["believed", "look_at"]


def believed(situation: Situation, choice: Choice) -> GuardFinding | None:
    """Say what speaks against it that the destination is the release that once ran."""
    destination = choice.destination
    if destination is None:
        return None
    look, revision = look_at(situation.workload, destination), f"revision {destination.number}"
    noted = situation.noted.get(destination.uid)
    if noted is not None and noted != destination.template_hash:
        return block(
            "RevisionEdited",
            f"The pod template of {revision} was another one when this Incident first saw it: this "
            f"never ran. Look at it: {look}. Roll forward instead, or release the image that is "
            "known to be good.",
            look,
        )
    if situation.workload.kind is not TargetKind.DEPLOYMENT:
        return None
    if others := _later(destination):
        return warn(
            "RevisionEdited",
            f"The pod template of {revision} was written after it was made, by {others} as that "
            f"client calls itself: it may never have run like this. Look at it first: {look}",
            look,
        )
    if doubt := _doubt(situation.workload, choice.current, destination):
        return warn(
            "RevisionUnseen",
            f"Whether {revision} ever ran is not certain: {doubt}. Look at it before you approve: "
            f"{look}",
            look,
        )
    return None


def look_at(workload: Workload, destination: Revision) -> Line:
    """Give the command that shows all of a revision."""
    number = f"--revision={destination.number}"
    return kubectl(workload, "rollout", "history", resource(workload), number)


def _later(destination: Revision) -> str:
    """Name those who wrote the template besides who made it."""
    made = _makers(destination)
    others = names_of_writers(_metadata(destination), "spec", "template") - made
    return _quoted(others) if made else ""


def _doubt(workload: Workload, current: Revision | None, destination: Revision) -> str:
    if destination.name != f"{workload.name}-{destination.label}":
        return f"its ReplicaSet {cut(destination.name, 100)} is not named by the Deployment's rule"
    if current is None or _makers(current) == _makers(destination):
        return ""
    names = _quoted(_makers(destination)) or "nobody is noted"
    return f"another client made it than made the one that runs ({names})"


def _quoted(names: Iterable[str]) -> str:
    return listed([f"“{cut(name, 60)}”" for name in sorted(names)], 2)


def _makers(revision: Revision) -> frozenset[str]:
    """Name who wrote the selector: it cannot be changed once it is made."""
    return names_of_writers(_metadata(revision), "spec", "selector")


def _metadata(revision: Revision) -> Mapping[str, Any]:
    metadata: Mapping[str, Any] = revision.raw["metadata"]
    return metadata
