"""The one decision: what an Incident needs to know next, and what follows from it.

``required`` and ``decide`` are called in turns by the shell: read what is required, decide, save,
act, again. Both are pure and total: any status, any facts, any requests give an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..api.common import Phase, ProposalState
from ..api.incident import (
    Diagnosis,
    Finding,
    GuardStatus,
    IncidentStatus,
    Milestones,
    Roles,
)
from ..values import Facts, GuardProof, Need, Unavailable, Workload, significant_hash
from . import answer, diagnose, propose, remediate, watch
from .case import Case, pin_policy
from .conditions import derive
from .evolve import Draft
from .moves import close_open, investigate, start_round, to_verifying
from .remediate import Command
from .requests import new_requests
from .verify import told

__all__ = ["Decision", "decide", "required"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows."""

    status: IncidentStatus
    """To be saved if it differs from the one that was read, before the command is carried out."""
    command: Command | None
    """A change of the target, allowed by a written intent."""
    wake_at: datetime | None
    """Look again then, if nothing happens before."""


# --- what to read --------------------------------------------------------------------------------


def required(case: Case, facts: Facts) -> frozenset[Need]:
    """Say what ``decide`` has to know. What is missing in ``facts`` is to be read.

    New requests need nothing: they are recorded at once.
    """
    status = case.status
    if _fresh(case):
        return frozenset({case.target.workload})
    if new_requests(case.incident) or status.phase.ended:
        return frozenset()
    match status.phase:
        case Phase.DECLARED:
            return frozenset({case.target.workload})
        case Phase.DIAGNOSING:
            return _required_diagnosing(case, facts)
        case Phase.INVESTIGATING:
            return _required_investigating(case)
        case Phase.AWAITING_APPROVAL:
            return _required_awaiting(case)
        case Phase.REMEDIATING:
            return remediate.needs(case)
        case Phase.VERIFYING | Phase.MONITORING:
            return watch.needs(case)
        case _:
            return frozenset()


def _required_diagnosing(case: Case, facts: Facts) -> frozenset[Need]:
    if case.target.workload not in facts:
        # Which Runbook is asked depends on the target's labels. What does not is asked along.
        return frozenset({case.target.workload, case.proof})
    chosen = diagnose.choose(case, facts)
    asked, problem = diagnose.questions(case, chosen)
    if chosen.problem or problem or diagnose.target_problem(case, facts):
        return frozenset({case.target.workload, case.proof})
    asked |= {case.proof}
    if not all(need in facts for need in asked) or chosen.runbook is None:
        return asked
    found = diagnose.findings(case, facts, chosen.steps)
    live = propose.situation(_seen_failing(case, facts, found), facts)
    if live is None:
        return asked
    return asked | propose.dry_runs(propose.candidates(case, live, found, chosen.runbook))


def _seen_failing(case: Case, facts: Facts, found: list[Finding]) -> Case:
    """Give the case as it is after this round's findings: a failing release is remembered."""
    seen = diagnose.failing_templates(case, facts, found)
    status = case.status.model_copy(update={"failing_templates": seen})
    incident = case.incident.model_copy(update={"status": status})
    return Case(
        incident=incident,
        library=case.library,
        now=case.now,
        limits=case.limits,
        result=case.result,
        guard_fingerprint=case.guard_fingerprint,
    )


def _required_investigating(case: Case) -> frozenset[Need]:
    status = case.status
    asked: set[Need] = set()
    if status.stalled or status.failing_templates:
        asked.add(case.target.workload)
    if status.guard is not None and not status.guard.proven:
        asked.add(case.proof)
    return frozenset(asked)


def _required_awaiting(case: Case) -> frozenset[Need]:
    asked: set[Need] = {case.target.workload, case.target.revisions}
    if _guard_moved(case):
        asked.add(case.proof)
    return frozenset(asked)


def _guard_moved(case: Case) -> bool:
    guard = case.status.guard
    return (
        guard is not None
        and case.guard_fingerprint is not None
        and case.guard_fingerprint != guard.fingerprint
    )


# --- what follows --------------------------------------------------------------------------------


def decide(case: Case, facts: Facts) -> Decision:
    """Say what follows from the facts that ``required`` asked for."""
    draft = Draft(case.status, case.now)
    command: Command | None = None
    if _fresh(case):
        draft = _declare(case, draft, facts)
    elif requests := new_requests(case.incident):
        draft = answer.answer(case, draft, requests)
    elif changed := _spec_changed(case, draft):
        draft = changed
    else:
        draft, command = _by_phase(case, draft, facts)
    status = derive(case.incident, draft.status, case.now)
    return Decision(status, command, _wake_at(case, status))


def _by_phase(case: Case, draft: Draft, facts: Facts) -> tuple[Draft, Command | None]:
    match draft.status.phase:
        case Phase.DECLARED:
            return _begin(case, draft, facts), None
        case Phase.DIAGNOSING:
            return _diagnose(case, draft, facts), None
        case Phase.INVESTIGATING:
            return _investigating(case, draft, facts), None
        case Phase.AWAITING_APPROVAL:
            return _awaiting(case, draft, facts), None
        case Phase.REMEDIATING:
            return remediate.decide(case, draft, facts)
        case Phase.VERIFYING:
            return watch.decide_verifying(case, draft, facts), None
        case Phase.MONITORING:
            return watch.decide_monitoring(case, draft, facts), None
        case Phase.RESOLVED:
            return _resolved(case, draft), None
        case Phase.CLOSED | Phase.DISMISSED | Phase.MERGED:
            return draft, None


def _fresh(case: Case) -> bool:
    return not case.status.timeline and not case.status.timeline_pages


def _declare(case: Case, draft: Draft, facts: Facts) -> Draft:
    spec, meta = case.incident.spec, case.incident.metadata
    created = meta.creation_timestamp or case.now
    alert = spec.alert.starts_at if spec.alert else None
    started = spec.started_at or (datetime.fromisoformat(alert) if alert else None) or created
    draft = draft.set(
        severity=spec.severity,
        roles=spec.roles or Roles(),
        policy=pin_policy(case),
        milestones=Milestones(started_at=started, detected_at=created, declared_at=created),
    )
    who = (
        f"commander {spec.roles.commander}"
        if spec.roles and spec.roles.commander
        else ("no commander yet")
    )
    draft = draft.add(
        "IncidentDeclared",
        f"{spec.severity}: {spec.title}. Target {spec.target}, {who}. Diagnosis begins.",
        event_time=started if started < created else None,
    )
    if requests := new_requests(case.incident):
        draft = answer.answer(case, draft, requests, fresh=True)
    return _begin(case, draft, facts)


def _begin(case: Case, draft: Draft, facts: Facts) -> Draft:
    chosen = diagnose.choose(case, facts)
    name = chosen.runbook.metadata.name if chosen.runbook else None
    message = (
        f"Runbook {name} ({chosen.runbook.metadata.namespace}): {chosen.runbook.spec.title}."
        if chosen.runbook
        else chosen.problem or "No Runbook matches: looking at pods and releases only."
    )
    return draft.add(
        "DiagnosisStarted",
        message,
        phase=Phase.DIAGNOSING,
        changes={
            "runbook": chosen.pin,
            "diagnosis": Diagnosis(round=1, started_at=case.now),
        },
    )


def _spec_changed(case: Case, draft: Draft) -> Draft | None:
    """Take up what people changed in ``spec``; None where nothing counts."""
    spec, status = case.incident.spec, draft.status
    if status.observed_generation == case.incident.metadata.generation or status.phase.ended:
        return None
    changed = draft
    if status.severity is not spec.severity:
        old = status.severity
        changed = changed.set(severity=spec.severity)
        changed = changed.set(
            policy=pin_policy(
                Case(
                    case.incident.model_copy(update={"status": changed.status}),
                    case.library,
                    case.now,
                    case.limits,
                )
            )
        ).add("SeverityChanged", f"From {old} to {spec.severity}, by a change of spec.severity.")
    roles = status.roles or Roles()
    wanted = (spec.roles or Roles()).model_copy(update={"commander": roles.commander})
    if wanted != roles:
        changed = changed.set(roles=wanted).add("RolesChanged", "By a change of spec.roles.")
    return _target_changed(case, changed) or (changed if changed is not draft else None)


def _target_changed(case: Case, draft: Draft) -> Draft | None:
    status, spec = draft.status, case.incident.spec
    shown = status.display.target if status.display else str(spec.target)
    pinned = status.runbook.name if status.runbook else None
    other_runbook = spec.runbook_ref is not None and spec.runbook_ref.name != pinned
    if shown == str(spec.target) and not other_runbook:
        return None
    if status.phase not in {Phase.DIAGNOSING, Phase.INVESTIGATING, Phase.AWAITING_APPROVAL}:
        return None
    what = f"target {spec.target}" if shown != str(spec.target) else "another Runbook"
    return start_round(
        close_open(draft).set(failing_templates=[], stalled=None),
        "SpecChanged",
        f"spec now says: {what}. Diagnosing again.",
    )


# --- diagnosing ----------------------------------------------------------------------------------


def _diagnose(case: Case, draft: Draft, facts: Facts) -> Draft:
    chosen = diagnose.choose(case, facts)
    _, problem = diagnose.questions(case, chosen)
    stalled = chosen.problem or problem or diagnose.target_problem(case, facts)
    draft = draft.set(runbook=chosen.pin)
    if stalled:
        return _stalled(case, draft, stalled)
    found = diagnose.findings(case, facts, chosen.steps)
    draft = _record(case, draft.set(stalled=None), found)
    draft = draft.set(failing_templates=diagnose.failing_templates(case, facts, found))
    draft = _record_guard(case, draft, facts)
    guard = draft.status.guard
    if guard is None or not guard.proven:
        return investigate(
            close_open(draft),
            "ApprovalsUnguarded",
            f"Nothing is offered: {guard.message if guard else 'the guard is not proven'}",
        )
    return _offer(_seen_failing(case, facts, found), draft, facts, found, chosen)


def _stalled(case: Case, draft: Draft, problem: str) -> Draft:
    known = draft.status.diagnosis or Diagnosis(round=1, started_at=case.now)
    finished = known.model_copy(update={"finished_at": case.now, "findings": []})
    draft = close_open(draft).set(stalled=problem[:512], diagnosis=finished)
    return investigate(draft, "DiagnosisStalled", problem)


def _record(case: Case, draft: Draft, found: list[Finding]) -> Draft:
    """Write each finding into the timeline, or one line if the round brought nothing new."""
    known = draft.status.diagnosis or Diagnosis(round=1, started_at=case.now)
    before = {f.step: (f.verdict, f.reason) for f in known.findings}
    same = before == {f.step: (f.verdict, f.reason) for f in found}
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
    finished = known.model_copy(update={"finished_at": case.now, "findings": found})
    return draft.set(diagnosis=finished).milestone(diagnosed_at=case.now)


def _record_guard(case: Case, draft: Draft, facts: Facts) -> Draft:
    proof = facts.proof(case.proof)
    old = draft.status.guard
    match proof:
        case GuardProof():
            new = GuardStatus(
                fingerprint=proof.fingerprint,
                proven=proof.proven,
                message=proof.message[:512],
                at=proof.at,
            )
        case Unavailable(message=message):
            new = GuardStatus(
                fingerprint=old.fingerprint if old else "", proven=False, message=message[:512]
            )
    return draft.set(guard=new)


def _offer(
    case: Case, draft: Draft, facts: Facts, found: list[Finding], chosen: diagnose.Chosen
) -> Draft:
    proof, live = facts.proof(case.proof), propose.situation(case, facts)
    if chosen.runbook is None or live is None or not isinstance(proof, GuardProof):
        what = "no Runbook matches" if chosen.runbook is None else "its releases cannot be read"
        return investigate(close_open(draft), "NothingToOffer", f"{told(found)}; {what}.")
    planned = propose.candidates(case, live, found, chosen.runbook)
    offers = propose.offer(case, facts, planned, chosen.runbook, proof)[:8]
    new_ids = {p.id for p in offers}
    committed = [
        p
        for p in close_open(draft).status.proposals
        if p.id not in new_ids and p.state is not ProposalState.PROPOSED
    ]
    if not offers:
        return investigate(
            close_open(draft),
            "NothingToOffer",
            f"{told(found)}; no remediation of Runbook {chosen.runbook.metadata.name} fits, or "
            "all were tried or rejected.",
        )
    draft = draft.proposals([*offers, *committed[-(8 - len(offers)) :]][:8])
    for proposal in offers:
        mark = "recommended" if proposal.recommended else str(proposal.confidence)
        blocked = (
            " BLOCKED:" + " ".join(g.message for g in proposal.guards if g.verdict == "Block")
            if proposal.blocked
            else ""
        )
        draft = draft.add(
            "ProposalOffered",
            f"{proposal.summary} ({mark}, risk {proposal.risk}).{blocked} Until "
            f"{proposal.expires_at:%H:%M:%S} UTC: {proposal.approve_command}",
            proposal=proposal.id,
            phase=Phase.AWAITING_APPROVAL,
        )
    return draft.milestone(proposed_at=case.now)


# --- waiting -------------------------------------------------------------------------------------


def _investigating(case: Case, draft: Draft, facts: Facts) -> Draft:
    status = draft.status
    workload = facts.workload(case.target.workload)
    if status.stalled and _mended(case, draft, facts):
        return start_round(
            draft.set(stalled=None), "DiagnosisResumed", "What stalled it was mended."
        )
    if status.guard is not None and not status.guard.proven:
        proof = facts.proof(case.proof)
        if isinstance(proof, GuardProof) and proof.proven:
            return start_round(
                _record_guard(case, draft, facts),
                "DiagnosisResumed",
                "Approvals are guarded again.",
            )
    if (
        isinstance(workload, Workload)
        and not status.stalled
        and status.failing_templates
        and significant_hash(workload.template) not in status.failing_templates
    ):
        return start_round(
            draft, "TargetChanged", f"{case.where(workload)} runs another release now."
        )
    if status.diagnosis is None or status.diagnosis.finished_at is None:
        return start_round(draft, "DiagnosisResumed", "There is no diagnosis yet.")
    if case.now >= status.diagnosis.finished_at + case.policy.rediagnose_every:
        return start_round(draft, "DiagnosisDue", "Looking again, as the policy says.")
    return draft


def _mended(case: Case, draft: Draft, facts: Facts) -> bool:
    if diagnose.target_problem(case, facts):
        return False
    chosen = diagnose.choose(case, facts)
    _, problem = diagnose.questions(case, chosen)
    now_wrong = chosen.problem or problem
    return now_wrong is None or now_wrong[:512] != draft.status.stalled


def _awaiting(case: Case, draft: Draft, facts: Facts) -> Draft:
    open_ = [p for p in draft.status.proposals if p.state is ProposalState.PROPOSED]
    if not open_:
        return investigate(draft, "NothingToOffer", "No proposal is open.")
    if _guard_moved(case):
        return _guard_changed(case, draft, facts)
    live = propose.situation(case, facts)
    if live is not None:
        drifts = {p.id: d for p in open_ if (d := remediate.drift_of(p, live))}
        if drifts:
            return _target_drifted(case, draft, live.workload, drifts)
    if all(case.now >= p.expires_at for p in open_):
        return start_round(
            close_open(draft, ProposalState.EXPIRED),
            "ProposalExpired",
            f"Nobody approved {', '.join(p.id for p in open_)} in time. Diagnosing again.",
        )
    return draft


def _guard_changed(case: Case, draft: Draft, facts: Facts) -> Draft:
    draft = _record_guard(case, close_open(draft), facts)
    guard = draft.status.guard
    message = "The admission guard was changed: open proposals are void."
    if guard is None or not guard.proven:
        return investigate(
            draft, "ApprovalsUnguarded", f"{message} {guard.message if guard else ''}"
        )
    return start_round(draft, "ProposalSuperseded", f"{message} Diagnosing again for new ones.")


def _target_drifted(case: Case, draft: Draft, workload: Workload, drifts: dict[str, str]) -> Draft:
    """The target was changed by others while proposals were open."""
    first, drift = next(iter(drifts.items()))
    proposal = draft.status.proposal(first)
    where = case.where(workload)
    template_moved = proposal is not None and proposal.depends_on.get("templateHash") not in {
        None,
        workload.template_hash,
    }
    recreated = proposal is not None and proposal.target.uid != workload.uid
    if recreated or not template_moved:
        return start_round(
            draft.proposals(
                [
                    p.model_copy(update={"state": ProposalState.SUPERSEDED, "recommended": False})
                    if p.id in drifts
                    else p
                    for p in draft.status.proposals
                ]
            ),
            "ProposalSuperseded",
            f"{where} was changed by others ({drift}): {', '.join(drifts)} void. Offering anew.",
        )
    draft = close_open(draft)
    if significant_hash(workload.template) in draft.status.failing_templates:
        return investigate(
            draft,
            "ProposalSuperseded",
            f"{where} was changed by others to a release already seen failing ({drift}).",
        )
    return to_verifying(
        case,
        draft,
        "ProposalSuperseded",
        f"{where} was changed by others ({drift}): open proposals are void. Verifying.",
    )


def _resolved(case: Case, draft: Draft) -> Draft:
    if draft.status.postmortem is not None:
        return draft
    return draft.milestone(closed_at=case.now).add(
        "IncidentClosed", "Nothing more is owed.", phase=Phase.CLOSED
    )


# --- when to look again --------------------------------------------------------------------------


def _wake_at(case: Case, status: IncidentStatus) -> datetime | None:
    """Say when to look again if nothing happens before."""
    soon = case.now + case.limits.retry
    match status.phase:
        case Phase.DECLARED | Phase.DIAGNOSING:
            return soon
        case Phase.INVESTIGATING:
            if status.stalled or (status.guard and not status.guard.proven):
                return soon
            finished = status.diagnosis.finished_at if status.diagnosis else None
            return (finished or case.now) + case.policy.rediagnose_every
        case Phase.AWAITING_APPROVAL:
            open_ = [p.expires_at for p in status.proposals if p.state is ProposalState.PROPOSED]
            return max(open_, default=soon)
        case Phase.REMEDIATING:
            return case.now + case.limits.rollout_poll
        case Phase.VERIFYING:
            return status.verification.next_at if status.verification else soon
        case Phase.MONITORING:
            return status.monitoring.next_at if status.monitoring else soon
        case _:
            return None
