"""A round of diagnosis: which Runbook, what to ask, what the answers say.

First step of every attempt. It decides nothing about remediation (``propose.py`` does).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...actions.wording import listed
from ...api.common import Verdict
from ...api.incident import Finding, RunbookRef
from ...api.runbook import DiagnosisStep, Runbook
from ...checks import all_checks
from ...checks.relate import relate
from ...checks.templates import TemplateProblem
from ...command_line import Name, kubectl
from ...observed.needs import Facts, Need
from ...observed.workloads import Missing, Unavailable, Workload, significant_hash
from ..case import BUILT_IN_STEPS, Case
from .lookback import began_at, doubted, looks_back
from .runbooks import match, problems

__all__ = [
    "Chosen",
    "choose",
    "failing_templates",
    "findings",
    "known_revisions",
    "questions",
    "remembered_failing",
    "running_template",
    "step_needs",
]

_MOST_REVISIONS: Final = 24
_SIGNS_OF_FAILURE: Final = frozenset({"podStatus", "errorRate", "promQL"})


@dataclass(frozen=True, slots=True)
class Chosen:
    """The Runbook for a round. ``problem`` says why the one that was asked for cannot be used."""

    runbook: Runbook | None
    problem: str | None = None

    @property
    def steps(self) -> Sequence[DiagnosisStep]:
        """What to ask: the Runbook's steps, or the built-in ones."""
        return self.runbook.spec.diagnosis if self.runbook else BUILT_IN_STEPS

    @property
    def pin(self) -> RunbookRef | None:
        """What stands in the status of it."""
        if self.runbook is None:
            return None
        meta = self.runbook.metadata
        return RunbookRef(
            name=meta.name, namespace=meta.namespace, uid=meta.uid, generation=meta.generation
        )


def choose(case: Case, facts: Facts) -> Chosen:
    """Choose the Runbook: the one that is named, else the best match (contract, section 3)."""
    incident, library = case.incident, case.library
    here, beside = incident.metadata.namespace, case.limits.operator_namespace
    policy = incident.spec.policy_ref
    if (
        policy
        and _wanting(case, policy.name)
        and not (library.policy(here, policy.name) or library.policy(beside, policy.name))
    ):
        return Chosen(
            None,
            _unread(case, "ResponsePolicy", policy.name)
            or f"spec.policyRef.name: no ResponsePolicy {policy.name} in namespace {here} nor in "
            f"{beside}",
        )
    if ref := incident.spec.runbook_ref:
        found = library.runbook(here, ref.name) or library.runbook(beside, ref.name)
        if found is None:
            return Chosen(
                None,
                _unread(case, "Runbook", ref.name)
                or f"spec.runbookRef.name: no Runbook {ref.name} in namespace {here} nor in {beside}",
            )
        if wrong := problems(found):
            where = f"{found.metadata.namespace}/{ref.name}"
            return Chosen(None, f"spec.runbookRef.name: Runbook {where} cannot be used: {wrong[0]}")
        return Chosen(found)
    workload = facts.workload(case.target.workload)
    labels = workload.labels if isinstance(workload, Workload) else {}
    return Chosen(match(library.runbooks(here), library.runbooks(beside), incident, labels))


def unreadable(case: Case) -> str:
    """Say which Runbooks there are that nobody could choose, since they cannot be read."""
    here, beside = case.incident.metadata.namespace, case.limits.operator_namespace
    names = [
        f"{where}/{named.removeprefix('Runbook ')}"
        for where in dict.fromkeys((here, beside))
        for named in case.library.unreadable(where)
        if named.startswith("Runbook ")
    ]
    return f"{len(names)} cannot be read: {listed(names, 3)}" if names else ""


def _unread(case: Case, kind: str, name: str) -> str:
    """Say that what is named is there, and nothing that this version can read; empty where it is not."""
    for where in (case.incident.metadata.namespace, case.limits.operator_namespace):
        if f"{kind} {name}" in case.library.unreadable(where):
            look = kubectl(where, "describe", kind.lower(), Name(name))
            return f"{kind} {where}/{name} cannot be read; its conditions say why: {look}"
    return ""


def _wanting(case: Case, policy: str) -> bool:
    """Whether this policy is what the Incident was declared with and was not found then.

    Its values are copied once: a reference that is changed later, or a policy that is deleted, stops
    nothing.
    """
    pinned = case.status.policy
    return pinned is None or (pinned.generation == 0 and pinned.name == policy)


def questions(case: Case, chosen: Chosen) -> tuple[frozenset[Need], str | None]:
    """Say what a whole round reads, or what is wrong with a step for this Incident."""
    asked: set[Need] = {case.target.workload, case.target.revisions, case.target.pods}
    for index, step in enumerate(chosen.steps):
        try:
            asked.update(step_needs(case, step))
        except TemplateProblem as problem:
            name = chosen.runbook.metadata.name if chosen.runbook else ""
            return frozenset(), f"spec.diagnosis[{index}] of Runbook {name}: {problem}"
    return frozenset(asked), None


def step_needs(case: Case, step: DiagnosisStep) -> tuple[Need, ...]:
    """Say what one step reads. Raises TemplateProblem."""
    check = all_checks().get(step.kind)
    return check.needs(step, case.subject) if check else ()


def findings(case: Case, facts: Facts, steps: Sequence[DiagnosisStep]) -> list[Finding]:
    """Judge every step, and say when the trouble began against when the release began."""
    return doubted(case, facts, steps, relate([_judge(case, facts, step) for step in steps]))


def _judge(case: Case, facts: Facts, step: DiagnosisStep) -> Finding:
    check = all_checks().get(step.kind)
    if check is None:
        return Finding(
            step=step.name,
            check=step.kind,
            verdict=Verdict.INCONCLUSIVE,
            reason="NotBuilt",
            message=f"This version of the operator has no check of kind {step.kind}.",
            at=case.now,
        )
    return check.judge(step, case.subject, facts, case.now)


def failing_templates(case: Case, facts: Facts, found: Sequence[Finding]) -> list[str]:
    """Give the hashes of all pod templates seen failing, the running one's if it fails now.

    A rate that looks back to before the release says nothing of the release.
    """
    began, steps = began_at(case, facts), {s.name: s for s in case.steps}
    bad = any(
        f.verdict is Verdict.FAILED
        and f.check in _SIGNS_OF_FAILURE
        and not (f.step in steps and began and case.now < began + looks_back(steps[f.step]))
        for f in found
    )
    return remembered_failing(case, facts) if bad else list(case.status.failing_templates)


def remembered_failing(case: Case, facts: Facts) -> list[str]:
    """Add the running pod template to those seen failing; where no pod is wanted, none runs."""
    known, running = list(case.status.failing_templates), running_template(case, facts)
    workload = facts.workload(case.target.workload)
    idle = isinstance(workload, Workload) and workload.spec.get("replicas") == 0
    if running is not None and running not in known and not idle:
        known.append(running)
    return known[-16:]


def known_revisions(case: Case, facts: Facts) -> dict[str, str]:
    """Note what each revision holds, once: a revision that holds something else later was edited."""
    answer = facts.revisions(case.target.revisions)
    known = case.status.known_revisions
    if not isinstance(answer, tuple):
        return dict(known)
    newest = sorted(answer, key=lambda revision: revision.number)[-_MOST_REVISIONS:]
    return {r.uid: known.get(r.uid, r.template_hash) for r in newest}


def running_template(case: Case, facts: Facts) -> str | None:
    """Give the hash of the running pod template, where it could be read."""
    workload = facts.workload(case.target.workload)
    return significant_hash(workload.template) if isinstance(workload, Workload) else None


def target_problem(case: Case, facts: Facts) -> str | None:
    """Say why the target cannot be diagnosed, if so."""
    target, namespace = case.incident.target, case.incident.metadata.namespace
    match facts.workload(case.target.workload):
        case Missing():
            return f"spec.target: {target.kind} {target.name} not found in namespace {namespace}"
        case Unavailable(message=message):
            return f"spec.target: {target.kind} {target.name} cannot be read: {message}"
        case Workload():
            return None
