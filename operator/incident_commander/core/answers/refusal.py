"""How a request is refused: it stands in the timeline with what was said, and why not."""

from __future__ import annotations

from collections.abc import Callable

from ..case import Case
from ..evolve import Draft
from ..requests import Request
from ..wording import cut

__all__ = ["Handler", "refuse"]

Handler = Callable[[Case, Draft, Request], Draft]
"""Takes one request of a kind."""


def refuse(draft: Draft, request: Request, why: str) -> Draft:
    """Record that a request was not done, in its author's name."""
    said = f"{request.key}={cut(request.value, 200)}"
    return draft.add(
        "RequestRefused",
        f"{said} was refused: {why}. Nothing was done.",
        actor=request.by or "unknown",
    )
