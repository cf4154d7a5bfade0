"""The check ``rolloutHistory``: whether a release began recently, and what came with it.

Failed means "suspicious", not "broken": trouble that began with a release is the release's, until
shown otherwise. A mere restart is no release.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from typing_extensions import override

from ..api.base import format_timestamp
from ..api.common import TargetKind, Verdict
from ..api.incident import Evidence, Finding
from ..api.runbook import DiagnosisStep, RolloutHistoryCheck
from ..observed.managed_fields import manager_text
from ..observed.needs import Facts, Need
from ..observed.workloads import Missing, Unavailable, Workload
from .base import Check, Subject
from .difference import differences
from .findings import Opinion, evidence, finding, without_target
from .releases import Release, described, release_of
from .wording import age, clock, cut

__all__ = ["CHECK"]

_MOST_NAMED: Final = 6


@dataclass(frozen=True, slots=True)
class _RolloutHistory(Check):
    kind: str = "rolloutHistory"

    @override
    def problems(self, step: DiagnosisStep) -> tuple[str, ...]:
        return ()

    @override
    def needs(self, step: DiagnosisStep, subject: Subject) -> tuple[Need, ...]:
        return subject.needs.workload, subject.needs.revisions

    @override
    def judge(self, step: DiagnosisStep, subject: Subject, facts: Facts, now: datetime) -> Finding:
        workload = facts.workload(subject.needs.workload)
        if isinstance(workload, Missing | Unavailable):
            return finding(step, without_target(workload), now)
        revisions = facts.revisions(subject.needs.revisions)
        if isinstance(revisions, Unavailable):
            return finding(step, without_target(revisions), now)
        release = release_of(workload, () if isinstance(revisions, Missing) else revisions)
        within = (step.rollout_history or RolloutHistoryCheck()).within
        opinion = _judged(release, within, now)
        return finding(step, opinion, now, _evidence(workload, release, within, opinion.verdict))


def _judged(release: Release | None, within: timedelta, now: datetime) -> Opinion:
    if release is None:
        message = "There is no rollout history: nothing was rolled out yet, or none is kept."
        return Opinion(Verdict.PASSED, "NoHistory", message)
    name = described(release.revision)
    if release.began_at is None:
        message = (
            f"{_capital(name)} is an older release that was taken up again, and nothing says when: "
            "whether that was recent cannot be told."
        )
        return Opinion(Verdict.INCONCLUSIVE, "StartUnknown", message)
    span = age(now - release.began_at)
    if release.previous is None and release.first.number <= 1:
        message = f"There is no release before {name}, which began {span} ago."
        return Opinion(Verdict.PASSED, "NoHistory", message, release.began_at)
    if now - release.began_at < within:
        return Opinion(
            Verdict.FAILED, "RecentRollout", _release_text(release, now), release.began_at
        )
    message = f"{_capital(name)} has run for {span}; releases of the last {age(within)} are recent."
    return Opinion(Verdict.PASSED, "NoRecentRollout", message, release.began_at)


def _release_text(release: Release, now: datetime) -> str:
    """Who rolled out what, when, and what is different, in one sentence after the other."""
    began = release.began_at or now
    text = (
        f"{_capital(described(release.first))} was rolled out {age(now - began)} ago "
        f"({clock(began, now)})"
    )
    if release.manager:
        text += f", {manager_text(release.manager)}"
    if release.first.change_cause:
        text += f", change-cause “{cut(release.first.change_cause, 100)}”"
    text += "; " + _before(release)
    if release.reused:
        text += (
            f". It is an older release taken up again: its start is known from {release.known_from}"
        )
    if release.first is not release.revision:
        text += f". Since then only restarted (now revision {release.revision.number})"
    return f"{text}."


def _before(release: Release) -> str:
    if release.previous is None:
        return "no earlier revision is kept"
    found = differences(release.previous.template, release.first.template)
    named = ", ".join(cut(name, 40) for name in found[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return f"before it ran {described(release.previous)}; differs in: {named or 'nothing'}{more}"


def _evidence(
    workload: Workload, release: Release | None, within: timedelta, verdict: Verdict
) -> Evidence:
    deployment = workload.kind is TargetKind.DEPLOYMENT
    resource = "replicasets" if deployment else "controllerrevisions"
    value = "no revisions"
    if release is not None:
        began = format_timestamp(release.began_at) if release.began_at else "unknown"
        value = f"{described(release.first)} began {began} ({release.known_from})"
    return evidence(
        f"GET /apis/apps/v1/namespaces/{workload.namespace}/{resource} "
        f"of {workload.kind}/{workload.name}",
        value,
        f"a release younger than {age(within)} is recent",
        verdict,
        workload.resource_version,
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


CHECK: Final[Check] = _RolloutHistory()
