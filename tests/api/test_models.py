"""Models and schema agree: what the API server lets through, the models read and write alike."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidentcommander.api.base import (
    ApiModel,
    format_duration,
    format_timestamp,
    parse_duration,
    parse_timestamp,
)
from incidentcommander.api.incident import IncidentSpec, IncidentStatus
from incidentcommander.api.page import TimelinePageSpec
from incidentcommander.api.policy import ResponsePolicySpec, ResponsePolicyStatus
from incidentcommander.api.runbook import RunbookSpec, RunbookStatus
from tests.support.api import Api
from tests.support.objects import incident, runbook
from tools.structural import structural_schema

Schema = dict[str, Any]

PARTS: tuple[type[ApiModel], ...] = (
    IncidentSpec,
    IncidentStatus,
    RunbookSpec,
    RunbookStatus,
    ResponsePolicySpec,
    ResponsePolicyStatus,
    TimelinePageSpec,
)

_SECONDS_OF_A_CENTURY = 3_155_000_000
_INSTANTS = st.integers(0, _SECONDS_OF_A_CENTURY).map(
    lambda n: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=n)
)
_SPANS = st.integers(min_value=0, max_value=10**10).map(lambda n: timedelta(milliseconds=n))
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
_FEW = 3


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Everything that a structural schema admits; texts and lists short, for speed."""
    match schema["type"]:
        case "string" if "enum" in schema:
            return st.sampled_from(schema["enum"])
        case "string" if schema.get("format") == "date-time":
            return _INSTANTS.map(format_timestamp)
        case "string" if "(ms|s|m|h)" in schema.get("pattern", ""):
            return _SPANS.map(format_duration)
        case "string" if "pattern" in schema:
            # Go's `$` is the end of the text, Python's admits a newline before it.
            pattern = schema["pattern"].removesuffix("$")
            return st.from_regex(pattern + r"\Z").filter(_length(schema))
        case "string":
            return _TEXT.filter(_length(schema))
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", -1000), schema.get("maximum", 10**6))
        case "number":
            return st.floats(
                schema.get("minimum", -1e6),
                schema.get("maximum", 1e6),
                exclude_min=schema.get("exclusiveMinimum", False),
            )
        case "array":
            fewest = schema.get("minItems", 0)
            return st.lists(
                values(schema["items"]), min_size=fewest, max_size=max(fewest, min(_FEW, 1))
            )
        case _:
            return _objects(schema)


def _objects(schema: Schema) -> st.SearchStrategy[Schema]:
    if "additionalProperties" in schema:
        return st.dictionaries(_TEXT, values(schema["additionalProperties"]), max_size=_FEW)
    required = set(schema.get("required", []))
    properties = {name: values(child) for name, child in schema.get("properties", {}).items()}
    return st.fixed_dictionaries(
        {name: child for name, child in properties.items() if name in required},
        optional={name: child for name, child in properties.items() if name not in required},
    )


def _length(schema: Schema) -> Any:
    return lambda text: schema.get("minLength", 0) <= len(text) <= schema["maxLength"]


def strategy(part: type[ApiModel]) -> st.SearchStrategy[Any]:
    return values(structural_schema(part, stored_defaults=False))


STRATEGIES = {part: strategy(part) for part in PARTS}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_models_read_what_the_schema_admits_and_write_it_back(
    part: type[ApiModel], data: st.DataObject
) -> None:
    given_value = data.draw(STRATEGIES[part])

    model = part.model_validate(given_value)
    written = model.to_api()

    assert part.model_validate(written) == model
    assert part.model_validate(written).to_api() == written
    # Defaults may be added; nothing that was given is lost or renamed.
    assert _lost(given_value, written) == []


def _lost(given_value: object, written: object, path: str = "") -> list[str]:
    if isinstance(given_value, dict) and isinstance(written, dict):
        return [
            place
            for name, child in given_value.items()
            for place in (
                _lost(child, written[name], f"{path}.{name}")
                if name in written
                else [f"{path}.{name}"]
            )
        ]
    if isinstance(given_value, list) and isinstance(written, list):
        pairs = zip(given_value, written, strict=True)
        return [place for old, new in pairs for place in _lost(old, new, f"{path}[]")]
    return [] if given_value == written else [path]


@given(_SPANS)
def test_durations_round_trip(span: timedelta) -> None:
    assert parse_duration(format_duration(span)) == span


@given(_INSTANTS)
def test_timestamps_round_trip(moment: datetime) -> None:
    assert parse_timestamp(format_timestamp(moment)) == moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("48h", 172800),
        ("1.5h", 5400),
        ("500ms", 0.5),
        ("0s", 0),
        ("2160h", 7776000),
    ],
)
def test_durations_are_those_of_go(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(minutes=90), "1h30m"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(hours=48), "48h"),
        (timedelta(milliseconds=1500), "1s500ms"),
        (timedelta(), "0s"),
    ],
)
def test_durations_are_written_without_zero_parts(span: timedelta, text: str) -> None:
    assert format_duration(span) == text


@pytest.mark.parametrize(
    "text", ["", "30", "-5m", "2d", "half an hour", "1h 30m", "9999999h", "5m\n", None, 5]
)
def test_what_is_no_duration_is_refused_in_words(text: object) -> None:
    message = f"{text!r} is not a duration such as 90s, 10m or 1h30m"
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_duration(text)


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-11-22T08:00:00", "0001-01-01T00:00:00+14:00", None, 5]
)
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T08:00:00Z",
        "2026-11-22T08:00:00.000000Z",
        "2026-11-22T08:00:00.123456789Z",
        "2026-11-22T09:00:00+01:00",
    ],
)
def test_times_are_read_in_every_form_that_the_server_lets_through(
    api: Api, crds: list[str], text: str
) -> None:
    stored = api.dry().create("incidents", incident("default", startedAt=text)).expect_ok()

    spec = IncidentSpec.model_validate(stored["spec"])

    assert spec.started_at is not None
    assert spec.started_at.tzinfo is UTC
    assert format_timestamp(spec.started_at) == "2026-11-22T08:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2026-11-22T08:00:00+99:99", id="an offset of days"),
        pytest.param("2026-11-22t08:00:00z", id="small letters"),
        pytest.param("0000-01-01T00:00:00Z", id="the year 0"),
        pytest.param("9999-12-31T23:59:59-14:00", id="the year 10000 in UTC"),
        pytest.param("2026-11-22T08:00:00x1Z", id="a strange fraction"),
        pytest.param("2026-02-30T08:00:00Z", id="the 30th of February"),
    ],
)
def test_times_that_the_models_cannot_read_never_get_in(
    api: Api, crds: list[str], text: str
) -> None:
    answer = api.dry().create("incidents", incident("default", startedAt=text))

    answer.expect_refused("spec.startedAt")


def test_times_are_written_in_utc() -> None:
    moment = datetime(2026, 11, 22, 9, 0, 0, 999999, tzinfo=timezone(timedelta(hours=1)))

    assert format_timestamp(moment) == "2026-11-22T08:00:00Z"


def test_unknown_fields_are_ignored_when_reading() -> None:
    """An older operator reads what a newer schema allows."""
    spec = IncidentSpec.model_validate({**incident("")["spec"], "later": 1})

    assert "later" not in spec.to_api()


def test_every_field_of_an_incident_is_taken(api: Api, crds: list[str]) -> None:
    spec: dict[str, Any] = {
        "title": "Checkout returns 5xx",
        "severity": "SEV2",
        "target": {"kind": "Deployment", "name": "checkout"},
        "runbookRef": {"name": "deployment-regression"},
        "policyRef": {"name": "default"},
        "startedAt": "2026-11-22T08:00:00Z",
        "roles": {"commander": "alice", "techLead": "bob", "comms": "carol", "scribe": "dave"},
        "warRoom": "https://chat.example/inc-42",
        "impact": {
            "symptom": "Some payments fail",
            "summary": "Customers cannot pay",
            "usersAffectedPercent": 30,
            "customerReported": False,
            "payingAccounts": False,
            "dataIntegrity": False,
            "securityBreach": False,
        },
        "alert": {
            "name": "HighErrorRate",
            "labels": {},
            "annotations": {},
            "fingerprint": "",
            "groupKey": "",
            "startsAt": "",
        },
        "drill": False,
        "duplicateOf": {"name": "other"},
        "relatedTo": [{"namespace": "shop", "name": "earlier"}],
    }

    stored = api.dry().create("incidents", incident("default", **spec)).expect_ok()["spec"]

    assert stored == spec
    assert IncidentSpec.model_validate(stored).to_api() == spec


def test_every_field_of_a_runbook_is_taken(api: Api, crds: list[str]) -> None:
    limit = {"query": "up", "max": 0.5}
    spec: dict[str, Any] = {
        "title": "A release broke the service",
        "quickReference": {
            "service": "checkout",
            "ownerTeam": "payments",
            "onCall": "https://oncall.example",
            "dashboards": ["https://grafana.example"],
            "links": ["https://wiki.example"],
        },
        "match": {
            "priority": 0,
            "targetKinds": ["Deployment"],
            "targetSelector": {"app": "checkout"},
            "alertNames": ["HighErrorRate"],
            "alertLabels": {"team": "payments"},
            "severities": ["SEV1"],
        },
        "detection": {
            "symptoms": "5xx",
            "falsePositiveChecks": [{"name": "traffic", "promQL": limit}],
        },
        "diagnosis": [
            {"name": "pods", "podStatus": {"maxRestarts": 5}},
            {"name": "rollout", "rolloutHistory": {"within": "60m"}},
            {
                "name": "errors",
                "errorRate": {
                    "errors": 'sum(rate(e{namespace="{{ target.namespace }}"}[1m]))',
                    "total": "sum(rate(t[1m]))",
                    "max": 0.05,
                    "baseline": {"offset": "1h", "maxRatio": 3},
                    "minRequests": 1,
                },
            },
            {"name": "latency", "promQL": limit},
            {"name": "hpa", "autoscaler": {}},
            {"name": "events", "events": {"within": "30m"}},
            {"name": "changes", "recentChanges": {"within": "60m"}},
            {"name": "database", "dependency": {"kind": "StatefulSet", "name": "db"}},
            {"name": "cache", "dependency": {"promQL": limit}},
            {"name": "vendor", "dependency": {"url": "https://status.example"}},
        ],
        "remediation": [
            {
                "name": "rollback",
                "risk": "Medium",
                "when": [
                    {"step": "rollout", "reason": "RecentRollout"},
                    {"step": "errors", "verdict": "Failed"},
                ],
                "rolloutUndo": {"toRevision": 3},
                "onFailure": "Escalate",
            },
            {"name": "restart", "risk": "Low", "rolloutRestart": {}, "onFailure": "Revert"},
            {
                "name": "scale-out",
                "risk": "Low",
                "scale": {"by": 2, "max": 20},
                "onFailure": "Escalate",
            },
            {
                "name": "autoscale",
                "risk": "Low",
                "autoscale": {"minReplicas": 3, "maxReplicas": 20, "cpuUtilization": 70},
                "onFailure": "Escalate",
            },
            {
                "name": "migrate",
                "risk": "High",
                "manual": {"instructions": "…"},
                "onFailure": "Escalate",
            },
        ],
        "verification": {
            "timeout": "10m",
            "interval": "30s",
            "successes": 3,
            "failures": 3,
            "checks": ["errors", "latency"],
        },
        "testEvery": "2160h",
    }

    stored = api.dry().create("runbooks", runbook("default", **spec)).expect_ok()["spec"]

    assert stored == spec
    assert RunbookSpec.model_validate(RunbookSpec.model_validate(stored).to_api()) == (
        RunbookSpec.model_validate(spec)
    )
