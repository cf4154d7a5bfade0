"""What a query template can name: the target, the Incident, its alert.

``scope_of`` gives it for one Incident, ``SAMPLE`` for an invented Incident that has every field
(so that a misspelt name in a Runbook is found before there is an Incident).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from typing_extensions import override

from ..api.common import NameRef, ObjectMeta, Severity, TargetKind, TargetRef
from ..api.incident import Alert, Impact, Incident, IncidentSpec, Roles

__all__ = ["SAMPLE", "Scope", "scope_of"]


class Scope(dict[str, Any]):
    """A mapping that knows by which path a template reaches it."""

    def __init__(self, path: str, values: Mapping[str, Any]) -> None:
        super().__init__({key: _scoped(f"{path}.{key}", value) for key, value in values.items()})
        self.path = path


class _AnyLabels(Scope):
    """Labels of an alert that is not known yet: every name may be there."""

    @override
    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> str:
        return "sample"


def scope_of(incident: Incident) -> Mapping[str, Any]:
    """Name what this Incident has. Parts that are absent are empty, so that ``default`` works."""
    meta = incident.metadata
    parts: dict[str, Any] = {
        "roles": {},
        "impact": {},
        "runbookRef": {},
        "policyRef": {},
        "duplicateOf": {},
    }
    alert = {"labels": {}, "annotations": {}, **(_api(incident.spec.alert))}
    named = _api(incident.target)
    spec = {**parts, **incident.spec.to_api(), "target": named, "alert": alert}
    target = {**named, "namespace": meta.namespace}
    return Scope(
        "",
        {
            "target": target,
            "incident": {**spec, "name": meta.name, "namespace": meta.namespace},
            "alert": alert,
            "labels": alert["labels"],
        },
    )


def _api(model: Any) -> dict[str, Any]:
    given: dict[str, Any] = model.to_api() if model is not None else {}
    return given


def _scoped(path: str, value: Any) -> Any:
    if isinstance(value, Scope):
        return value
    return Scope(path.lstrip("."), value) if isinstance(value, Mapping) else value


def _sample() -> Mapping[str, Any]:
    alert = Alert(name="sample", fingerprint="0", group_key="{}", starts_at="2026-01-01T00:00:00Z")
    spec = IncidentSpec(
        title="sample",
        severity=Severity.SEV2,
        target=TargetRef(kind=TargetKind.DEPLOYMENT, name="sample"),
        runbook_ref=NameRef(name="sample"),
        policy_ref=NameRef(name="sample"),
        duplicate_of=NameRef(name="sample"),
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        roles=Roles(commander="a", tech_lead="b", comms="c", scribe="d"),
        war_room="https://sample.example",
        impact=Impact(symptom="sample", summary="sample", users_affected_percent=1),
        alert=alert,
    )
    meta = ObjectMeta(name="sample", namespace="sample")
    scope = scope_of(Incident(metadata=meta, spec=spec))
    return _with_any_labels(scope)


def _with_any_labels(scope: Mapping[str, Any]) -> Mapping[str, Any]:
    open_parts = {key: _AnyLabels(f"alert.{key}", {}) for key in ("labels", "annotations")}
    alert = Scope("alert", {**scope["alert"], **open_parts})
    incident = Scope("incident", {**scope["incident"], "alert": alert})
    return Scope("", {**scope, "alert": alert, "incident": incident, "labels": alert["labels"]})


SAMPLE: Final = _sample()
