"""Diagnosis checks: one module each, found by name. Adding a check is adding a file.

A module holds ``CHECK``, an object that satisfies ``Check``. Checks are pure: ``needs`` says what
to read, ``judge`` says what it means.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from .base import Check
from .careful import Careful

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..api.incident import Finding

__all__ = ["Check", "all_checks", "is_claim"]


@cache
def all_checks() -> Mapping[str, Check]:
    """Every check by the name that Runbooks use for it."""
    found: dict[str, Check] = {}
    for module in pkgutil.iter_modules(__path__):
        check = getattr(importlib.import_module(f"{__name__}.{module.name}"), "CHECK", None)
        if check is not None:
            found[check.kind] = Careful(check, check.kind, check.claims)
    return found


def is_claim(finding: Finding) -> bool:
    """Whether a finding rests on what anybody with edit can write."""
    check = all_checks().get(finding.check)
    return check is not None and check.claims
