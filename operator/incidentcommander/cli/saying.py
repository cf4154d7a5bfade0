"""Requests that are words: take, ack, note, update, confirm, resolve, dismiss and the like."""

from __future__ import annotations

import sys
from collections.abc import Set as AbstractSet
from typing import Final

import click

from ..command_line import Blank, Name
from ..command_line import line as line_of
from . import terminal
from .commands import HELP
from .exits import Code, Ended
from .find import find
from .kubectl import Body, Kubectl
from .names import COMMAND, SEVERITIES
from .objects import commands_of, name_of, now
from .options import kubectl_flags, output, patience, the_kubectl
from .requests import Answer, Request, send
from .view.spans import line
from .view.timeline import entry_lines

__all__ = ["COMMANDS", "WORDS", "answered", "deliver"]

WORDS: Final[tuple[tuple[str, str, str], ...]] = (
    ("take", "take-command", "taking command"),
    ("ack", "acknowledge", "on it"),
    ("diagnose", "diagnose", "again"),
    ("note", "note", ""),
    ("confirm", "confirm", ""),
    ("resolve", "resolve", ""),
    ("dismiss", "dismiss", ""),
    ("reopen", "reopen", ""),
    ("root-cause", "root-cause", ""),
)
"""Command, key of the request, and what is said where nothing is; empty: it is asked for."""


def deliver(
    kubectl: Kubectl,
    request: Request,
    wait: float,
    form: str | None,
    awaited: AbstractSet[str] = frozenset(),
) -> None:
    """Make a request and print what came of it; one that was refused ends with its code."""
    answer = send(kubectl, request, wait, awaited)
    answered(kubectl, request, answer, form)


def answered(kubectl: Kubectl, request: Request, answer: Answer, form: str | None) -> None:
    """Print what the timeline says of it."""
    if form:
        terminal.write(answer.incident, form)
    elif not answer.entries:
        said = f"{request.key} was sent to {name_of(answer.incident)}."
        terminal.show(
            [
                line(
                    f"{said} What comes of it: ",
                    (kubectl.typed("timeline", answer.incident), "command"),
                )
            ]
        )
    else:
        width = terminal.width()
        known = commands_of(answer.incident)
        told = [entry_lines(entry, width, commands=known) for entry in answer.entries]
        terminal.show([part for lines in told for part in lines])
    if answer.refused:
        raise Ended(Code.REFUSED, f"{request.key} was refused: nothing was done.")


def _spoken(name: str, words: tuple[str, ...], default: str, command: str) -> str:
    text = " ".join(words).strip()
    if text == "-":
        text = sys.stdin.read().strip()
    return text or default or terminal.asked("Text", _right(command, name))


def _right(command: str, name: str) -> str:
    return str(line_of(*COMMAND.split(), *command.split(), Name(name), Blank("text")))


def _command(verb: str, key: str, default: str) -> click.Command:
    """Make the command of one request."""

    @click.command(verb, help=HELP[verb])
    @click.argument("name", required=not default)
    @click.argument("words", nargs=-1)
    @output("json", "yaml", "name")
    @patience
    @kubectl_flags
    def command(name: str | None, words: tuple[str, ...], form: str | None, wait: float) -> None:
        kubectl = the_kubectl()
        meant = name or name_of(find(kubectl, None))
        value = _spoken(meant, words, default, verb)
        deliver(kubectl, Request(meant, key, value), wait, form)

    return command


@click.command("update", help=HELP["update"])
@click.argument("name")
@click.argument("words", nargs=-1)
@click.option("--external", is_flag=True, help="To outsiders: no cause, no speculation.")
@output("json", "yaml", "name")
@patience
@kubectl_flags
def update(
    name: str, words: tuple[str, ...], *, external: bool, form: str | None, wait: float
) -> None:
    """Send an update."""
    key = "update-external" if external else "update"
    value = _spoken(name, words, "", "update --external" if external else "update")
    deliver(the_kubectl(), Request(name, key, value), wait, form)


@click.command("severity", help=HELP["severity"])
@click.argument("name")
@click.argument("level", type=click.Choice(SEVERITIES, case_sensitive=False))
@click.argument("words", nargs=-1)
@output("json", "yaml", "name")
@patience
@kubectl_flags
def severity(name: str, level: str, words: tuple[str, ...], form: str | None, wait: float) -> None:
    """Override the rules, until there is a new fact."""
    reason = _spoken(name, words, "", f"severity {level}")
    deliver(the_kubectl(), Request(name, "severity", f"{level.upper()}: {reason}"), wait, form)


@click.command("propose", help=HELP["propose"])
@click.argument("name")
@click.argument("remediation", required=False)
@output("json", "yaml", "name")
@patience
@kubectl_flags
def propose(name: str, remediation: str | None, form: str | None, wait: float) -> None:
    """Bring a remediation up; approving it is another matter."""
    kubectl = the_kubectl()
    if not remediation:
        raise Ended(Code.USAGE, _remediations(kubectl, find(kubectl, name)))
    wanted = frozenset({"ProposalOffered", "ProposalsConfirmed", "NothingToOffer"})
    deliver(kubectl, Request(name, "propose", remediation), wait, form, wanted)


def _remediations(kubectl: Kubectl, incident: Body) -> str:
    """Say what the Runbook has to offer."""
    found = (incident.get("status") or {}).get("runbook")
    if not found:
        return f"No Runbook matched {name_of(incident)} yet ({now():%H:%M} UTC): nothing can be proposed."
    there = Kubectl(found["namespace"], kubectl.flags, kubectl.quiet)
    names = [
        r["name"]
        for r in there.json("get", "runbook", found["name"])["spec"].get("remediation", [])
    ]
    lines = [f"  {kubectl.typed('propose', incident, name)}" for name in names]
    return "\n".join([f"Say which. Runbook {found['name']} has:", *lines])


COMMANDS: Final = (*(_command(*row) for row in WORDS), update, severity, propose)
