"""All scenarios; importing this fills the list, in the order of the documents."""

from __future__ import annotations

from tests.scenarios.plays import (
    of_owner_guards,
    of_runbooks,
    of_scaling_guards,
    of_set_guards,
    of_traps,
    of_two,
    of_undo_guards,
    of_verdicts,
)
from tests.scenarios.registry import SCENARIOS

__all__ = [
    "SCENARIOS",
    "of_owner_guards",
    "of_runbooks",
    "of_scaling_guards",
    "of_set_guards",
    "of_traps",
    "of_two",
    "of_undo_guards",
    "of_verdicts",
]
