"""Remediation actions: one module each, found by name. Adding an action is adding a file.

A module holds ``ACTION``, an object that satisfies ``Action``. Actions are pure: they plan with
absolute parameters, and give the patch; they never send it.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from .base import Action, Plan, Undone
from .follow_up import PodDeletion, deletions, deletions_due, without_deletions
from .ownership import SYNCHRONISERS
from .situation import Situation

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "SYNCHRONISERS",
    "Action",
    "Plan",
    "PodDeletion",
    "Situation",
    "Undone",
    "all_actions",
    "deletions",
    "deletions_due",
    "without_deletions",
]


@cache
def all_actions() -> Mapping[str, Action]:
    """Every action by the name that Runbooks use for it."""
    found: dict[str, Action] = {}
    for module in pkgutil.iter_modules(__path__):
        action = getattr(importlib.import_module(f"{__name__}.{module.name}"), "ACTION", None)
        if action is not None:
            found[action.name] = action
    return found
