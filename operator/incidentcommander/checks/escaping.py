"""How a value is written into a query: as the content of a PromQL string, whatever it holds."""

from __future__ import annotations

import re
from typing import Any, Final

from jinja2 import Undefined

from ..templating import TemplateProblem
from .scope import Scope

__all__ = ["MAX_OUTPUT", "escaped", "regex_escaped", "replaced"]

MAX_OUTPUT: Final = 4096
"""Longest query that a template may give, in characters."""


# Hexadecimal escapes are the only ones that Prometheus takes in both kinds of quotes: "\'" and
# '\"' are syntax errors. A backtick is escaped although it is harmless in quotes, because
# a raw string has no escapes that could keep it from ending there.
_SPECIAL: Final = re.compile(r"[\x00-\x1f\x7f\"'`\\]")
_SHORT: Final = {"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}


def escaped(value: Any) -> str:
    """Write a value as the content of a PromQL string."""
    if isinstance(value, Undefined):
        return str(value)  # raises UndefinedError, which says the path
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Scope):
        raise TemplateProblem(f"{value.path} is a mapping: name one of its values")
    if not isinstance(value, str | int | float):
        raise TemplateProblem(f"{type(value).__name__} is neither a text nor a number")
    return _SPECIAL.sub(lambda m: _SHORT.get(m[0], f"\\x{ord(m[0]):02x}"), str(value))


def replaced(value: object, old: str, new: str) -> str:
    """Replace a part of a value; as long a text as a query at most."""
    text = str(value)
    if not old or len(text) * max(1, len(new)) > MAX_OUTPUT:
        raise TemplateProblem("replace: the texts are empty or too long")
    return text.replace(old, new)


def regex_escaped(value: object) -> str:
    """Quote a value for a matcher such as ``pod=~"{{ labels.pod | regex_escape }}-.*"``."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", str(value))
