"""Remediation actions, one module each.

A module holds ``ACTION``, an object that satisfies ``Action``; ``ACTIONS`` lists them. Actions are pure:
they plan with absolute parameters, and give the patch; they never send it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from . import autoscale, manual, rollout_restart, rollout_undo, scale
from .base import Action, Plan, Undone
from .follow_up import PodDeletion, deletions, deletions_due, without_deletions
from .ownership import SYNCHRONISERS
from .situation import Situation
from .traits import Traits

__all__ = [
    "ACTIONS",
    "SYNCHRONISERS",
    "Action",
    "Plan",
    "PodDeletion",
    "Situation",
    "Traits",
    "Undone",
    "all_actions",
    "deletions",
    "deletions_due",
    "traits_of",
    "without_deletions",
]

ACTIONS: Final[tuple[Action, ...]] = (
    rollout_undo.ACTION,
    rollout_restart.ACTION,
    scale.ACTION,
    autoscale.ACTION,
    manual.ACTION,
)


@cache
def all_actions() -> Mapping[str, Action]:
    """Every action by the name that Runbooks use for it."""
    return {action.name: action for action in ACTIONS}


def traits_of(action: str) -> Traits:
    """Give the traits of an action by its name; of one that this version does not know, none."""
    known = all_actions().get(action)
    return known.traits if known else Traits()
