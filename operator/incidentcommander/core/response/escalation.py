"""Escalation: whoever the policy names is told when something has not happened in time.

Each line of the policy is told once for what it waits for; a late acknowledgement stops what was
still to come. Raising severities by the same clock: ``severity.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ...api.base import format_duration
from ...api.common import Phase, Severity
from ...api.incident import Escalated, IncidentStatus
from ...api.notices import Audience, NoticeKind
from ...api.policy import Escalation, EscalationTrigger, SeverityRule
from ...command_line import Blank
from ..case import Case
from ..communication import outbox
from ..communication.internal_updates import facts, sent_to
from ..communication.templates import written
from ..evolve import Draft
from ..wording import annotate, cut, sentence
from . import business_hours, severity

__all__ = ["next_at", "raised", "waited"]

_OPEN: Final = frozenset(
    {
        *(Phase.DECLARED, Phase.DIAGNOSING, Phase.INVESTIGATING, Phase.AWAITING_APPROVAL),
        *(Phase.REMEDIATING, Phase.VERIFYING),
    }
)
"""Phases in which the trouble is not over yet."""
_DECIDING: Final = frozenset({Phase.AWAITING_APPROVAL, Phase.DIAGNOSING})
_MOST: Final = 24


@dataclass(frozen=True, slots=True)
class _Awaited:
    line: Escalation
    since: datetime
    at: datetime


def waited(draft: Draft) -> Draft:
    """Note since when a decision about a proposal is awaited, or that none is any more."""
    status = draft.status
    if status.phase is Phase.AWAITING_APPROVAL and status.waiting_since is None:
        if any(not p.blocked for p in status.open_proposals):
            return draft.set(waiting_since=draft.now)
    elif status.phase not in _DECIDING and status.waiting_since is not None:
        return draft.set(waiting_since=None)
    return draft


def next_at(case: Case, draft: Draft) -> datetime | None:
    """Give the time of the next escalation, if nothing happens before."""
    return min((a.at for a in _awaited(case, draft)), default=None)


def raised(case: Case, draft: Draft) -> Draft:
    """Tell everybody whose time has come."""
    for awaited in list(_awaited(case, draft)):
        if awaited.at <= case.now:
            draft = _tell(case, draft, awaited)
            if awaited.line.trigger is EscalationTrigger.NO_ROOT_CAUSE:
                draft = _worse(case, draft, awaited)
    return draft


def _awaited(case: Case, draft: Draft) -> Iterator[_Awaited]:
    status = draft.status
    level = status.severity or Severity.SEV2
    for line in case.policy.whole.rules_for(level).escalation or []:
        since = _since(status, line)
        if since is None or any(_same(line, since, told) for told in status.escalations):
            continue
        hours = case.policy.whole.business_hours
        at = business_hours.next_begin(hours, since) if line.after is None else since + line.after
        yield _Awaited(line, since, at)


def _since(status: IncidentStatus, line: Escalation) -> datetime | None:
    """Give the time since when the line waits; None where it waits for nothing (any more)."""
    milestones = status.milestones
    if status.phase not in _OPEN or milestones is None:
        return None
    match line.trigger:
        case EscalationTrigger.NOT_ACKNOWLEDGED:
            # "Immediately" does not ask whether somebody was quicker.
            waits = milestones.acknowledged_at is None or line.after == timedelta()
            return milestones.declared_at if waits else None
        case EscalationTrigger.NO_ROOT_CAUSE:
            return milestones.declared_at if status.root_cause is None else None
        case EscalationTrigger.APPROVAL_WAITING:
            return status.waiting_since


def _same(line: Escalation, since: datetime, told: Escalated) -> bool:
    return (line.trigger, line.to, since) == (told.trigger, told.to, told.since)


def _tell(case: Case, draft: Draft, awaited: _Awaited) -> Draft:
    line, status = awaited.line, draft.status
    what = sentence(_what(case, awaited))
    names, how = _whom(case, draft, line.to)
    known = facts(case, draft, escalation=what)
    spec = case.policy.whole
    words, problem = written(spec, Audience.INTERNAL, NoticeKind.ESCALATION, known)
    draft = outbox.add(case, draft, NoticeKind.ESCALATION, Audience.INTERNAL, words, names)
    told = Escalated(
        trigger=line.trigger,
        to=line.to,
        severity=status.severity or Severity.SEV2,
        since=awaited.since,
        at=case.now,
    )
    return draft.add(
        "EscalationRaised",
        f"To {line.to}{how}: {what} {_next(case, line)}".strip(),
        changes={"escalations": [*status.escalations, told][-_MOST:]},
        evidence=sent_to(names, problem),
    )


def _what(case: Case, awaited: _Awaited) -> str:
    line, since = awaited.line, awaited.since
    waited_for = format_duration(case.now - since)
    limit = "by the next business day" if line.after is None else format_duration(line.after)
    match line.trigger:
        case EscalationTrigger.NOT_ACKNOWLEDGED if line.after == timedelta():
            return f"{case.status.severity or case.incident.spec.severity}, told at once"
        case EscalationTrigger.NOT_ACKNOWLEDGED:
            return f"nobody has acknowledged for {waited_for} (limit {limit})"
        case EscalationTrigger.NO_ROOT_CAUSE:
            return f"no root cause after {waited_for} (limit {limit})"
        case EscalationTrigger.APPROVAL_WAITING:
            return f"a proposal has waited for a decision for {waited_for} (limit {limit})"


def _next(case: Case, line: Escalation) -> str:
    meta = case.incident.metadata
    match line.trigger:
        case EscalationTrigger.NOT_ACKNOWLEDGED if case.status.acknowledged:
            return ""
        case EscalationTrigger.NOT_ACKNOWLEDGED:
            return f"Acknowledge: {annotate(meta, 'acknowledge', 'me')}"
        case EscalationTrigger.NO_ROOT_CAUSE:
            known = annotate(meta, "root-cause", Blank("what it is"))
            return f"When it is known: {known}"
        case EscalationTrigger.APPROVAL_WAITING:
            return "status.summary has the command that approves it."


def _whom(case: Case, draft: Draft, to: str) -> tuple[list[str], str]:
    """Give the channels that reach them, and how, where that is not by their own name."""
    if any(channel.name == to for channel in case.policy.whole.channels):
        return [to], ""
    for audience in (Audience.EXECUTIVE, Audience.INTERNAL):
        if found := outbox.channels_for(case, draft, audience):
            names = [channel.name for channel in found]
            return names, f" (no channel has that name, so by {', '.join(names)})"
    return [], " (the policy has no channel: tell them yourself)"


def _worse(case: Case, draft: Draft, awaited: _Awaited) -> Draft:
    """Raise the severity with it: the next tier is that of a worse one, up to SEV1."""
    if SeverityRule.NO_ROOT_CAUSE in case.policy.rules_off:
        return draft
    waited_for = format_duration(case.now - awaited.since)
    why = f"{SeverityRule.NO_ROOT_CAUSE}: no root cause after {waited_for}"
    return severity.raised_one_level(case, draft, cut(why, 200))
