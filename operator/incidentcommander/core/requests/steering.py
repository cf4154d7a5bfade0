"""Where an Incident goes next, as people say: propose, diagnose, confirm, resolve, dismiss, reopen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...actions import traits_of
from ...api.common import Phase, Severity, Verdict
from ...api.incident import Milestones
from ...command_line import Blank, Name, as_json, kubectl
from ..case import Case
from ..communication import internal_updates
from ..evolve import TRANSITIONS, Draft
from ..remediation.apply import confirmed
from ..response import roles, severity
from ..transitions import close_open, start_monitoring, start_round, to_verifying
from ..wording import annotate, cut, sentence
from .reading import Request
from .refusal import Handler, refuse

__all__ = ["HANDLERS"]

_ACTIVE: Final = frozenset({Phase.DIAGNOSING, Phase.INVESTIGATING, Phase.AWAITING_APPROVAL})


def _propose(case: Case, draft: Draft, request: Request) -> Draft:
    name = request.value
    known = [r.name for r in case.runbook.spec.remediation] if case.runbook else []
    if name not in known:
        listed = ", ".join(known) or "none, since no Runbook matched"
        return refuse(draft, request, f"the Runbook has no such remediation; it has: {listed}")
    if draft.status.phase not in _ACTIVE:
        return refuse(draft, request, f"the phase is {draft.status.phase}")
    wanted = [*(n for n in draft.status.requested if n != name), name][-16:]
    asked = draft.set(requested=wanted)
    return start_round(
        asked,
        "RemediationRequested",
        f"{request.who} asked for {name}.{_rejected_before(draft, name)} Diagnosing again to plan it.",
        actor=request.actor,
    )


def _rejected_before(draft: Draft, remediation: str) -> str:
    """Say who rejected it before, and why, as far as the entries in the object tell."""
    said = [
        entry
        for entry in draft.status.timeline
        if entry.reason in {"ProposalRejected", "RemediationStopped"}
        and (entry.proposal or "").rpartition("-")[0] == remediation
    ]
    return f" Before, at {said[-1].at:%H:%M} UTC: {cut(said[-1].message, 250)}" if said else ""


def _diagnose(_case: Case, draft: Draft, request: Request) -> Draft:
    if draft.status.phase not in _ACTIVE:
        return refuse(draft, request, f"the phase is {draft.status.phase}")
    return start_round(
        draft,
        "DiagnosisRequested",
        f"{request.who}: {cut(request.value, 200)}. Diagnosing again.",
        actor=request.actor,
    )


def _confirm(case: Case, draft: Draft, request: Request) -> Draft:
    said = f"{request.who} confirms: {sentence(cut(request.value, 300))}{_against(draft)}"
    status = draft.status
    doing = status.proposal(status.execution.proposal) if status.execution else None
    match status.phase:
        case Phase.REMEDIATING if doing and traits_of(doing.action).by_people:
            return confirmed(case, draft, doing, request.by, request.value)
        case Phase.INVESTIGATING if status.verification is None:
            why = "nothing was changed and verified that it could stand for"
            return refuse(draft, request, f"{why}; if people fixed it, say resolve")
        case Phase.VERIFYING | Phase.INVESTIGATING:
            return start_monitoring(case, draft, "VerificationConfirmed", said, actor=request.actor)
        case Phase.MONITORING if draft.status.monitoring:
            watched = draft.status.monitoring
            more = watched.model_copy(update={"good": watched.good + 1, "failures": 0})
            return draft.add(
                "VerificationConfirmed", said, actor=request.actor, changes={"monitoring": more}
            )
        case phase:
            return refuse(draft, request, f"there is nothing to confirm in phase {phase}")


def _against(draft: Draft) -> str:
    """Say that a person's word stands against the newest sample."""
    status = draft.status
    watch = status.monitoring if status.phase is Phase.MONITORING else status.verification
    last = watch.last if watch else None
    if last is None or last.verdict is not Verdict.FAILED:
        return ""
    return f" The newest sample says otherwise: {cut(last.message, 150)}"


def _resolve(case: Case, draft: Draft, request: Request) -> Draft:
    if draft.status.phase not in _ACTIVE:
        hint = {
            Phase.REMEDIATING: "; a remediation is being applied, wait for its outcome",
            Phase.VERIFYING: "; use confirm to say that it is good",
        }.get(draft.status.phase, "")
        return refuse(draft, request, f"the phase is {draft.status.phase}{hint}")
    return to_verifying(
        case,
        close_open(draft),
        "ResolvedByPeople",
        f"{request.who}: fixed by other means: {cut(request.value, 300)}. Verifying.",
        actor=request.actor,
    )


def _severity(case: Case, draft: Draft, request: Request) -> Draft:
    level, _, why = request.value.partition(":")
    if level.strip() not in set(Severity) or not why.strip():
        right = annotate(case.incident.metadata, "severity", Blank("reason", "SEV3: "))
        return refuse(draft, request, f"say a level and a reason: {right}")
    wanted, before = Severity(level.strip()), draft.status.severity
    if wanted is before:
        return draft.add(
            "SeverityKept",
            f"{request.who}: it is {before}. {cut(why.strip(), 300)}",
            actor=request.actor,
        )
    said = f"{request.who} says {cut(why.strip(), 300)}"
    changed = severity.set_to(case, draft, wanted, said, actor=request.actor)
    return internal_updates.sooner(case.seeing(changed.status), changed)


def _dismiss(case: Case, draft: Draft, request: Request) -> Draft:
    if any(p.state.committed for p in draft.status.proposals):
        return refuse(draft, request, "a remediation is being applied; wait for its outcome")
    if Phase.DISMISSED not in TRANSITIONS[draft.status.phase]:
        return refuse(draft, request, f"the phase is {draft.status.phase}")
    ended = close_open(draft).add(
        "IncidentDismissed",
        f"{request.who} dismissed it as a false alarm: {cut(request.value, 300)}",
        actor=request.actor,
        phase=Phase.DISMISSED,
    )
    closed = ended.milestone(closed_at=draft.now)
    return internal_updates.ended(
        case.seeing(closed.status), closed, "Nothing more is expected of anybody"
    )


def _reopen(case: Case, draft: Draft, request: Request) -> Draft:
    status = draft.status
    if status.phase not in {Phase.RESOLVED, Phase.DISMISSED, Phase.MERGED}:
        return refuse(
            draft, request, f"the phase is {status.phase}, not Resolved, Dismissed or Merged"
        )
    ref = case.incident.spec.duplicate_of
    unmerged = ref.name if ref and status.phase is Phase.MERGED else None
    milestones = status.milestones or Milestones()
    return start_round(
        roles.begin(case, internal_updates.start_clock(case, draft, case.now)),
        "IncidentReopened",
        f"{request.who} reopened it: {cut(request.value, 200)}. Diagnosing again, attempt "
        f"{status.attempt + 1}.{_unmerged(case, unmerged)}",
        actor=request.actor,
        unmerged_from=unmerged or status.unmerged_from,
        attempt=status.attempt + 1,
        approval=None,
        execution=None,
        verification=None,
        monitoring=None,
        postmortem=None,
        milestones=milestones.model_copy(update={"resolved_at": None, "closed_at": None}),
    )


def _unmerged(case: Case, other: str | None) -> str:
    """Say what becomes of ``spec.duplicateOf``, and how to be rid of it."""
    if other is None:
        return ""
    meta = case.incident.metadata
    patch = as_json({"spec": {"duplicateOf": None}})
    words = ("patch", "incident", Name(meta.name), "--type=merge", "-p", patch)
    remove = kubectl(meta.namespace, *words)
    return f" spec.duplicateOf still names {other} and is out of force. Remove it: {remove}"


HANDLERS: Final[Mapping[str, Handler]] = {
    "propose": _propose,
    "diagnose": _diagnose,
    "confirm": _confirm,
    "resolve": _resolve,
    "dismiss": _dismiss,
    "reopen": _reopen,
    "severity": _severity,
}
