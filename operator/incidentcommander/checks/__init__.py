"""Diagnosis checks, one module each.

A module holds ``CHECK``, an object that satisfies ``Check``; ``CHECKS`` lists them. Checks are pure:
``needs`` says what to read, ``judge`` says what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from ..api.incident import Finding
from . import (
    autoscaler,
    dependency,
    error_rate,
    events,
    pod_status,
    promql,
    recent_changes,
    rollout_history,
)
from .base import Check
from .careful import Careful

__all__ = ["CHECKS", "Check", "all_checks", "is_claim"]

CHECKS: Final[tuple[Check, ...]] = (
    autoscaler.CHECK,
    dependency.CHECK,
    error_rate.CHECK,
    events.CHECK,
    pod_status.CHECK,
    promql.CHECK,
    recent_changes.CHECK,
    rollout_history.CHECK,
)


@cache
def all_checks() -> Mapping[str, Check]:
    """Every check by the name that Runbooks use for it, none of which costs more than its step."""
    return {check.kind: Careful(check, check.kind, check.claims) for check in CHECKS}


def is_claim(finding: Finding) -> bool:
    """Whether a finding rests on what anybody with edit can write."""
    check = all_checks().get(finding.check)
    return check is not None and check.claims
