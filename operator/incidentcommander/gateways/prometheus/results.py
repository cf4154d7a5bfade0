"""What Prometheus answered, as one number or as a sentence that says why there is none.

``metrics`` passes every result and every exception of the client library through here. Pure
functions, for answers that may be anything: a proxy's login page is an answer too.
"""

from __future__ import annotations

import ast
import re
from typing import Any, Final

from ...cleaning import clean_line
from ...foreign import ForeignError, inside, parsed
from ...observed.workloads import Scalar

__all__ = ["NoNumberError", "explain", "scalar_from"]

_SHOWN: Final = 200
_STATUS: Final = re.compile(r"HTTP Status Code (\d+) \((.*)\)", re.DOTALL)
_PAIR: Final = 2


class NoNumberError(Exception):
    """The answer is no number; the text says what it is instead."""


def scalar_from(result: Any) -> Scalar:
    """Read ``data.result`` of an instant query.

    Raises
    ------
    NoNumberError
        If it is anything but a scalar or a vector of numbers.
    """
    if not isinstance(result, list):
        raise NoNumberError(f"the answer is no result of a query: {_short(result)}")
    if len(result) == _PAIR and isinstance(result[0], int | float):
        return Scalar(_number(result))
    if not result:
        return Scalar(None, series=0)
    values = [_sample(series) for series in result]
    return Scalar(values[0] if len(values) == 1 else None, series=len(values))


def _sample(series: Any) -> float:
    if not isinstance(series, dict):
        raise NoNumberError(f"the answer is no result of a query: {_short(series)}")
    if "values" in series:
        raise NoNumberError("the query gives a range of samples, one number is needed")
    if "histogram" in series:
        raise NoNumberError("the query gives a histogram, one number is needed")
    return _number(series.get("value"))


def _number(pair: Any) -> float:
    try:
        _, text = pair
        return float(text)
    except (TypeError, ValueError) as error:
        raise NoNumberError(f"the answer is no number: {_short(pair)}") from error


def explain(error: Exception, patience: str) -> str:
    """Say for people why a query could not be asked."""
    import requests

    if isinstance(error, requests.exceptions.Timeout):
        return f"no answer within {patience}"
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return "the answer is no JSON: is this really the address of a Prometheus?"
    if isinstance(error, requests.exceptions.ConnectionError):
        return f"cannot connect: {_root(error)}"
    if isinstance(error, KeyError | TypeError):
        return "the answer is no result of a query: is this really the address of a Prometheus?"
    status = _STATUS.search(str(error))
    if status:
        return f"it answered {status[1]}: {_body(status[2])}"
    return f"the query failed: {type(error).__name__}"


def _root(error: BaseException) -> str:
    """Find what the operating system said, below all that wraps it (and repeats the URL)."""
    seen: list[BaseException] = []
    while error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__ or error
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def _body(shown: str) -> str:
    try:
        text = ast.literal_eval(shown).decode(errors="replace")
    except (ValueError, SyntaxError, AttributeError):
        text = shown
    try:
        said = inside(parsed(text), "error")
    except ForeignError:
        said = None
    if said is None:
        said = re.sub(r"<[^>]*>", " ", text)
    return _short(said)


def _short(value: Any) -> str:
    text = " ".join(clean_line(str(value)).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
