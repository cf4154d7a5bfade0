"""What follows from a decision outside of the status: decided here, carried out by the shell.

One at a time: the shell saves the status first, carries the effect out and decides again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..api.incident import PageRef
from ..api.page import TimelinePageSpec
from ..observed.workloads import Write

__all__ = ["AddPage", "ChangeTarget", "DraftPostmortem", "Effect", "MarkClosed", "RemoveRequests"]


@dataclass(frozen=True, slots=True)
class ChangeTarget:
    """Send one request. It exists only with a written intent for an approval."""

    proposal: str
    write: Write


@dataclass(frozen=True, slots=True)
class DraftPostmortem:
    """Create the Postmortem that is owed, then record it: a crash in between repeats nothing."""


@dataclass(frozen=True, slots=True)
class RemoveRequests:
    """Remove requests that were handled, and what stands there beside no request."""

    annotations: frozenset[str]
    """Full names."""
    seq: int
    """Number of the request that was handled last, to be noted on the object."""


@dataclass(frozen=True, slots=True)
class AddPage:
    """Write a page of older entries, then list it in the status and let them go."""

    name: str
    spec: TimelinePageSpec
    ref: PageRef


@dataclass(frozen=True, slots=True)
class MarkClosed:
    """Give an ended Incident the label that ends the watch over it."""


Effect: TypeAlias = ChangeTarget | DraftPostmortem | RemoveRequests | AddPage | MarkClosed
