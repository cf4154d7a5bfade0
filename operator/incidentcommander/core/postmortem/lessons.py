"""What went well, what went poorly, and what to do about it, as far as the timeline proves it.

Each sentence carries its figure and where that stands. Action items are suggested without an owner:
people decide who will do what by when.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from ...actions import traits_of
from ...api.base import format_duration
from ...api.common import ProposalState, Severity, Verdict
from ...api.incident import Proposal, TimelineEntry
from ...api.policy import ResponsePolicySpec
from ...api.postmortem import ActionItem, ActionPriority
from ..response.roles import unfilled
from ..wording import cut
from .narrative import Story, in_words, source
from .timeline_rows import told

__all__ = ["action_items", "went_poorly", "went_well"]

_SLACK: Final = timedelta(seconds=5)
_IN_GIT: Final = frozenset({"GitOpsOwned", "AutoSync"})
_GOOD, _BAD = "good", "bad"
_Point = tuple[str, str]


def went_well(story: Story) -> list[str]:
    """Give what worked in the response."""
    return _points(story, _GOOD)


def went_poorly(story: Story) -> list[str]:
    """Give what was slow or missing."""
    return _points(story, _BAD)


def _points(story: Story, side: str) -> list[str]:
    found = [text for judge in _JUDGES for where, text in judge(story) if where == side]
    return [cut(text, 1024) for text in found[:16]]


def _detection(story: Story) -> Iterator[_Point]:
    spec, m = story.incident.spec, story.milestones
    if spec.impact is not None and spec.impact.customer_reported:
        yield _BAD, "Customers reported it before a monitor did."
    elif spec.alert is None:
        yield _BAD, "It was declared by a person: no alert declared it."
    if m.started_at and m.detected_at and m.detected_at > m.started_at:
        took = m.detected_at - m.started_at
        side = _GOOD if took <= timedelta(minutes=5) else _BAD
        yield side, f"Detected {in_words(took)} after the impact began."


def _acknowledgement(story: Story) -> Iterator[_Point]:
    m, severity = story.milestones, story.status.severity or story.incident.spec.severity
    policy = story.status.policy.whole if story.status.policy else ResponsePolicySpec()
    limit = policy.rules_for(severity).respond_within
    said = next(iter(story.having("IncidentAcknowledged", "ApprovalGranted")), None)
    if m.acknowledged_at is None:
        yield _BAD, "Nobody acknowledged it."
    elif m.detected_at and limit:
        took = m.acknowledged_at - m.detected_at
        side = _GOOD if took <= limit else _BAD
        of = f" {source(said)}" if said else ""
        yield (
            side,
            f"Acknowledged after {in_words(took)} ({severity}: within {in_words(limit)}).{of}",
        )


def _updates(story: Story) -> Iterator[_Point]:
    posted, policy, m = story.having("UpdatePosted"), story.status.policy, story.milestones
    if not posted or policy is None:
        yield _BAD, "No update was posted."
        return
    times = [e.at for e in posted]
    gap = max((b - a for a, b in itertools.pairwise(times)), default=timedelta())
    every = _cadence(story)
    first = times[0] - m.declared_at if m.declared_at else timedelta()
    late = [
        f"first after {in_words(first)} (due within {format_duration(policy.first_update_within)})"
        if first > policy.first_update_within + _SLACK
        else "",
        f"longest gap {in_words(gap)} (cadence {format_duration(every)})"
        if gap > every + _SLACK
        else "",
    ]
    if any(late):
        yield (
            _BAD,
            f"Updates were late: {', '.join(filter(None, late))} {source(posted[0], posted[-1])}.",
        )
    else:
        yield (
            _GOOD,
            (
                f"Updates: {len(posted)}, all in time: first after {in_words(first)}, longest gap "
                f"{in_words(gap)} (cadence {format_duration(every)}) "
                f"{source(posted[0], posted[-1])}."
            ),
        )


def _cadence(story: Story) -> timedelta:
    """Give the longest cadence that held: it was another one while the severity was lower."""
    spec, policy = story.incident.spec, story.status.policy
    whole = policy.whole if policy else ResponsePolicySpec()
    said = " ".join(e.message for e in story.having("SeverityRaised", "SeverityLowered"))
    held = {spec.severity, story.status.severity or spec.severity}
    held |= {level for level in Severity if f"From {level} " in said}
    return max(whole.rules_for(level).cadence for level in held)


def _clocks(story: Story) -> Iterator[_Point]:
    """What was awaited for too long, as it was told then."""
    told_on = story.having("EscalationRaised")
    late = [e for e in told_on if "told at once" not in e.message]
    for entry in late[:4]:
        _, _, what = entry.message.partition(": ")
        yield _BAD, f"Escalated: {what.split('. ')[0].rstrip('.')} {source(entry)}."
    for entry in story.having("RoleUnfilled")[:2]:
        yield _BAD, f"{entry.message.split(', and it was due')[0]} in time {source(entry)}."
    failing = story.having("DeliveryFailed", "DeliveryAbandoned")
    if failing:
        yield _BAD, f"Channels did not take notices: {len(failing)} time(s) {source(*failing[:5])}."


def _approval(story: Story) -> Iterator[_Point]:
    offered, granted = story.having("ProposalOffered"), story.having("ApprovalGranted")
    expired = story.having("ProposalExpired")
    if expired:
        yield _BAD, f"Proposals expired undecided {len(expired)} time(s) {source(*expired[:5])}."
    if offered and granted:
        took = granted[0].at - offered[0].at
        of = source(offered[0], granted[0])
        late = any("waited for a decision" in e.message for e in story.having("EscalationRaised"))
        yield (
            _BAD if expired or late else _GOOD,
            f"Decided {in_words(took)} after the first proposal {of}.",
        )


def _remediation(story: Story) -> Iterator[_Point]:
    failed = story.having("VerificationFailed", "RemediationFailed", "RelapseDetected")
    changes, fix = story.having("RemediationApplied"), story.fix
    if fix is not None and len(changes) == 1 and not failed:
        yield _GOOD, f"The first remediation worked: {fix.summary} {source(changes[0])}."
    elif failed:
        of = source(*failed[:5])
        yield _BAD, f"Changes of the target: {len(changes)}; that did not hold: {len(failed)} {of}."
    for entry in story.having("RemediationReverted")[:2]:
        yield _BAD, f"A change was taken back by others: {told(story, entry)} {source(entry)}"
    people = story.last("ResolvedByPeople")
    if people is not None:
        yield (
            _BAD,
            f"No remediation of the Runbook ended it: {told(story, people)} {source(people)}",
        )


def _readiness(story: Story) -> Iterator[_Point]:
    missing = unfilled(story.status)
    if missing:
        yield _BAD, f"Unfilled to the end: {', '.join(missing)}."
    else:
        yield _GOOD, "Every role that the policy wants was filled."
    if story.status.runbook is None:
        yield _BAD, "No Runbook matched."
    blind = _blind(story)
    if blind:
        names = ", ".join(sorted({e.step or "" for e in blind}))
        yield _BAD, f"Checks that could not tell: {names} {source(*blind[:5])}."
    unguarded = story.having("ApprovalsUnguarded")
    if unguarded:
        yield _BAD, f"Approvals were not guarded for a time {source(*unguarded[:3])}."


def _blind(story: Story) -> list[TimelineEntry]:
    return [
        e
        for e in story.having("DiagnosisStepFinished")
        if e.evidence and e.evidence.verdict in {Verdict.INCONCLUSIVE, Verdict.ERROR}
    ]


_JUDGES: Final[tuple[Callable[[Story], Iterator[_Point]], ...]] = (
    *(_detection, _acknowledgement, _updates, _clocks),
    *(_approval, _remediation, _readiness),
)


def action_items(story: Story) -> list[ActionItem]:
    """Suggest what the evidence asks for, the most urgent first; owner and due date are open."""
    wanted = [*_after_a_release(story), *_after_gaps(story)]
    ordered = sorted(wanted, key=lambda item: item[0])
    return [
        ActionItem(id=f"AI-{n}", action=cut(action, 1024), priority=priority)
        for n, (priority, action) in enumerate(ordered, 1)
    ]


def _after_a_release(story: Story) -> Iterator[tuple[ActionPriority, str]]:
    undone = next(
        (
            p
            for p in reversed(story.status.proposals)
            if traits_of(p.action).rolls_back and p.state is ProposalState.VERIFIED
        ),
        None,
    )
    if undone is None:
        return
    if at_the_source := _at_the_source(story, undone):
        yield ActionPriority.P0, at_the_source
    was = undone.parameters.get("fromRevision", "")
    which = f"revision {was} of {story.target}" if was else f"the release of {story.target}"
    yield ActionPriority.P1, f"Mend what {which} broke before it is released again"
    steps = ", ".join(f"{e.step} {source(e)}" for e in story.symptoms)
    what = f"fails on what this release did: {steps}" if steps else "fails on what it did"
    yield ActionPriority.P1, f"Add a test or a gate before production that {what}"


def _at_the_source(story: Story, undone: Proposal) -> str:
    """Say where the rollback is undone again, unless somebody changes that too."""
    guards = {g.name for g in undone.guards}
    if guards & _IN_GIT:
        return f"Land the revert in Git: {story.target} was rolled back in the cluster only"
    if "HelmOwned" in guards:
        return f"Change the values of the Helm release that owns {story.target}"
    if "LastAppliedStale" in guards:
        return (
            f"Revert the manifest of {story.target}: the next kubectl apply releases the bad "
            "template again"
        )
    return ""


def _after_gaps(story: Story) -> Iterator[tuple[ActionPriority, str]]:
    spec = story.incident.spec
    if spec.alert is None or (spec.impact is not None and spec.impact.customer_reported):
        yield ActionPriority.P1, f"Add an alert that declares an Incident for “{spec.title}”"
    if story.status.runbook is None:
        yield ActionPriority.P2, f"Write a Runbook that matches {story.target}"
    elif story.last("ResolvedByPeople") is not None:
        name = story.status.runbook.name
        yield ActionPriority.P2, f"Add what people did to the Runbook {name} as a remediation"
    blind = sorted({e.step or "" for e in _blind(story)})
    if blind:
        yield ActionPriority.P2, f"Give these checks the data that they lacked: {', '.join(blind)}"
    if story.having("ProposalExpired"):
        yield ActionPriority.P2, "Make sure that somebody who may approve is always reachable"
    if story.having("RelapseDetected"):
        yield ActionPriority.P2, "Find out why the first fix did not hold"
