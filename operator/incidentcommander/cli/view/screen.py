"""The one screen from which to decide: what is known, what could be done, what happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ...command_line import Blank
from ..kubectl import Body, Kubectl
from ..objects import (
    ago,
    clock,
    commands_of,
    entries,
    is_ended,
    name_of,
    namespace_of,
    overdue,
    status_of,
    when,
)
from .conditions import condition_lines
from .detail import Detail
from .progress import progress_lines
from .proposals import proposals_lines
from .spans import Line, Span, Style, bulleted, clean, line, wrapped
from .timeline import short_lines

__all__ = ["screen"]

_LAST_ENTRIES: Final = 8
_FEW_ENTRIES: Final = 4
_VERDICTS: Final[dict[str, Style]] = {
    "Passed": "good",
    "Failed": "bad",
    "Inconclusive": "warn",
    "Error": "warn",
}
_LABEL: Final = 13


def screen(
    incident: Body,
    at: datetime,
    width: int,
    kubectl: Kubectl,
    detail: Detail = Detail.NORMAL,
) -> list[Line]:
    """Give everything that one needs to decide.

    Parameters
    ----------
    kubectl
        Writes the commands that are offered, with the flags that were given.
    """
    last = _LAST_ENTRIES if detail else _FEW_ENTRIES
    blank = [line()]
    lines = [*_head(incident, at, width, kubectl), *blank, *_facts(incident, at, width, kubectl)]
    parts = {
        "NOT AS IT SHOULD BE": condition_lines(incident, at, width, kubectl),
        f"FINDINGS{_of_when(incident, at)}": _findings(incident, width, detail),
        "PROPOSALS": proposals_lines(incident, at, width, kubectl, detail),
        "PROGRESS": progress_lines(incident, at, width),
        "TIMELINE": _timeline(incident, width, kubectl, last),
    }
    for title, found in parts.items():
        if found:
            lines += [*blank, line((title, "head")), *found]
    return lines


def _head(incident: Body, at: datetime, width: int, kubectl: Kubectl) -> list[Line]:
    status = status_of(incident)
    severity = status.get("severity") or incident["spec"].get("severity", "")
    phase = status.get("phase", "not taken up yet")
    parts: list[str | Span] = [
        (name_of(incident), "bold"),
        f"  in {namespace_of(incident)}  ",
        (severity, "bad" if severity in {"SEV1", "SEV2"} else "warn"),
        "  ",
        (phase, "good" if is_ended(incident) else "warn"),
        f"  {_age(incident, at)}",
    ]
    if incident["spec"].get("drill"):
        parts.append(("  DRILL", "warn"))
    known, look = commands_of(incident), kubectl.spoken("doctor")
    summary = status.get("summary")
    if not summary:
        known = [look]
        summary = f"The operator has not taken it up yet. Where that lasts: {look}"
    return [
        line(*parts),
        *wrapped(incident["spec"]["title"], width, style="bold"),
        line(),
        *wrapped(summary, width, commands=known),
    ]


def _age(incident: Body, at: datetime) -> str:
    marks = status_of(incident).get("milestones") or {}
    began = when(marks.get("startedAt")) or when(incident["metadata"].get("creationTimestamp"))
    over = when(marks.get("resolvedAt") or marks.get("closedAt"))
    if began is None:
        return ""
    if over is not None and is_ended(incident):
        return f"{clock(began, at)} to {clock(over, at)} ({ago(began, over)})"
    return f"since {clock(began, at)} ({ago(began, at)})"


def _facts(incident: Body, at: datetime, width: int, kubectl: Kubectl) -> list[Line]:
    lines: list[Line] = []
    for label, text, style in _fact_texts(incident, at, kubectl):
        first = line((label.ljust(_LABEL), "dim"))
        lines += bulleted(first, text, width, style, [_say_so(incident, kubectl)])
    return lines


def _fact_texts(incident: Body, at: datetime, kubectl: Kubectl) -> Iterator[tuple[str, str, Style]]:
    spec, status = incident["spec"], status_of(incident)
    yield "Target", f"{spec['target']['kind']}/{spec['target']['name']}{_runbook(status)}", ""
    roles = status.get("roles") or spec.get("roles") or {}
    people = [f"{role} {name}" for role, name in roles.items() if role != "commander"]
    commander = roles.get("commander") or "nobody"
    yield "Commander", ", ".join([commander, *people]), ""
    impact = _impact(spec.get("impact") or {})
    if impact:
        yield "Impact", impact, ""
    if spec.get("warRoom"):
        yield "War room", spec["warRoom"], ""
    if status.get("rootCause"):
        yield "Root cause", f"{status['rootCause']['text']} ({status['rootCause']['by']})", ""
    due = when((status.get("updates") or {}).get("nextDueAt"))
    if due is not None and not is_ended(incident):
        if overdue(incident, at):
            typed = _say_so(incident, kubectl)
            text = f"{clock(due, at)}: OVERDUE by {ago(due, at)}. Say what is being done: {typed}"
            yield "Next update", text, "bad"
        else:
            yield "Next update", f"{clock(due, at)} (in {ago(due, at)})", ""


def _say_so(incident: Body, kubectl: Kubectl) -> str:
    return kubectl.typed("update", incident, Blank("what is being done"))


def _runbook(status: Body) -> str:
    found = status.get("runbook")
    return f"   by Runbook {found['namespace']}/{found['name']}" if found else ""


def _impact(impact: Body) -> str:
    parts = [impact.get("summary") or impact.get("symptom") or ""]
    if impact.get("usersAffectedPercent") is not None:
        parts.append(f"{impact['usersAffectedPercent']} % of users")
    named = {
        "customerReported": "customers told us",
        "payingAccounts": "paying accounts",
        "dataIntegrity": "data may be wrong",
        "securityBreach": "somebody may have got in",
    }
    return "; ".join(
        [*filter(None, parts), *(text for key, text in named.items() if impact.get(key))]
    )


def _of_when(incident: Body, at: datetime) -> str:
    found = status_of(incident).get("diagnosis") or {}
    finished = when(found.get("finishedAt"))
    return f" of {clock(finished, at)}, round {found.get('round', 0)}" if finished else ""


def _findings(incident: Body, width: int, detail: Detail) -> list[Line]:
    found = (status_of(incident).get("diagnosis") or {}).get("findings") or []
    step = max((len(f["step"]) for f in found), default=0)
    lines: list[Line] = []
    for finding in found:
        verdict = finding["verdict"]
        first = line(
            "  ",
            (verdict.ljust(13), _VERDICTS.get(verdict, "")),
            (finding["step"].ljust(step + 2), "bold"),
        )
        lines += bulleted(first, finding["message"], width)
        if detail is Detail.FULL:
            for name, value in (finding.get("evidence") or {}).items():
                indent = line((" " * (step + 17) + f"{name}: ", "dim"))
                lines += bulleted(indent, str(value), width, "dim")
    return lines


def _timeline(incident: Body, width: int, kubectl: Kubectl, last: int) -> list[Line]:
    found = entries(incident)
    lines = short_lines(found[-last:], width)
    if found and found[-1]["seq"] >= last:
        typed = kubectl.typed("timeline", incident)
        lines.append(line(("  all of it: ", "dim"), (clean(typed), "command")))
    return lines
