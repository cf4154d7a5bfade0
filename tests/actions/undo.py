"""What the tests of the undo share: a target, its plan, and what the plan says against itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from incidentcommander.actions import Plan, Situation
from incidentcommander.actions.rollout_undo import ACTION
from incidentcommander.api.common import GuardVerdict
from incidentcommander.api.runbook import RolloutUndoAction
from incidentcommander.observed.workloads import (
    RESTARTED_AT_ANNOTATION,
    Revision,
    significant_hash,
)
from tests.support.build import history, template, workload

LATER = "2026-11-22T08:20:00Z"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def restarted(image: str, at: str = LATER) -> dict[str, Any]:
    return template(image, annotations={RESTARTED_AT_ANNOTATION: at})


def situation(
    revisions: Sequence[Revision] | None = None, *, failing: Sequence[str] = (), **over: Any
) -> Situation:
    """A target that runs the template of the newest revision."""
    found = tuple(history() if revisions is None else revisions)
    newest = {"spec": {"template": found[-1].template}} if found else {}
    target = workload(**{**newest, **over})
    hashes = frozenset(significant_hash(template(image)) for image in failing)
    return Situation(workload=target, revisions=found, failing=hashes)


def plan(where: Situation, to_revision: int | None = None) -> Plan:
    return ACTION.plan(RolloutUndoAction(to_revision=to_revision), where)


def blocks(found: Plan) -> list[str]:
    return [g.name for g in found.guards if g.verdict is GuardVerdict.BLOCK]


def warnings(found: Plan) -> list[str]:
    return [g.name for g in found.guards if g.verdict is GuardVerdict.WARN]
