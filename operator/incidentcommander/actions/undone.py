"""What became of a pod template that was changed: still there, taken back, or replaced by others.

Shared by undo and restart. Restarts that others make of the same release leave the change in place.
"""

from __future__ import annotations

from ..observed.workloads import Revision, significant_hash
from .base import Undone
from .situation import Situation
from .wording import images_of, images_text, revision_text

__all__ = ["template_undone"]


def template_undone(situation: Situation, was: str, wanted: str) -> Undone | None:
    """Compare the live pod template with the ones before and after the change.

    Parameters
    ----------
    situation
        The live target with its history.
    was
        Hash of the template before the change.
    wanted
        Hash of the template that it was to have; empty where it is the same release.
    """
    workload = situation.workload
    if workload.template_hash == was:
        return _told(situation, back=True)
    release = significant_hash(workload.template)
    if wanted in {workload.template_hash, ""} or release == _release(situation, wanted):
        return None
    return _told(situation, back=release == _release(situation, was))


def _release(situation: Situation, template_hash: str) -> str:
    found = _revision(situation, template_hash)
    return significant_hash(found.template) if found else ""


def _revision(situation: Situation, template_hash: str) -> Revision | None:
    found = (r for r in situation.revisions if r.template_hash == template_hash)
    return max(found, key=lambda r: r.number, default=None)


def _told(situation: Situation, *, back: bool) -> Undone:
    workload = situation.workload
    revision = _revision(situation, workload.template_hash)
    others = (r for r in situation.revisions if r is not revision)
    known = [image for r in others for image in images_of(r.template)]
    name = (
        revision_text(revision, known)
        if revision
        else images_text(images_of(workload.template), known)
    )
    what = f"it runs {name}{' again' if back else ''}"
    return Undone(back, what, workload.raw["metadata"], ("spec", "template"))
