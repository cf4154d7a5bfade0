"""What the API server's refusals mean in our own words.

``client`` passes every answer that is no success through ``refusal``. Which code means what was
tried on a real server. Nothing here sends anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ...errors import (
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidResourceError,
    OperatorError,
    UnavailableError,
)
from ...foreign import ForeignError, inside, parsed

__all__ = [
    "AlreadyExistsError",
    "Answered",
    "ExpiredError",
    "FailedTestError",
    "UnknownResourceError",
    "refusal",
]

_SHOWN: Final = 600
"""Characters of a message that are kept: a refused schema can fill pages."""
_TOO_LARGE: Final = ("request is too large", "larger than max")
_STRICT: Final = "strict decoding error"
_NO_DETAILS: Final = "the server rejected our request due to an error in our request"


class AlreadyExistsError(ConflictError):
    """There is an object of that name already (409 on creation)."""


class FailedTestError(ConflictError):
    """A test of a JSON patch failed, or a path that it relies on is absent (422)."""


class UnknownResourceError(UnavailableError):
    """The API server serves no such resource: the CRD is missing, or the server is older."""


class ExpiredError(UnavailableError):
    """That resourceVersion is too old to go on from (410)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer of the API server that is no success."""

    asked: str
    """What was asked, for people: ``patch deployments/checkout in namespace shop``."""
    code: int
    body: str
    retry_after: str | None = None


def refusal(answered: Answered) -> OperatorError:
    """Find the error of ours that says what the answer means."""
    status = _status_of(answered.body)
    message = _readable(str(status.get("message") or answered.body))
    text = f"{answered.asked}: the API server answered {answered.code}: {message}"
    if answered.code in {400, 405, 406, 413, 415} or any(part in text for part in _TOO_LARGE):
        return InvalidResourceError(text)
    if answered.code in {404, 409, 422}:
        return _about_the_object(answered.code, status, text)
    if answered.code == 403:  # noqa: PLR2004
        return ForbiddenError(text)
    if answered.code == 410:  # noqa: PLR2004
        return ExpiredError(text)
    return UnavailableError(text, retry_after=_seconds(answered.retry_after, status))


def _about_the_object(code: int, status: Mapping[str, Any], text: str) -> OperatorError:
    match code:
        case 404:
            # A missing object is named; an unknown resource is not.
            named = inside(status, "details", "name")
            return GoneError(text) if named else UnknownResourceError(text)
        case 409 if status.get("reason") == "AlreadyExists":
            return AlreadyExistsError(text)
        case 409:
            return ConflictError(text)
        case _ if _NO_DETAILS in text and not inside(status, "details", "causes"):
            # The only sign of a failed test: a refused schema names the object and the field.
            return FailedTestError(text)
        case _:
            return InvalidResourceError(text)


def _status_of(body: str) -> Mapping[str, Any]:
    try:
        status = parsed(body)
    except ForeignError:
        return {}
    return status if isinstance(status, dict) else {}


def _readable(message: str) -> str:
    message = " ".join(message.split())
    if _STRICT in message:
        # The server puts the whole object before the one thing that is wrong with it.
        message = message[message.index(_STRICT) :]
    return message if len(message) <= _SHOWN else f"{message[:_SHOWN]}…"


def _seconds(header: str | None, status: Mapping[str, Any]) -> float | None:
    value = header or inside(status, "details", "retryAfterSeconds")
    try:
        return float(value) if value else None
    except (TypeError, ValueError):
        return None
