"""Answers to what people say: each request is recorded with its author, and acted on or refused.

A request that got here was let in by the API server; what depends on time or on the world is
judged here. Nothing is dropped: a refusal stands in the timeline with what was said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from ...faults import fault
from ..case import Case
from ..evolve import Draft
from . import communication, decisions, steering
from .budget import heard
from .reading import Request, came_with_creation, handled_with
from .refusal import Handler, refuse
from .target import retargeted
from .trust import NEEDS_RIGHT

__all__ = ["answer"]

_HANDLERS: Final[Mapping[str, Handler]] = {
    **decisions.HANDLERS,
    **steering.HANDLERS,
    **communication.HANDLERS,
}
_ABOUT_TARGET: Final = frozenset({"approve", "confirm", "resolve"})
"""What is said of one workload, and must not be taken for another."""
_QUOTED_WHOLE: Final = 100
"""Longer words than this may be cut in the entry about the request; they follow in full."""


def answer(
    case: Case,
    draft: Draft,
    requests: Sequence[Request],
    *,
    doubt: str = "",
    fresh: bool = False,
) -> Draft:
    """Take all new requests, in order, and note that they were taken.

    ``doubt``: why it is not known who wrote them. Then none is done that not everybody may do, and
    the others are somebody's.

    ``fresh``: the operator sees this Incident for the first time; what came with its creation is
    refused.
    """
    for said in requests:
        request = replace(said, doubt=doubt, may_approve=False) if doubt else said
        draft = heard(draft, request, partial(_taken, case, request, fresh=fresh))
    return draft.set(handled=handled_with(case.incident, requests))


def _taken(case: Case, request: Request, draft: Draft, *, fresh: bool) -> Draft:
    if fresh and came_with_creation(case.incident, request):
        why = "requests cannot be made at creation: apply first, annotate then"
        draft = refuse(draft, request, why)
    else:
        draft = _one(case, draft, request)
    if request.key != "note" and len(request.value) > _QUOTED_WHOLE:
        for part in communication.parts(request.value):
            draft = draft.add("RequestQuoted", part, actor=request.actor)
    return draft


def _one(case: Case, draft: Draft, request: Request) -> Draft:
    if not request.by:
        return refuse(draft, request, "it is not signed: the admission guard was away")
    if not request.value:
        return refuse(draft, request, "it is empty")
    if request.doubt and request.key in NEEDS_RIGHT:
        return refuse(
            draft, request, f"{request.doubt}, so who wrote it is not known: say it again"
        )
    handler = _HANDLERS.get(request.key)
    if handler is None:
        return refuse(draft, request, "this version of the operator cannot do that yet")
    if request.key in _ABOUT_TARGET and (other := retargeted(case)):
        return refuse(draft, request, other)
    if draft.status.phase.ended and request.key not in {"note", "reopen"}:
        return refuse(draft, request, f"this Incident has ended ({draft.status.phase})")
    try:
        return handler(case, draft, request)
    except Exception as error:  # noqa: BLE001 - it is one request; the others are answered
        return refuse(
            draft, request, f"it could not be taken: {fault(error)}, a bug of the operator"
        )
