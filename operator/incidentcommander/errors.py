"""What can go wrong at the border to the world, in our own words.

::

    OperatorError
    ├── UnavailableError        cannot be asked now: retry with back-off
    ├── ConflictError           somebody moved the object: read it again, silently
    ├── GoneError               the object is no more
    ├── ForbiddenError          RBAC or admission says no: names verb and resource
    └── InvalidResourceError    the API server refuses the content

The gateways raise these and chain the client's own exception; no client type passes the border.
Anything else that is raised is a bug: it is logged with its traceback, and the work is tried again.
"""

from __future__ import annotations

from .cleaning import clean_line

__all__ = [
    "ConflictError",
    "ForbiddenError",
    "GoneError",
    "InvalidResourceError",
    "OperatorError",
    "UnavailableError",
]


class OperatorError(Exception):
    """The root of all errors that the shell expects.

    Its text can quote what others wrote: a refusal, the name of an object. It is cleaned here, where
    it comes in, so that whoever compares it with what is stored finds the same.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(clean_line(message))


class UnavailableError(OperatorError):
    """The API server cannot be reached, is too slow or answers 429 or 5xx. Retry later."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ConflictError(OperatorError):
    """The object changed since it was read (409, or a failed test of a JSON patch)."""


class GoneError(OperatorError):
    """The object does not exist any more, or is another one with the same name."""


class ForbiddenError(OperatorError):
    """The API server refuses the request to this user (403). The message says which verb."""


class InvalidResourceError(OperatorError):
    """The API server refuses the content (400, 413, 422). Trying again cannot help."""
