"""Prints what was measured: a table with goals, then where the time goes.

Everything that is a time is a ratio of F, the median PATCH of a status in the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from .breakdown import STAGES, counts, listing, middle, shares
from .driver import Lap
from .figures import VERDICTS, Figure, Goal, percentile
from .ruler import lengths
from .run import Results

__all__ = ["told"]

_MS = 1000
_HEAD = ("figure", "goal", "p10", "median", "p90", "p99", "median in S", "verdict")


def told(results: Results) -> Iterator[str]:
    """Give the lines of the report."""
    yield ""
    yield from _ruler(results)
    yield ""
    yield from _table([_HEAD, *(figure.row for figure in _figures(results))])
    yield ""
    yield from _processes(results)
    yield ""
    yield from _requests(results)
    yield ""
    yield from _where(results)


def _ruler(results: Results) -> Iterator[str]:
    light, heavy = lengths(results.ruler.light), lengths(results.ruler.heavy)
    unit, half = median(light), len(light) // 2
    yield (
        f"F = {unit * _MS:.1f} ms: the median of {len(light)} PATCHes of a status by the driver, "
        "of an object that the operator does not select, between the measured steps"
    )
    yield (
        f"    p10 {percentile(light, 0.1) * _MS:.1f}, p90 {percentile(light, 0.9) * _MS:.1f} ms; "
        f"first half {median(light[:half]) * _MS:.1f}, second half "
        f"{median(light[half:]) * _MS:.1f} ms; a GET of that object takes "
        f"{median(lengths(results.ruler.reads)) / unit:.2f} F"
    )
    yield (
        f"S = {median(heavy) / unit:.1f} F: the same PATCH of a copy of an Incident that awaits "
        "approval; no write to an Incident can be quicker"
    )
    yield (
        f"{results.cores} cores, shared with the control plane; each time is divided by the median "
        "of the 12 round trips taken nearest to it"
    )


def _figures(results: Results) -> list[Figure]:
    asked = [counts(n, x.approve_sent, x.changed).counted.total() for x, n in results.traces]
    return [
        _time(results, "apply -> AwaitingApproval", lambda lap: lap.proposed_in, 6),
        _time(results, "approve -> ApprovalGranted", lambda lap: lap.granted_in, 2.5),
        _time(results, "approve -> target changed", lambda lap: lap.changed_in, 5),
        Figure("API requests per Incident", asked, Goal(15, "")),
        *(
            Figure(f"operator memory (RSS), {when}", [found.rss], Goal(110, "MiB"))
            for when, found in results.memory.items()
        ),
        Figure(f"{len(results.crowd)} at once -> AwaitingApproval", results.crowd, None, unit="s"),
    ]


def _time(results: Results, name: str, length: Callable[[Lap], float], most: float) -> Figure:
    ruler = results.ruler
    return Figure(
        name,
        [length(lap) / ruler.near(lap.apply_sent) for lap in results.laps],
        Goal(most, "F"),
        in_s=[length(lap) / ruler.heavy_near(lap.apply_sent) for lap in results.laps],
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [
            cell.ljust(width) if column == 0 or cell in VERDICTS else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
        if number == 0:
            yield "  ".join("-" * width for width in widths)


def _processes(results: Results) -> Iterator[str]:
    cpu = ", ".join(f"{name} {used:.0f} ms" for name, used in results.cpu.items())
    yield f"CPU per Incident, apply to Closed: {cpu}"
    shared = ", ".join(f"{when} {found.pss:.0f} MiB" for when, found in results.memory.items())
    yield f"operator memory with shared pages counted in part (PSS): {shared}"


def _requests(results: Results) -> Iterator[str]:
    found = [counts(noted, lap.approve_sent, lap.changed) for lap, noted in results.traces]
    yield f"Requests per Incident, apply to Closed, median of {len(found)} (through the proxy):"
    rows: list[tuple[str, ...]] = [("", *STAGES, "all")]
    for name in sorted({name for one in found for _, name in one.counted}):
        cells = [median(one.counted[stage, name] for one in found) for stage in STAGES]
        rows.append((name, *(f"{cell:g}" for cell in (*cells, sum(cells)))))
    totals = [median(one.total(stage) for one in found) for stage in STAGES]
    rows.append(("all", *(f"{cell:g}" for cell in (*totals, sum(totals)))))
    yield from _table(rows)
    yield (
        f"not counted: {median(one.events for one in found):g} Events, "
        f"{median(one.polls for one in found):g} reads after the change, watches, Prometheus"
    )


def _where(results: Results) -> Iterator[str]:
    yield f"Where the time goes, in F, median of {len(results.traces)} Incidents through the proxy:"
    rows: list[tuple[str, ...]] = [
        ("", "whole", "person's request", "API server answers", "operator and watch")
    ]
    for title, ends in (
        ("apply -> AwaitingApproval", _proposed),
        ("approve -> ApprovalGranted", _granted),
        ("approve -> target changed", _changed),
    ):
        parts = [
            shares(noted, *ends(lap)).over(results.ruler.near(lap.apply_sent))
            for lap, noted in results.traces
        ]
        part = middle(parts)
        values = (median(p.whole for p in parts), part.own, part.server, part.operator)
        rows.append((title, *(f"{value:.1f}" for value in values)))
    yield from _table(rows)
    lap, noted = results.traces[len(results.traces) // 2]
    yield ""
    yield "One of them, request by request (at F, for F):"
    yield from listing(noted, lap, results.ruler.near(lap.apply_sent))


def _proposed(lap: Lap) -> tuple[float, float, float]:
    return lap.apply_sent, lap.apply_done, lap.awaiting


def _granted(lap: Lap) -> tuple[float, float, float]:
    return lap.approve_sent, lap.approve_done, lap.granted


def _changed(lap: Lap) -> tuple[float, float, float]:
    return lap.approve_sent, lap.approve_done, lap.changed
