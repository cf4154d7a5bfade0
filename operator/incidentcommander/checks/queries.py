"""What the checks that ask Prometheus share: how a query is made, judged and answered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from ..api.common import Phase, Verdict
from ..observed.needs import QueryNeed
from ..observed.workloads import Scalar, Unavailable
from .base import Subject
from .findings import Opinion
from .promql_text import query_problem
from .ranges import range_problem
from .templates import TemplateProblem, render, sample_rendering, template_problem
from .wording import clock

__all__ = ["AFTER_THE_FIX", "Onset", "look_back", "onset", "query_need", "text_problems", "usable"]

_LOOK_BACK: Final = (timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=30))
AFTER_THE_FIX: Final = frozenset({Phase.VERIFYING, Phase.MONITORING})


@lru_cache(maxsize=1024)
def text_problems(path: str, text: str) -> tuple[str, ...]:
    """Judge a query template without an Incident; each text starts with the field's path."""
    problem = template_problem(text)
    if problem is None:
        try:
            query = sample_rendering(text)
            # The range is looked for in the text as it stands, too: that is how far back is told.
            problem = query_problem(query) or range_problem(query) or range_problem(text)
        except TemplateProblem as error:  # pragma: no cover - template_problem renders, too
            problem = str(error)
    return (f"{path}: {problem}",) if problem else ()


def query_need(text: str, subject: Subject, offset: timedelta = timedelta()) -> QueryNeed:
    """Ask this query in the Incident's namespace, now or so long ago.

    Raises
    ------
    TemplateProblem
        If it cannot be rendered for this Incident.
    """
    return QueryNeed(
        query=render(text, subject),
        namespace=subject.incident.metadata.namespace,
        offset=offset,
    )


def usable(answer: Scalar | Unavailable, what: str = "The query") -> float | Opinion | None:
    """Take the number out of an answer; an opinion says why it is none, None is an empty answer."""
    if isinstance(answer, Unavailable):
        message = f"The metrics could not be asked: {answer.message}"
        return Opinion(Verdict.ERROR, "PrometheusUnavailable", message)
    if answer.series > 1:
        message = (
            f"{what} gives {answer.series} series, one number is needed: "
            "aggregate it, for example with sum(…)."
        )
        return Opinion(Verdict.ERROR, "NotOneNumber", message)
    if answer.value is not None and not math.isfinite(answer.value):
        message = f"{what} gives {answer.value}, which is no number that can be judged."
        return Opinion(Verdict.INCONCLUSIVE, "NotANumber", message)
    return answer.value


@dataclass(frozen=True, slots=True)
class Onset:
    """Since when it is bad, as far as samples of the past tell."""

    bad_since: datetime | None = None
    good_at: datetime | None = None

    def sentence(self, now: datetime) -> str:
        """Say it, or nothing where nothing is known."""
        if self.bad_since is None:
            return ""
        good = "" if self.good_at is None else f", still good at {clock(self.good_at, now)}"
        if self.bad_since >= now:
            return f" Bad now{good}."
        return f" Bad at {clock(self.bad_since, now)} already{good}."


def look_back(subject: Subject) -> tuple[timedelta, ...]:
    """How far back to ask when trouble began; not at all once something was done about it."""
    return () if subject.incident.status.phase in AFTER_THE_FIX else _LOOK_BACK


def onset(past: Sequence[tuple[timedelta, bool | None]], now: datetime) -> Onset:
    """Find the unbroken run of bad samples that reaches up to now.

    Parameters
    ----------
    past
        Offsets, shortest first, and whether it was bad then (None: unknown).
    now
        The time that the offsets count from, when it is bad.
    """
    since = now if past and past[0][1] is not None else None
    for offset, bad in past:
        if bad is None:
            break
        if not bad:
            return Onset(bad_since=since, good_at=now - offset)
        since = now - offset
    return Onset(bad_since=since)
