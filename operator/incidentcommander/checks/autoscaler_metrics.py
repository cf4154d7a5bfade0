"""The metrics of a HorizontalPodAutoscaler, each against its target, in the words of its author.

Read from ``spec.metrics`` and ``status.currentMetrics``, which have the same order; what cannot be
compared is left out. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ..observed.surroundings import Autoscaler

__all__ = ["Metric", "metrics_of", "quantity"]

_TOLERANCE: Final = Decimal("1.1")
"""How far above its target a metric must be before the controller scales (its default)."""
_SUFFIXES: Final[Mapping[str, Decimal]] = {
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
    **{letter: Decimal(1000) ** -power for power, letter in enumerate("mun", 1)},
}
_SOURCES: Final[Mapping[str, str]] = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
_UNITS: Final = ("averageUtilization", "averageValue", "value")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric that the autoscaler follows."""

    text: str
    """``CPU 92 % of target 70 %``."""
    above: bool
    """Whether more replicas are wanted because of it."""


def metrics_of(autoscaler: Autoscaler) -> tuple[Metric, ...]:
    """Give every metric whose current value is known, in the order of the spec."""
    wanted = autoscaler.spec.get("metrics") or ()
    current = autoscaler.status.get("currentMetrics") or ()
    found = (_metric(spec, seen) for spec, seen in zip(wanted, current, strict=False))
    return tuple(metric for metric in found if metric is not None)


def quantity(text: object) -> Decimal | None:
    """Read a quantity of Kubernetes: ``500m``, ``1.5Gi``, ``2e3``."""
    word = str(text)
    suffix = next((s for s in (word[-2:], word[-1:]) if s in _SUFFIXES), "")
    try:
        number = Decimal(word.removesuffix(suffix)) * _SUFFIXES.get(suffix, Decimal(1))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _metric(spec: Mapping[str, Any], seen: Mapping[str, Any]) -> Metric | None:
    key = _SOURCES.get(str(spec.get("type")), "")
    source, state = spec.get(key) or {}, seen.get(key) or {}
    target, current = source.get("target") or {}, state.get("current") or {}
    unit = next((u for u in _UNITS if u in target and u in current), None)
    if unit is None:
        return None
    limit, value = quantity(target[unit]), quantity(current[unit])
    if limit is None or value is None:
        return None
    sign = " %" if unit == "averageUtilization" else ""
    text = f"{_name(source)} {current[unit]}{sign} of target {target[unit]}{sign}"
    return Metric(text, above=value > limit * _TOLERANCE)


def _name(source: Mapping[str, Any]) -> str:
    name = str(source.get("name") or (source.get("metric") or {}).get("name") or "metric")
    container = f" of container {source['container']}" if source.get("container") else ""
    return f"{'CPU' if name == 'cpu' else name}{container}"
