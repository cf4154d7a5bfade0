"""The check ``recentChanges``: whether the configuration around the target changed lately.

Failed means "suspicious", as for a release: what the pods read, and what scales, reaches or protects
them, can break a service that was not rolled out. Only times and managers are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from typing_extensions import override

from ..api.base import format_timestamp
from ..api.common import Verdict
from ..api.incident import Evidence, Finding
from ..api.runbook import DiagnosisStep, RecentChangesCheck
from ..observed.managed_fields import manager_text
from ..observed.needs import ConfigurationNeed, Facts, Need
from ..observed.surroundings import Autoscaler, Configuration, Reference
from ..observed.workloads import Missing, Revision, Unavailable, Workload
from .autoscaler import autoscalers_need
from .base import Check, Subject
from .changes import Change, newest_changes
from .findings import Opinion, evidence, finding, without_target
from .releases import release_of
from .wording import age, clock, count, cut

__all__ = ["CHECK"]

_MOST_NAMED: Final = 3
_SECRET: Final = "Secret"  # noqa: S105 - the name of a kind


@dataclass(frozen=True, slots=True)
class _RecentChanges(Check):
    kind: str = "recentChanges"

    @override
    def problems(self, step: DiagnosisStep) -> tuple[str, ...]:
        return ()

    @override
    def needs(self, step: DiagnosisStep, subject: Subject) -> tuple[Need, ...]:
        usual = subject.needs
        return usual.workload, usual.revisions, autoscalers_need(subject), _need(subject)

    @override
    def judge(self, step: DiagnosisStep, subject: Subject, facts: Facts, now: datetime) -> Finding:
        seen = _seen(subject, facts)
        if not isinstance(seen, _Seen):
            return finding(step, without_target(seen), now)
        within = (step.recent_changes or RecentChangesCheck()).within
        opinion = _judged(seen, within, now)
        return finding(step, opinion, now, _evidence(seen, within, opinion.verdict))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What there is around the target, with the newest change of each, newest first."""

    workload: Workload
    configuration: Configuration
    changes: tuple[Change, ...]
    release_began: datetime | None


def _need(subject: Subject) -> ConfigurationNeed:
    target = subject.incident.target
    return ConfigurationNeed(target.kind, subject.incident.metadata.namespace, target.name)


def _seen(subject: Subject, facts: Facts) -> _Seen | Missing | Unavailable:
    workload = facts.workload(subject.needs.workload)
    if isinstance(workload, Missing | Unavailable):
        return workload
    revisions = facts.revisions(subject.needs.revisions)
    if isinstance(revisions, Unavailable):
        return revisions
    autoscalers = facts.autoscalers(autoscalers_need(subject))
    if isinstance(autoscalers, Unavailable):
        return autoscalers
    configuration = facts.configuration(_need(subject))
    if isinstance(configuration, Missing | Unavailable):
        return configuration
    return _put_together(workload, revisions, autoscalers, configuration)


def _put_together(
    workload: Workload,
    revisions: tuple[Revision, ...] | Missing,
    autoscalers: Sequence[Autoscaler],
    configuration: Configuration,
) -> _Seen:
    release = release_of(workload, revisions if isinstance(revisions, tuple) else ())
    changes = newest_changes(configuration.objects, autoscalers)
    return _Seen(workload, configuration, changes, release.began_at if release else None)


def _judged(seen: _Seen, within: timedelta, now: datetime) -> Opinion:
    needed = [r for r in seen.configuration.missing if not r.optional]
    notes = _notes(seen.configuration)
    if needed:
        message = f"{_listed(needed)} {_are(needed)} not there: pods that start now need it."
        return Opinion(Verdict.FAILED, "ReferenceMissing", f"{message}{notes}")
    recent = [change for change in seen.changes if now - change.at < within]
    if recent:
        message = f"{_told(recent, now)}{_release(seen, now)}.{notes}"
        return Opinion(Verdict.FAILED, "RecentChange", message, recent[0].at)
    hidden = [r for r in seen.configuration.forbidden if r.kind != _SECRET]
    if hidden:
        message = f"Whether something changed cannot be told.{notes}"
        return Opinion(Verdict.INCONCLUSIVE, "NotGranted", message)
    if not seen.changes:
        message = f"No configuration of the target is known.{notes}"
        return Opinion(Verdict.PASSED, "NoRecentChange", message)
    newest = seen.changes[0]
    message = (
        f"{count(len(seen.changes), 'object')} around the target unchanged for {age(within)}; the "
        f"newest change: {cut(newest.what, 100)}, {age(now - newest.at)} ago.{notes}"
    )
    return Opinion(Verdict.PASSED, "NoRecentChange", message)


def _told(recent: Sequence[Change], now: datetime) -> str:
    """Give ``ConfigMap checkout-config changed 6 min ago``, and by which manager, for each."""
    parts = []
    for change in recent[:_MOST_NAMED]:
        by = f", {manager_text(change.manager, 40)}" if change.manager else ""
        did = "was created" if change.made else "changed"
        when = f"{age(now - change.at)} ago ({clock(change.at, now)})"
        parts.append(f"{cut(change.what, 100)} {did} {when}{by}")
    more = len(recent) - _MOST_NAMED
    return "; ".join(parts) + (f"; and {count(more, 'other change')}" if more > 0 else "")


def _release(seen: _Seen, now: datetime) -> str:
    if seen.release_began is None:
        return ""
    return f"; the release began {age(now - seen.release_began)} ago"


def _notes(configuration: Configuration) -> str:
    """Say what was not looked at, and what is not there though it may be."""
    notes = [
        f" {kind}s are not looked at: the operator may not read "
        f"{_names(r for r in configuration.forbidden if r.kind == kind)}."
        for kind in dict.fromkeys(r.kind for r in configuration.forbidden)
    ]
    optional = [r for r in configuration.missing if r.optional]
    if optional:
        notes.append(f" {_listed(optional)} (optional) {_are(optional)} not there.")
    if configuration.left_out:
        notes.append(f" {count(configuration.left_out, 'further reference')} not looked at.")
    return "".join(notes)


def _names(references: Iterable[Reference]) -> str:
    names = [r.name for r in references if r.name]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (", ".join(cut(name, 60) for name in names[:_MOST_NAMED]) + more) or "them"


def _listed(references: Sequence[Reference]) -> str:
    kinds = dict.fromkeys(r.kind for r in references)
    return " and ".join(f"{k} {_names(r for r in references if r.kind == k)}" for k in kinds)


def _are(references: Sequence[Reference]) -> str:
    return "is" if len(references) == 1 else "are"


def _evidence(seen: _Seen, within: timedelta, verdict: Verdict) -> Evidence:
    workload, newest = seen.workload, next(iter(seen.changes), None)
    value = "nothing changed"
    if newest is not None:
        value = f"{cut(newest.what, 120)} {format_timestamp(newest.at)} “{cut(newest.manager, 60)}”"
    return evidence(
        f"GET metadata of the ConfigMaps and Secrets that {workload.kind}/{workload.name} in "
        f"namespace {workload.namespace} refers to, and of its HPA, Services and "
        "PodDisruptionBudgets: managedFields",
        value.rstrip(),
        f"a change younger than {age(within)} is recent",
        verdict,
        newest.resource_version if newest else workload.resource_version,
    )


CHECK: Final[Check] = _RecentChanges()
