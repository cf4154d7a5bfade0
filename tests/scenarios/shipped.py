"""The shipped Runbooks, as they are and at a pace that a test can wait for."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any, Final

import yaml

from tests.support.api import Body

__all__ = ["SHIPPED", "at_pace", "without_times"]

_SOURCES: Final = Path(__file__).parents[2] / "runbooks"
_RANGE: Final = re.compile(r"\[[0-9]+[smhd]\]")
_TIMEOUT: Final = "60s"
_LOOK_BACK: Final = "[5s]"

SHIPPED: Final[dict[str, Body]] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted(_SOURCES.glob("*.yaml"))
}
"""By name."""


def at_pace(name: str, namespace: str, interval: str = "1s") -> Body:
    """Copy a shipped Runbook into a namespace, with times short enough to be waited for.

    Parameters
    ----------
    interval
        Between two samples of the verification.
    """
    body = copy.deepcopy(SHIPPED[name])
    spec = _ranges(body["spec"], _LOOK_BACK)
    spec["verification"] |= {"interval": interval, "timeout": _TIMEOUT}
    metadata = {"name": name, "namespace": namespace}
    return {**body, "metadata": metadata, "spec": spec}


def without_times(spec: Any) -> Any:
    """Give a spec without what ``at_pace`` may change."""
    masked = _ranges(spec, "[…]")
    masked["verification"] |= {"interval": "…", "timeout": "…"}
    return masked


def _ranges(value: Any, to: str) -> Any:
    match value:
        case str():
            return _RANGE.sub(to, value)
        case list():
            return [_ranges(item, to) for item in value]
        case dict():
            return {key: _ranges(item, to) for key, item in value.items()}
        case _:
            return value
