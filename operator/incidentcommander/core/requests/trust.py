"""Whether people's words on an Incident came under the guard. Where not, they are claims.

The API server checks who says what, as long as its policies stand. They may have been away, and what
was written meanwhile stays. So the status notes under which guard the Incident was last seen without
requests: one that is found under another guard, or under none that is proven, may be anybody's.
``decide`` asks it before requests are taken. It takes none itself.
"""

from __future__ import annotations

from typing import Final

from ...api.incident import Handled
from ...observed.needs import Facts, ProofNeed
from ...observed.workloads import GuardProof, Unavailable
from ..case import Case
from ..evolve import Draft
from ..wording import cut
from .reading import all_recorded

__all__ = ["NEEDS_RIGHT", "doubt", "needs", "noted", "unknown"]

NEEDS_RIGHT: Final = frozenset(
    {
        *("approve", "reject", "take-command", "severity", "confirm", "resolve"),
        *("dismiss", "reopen", "update-external"),
    }
)
"""Requests that not everybody may make. Beside them: ``acknowledge`` gives command to some."""


def needs(case: Case) -> frozenset[ProofNeed]:
    """Ask for the proof where the guard is another one than the Incident was last seen under."""
    watched = case.guard_fingerprint
    moved = watched is not None and watched != _noted(case)
    return frozenset({case.proof} if moved and all_recorded(case.incident) else ())


def unknown(case: Case, facts: Facts) -> bool:
    """Whether the guard could not be asked: then requests wait, and the rest goes on."""
    return case.proof in facts and isinstance(facts.proof(case.proof), Unavailable)


def doubt(case: Case, facts: Facts) -> str:
    """Say why it is not known who wrote what stands on the Incident; empty where it is known."""
    proof = facts.proof(case.proof)
    if isinstance(proof, Unavailable):
        return f"the guard could not be proven when this was found ({cut(proof.message, 80)})"
    if not proof.proven:
        return "the guard was not proven when this was found"
    if _last_seen(case) == proof.fingerprint or _watched_since_creation(case, proof):
        return ""
    return "the guard was away or was changed since this Incident was last seen without it"


def noted(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Note under which proven guard the Incident was seen without a request on it."""
    proof = facts.proof(case.proof)
    if not isinstance(proof, GuardProof) or not proof.proven or not all_recorded(case.incident):
        return draft
    if proof.fingerprint == _noted(case):
        return draft
    handled = draft.status.handled or Handled()
    return draft.set(handled=handled.model_copy(update={"guard": proof.fingerprint}))


def _noted(case: Case) -> str | None:
    return case.status.handled.guard if case.status.handled else None


def _last_seen(case: Case) -> str | None:
    """Give the guard under which it was last seen; older operators noted it with the proposals."""
    guard = case.status.guard
    return _noted(case) or (guard.fingerprint or None if guard else None)


def _watched_since_creation(case: Case, proof: GuardProof) -> bool:
    """Whether this very guard was watched, unchanged, since before the Incident was there."""
    created, since = case.incident.metadata.creation_timestamp, case.guard_since
    return (
        _last_seen(case) is None
        and created is not None
        and since is not None
        and created >= since
        and case.guard_fingerprint == proof.fingerprint
    )
