"""One bad object never reaches past itself: whoever reads several reads each apart from the others.

Used wherever objects of other people come in many: lists, watches, sweeps. What cannot be read is
left out and said once in the log. It decides nothing about what can be read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from pydantic import ValidationError

from ...errors import OperatorError
from ...foreign import inside
from ...said import Said
from .client import Raw

__all__ = ["Apart", "wrong_with"]

T = TypeVar("T")
_SHOWN: Final = 300


class Apart:
    """Reads objects of one kind, each for itself.

    Parameters
    ----------
    kind
        What they are called, for the log.
    log
        Where what cannot be read is said.
    """

    def __init__(self, kind: str, log: logging.Logger) -> None:
        self._kind = kind
        self._log = log
        self._said = Said()

    def each(self, items: Iterable[Raw], read: Callable[[Raw], T]) -> Iterator[T]:
        """Read all that can be read."""
        for raw in items:
            try:
                found = read(raw)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is about this object
                self.left_out(raw, error)
            else:
                yield found

    def left_out(self, raw: Raw, error: Exception) -> None:
        """Say once what is wrong with an object; with the traceback where that is a bug of ours."""
        meta = inside(raw, "metadata")
        about = [inside(meta, key) or "" for key in ("namespace", "name", "uid", "generation")]
        if not self._said.first(*about, type(error).__name__):
            return
        expected = isinstance(error, ValidationError | OperatorError)
        self._log.warning(
            "%s %s/%s is left out: %s. The others are not affected.",
            self._kind,
            *about[:2],
            wrong_with(error),
            exc_info=None if expected else error,
        )


def wrong_with(error: Exception) -> str:
    """Say in a line what is wrong with an object, with the field where that is known."""
    match error:
        case ValidationError():
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            text = f"{field}: {first['msg']}; it was stored under another schema"
        case OperatorError():
            text = str(error)
        case _:
            text = f"{type(error).__name__}, a bug of the operator"
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
