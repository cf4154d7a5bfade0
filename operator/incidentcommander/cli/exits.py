"""How a command ends: exit codes that scripts can use, and words for people."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Code", "Ended"]


class Code(IntEnum):
    """Exit codes; they are documented and stay."""

    DONE = 0
    ERROR = 1
    """kubectl or the API server said no, or something is not in order."""
    USAGE = 2
    REFUSED = 3
    """By the admission guard, or by the operator."""
    NOT_FOUND = 4
    TIMED_OUT = 5
    """It was sent, and not taken within the time."""


class Ended(Exception):  # noqa: N818 - reads as what happened
    """The command cannot go on.

    Parameters
    ----------
    message
        What was seen and what to type, printed as it is on stderr.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
