"""What Prometheus says in the story: so many requests, and so many that fail, from each minute on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from typing_extensions import override

from tests.story.calendar import Calendar
from tests.support.prometheus import Broken, FakePrometheus, vector

__all__ = ["Figures"]

_REQUESTS: Final = 120.0


class Figures(FakePrometheus):
    """A real HTTP server; it answers by the clock of the story, about the past too."""

    def __init__(self, calendar: Calendar) -> None:
        super().__init__()
        self._calendar = calendar
        self._failing: list[tuple[datetime, float]] = [(datetime.min.replace(tzinfo=UTC), 0.0)]

    def fail(self, percent: float) -> None:
        """From now on this share of all requests fails."""
        self._failing.append((self._calendar.now, percent))

    @override
    def respond(self, parameters: Mapping[str, str]) -> Broken:
        asked = parameters.get("time")
        at = datetime.fromtimestamp(float(asked), UTC) if asked else self._calendar.now
        place = bisect_right([since for since, _ in self._failing], at)
        percent = self._failing[place - 1][1]
        errors = parameters.get("query", "").startswith("errors")
        return Broken(body=vector((str(_REQUESTS * percent / 100 if errors else _REQUESTS),)))
