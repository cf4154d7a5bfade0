"""The ids of proposals: digits that were drawn, and none of them twice within an Incident."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ..api.incident import MAX_ISSUED, IncidentStatus, Proposal

__all__ = ["digits_of", "issued"]

_DRAWN: Final = re.compile(r"-([0-9a-f]{8})\Z")


def digits_of(identity: str) -> str:
    """Give the digits that were drawn for an id; empty where it has none."""
    found = _DRAWN.search(identity)
    return found[1] if found else ""


def issued(status: IncidentStatus, proposals: Iterable[Proposal]) -> list[str]:
    """Give the digits of all ids that were ever given out, these proposals' among them."""
    known = dict.fromkeys(status.issued)
    known |= dict.fromkeys(d for p in proposals if (d := digits_of(p.id)))
    return list(known)[-MAX_ISSUED:]
