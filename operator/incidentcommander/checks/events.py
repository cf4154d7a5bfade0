"""The check ``events``: warnings about the target, its ReplicaSets and its pods.

Events are claims: anybody with ``edit`` can write them, about any object. Failed when one of them is known to keep pods from running; others are only told. Once something was
done about the incident, what was before it, and what older revisions went through, is the past.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from typing_extensions import override

from ..api.common import Phase, Verdict
from ..api.incident import Finding
from ..api.runbook import DiagnosisStep, EventsCheck
from ..observed.needs import Facts, Need, WarningsNeed
from ..observed.surroundings import Warnings
from ..observed.workloads import Missing, Pod, Revision, Unavailable, Workload
from .base import Check, Subject
from .event_owners import Owned, owned, perhaps_owned
from .findings import Opinion, evidence, finding, without_target
from .releases import described, running
from .wording import MESSAGE, age, clock, count, cut

__all__ = ["CHECK"]

_BAD: Final = frozenset(
    {
        "BackOff",
        "ErrImageNeverPull",
        "ErrImagePull",
        "Evicted",
        "Failed",
        "FailedAttachVolume",
        "FailedCreate",
        "FailedCreatePodContainer",
        "FailedCreatePodSandBox",
        "FailedDaemonPod",
        "FailedMapVolume",
        "FailedMount",
        "FailedPostStartHook",
        "FailedPullImage",
        "FailedScheduling",
        "ImagePullBackOff",
        "InspectFailed",
        "InvalidImageName",
        "NetworkNotReady",
        "NodeNotReady",
        "OOMKilling",
        "ReplicaSetCreateError",
        "Unhealthy",
    }
)
_MOST_REASONS: Final = 4
_AFTER_THE_FIX: Final = frozenset({Phase.VERIFYING, Phase.MONITORING})


@dataclass(frozen=True, slots=True)
class _Events(Check):
    kind: str = "events"
    claims: bool = True

    @override
    def problems(self, step: DiagnosisStep) -> tuple[str, ...]:
        return ()

    @override
    def needs(self, step: DiagnosisStep, subject: Subject) -> tuple[Need, ...]:
        usual = subject.needs
        return usual.workload, usual.revisions, usual.pods, _need(subject)

    @override
    def judge(self, step: DiagnosisStep, subject: Subject, facts: Facts, now: datetime) -> Finding:
        seen = _Seen.of(step, subject, facts, now)
        if not isinstance(seen, _Seen):
            return finding(step, without_target(seen), now)
        opinion = _with_strangers(seen, _judged(seen, now))
        workload = seen.workload
        asked = evidence(
            f"GET /api/v1/namespaces/{workload.namespace}/events?fieldSelector=type=Warning "
            f"of {workload.kind}/{workload.name}, its ReplicaSets and pods",
            _grouped(seen.events, now) or "no warnings",
            f"since {clock(seen.start, now)}: none that keeps pods from running",
            opinion.verdict,
            workload.resource_version,
        )
        return finding(step, opinion, now, asked)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The warnings that count, newest first."""

    workload: Workload
    current: Revision | None
    revisions: tuple[Revision, ...]
    events: tuple[Owned, ...]
    start: datetime
    complete: bool
    fixed: bool
    """Whether something was done about it."""
    strangers: int
    """Of events that keep pods from running, about pods that are gone and named like its own."""

    @classmethod
    def of(
        cls, step: DiagnosisStep, subject: Subject, facts: Facts, now: datetime
    ) -> _Seen | Missing | Unavailable:
        usual = subject.needs
        workload, revisions = facts.workload(usual.workload), facts.revisions(usual.revisions)
        pods, warnings = facts.pods(usual.pods), facts.warnings(_need(subject))
        if isinstance(workload, Missing | Unavailable):
            return workload
        for answer in (revisions, pods, warnings):
            if isinstance(answer, Unavailable):
                return answer
        return cls._of(
            subject,
            workload,
            revisions if isinstance(revisions, tuple) else (),
            pods if isinstance(pods, tuple) else (),
            warnings if isinstance(warnings, Warnings) else Warnings(()),
            now - (step.events or EventsCheck()).within,
        )

    @classmethod
    def _of(
        cls,
        subject: Subject,
        workload: Workload,
        revisions: tuple[Revision, ...],
        pods: Sequence[Pod],
        warnings: Warnings,
        start: datetime,
    ) -> _Seen:
        status = subject.incident.status
        fixed = status.phase in _AFTER_THE_FIX
        if fixed and status.execution and status.execution.applied_at:
            start = max(start, status.execution.applied_at)
        recent = [event for event in warnings.events if event.last_at >= start]
        newest_first = sorted(recent, key=lambda event: event.last_at, reverse=True)
        events = owned(newest_first, workload, revisions, pods)
        current = running(workload, revisions)
        gone = perhaps_owned(newest_first, workload, revisions, pods)
        strangers = 0 if fixed else sum(event.reason in _BAD for event in gone)
        complete = warnings.complete
        return cls(workload, current, revisions, events, start, complete, fixed, strangers)

    @property
    def bad(self) -> tuple[Owned, ...]:
        """Those that keep pods from running."""
        bad = tuple(o for o in self.events if o.event.reason in _BAD)
        return tuple(o for o in bad if not self.old(o)) if self.fixed else bad

    def old(self, one: Owned) -> bool:
        """Whether it is about an older revision for sure."""
        return (
            bool(one.revision) and self.current is not None and one.revision != self.current.label
        )


def _with_strangers(seen: _Seen, opinion: Opinion) -> Opinion:
    if not seen.strangers:
        return opinion
    warnings = count(seen.strangers, "further warning")
    text = f" {warnings} about pods that are gone, named like its own: not counted, whose they were"
    message = f"{cut(opinion.message, MESSAGE - len(text) - 16)}{text} is not known."
    return replace(opinion, message=message)


def _need(subject: Subject) -> WarningsNeed:
    target = subject.incident.target
    return WarningsNeed(target.kind, subject.incident.metadata.namespace, target.name)


def _judged(seen: _Seen, now: datetime) -> Opinion:
    bad = seen.bad
    if bad:
        newest = bad[0].event
        text = (
            f"{_grouped(bad, now)}.{_concerned(seen, bad)} The newest, "
            f"{cut(bad[0].about, 100)}: {newest.message.rstrip('.') or 'no message'}."
        )
        since = min(o.event.first_at for o in bad)
        return Opinion(Verdict.FAILED, "WarningEvents", text, since)
    if not seen.complete:
        message = "There are more warnings in the namespace than are read; none of those that are "
        return Opinion(Verdict.INCONCLUSIVE, "TooManyEvents", f"{message}is about the target.")
    span = age(now - seen.start)
    if any(o.event.reason in _BAD for o in seen.events):
        text = f"Only older revisions are concerned: {_grouped(seen.events, now)}."
        return Opinion(Verdict.PASSED, "OldRevisionsOnly", text)
    if seen.events:
        text = f"Nothing that keeps pods from running in {span}, only {_grouped(seen.events, now)}."
        return Opinion(Verdict.PASSED, "OtherWarnings", text)
    message = f"There is no warning about the target or its pods for {span}."
    return Opinion(Verdict.PASSED, "NoWarnings", message)


def _grouped(events: Sequence[Owned], now: datetime) -> str:
    """Give ``BackOff 14 times (last 08:29 UTC), Unhealthy 3 times (last 08:25 UTC)``."""
    reasons = list(dict.fromkeys(o.event.reason for o in events))
    parts: list[str] = []
    for reason in reasons[:_MOST_REASONS]:
        same = [o.event for o in events if o.event.reason == reason]
        times = count(sum(event.count for event in same), "time")
        parts.append(f"{cut(reason, 40)} {times} (last {clock(same[0].last_at, now)})")
    more = len(reasons) - _MOST_REASONS
    return ", ".join(parts) + (f" and {count(more, 'other reason')}" if more > 0 else "")


def _concerned(seen: _Seen, bad: Sequence[Owned]) -> str:
    """Say whose trouble it is, where it is that of one side only."""
    if seen.current is None or any(not o.revision for o in bad):
        return ""
    here = f"{described(seen.current)}, which runs"
    if all(seen.old(o) for o in bad):
        older = next((r for r in seen.revisions if r.label == bad[0].revision), None)
        name = f" ({cut(described(older), 80)})" if older else ""
        return f" Only pods of older revisions{name} are concerned, none of {cut(here, 100)}."
    if not any(seen.old(o) for o in bad):
        return f" Only {cut(here, 100)}, is concerned."
    return ""


CHECK: Final[Check] = _Events()
