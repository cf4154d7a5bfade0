"""The base of all API models and the scalar types they share.

Every string carries a maximum length and every list a maximum size: the API server refuses CEL
rules whose worst-case cost it cannot bound.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

__all__ = [
    "CLOSED_LABEL",
    "FIELD_MANAGER",
    "GROUP",
    "HANDLED_ANNOTATION",
    "LINES",
    "MARKER_ANNOTATION",
    "ONE_LINE",
    "PATTERN_MESSAGE",
    "VERSION",
    "ApiModel",
    "Command",
    "Duration",
    "HttpUrl",
    "LongText",
    "Message",
    "Name",
    "Person",
    "Query",
    "ShortText",
    "Timestamp",
    "User",
    "at_least_a_second",
    "format_duration",
    "format_timestamp",
    "parse_duration",
    "parse_timestamp",
]

GROUP: Final = "incidentcommander.dev"
VERSION: Final = "v1alpha1"

MARKER_ANNOTATION: Final = f"{GROUP}/applied"
FIELD_MANAGER: Final = "incident-commander"
"""Under this name the operator's writes stand in an object's managedFields."""
"""On a target: the id of the proposal whose change it carries (written in the same patch)."""
HANDLED_ANNOTATION: Final = f"{GROUP}/handled"
"""On an Incident: the last ``status.handled.seq`` whose requests were removed."""
CLOSED_LABEL: Final = f"{GROUP}/closed"
"""On an Incident: it has ended and the operator does not watch it any more."""

PATTERN_MESSAGE: Final = "x-pattern-message"
"""Beside a pattern in a schema: the same in words, for whoever mistypes (see tools/structural)."""


_UNSEEN_WORDS: Final = "control, direction or zero-width characters"
# General categories of Unicode, and not the ranges of ``cleaning``: what a rule costs grows with its
# length times that of the text. They are rules, and no patterns, so that an answer says what is
# wrong, and so that the operator can still read what was stored before there were any.
ONE_LINE: Final[dict[str, JsonValue]] = {
    "x-kubernetes-validations": [
        {
            "rule": r"!self.matches('[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]')",
            "message": f"must be one line without {_UNSEEN_WORDS}",
        }
    ]
}
"""For a text in ``spec``: people see every character of it, and it is one line."""
LINES: Final[dict[str, JsonValue]] = {
    "x-kubernetes-validations": [
        {
            "rule": r"!self.matches('[^\\P{Cc}\\n\\t]|[\\p{Cf}\\p{Zl}\\p{Zp}]')",
            "message": f"must be text without {_UNSEEN_WORDS} (line feeds and tabs may be in it)",
        }
    ]
}
"""The same for a text of several lines."""


class ApiModel(BaseModel):
    """A frozen model whose JSON names are camelCase.

    Unknown fields are ignored when reading: the API server refuses them on the way in, and an
    older operator must be able to read what a newer schema allows.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
    )

    def to_api(self) -> dict[str, Any]:
        """Give the JSON form that the API server stores: camelCase, without absent fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
# Bounded, so that no sum of parts is too long for a timedelta.
_DURATION_PATTERN: Final = r"^([0-9]{1,6}(\.[0-9]{1,3})?(ms|s|m|h))+$"
_LONGEST: Final = timedelta(days=3650)
"""A longer duration counts as this one: sums of it with any time stay times."""
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
}

# The format date-time alone lets through what is no time: an offset of 99 hours, the year 0.
_TIMESTAMP_PATTERN: Final = (
    r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?"
    r"(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"
)


def parse_duration(value: object) -> timedelta:
    """Read a Go style duration such as ``90s``, ``10m`` or ``1h30m``.

    Raises
    ------
    ValueError
        If the text is no duration; the message says what one looks like.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and re.fullmatch(_DURATION_PATTERN, value):
        parts = _DURATION.findall(value)
        return min(sum((float(n) * _UNITS[unit] for n, unit in parts), timedelta()), _LONGEST)
    raise ValueError(f"{value!r} is not a duration such as 90s, 10m or 1h30m")


def format_duration(value: timedelta) -> str:
    """Write a duration as Go does, without zero parts: ``1h30m``, ``90s`` becomes ``1m30s``."""
    milliseconds = round(value.total_seconds() * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, millis = divmod(rest, 1000)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"), (millis, "ms"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def parse_timestamp(value: object) -> datetime:
    """Read an RFC 3339 time as an aware UTC ``datetime``.

    Raises
    ------
    ValueError
        If the text is no RFC 3339 time with a zone.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        try:
            return value.astimezone(UTC)
        except OverflowError as problem:
            raise ValueError(f"{value} is out of range") from problem
    raise ValueError(f"{value!r} is not an RFC 3339 time such as 2026-11-22T08:00:00Z")


def format_timestamp(value: datetime) -> str:
    """Write a time as Kubernetes does (``metav1.Time``): UTC, whole seconds, ``Z``."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 32,
            "pattern": _DURATION_PATTERN,
            PATTERN_MESSAGE: "a duration such as 90s, 10m or 1h30m",
        }
    ),
]
"""A Go style duration."""


def at_least_a_second(*names: str) -> list[JsonValue]:
    """CEL rules for durations (by their names in YAML) that would make no sense as zero."""
    # What is no duration at all is refused by the pattern: here it would only be an odd error.
    pattern = _DURATION_PATTERN.replace("\\", "\\\\")
    return [
        {
            "rule": f"!has(self.{name}) || !self.{name}.matches('{pattern}') || "
            f"duration(self.{name}) >= duration('1s')",
            "message": f"{name} must be at least 1s",
            "fieldPath": f".{name}",
        }
        for name in names
    ]


Timestamp = Annotated[
    datetime,
    BeforeValidator(parse_timestamp),
    PlainSerializer(format_timestamp, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 64,
            "format": "date-time",
            "pattern": _TIMESTAMP_PATTERN,
        }
    ),
]
"""An RFC 3339 time."""

Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        json_schema_extra={
            PATTERN_MESSAGE: "the name of an object: lower-case letters, digits, '-' and '.'"
        },
    ),
]
"""The name of a Kubernetes object (RFC 1123 subdomain)."""
HttpUrl = Annotated[
    str,
    Field(
        max_length=2048,
        pattern=r"^https?://.+",
        json_schema_extra={
            PATTERN_MESSAGE: "a URL that begins with http:// or https://",
            **ONE_LINE,
        },
    ),
]
User = Annotated[str, Field(max_length=256)]
"""A Kubernetes user name."""
Person = Annotated[str, Field(max_length=256, json_schema_extra=ONE_LINE)]
"""The same, as people write it into a ``spec``."""
ShortText = Annotated[str, Field(max_length=120)]
Message = Annotated[str, Field(max_length=512)]
Command = Annotated[str, Field(max_length=1024)]
"""A command line to be copied whole, made by ``command_line`` alone."""
Query = Annotated[str, Field(max_length=2048)]
LongText = Annotated[str, Field(max_length=4096)]
