"""The target as planning sees it, and what is read for that."""

from __future__ import annotations

from collections.abc import Iterable

from ...actions import Situation, deletions, traits_of
from ...api.incident import Proposal
from ...checks.autoscaler import autoscalers_need
from ...observed.needs import BudgetsNeed, Facts, Need
from ...observed.workloads import Workload
from ..case import Case

__all__ = ["around", "needs_of", "situation", "unread"]


def situation(case: Case, facts: Facts) -> Situation | None:
    """Put together what planning may know; None while the target cannot be read."""
    workload = facts.workload(case.target.workload)
    revisions = facts.revisions(case.target.revisions)
    if not isinstance(workload, Workload) or not isinstance(revisions, tuple):
        return None
    pods = facts.pods(case.target.pods)
    autoscalers = facts.autoscalers(autoscalers_need(case.subject))
    budgets = facts.budgets(_budgets_need(case))
    return Situation(
        workload=workload,
        revisions=revisions,
        pods=pods if isinstance(pods, tuple) else (),
        failing=frozenset(case.status.failing_templates),
        noted=case.status.known_revisions,
        autoscalers=autoscalers if isinstance(autoscalers, tuple) else None,
        left={
            c.left: f"{c.proposal} of Incident {name}"
            for name, c in case.changes_of(workload.uid)
            if c.left
        },
        budgets=budgets if isinstance(budgets, tuple) else (),
    )


def around(case: Case, actions: Iterable[str]) -> frozenset[Need]:
    """Say what to read besides target and history to plan these actions."""
    traits, asked = [traits_of(action) for action in actions], set[Need]()
    if any(t.about_autoscalers for t in traits):
        asked.add(autoscalers_need(case.subject))
    if any(t.replaces_pods for t in traits):
        asked.add(_budgets_need(case))
    return frozenset(asked)


def _budgets_need(case: Case) -> BudgetsNeed:
    """Ask for the PodDisruptionBudgets of the target's pods."""
    need = case.target.workload
    return BudgetsNeed(need.kind, need.namespace, need.name)


def needs_of(case: Case, proposals: Iterable[Proposal]) -> frozenset[Need]:
    """Say what else to read to hold these proposals against their target."""
    asked: set[Need] = set()
    for proposal in proposals:
        if deletions(proposal.parameters):
            asked.add(case.target.pods)
        if traits_of(proposal.action).about_autoscalers:
            asked.add(autoscalers_need(case.subject))
    return frozenset(asked)


def unread(proposal: Proposal, live: Situation) -> bool:
    """Whether something that the proposal depends on could not be read: then nothing is done."""
    if live.autoscalers is not None:
        return False
    return traits_of(proposal.action).writes_autoscaler or "autoscaler" in proposal.depends_on
