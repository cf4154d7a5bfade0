"""Business days: when people work who are not on call, in their own time zone.

For what the severity table gives until the next business day or its stand-up. Nothing here reads
a clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ...api.policy import BusinessHours, Day

__all__ = ["next_begin", "next_end", "zone_problem"]

_DAYS: Final = tuple(Day)
_A_WEEK_AND_MORE: Final = 9


def zone_problem(hours: BusinessHours) -> str | None:
    """Say why the time zone cannot be used, or None."""
    try:
        ZoneInfo(hours.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return (
            f"spec.businessHours.timeZone: there is no time zone {hours.time_zone!r}; "
            "say for example UTC, Europe/Berlin or America/New_York"
        )
    return None


def next_begin(hours: BusinessHours, now: datetime) -> datetime:
    """Give the beginning of the next business day: the stand-up. Today's, if that is to come."""
    return _next(hours, now, hours.from_)


def next_end(hours: BusinessHours, now: datetime) -> datetime:
    """Give the end of the next business day that begins after now."""
    begin = _next(hours, now, hours.from_).astimezone(_zone(hours))
    return datetime.combine(begin.date(), time.fromisoformat(hours.to), _zone(hours)).astimezone(
        UTC
    )


def _next(hours: BusinessHours, now: datetime, at: str) -> datetime:
    zone = _zone(hours)
    here = now.astimezone(zone)
    for ahead in range(_A_WEEK_AND_MORE):
        day = here.date() + timedelta(days=ahead)
        when = datetime.combine(day, time.fromisoformat(at), zone)
        if _DAYS[day.weekday()] in hours.days and when > here:
            return when.astimezone(UTC)
    raise AssertionError("a week has a business day: the schema asks for one")


def _zone(hours: BusinessHours) -> ZoneInfo:
    # A policy with a bad zone is not Ready and says so; the Incident goes on by UTC.
    return ZoneInfo("UTC" if zone_problem(hours) else hours.time_zone)
