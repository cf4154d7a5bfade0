"""The command: examines one thing after the other and says what mends what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from .. import terminal
from ..commands import HELP
from ..exits import Code, Ended
from ..find import open_ones
from ..kubectl import Kubectl
from ..objects import now
from ..options import kubectl_flags, output, the_kubectl
from . import guard, office, rights, server
from .findings import Desk, Finding, Health, findings_lines

__all__ = ["COMMANDS"]


@click.command("doctor", help=HELP["doctor"])
@click.option(
    "--operator-namespace",
    default="incident-commander",
    show_default=True,
    help="Where the operator was installed.",
)
@output("json", "yaml")
@kubectl_flags
def doctor(operator_namespace: str, form: str | None) -> None:
    """Examine everything that incidents need."""
    kubectl = the_kubectl()
    found = _examine(Desk(kubectl, _namespace(kubectl), operator_namespace))
    if form:
        terminal.write([_plain(finding) for finding in found], form)
    else:
        terminal.show(findings_lines(found, terminal.width()))
    problems = _bad(found)
    if problems:
        raise Ended(Code.ERROR, f"{problems} problem{'s' if problems > 1 else ''} found.")


def _examine(desk: Desk) -> list[Finding]:
    found = [*server.version(desk)]
    if _bad(found):
        return found
    found += server.clock(desk)
    kinds = [*server.kinds(desk)]
    found += kinds
    if _bad(kinds):
        return found
    found += [
        *rights.rights(desk),
        *guard.proof(desk),
        *guard.guard(desk),
        *office.deployment(desk),
    ]
    try:
        incidents = open_ones(desk.kubectl)
    except Ended as ended:
        found.append(Finding("handling", Health.UNKNOWN, ended.message))
    else:
        at = now()
        found += [
            *office.handling(incidents, at, desk),
            *office.metrics(incidents, desk),
            *office.attention(incidents, at, desk),
        ]
    return [*found, *office.channels(desk)]


def _namespace(kubectl: Kubectl) -> str:
    """Give the namespace that is meant, for commands that need it."""
    if kubectl.namespace:
        return kubectl.namespace
    path = "jsonpath={..namespace}"
    said = kubectl.attempt("config", "view", "--minify", "-o", path, shown=False)
    return said.out.split()[0] if said.code == 0 and said.out.strip() else "default"


def _bad(found: Sequence[Finding]) -> int:
    return sum(finding.health is Health.BAD for finding in found)


def _plain(finding: Finding) -> dict[str, str]:
    return {
        "name": finding.name,
        "health": str(finding.health),
        "message": finding.message,
        "mend": finding.mend,
    }


COMMANDS: Final = (doctor,)
