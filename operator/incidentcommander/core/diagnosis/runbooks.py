"""Whether a Runbook can be used, and which one an Incident gets.

What a schema can judge is refused by the API server; here is the rest: templates, queries,
references between the parts. A Runbook with a problem is never chosen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from ...api.common import Condition, ConditionStatus, Severity
from ...api.incident import Incident
from ...api.runbook import DiagnosisStep, Match, Runbook, RunbookSpec
from ...checks import all_checks

__all__ = ["match", "problems", "ready_condition"]

_READY = "Ready"


def problems(runbook: Runbook) -> tuple[str, ...]:
    """Say what makes a Runbook unusable; each text starts with the field's path."""
    spec = runbook.spec
    return (*_of_diagnosis(spec), *_of_detection(spec), *_of_references(spec))


def match(
    here: Sequence[Runbook],
    beside_operator: Sequence[Runbook],
    incident: Incident,
    target_labels: Mapping[str, str],
) -> Runbook | None:
    """Choose the Runbook for an Incident that names none.

    Parameters
    ----------
    here
        Runbooks of the Incident's namespace; any match among them wins.
    beside_operator
        Runbooks of the operator's namespace, for every namespace.
    incident
        The Incident.
    target_labels
        ``metadata.labels`` of its target.
    """
    for runbooks in (here, beside_operator):
        fitting = [r for r in runbooks if _fits(r, incident, target_labels) and not problems(r)]
        if fitting:
            return min(fitting, key=_rank)
    return None


def ready_condition(runbook: Runbook, now: datetime) -> Condition:
    """Say whether the Runbook can be used; the transition time moves only with the status."""
    found = problems(runbook)
    status = ConditionStatus.FALSE if found else ConditionStatus.TRUE
    before = next((c for c in runbook.status.conditions if c.type == _READY), None)
    same = before is not None and before.status is status
    return Condition(
        type=_READY,
        status=status,
        observed_generation=runbook.metadata.generation,
        last_transition_time=before.last_transition_time if before and same else now,
        reason="Invalid" if found else "Usable",
        message=_message(found)[:1024],
    )


def _message(found: Sequence[str]) -> str:
    if not found:
        return "The Runbook can be used."
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{found[0][:1000]}{more}"


# --- problems ------------------------------------------------------------------------------------


def _of_diagnosis(spec: RunbookSpec) -> Iterator[str]:
    yield from _repeated("spec.diagnosis", [step.name for step in spec.diagnosis])
    for index, step in enumerate(spec.diagnosis):
        path = f"spec.diagnosis[{index}]"
        check = all_checks().get(step.kind)
        if check is not None:
            yield from (f"{path}.{problem}" for problem in check.problems(step))
        if step.dependency is not None and step.dependency.prom_ql is not None:
            asked = DiagnosisStep(name=step.name, prom_ql=step.dependency.prom_ql)
            yield from (f"{path}.dependency.{problem}" for problem in _of_query(asked))


def _of_detection(spec: RunbookSpec) -> Iterator[str]:
    asked = spec.detection.false_positive_checks if spec.detection else []
    path = "spec.detection.falsePositiveChecks"
    yield from _repeated(path, [check.name for check in asked])
    for index, check in enumerate(asked):
        step = DiagnosisStep(name=check.name, prom_ql=check.prom_ql)
        yield from (f"{path}[{index}].{problem}" for problem in _of_query(step))


def _of_query(step: DiagnosisStep) -> tuple[str, ...]:
    return all_checks()["promQL"].problems(step)


def _of_references(spec: RunbookSpec) -> Iterator[str]:
    known = ", ".join(step.name for step in spec.diagnosis)
    yield from _repeated("spec.remediation", [r.name for r in spec.remediation])
    for index, remediation in enumerate(spec.remediation):
        for place, when in enumerate(remediation.when):
            if spec.step(when.step) is None:
                path = f"spec.remediation[{index}].when[{place}].step"
                yield f"{path}: there is no diagnosis step {when.step!r}; there are {known}"
    for index, name in enumerate(spec.verification.checks):
        if spec.step(name) is None:
            path = f"spec.verification.checks[{index}]"
            yield f"{path}: there is no diagnosis step {name!r}; there are {known}"


def _repeated(path: str, names: Sequence[str]) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{path}: the name {name!r} is there {times} times; names must be unique"


# --- matching ------------------------------------------------------------------------------------


def _fits(runbook: Runbook, incident: Incident, target_labels: Mapping[str, str]) -> bool:
    """Whether all given parts of ``match`` fit; a Runbook without ``match`` must be named."""
    match_ = runbook.spec.match
    if match_ is None:
        return False
    alert = incident.spec.alert
    severity: Severity = incident.status.severity or incident.spec.severity
    return (
        (not match_.target_kinds or incident.target.kind in match_.target_kinds)
        and (not match_.severities or severity in match_.severities)
        and (not match_.alert_names or (alert is not None and alert.name in match_.alert_names))
        and match_.target_selector.items() <= target_labels.items()
        and match_.alert_labels.items() <= (alert.labels if alert else {}).items()
    )


def _rank(runbook: Runbook) -> tuple[int, int, str]:
    """Order by the highest priority, then the most specific, then the name."""
    match_ = runbook.spec.match or Match()
    return -match_.priority, -_specificity(match_), runbook.metadata.name


def _specificity(match_: Match) -> int:
    """Count the given parts; every label is one."""
    parts = (match_.target_kinds, match_.alert_names, match_.severities)
    labels = len(match_.target_selector) + len(match_.alert_labels)
    return sum(1 for part in parts if part) + labels
