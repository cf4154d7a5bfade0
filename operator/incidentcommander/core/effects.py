"""What follows from a decision outside of the status: decided here, carried out by the shell."""

from __future__ import annotations

from dataclasses import dataclass

from ..observed.workloads import Write

__all__ = ["ChangeTarget"]


@dataclass(frozen=True, slots=True)
class ChangeTarget:
    """One request. It exists only with a written intent for an approval."""

    proposal: str
    write: Write
