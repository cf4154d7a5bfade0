"""All scenarios; importing this fills the list."""

from __future__ import annotations

from tests.scenarios.plays import (
    of_loop_guards,
    of_owner_guards,
    of_requests,
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
    "of_loop_guards",
    "of_owner_guards",
    "of_requests",
    "of_runbooks",
    "of_scaling_guards",
    "of_set_guards",
    "of_traps",
    "of_two",
    "of_undo_guards",
    "of_verdicts",
]
