"""How a request is refused: it stands in the timeline with what was said, and why not."""

from __future__ import annotations

from collections.abc import Callable

from ..case import Case
from ..evolve import Draft
from ..wording import cut
from .reading import Request

__all__ = ["Handler", "refuse"]

Handler = Callable[[Case, Draft, Request], Draft]
"""Takes one request of a kind."""


def refuse(draft: Draft, request: Request, why: str) -> Draft:
    """Record that a request was not done, in the name of its author where that is known."""
    said = f"{request.key}={cut(request.value, 200)}"
    if request.doubt:
        said = f"{said}, by {cut(request.who, 120)},"
    return draft.add(
        "RequestRefused",
        f"{said} was refused: {why}. Nothing was done.",
        actor=request.actor,
    )
