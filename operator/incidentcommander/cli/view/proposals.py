"""Proposals as lines: what would be done, what speaks against it, the diff, what to type."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ...command_line import Blank
from ..kubectl import Body, Kubectl
from ..objects import ago, blocks, by_preference, clock, status_of, when
from .detail import Detail
from .spans import Line, Span, Style, bulleted, clean, line, wrapped

__all__ = ["diff_lines", "guard_lines", "proposal_lines", "proposals_lines"]

_STYLES: Final[dict[str, Style]] = {"Block": "bad", "Warn": "warn", "Clear": "good"}
_DIFF_LINES: Final = 24
_LIVE: Final = frozenset({"Proposed", "Approved", "Executing", "Applied"})


def proposals_lines(
    incident: Body, at: datetime, width: int, kubectl: Kubectl, detail: Detail
) -> list[Line]:
    """Give what is open or under way: the first one with its diff, the others in short."""
    found = status_of(incident).get("proposals") or []
    live = by_preference([p for p in found if p["state"] in _LIVE])
    lines: list[Line] = []
    for number, proposal in enumerate(live):
        first = number == 0 and proposal["state"] == "Proposed"
        shown = detail if first or detail is Detail.FULL else Detail.SHORT
        lines += proposal_lines(proposal, at, width, shown)
        if proposal["state"] == "Proposed" and not blocks(proposal):
            lines += _commands(incident, proposal, kubectl)[: 2 if first else 1]
    over = [f"{p['id']} {p['state']}" for p in found if p["state"] not in _LIVE]
    if over:
        lines += bulleted(line(("  over: ", "dim")), ", ".join(over), width, "dim")
    return lines


def proposal_lines(proposal: Body, at: datetime, width: int, detail: Detail) -> list[Line]:
    """Give one proposal; in short: without its reason and its diff."""
    lines = [_title(proposal, at), *wrapped(proposal["summary"], width, "    ", "bold")]
    if detail is Detail.SHORT:
        return [*lines, *guard_lines(proposal, width, detail)]
    return [
        *lines,
        *wrapped(proposal["reason"], width, "    "),
        *wrapped(_afterwards(proposal), width, "    ", "dim"),
        *guard_lines(proposal, width, detail),
        *diff_lines(proposal, "    ", None if detail is Detail.FULL else _DIFF_LINES),
    ]


def _commands(incident: Body, proposal: Body, kubectl: Kubectl) -> list[Line]:
    approve = kubectl.typed("approve", incident, proposal["id"])
    reject = kubectl.typed("reject", incident, proposal["id"], Blank("reason"))
    return [
        line(("    approve:  ", "dim"), (approve, "command")),
        line(("    reject:   ", "dim"), (reject, "command")),
    ]


def guard_lines(proposal: Body, width: int, detail: Detail) -> list[Line]:
    """Give what speaks against it, the worst first."""
    order = ("Block", "Warn", "Clear") if detail is Detail.FULL else ("Block", "Warn")
    lines: list[Line] = []
    for verdict in order:
        for guard in proposal.get("guards") or []:
            if guard["verdict"] == verdict:
                first = line(
                    "    ", (verdict.ljust(6), _STYLES[verdict]), (f"{guard['name']}: ", "bold")
                )
                lines += _hung(first, guard["message"], width, guard.get("commands") or [])
    return lines


def diff_lines(proposal: Body, indent: str, limit: int | None = None) -> list[Line]:
    """Give its diff, coloured; beyond ``limit`` lines the rest is counted."""
    every = clean(proposal.get("diff") or "").rstrip("\n").splitlines()
    shown = every if limit is None or len(every) <= limit + 1 else every[:limit]
    lines = [line(indent, (text, _diff_style(text))) for text in shown]
    if len(shown) < len(every):
        more = len(every) - len(shown)
        lines.append(line(indent, (f"… {more} more lines: show --full", "dim")))
    return lines


def _hung(first: Line, text: str, width: int, commands: Sequence[str]) -> list[Line]:
    """Break a text after its first words, with the other lines below the verdict.

    A command that did not fit into the text follows it.
    """
    before = sum(len(part) for part, _ in first)
    lines = wrapped("x" * (before - 10) + text, width, " " * 10, "", commands)
    head = lines[0][1][0][before - 10 :]
    left_out = [line(" " * 12, (clean(c), "command")) for c in commands if c not in text]
    return [(*first, (head, "")), *lines[1:], *left_out]


def _title(proposal: Body, at: datetime) -> Line:
    parts: list[str | Span] = [
        ("  * " if proposal.get("recommended") else "  - ", "good"),
        (proposal["id"], "bold"),
        "  ",
    ]
    if proposal.get("recommended"):
        parts.append(("recommended, ", "good"))
    parts.append(f"{proposal['confidence']}, risk {proposal['risk']}")
    if proposal["state"] != "Proposed":
        parts += [", ", (proposal["state"], "warn")]
        return line(*parts)
    if blocks(proposal):
        parts += [", ", ("blocked", "bad")]
    until = when(proposal.get("expiresAt"))
    if until is not None:
        late = until < at
        text = (
            f"expired {ago(until, at)} ago"
            if late
            else f"{clock(until, at)} ({ago(until, at)} left)"
        )
        parts += [", ", (text, "bad") if late else f"until {text}"]
    return line(*parts)


def _afterwards(proposal: Body) -> str:
    plan = proposal.get("verification")
    if not plan:
        return ""
    checks = ", ".join(["rollout", "pods", *plan.get("checks", [])])
    good = f"{plan['successes']} good samples in a row, {plan['interval']} apart"
    failure = {"Revert": "is taken back by itself", "Escalate": "people decide"}
    then = failure.get(proposal.get("onFailure", "Escalate"), "people decide")
    return f"Then verified: {checks}; {good}, within {plan['timeout']}. If it fails: {then}."


def _diff_style(text: str) -> Style:
    if text.startswith(("---", "+++")):
        return "bold"
    styles: dict[str, Style] = {"+": "good", "-": "bad", "@": "dim"}
    return styles.get(text[:1], "")
