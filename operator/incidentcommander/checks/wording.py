"""Numbers and times as the person on call reads them. Pure text; nothing is judged here."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["against", "age", "clock", "count", "cut", "number", "percent"]

MESSAGE: Final = 512
"""Longest message of a finding, and longest query in its evidence."""

_DIGITS: Final = 3
_ALL_DIGITS: Final = 17
_HUGE: Final = 1e15
_TINY: Final = 1e-6


def number(value: float, digits: int = _DIGITS) -> str:
    """Write a number without an exponent where that stays readable: ``0.5``, ``12,345``."""
    if not math.isfinite(value) or value == 0:
        return "0" if value == 0 else str(value)
    if abs(value) >= _HUGE or abs(value) < _TINY:
        return f"{value:.{digits}g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float, digits: int = _DIGITS) -> str:
    """Write a share as ``23.4 %``."""
    return f"{number(share * 100, digits)} %"


def against(
    value: float, limit: float, write: Callable[[float, int], str] = number
) -> tuple[str, str]:
    """Write a value and its limit with as many digits as it takes to tell them apart."""
    texts = (write(value, _DIGITS), write(limit, _DIGITS))
    for digits in range(_DIGITS + 1, _ALL_DIGITS + 1):
        if texts[0] != texts[1] or value == limit:
            break
        texts = (write(value, digits), write(limit, digits))
    return texts


def age(span: timedelta) -> str:
    """Write how long something lasted: ``45 s``, ``4 min``, ``3 h 12 min``, ``5 days``."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 2 * 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:  # noqa: PLR2004 - minutes in an hour
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 2 * 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def clock(at: datetime, now: datetime) -> str:
    """Write a moment as ``08:26 UTC``, with its date where that is not today's."""
    at = at.astimezone(UTC)
    same_day = at.date() == now.astimezone(UTC).date()
    return at.strftime("%H:%M UTC" if same_day else "%Y-%m-%d %H:%M UTC")


def count(amount: int, noun: str) -> str:
    """Write ``1 pod`` or ``3 pods``."""
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def cut(text: str, limit: int = MESSAGE) -> str:
    """Shorten a text to the limit, with an ellipsis in the place of what was left out."""
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
