"""A round of diagnosis as a whole: judge every step, prove the guard, offer what fits."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ...api.common import Phase, ProposalState
from ...api.incident import Diagnosis, Finding, IncidentStatus, Proposal
from ...observed.needs import Facts, Need
from ...observed.workloads import GuardProof
from ..case import Case, pin_policy
from ..diagnosis import false_alarm, findings
from ..diagnosis.findings import running_template
from ..diagnosis.lookback import settled_at
from ..diagnosis.sampling import told
from ..evolve import Draft
from ..remediation import proposals
from ..remediation.candidates import candidates, dry_runs
from ..remediation.proposals import offered
from ..remediation.situation import around, situation
from ..transitions import close_open, investigate, record_guard, stalled

__all__ = ["decide", "needs", "wakes_at"]


_RENEWABLE = frozenset({ProposalState.PROPOSED, ProposalState.EXPIRED})
"""Offered before: to offer it again under the same id is no news."""


def needs(case: Case, facts: Facts) -> frozenset[Need]:
    """Say what a round reads: what the steps ask, then the dry runs of what may be offered."""
    if case.target.workload not in facts:
        # Which Runbook is asked depends on the target's labels. What does not is asked along.
        return frozenset({case.target.workload, case.proof})
    chosen = findings.choose(case, facts)
    asked, problem = findings.questions(case, chosen)
    if chosen.problem or problem or findings.target_problem(case, facts):
        return frozenset({case.target.workload, case.proof})
    asked |= {case.proof} | false_alarm.needs(case, facts) | _of_remediations(case, chosen)
    if not all(need in facts for need in asked) or chosen.runbook is None:
        return asked
    found = findings.findings(case, facts, chosen.steps)
    live = situation(_seen_failing(case, facts, found), facts)
    if live is None:
        return asked
    return asked | dry_runs(candidates(case, live, found, chosen.runbook))


def _of_remediations(case: Case, chosen: findings.Chosen) -> frozenset[Need]:
    offered = chosen.runbook.spec.remediation if chosen.runbook else []
    return around(case, (remediation.action for remediation in offered))


def _seen_failing(case: Case, facts: Facts, found: list[Finding]) -> Case:
    """Give the case as it is after this round's findings: a failing release is remembered."""
    seen = findings.failing_templates(case, facts, found)
    status = case.status.model_copy(update={"failing_templates": seen})
    return replace(case, incident=case.incident.model_copy(update={"status": status}))


def decide(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Judge the round, and offer what fits."""
    chosen = findings.choose(case, facts)
    _, problem = findings.questions(case, chosen)
    wrong = chosen.problem or problem or findings.target_problem(case, facts)
    draft = draft.set(runbook=chosen.pin)
    if draft.status.policy is None or draft.status.policy.generation == 0:
        draft = draft.set(policy=pin_policy(case))
    if wrong:
        return stalled(case, draft, wrong)
    found = findings.findings(case, facts, chosen.steps)
    draft = _record(case, draft.set(stalled=None), facts, found)
    draft = _suspect(case, draft, facts)
    draft = draft.set(
        failing_templates=findings.failing_templates(case, facts, found),
        known_revisions=findings.known_revisions(case, facts),
    )
    draft = record_guard(case, draft, facts)
    guard = draft.status.guard
    if guard is None or not guard.proven:
        return investigate(
            close_open(draft),
            "ApprovalsUnguarded",
            f"Nothing is offered: {guard.message if guard else 'the guard is not proven'}",
        )
    return _offer(_seen_failing(case, facts, found), draft, facts, found, chosen)


def _record(case: Case, draft: Draft, facts: Facts, found: list[Finding]) -> Draft:
    """Write each finding into the timeline, or one line if the round brought nothing new."""
    known = draft.status.diagnosis or Diagnosis(round=1, started_at=case.now)
    before = {f.step: (f.verdict, f.reason) for f in known.findings}
    same = before == {f.step: (f.verdict, f.reason) for f in found}
    same = same and known.template_hash in {None, running_template(case, facts)}
    if same and known.round > 1:
        draft = draft.add(
            "DiagnosisRepeated", f"Round {known.round} found the same: {told(found)}."
        )
    else:
        for finding in found:
            draft = draft.add(
                "DiagnosisStepFinished",
                f"{finding.step}: {finding.verdict} ({finding.reason}). {finding.message}",
                step=finding.step,
                evidence=finding.evidence,
                event_time=finding.since,
            )
    finished = known.model_copy(
        update={
            "finished_at": case.now,
            "findings": found,
            "template_hash": running_template(case, facts),
            "again_at": settled_at(case, facts, case.steps, found),
        }
    )
    return draft.set(diagnosis=finished).milestone(diagnosed_at=case.now)


def _suspect(case: Case, draft: Draft, facts: Facts) -> Draft:
    """Say once that it looks like a false alarm; dismissing it is for people."""
    told_before = any(e.reason == "FalseAlarmSuspected" for e in draft.status.timeline)
    hint = None if told_before else false_alarm.suspicion(case, facts)
    return draft if hint is None else draft.add("FalseAlarmSuspected", hint)


def _offer(
    case: Case, draft: Draft, facts: Facts, found: list[Finding], chosen: findings.Chosen
) -> Draft:
    proof, live = facts.proof(case.proof), situation(case, facts)
    if chosen.runbook is None or live is None or not isinstance(proof, GuardProof):
        unread = findings.unreadable(case)
        none = f"no Runbook matches ({unread})" if unread else "no Runbook matches"
        what = none if chosen.runbook is None else "its releases cannot be read"
        return investigate(close_open(draft), "NothingToOffer", f"{told(found)}; {what}.")
    planned = candidates(case, live, found, chosen.runbook)
    offers = proposals.offer(case, facts, planned, chosen.runbook, proof)[:8]
    if not offers:
        return investigate(
            close_open(draft),
            "NothingToOffer",
            f"{told(found)}; no remediation of Runbook {chosen.runbook.metadata.name} fits, or "
            "all were tried or rejected.",
        )
    return _offered(draft, offers, told(found)).milestone(proposed_at=case.now)


def _offered(draft: Draft, offers: list[Proposal], found: str) -> Draft:
    """Offer what is new, and say so; what stands already is confirmed in one line."""
    new_ids = {p.id for p in offers}
    committed = [p for p in close_open(draft).status.proposals if p.id not in new_ids]
    still_open = {p.id for p in draft.status.proposals if p.state in _RENEWABLE}
    draft = draft.proposals([*offers, *committed][:8])
    new = [p for p in offers if p.id not in still_open]
    for proposal in new:
        draft = draft.add(
            "ProposalOffered",
            offered(proposal),
            proposal=proposal.id,
            phase=Phase.AWAITING_APPROVAL,
        )
    if new:
        return draft
    return draft.add(
        "ProposalsConfirmed",
        f"{found}; what was offered still stands, until "
        f"{offers[0].expires_at:%H:%M:%S} UTC: {', '.join(p.id for p in offers)}.",
        phase=Phase.AWAITING_APPROVAL,
    )


def wakes_at(case: Case, status: IncidentStatus) -> datetime:
    """Look again soon: what a round asks may not have been there to be read."""
    del status
    return case.now + case.limits.retry
