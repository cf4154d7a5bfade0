"""Which revision an undo goes back to.

Used by the undo alone, which turns the choice into a plan. The release decides, not the number:
restarts make revisions that run the same release, and undo itself renumbers them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..observed.workloads import Revision, significant_hash
from .situation import Situation
from .wording import cut, images_of, listed, revision_text

__all__ = ["Choice", "choose"]

_NAMED: Final = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """The destination, if there is one, and how it was found."""

    current: Revision | None
    """The revision of the template that the target has now; None where there is none yet."""
    destination: Revision | None
    reason: str
    """For people: what was chosen, what was passed over and why, what else there is."""


def choose(situation: Situation, pinned: int | None) -> Choice:
    """Choose the newest older revision of another release, or the one that is pinned.

    kubectl takes the second-highest number (``deploymentRevision`` in rollback.go): after a
    restart that is the same release again, and the revision of a failed attempt may be next.
    """
    current = _current(situation)
    if pinned is not None:
        return _pinned(situation, current, pinned)
    here = significant_hash(situation.workload.template)
    images = images_of(situation.workload.template)
    other: list[Revision] = []
    passed: list[str] = []
    for revision in _older(situation, current):
        release = significant_hash(revision.template)
        if release == here:
            passed.append(f"{revision_text(revision, images)}: the same release, restarted")
        elif release in situation.failing:
            passed.append(f"{revision_text(revision, images)}: seen failing in this incident")
        else:
            other.append(revision)
    destination = other[0] if other else None
    return Choice(current, destination, _reason(current, other, passed, images))


def _current(situation: Situation) -> Revision | None:
    here = situation.workload.template_hash
    same = [r for r in situation.revisions if r.template_hash == here]
    return max(same, key=lambda r: r.number, default=None)


def _older(situation: Situation, current: Revision | None) -> list[Revision]:
    # Number 0 is a ReplicaSet that the controller has not numbered: kubectl cannot name it either.
    known = (r for r in situation.revisions if r.number > 0 and r is not current)
    older = (r for r in known if current is None or r.number < current.number)
    return sorted(older, key=lambda r: r.number, reverse=True)


def _pinned(situation: Situation, current: Revision | None, number: int) -> Choice:
    found = next((r for r in situation.revisions if r.number == number), None)
    if found is None:
        have = [str(r.number) for r in situation.revisions] or ["none"]
        text = f"The Runbook pins revision {number}, which is not in the history"
        return Choice(current, None, f"{text} ({listed(have, 12)}).")
    images = images_of(situation.workload.template)
    return Choice(current, found, f"The Runbook pins {revision_text(found, images)}.")


def _reason(
    current: Revision | None, other: list[Revision], passed: list[str], images: list[str]
) -> str:
    before = f"revision {current.number}" if current else "the current template"
    words = [f"No revision before {before} runs another release that was not seen failing."]
    if other:
        words = [f"{revision_text(other[0], images)} is the newest release before {before}."]
    if passed:
        words.append(f"Passed over: {listed(passed, _NAMED)}.")
    if other[1:]:
        words.append(
            f"Also there: {listed([revision_text(r, images) for r in other[1:]], _NAMED)}."
        )
    text = " ".join(words)
    return cut(text[0].upper() + text[1:])
