"""The draft of a Postmortem: what the timeline proves, and questions for the rest.

Pure: an Incident and its entries in, a ``PostmortemSpec`` out. Each figure names its entry by ``#seq``.
Nobody is named, nothing is guessed: what the evidence does not say begins with ``TODO``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ...api.common import Verdict
from ...api.incident import Impact, Incident, TimelineEntry
from ...api.postmortem import (
    PLACEHOLDER,
    ContributingFactors,
    PostmortemImpact,
    PostmortemOf,
    PostmortemSpec,
)
from ..wording import cut, sentence, sentences
from . import lessons
from .narrative import Story, in_words, source
from .timeline_rows import rows, seen, told

__all__ = ["draft"]

_CHAIN: Final = frozenset(
    {
        *("IncidentDeclared", "SeverityRaised", "TargetChanged", "RootCauseRecorded"),
        *("ApprovalGranted", "RemediationApplied", "RemediationFailed", "RemediationReverted"),
        *("RolloutCompleted", "VerificationPassed", "VerificationFailed", "RelapseDetected"),
        *("RevertCompleted", "ResolvedByPeople", "VerificationConfirmed", "IncidentResolved"),
    }
)
_NO_ANSWER: Final = "the cause is not known yet"


def draft(incident: Incident, entries: Sequence[TimelineEntry], now: datetime) -> PostmortemSpec:
    """Draft the Postmortem of an Incident from its whole timeline."""
    story = Story.of(incident, entries, now)
    spec, meta, milestones = incident.spec, incident.metadata, story.milestones
    return PostmortemSpec(
        incident_ref=PostmortemOf(name=meta.name, uid=meta.uid or None),
        title=spec.title,
        severity=story.status.severity or spec.severity,
        started_at=milestones.started_at,
        resolved_at=milestones.resolved_at,
        drill=spec.drill,
        summary=cut(_summary(story), 4096),
        impact=_impact(story),
        timeline=rows(story),
        what_happened=cut(_what_happened(story), 8192),
        contributing_factors=_factors(story),
        five_whys=_whys(story),
        went_well=lessons.went_well(story),
        went_poorly=lessons.went_poorly(story),
        action_items=lessons.action_items(story),
        lessons=f"{PLACEHOLDER}: what is to be decided differently from now on, and where else the "
        "same could happen?",
    )


def _summary(story: Story) -> str:
    spec, milestones = story.incident.spec, story.milestones
    began = f"{milestones.started_at:%Y-%m-%d at %H:%M} UTC" if milestones.started_at else ""
    what = f"{sentence(spec.title).rstrip('.')} ({story.status.severity or spec.severity})"
    happened = f"On {began}: {what}" if began else what
    cause = _cause(story)
    return sentences(
        [
            f"{happened}; {cause}" if cause else happened,
            f"Affected: {_affected(story)}",
            _resolved(story),
        ]
    )


def _affected(story: Story) -> str:
    impact = story.incident.spec.impact or Impact()
    share = impact.users_affected_percent
    parts = [
        story.cast.told(impact.summary or impact.symptom or ""),
        f"{share} % of users, as declared" if share is not None else "",
    ]
    return "; ".join(part.rstrip(".") for part in parts if part) or "not declared"


def _resolved(story: Story) -> str:
    fix, milestones = story.fix, story.milestones
    by_people = story.last("ResolvedByPeople")
    if fix is not None:
        how = f"Resolved by: {fix.summary}"
    elif by_people is not None:
        how = f"Resolved by people: {told(story, by_people)}"
    else:
        how = "Resolved"
    ends = (milestones.mitigated_at, milestones.resolved_at)
    since = milestones.started_at
    if since is None:
        return how
    times = [
        f"{what} after {in_words(end - since)}"
        for what, end in zip(("impact over", "resolved"), ends, strict=True)
        if end is not None
    ]
    return sentences([how, ", ".join(times).capitalize()])


def _impact(story: Story) -> PostmortemImpact:
    milestones, affected = story.milestones, _affected(story)
    start, end = milestones.started_at, milestones.resolved_at
    lasted = f"{start:%Y-%m-%d %H:%M} - {end:%Y-%m-%d %H:%M} UTC ({in_words(end - start)})" if (
        start and end
    ) else f"{PLACEHOLDER}: from when to when?"  # fmt: skip
    return PostmortemImpact(
        users_affected=affected
        if affected != "not declared"
        else f"{PLACEHOLDER}: how many users, or which share of them, felt what?",
        duration=lasted,
        revenue=f"{PLACEHOLDER}: the estimated loss, or N/A",
        error_budget_consumed=f"{PLACEHOLDER}: the share of the error budget, or N/A",
        support_tickets=f"{PLACEHOLDER}: how many came in, or N/A",
        measured=[cut(text, 1024) for text in _measured(story)][:16],
    )


def _measured(story: Story) -> list[str]:
    good = [
        e
        for e in story.having("VerificationSampled", "MonitoringSampled")
        if e.evidence and e.evidence.verdict is Verdict.PASSED
    ]
    before = [("At diagnosis", f"{e.step}: ", e) for e in story.symptoms]
    after = [("After the fix", "", e) for e in good[-1:]]
    return [
        f"{when}, {e.at:%H:%M} UTC: {what}{e.evidence.value}"
        f"{f' (limit: {e.evidence.threshold})' if e.evidence.threshold else ''} {source(e)}"
        for when, what, e in [*before, *after]
        if e.evidence and e.evidence.value
    ]


def _what_happened(story: Story) -> str:
    failed = {e.seq for e in story.trouble}
    chain = [e for e in story.entries if e.reason in _CHAIN or e.seq in failed]
    chain.sort(key=lambda e: e.event_time or e.at)
    return "\n".join(
        f"- {e.event_time or e.at:%H:%M} UTC: {cut(sentence(told(story, e)), 400)} {source(e)}"
        for e in chain[:20]
    )


def _cause(story: Story) -> str:
    """Say the immediate cause as the evidence has it; empty where it has none."""
    said = story.status.root_cause
    entry = story.last("RootCauseRecorded")
    if said is not None:
        of = f" {source(entry)}" if entry else ""
        return f"root cause, as recorded: {story.cast.told(said.text).rstrip('.')}{of}"
    return "; ".join(f"{seen(story, e)} {source(e)}" for e in story.trouble[:3])


def _factors(story: Story) -> ContributingFactors:
    cause = _cause(story)
    return ContributingFactors(
        immediate=cut(sentence(cause[:1].upper() + cause[1:]), 2048)
        if cause
        else f"{PLACEHOLDER}: what was the direct trigger? The diagnosis did not find it.",
        underlying=f"{PLACEHOLDER}: why was that trigger possible - what in design, test or "
        "configuration let it reach production?",
        systemic=f"{PLACEHOLDER}: which gap in organisation or process allowed that - what would "
        "have caught it whoever was on duty?",
    )


def _whys(story: Story) -> list[str]:
    cause = _cause(story)
    symptom = (story.incident.spec.impact or Impact()).symptom or story.incident.spec.title
    first = f"Why “{story.cast.told(symptom).rstrip('.')}”? → "
    answer = sentence(cause) if cause else ""
    return [
        cut(first + answer, 2048) if cause else f"{PLACEHOLDER}: {first}{_NO_ANSWER}",
        f"{PLACEHOLDER}: Why did that happen? → what in the change or the load made it so?",
        f"{PLACEHOLDER}: Why was that possible? → which check, test or limit was not there?",
        f"{PLACEHOLDER}: Why was it not there? → what made leaving it out reasonable?",
        (
            f"{PLACEHOLDER}: Why does the system work like that? → what has to change so that the whole "
            "class of it cannot recur?"
        ),
    ]
