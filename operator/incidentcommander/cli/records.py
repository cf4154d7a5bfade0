"""timeline and report: the record of an Incident, whole, and what was written from it."""

from __future__ import annotations

from typing import Final

import click

from ..cleaning import clean
from . import terminal
from .commands import HELP
from .exits import Code, Ended
from .find import find
from .kubectl import Body, Kubectl, code_of, explained
from .names import ENDED
from .objects import clock, commands_of, name_of, namespace_of, now, status_of, when
from .options import kubectl_flags, output, the_kubectl
from .pages import record
from .view.timeline import timeline_lines

__all__ = ["COMMANDS"]


@click.command("timeline", help=HELP["timeline"])
@click.argument("name", required=False)
@click.option("--evidence", is_flag=True, help="With what was asked and answered.")
@output("json", "yaml")
@kubectl_flags
def timeline(name: str | None, *, evidence: bool, form: str | None) -> None:
    """Show the whole record, and verify it."""
    kubectl = the_kubectl()
    incident = find(kubectl, name)
    found = record(kubectl, incident)
    if form:
        terminal.write(list(found.entries), form)
    else:
        known = commands_of(incident)
        terminal.show(
            timeline_lines(found.entries, terminal.width(), evidence=evidence, commands=known)
        )
    if found.problems:
        raise Ended(Code.ERROR, "\n".join(["The record is not whole:", *found.problems]))
    pages = len(status_of(incident).get("timelinePages") or [])
    unaltered = f"; {pages} TimelinePages, unaltered" if pages else ""
    terminal.say(f"{len(found.entries)} entries without a gap{unaltered}.")


@click.command("report", help=HELP["report"])
@click.argument("name", required=False)
@click.option(
    "--format", "form", type=click.Choice(["md", "html"]), default="md", show_default=True
)
@kubectl_flags
def report(name: str | None, form: str) -> None:
    """Print what was written from the record."""
    kubectl = the_kubectl()
    incident = find(kubectl, name)
    there = Kubectl(namespace_of(incident), kubectl.flags, kubectl.quiet)
    said = there.attempt("get", "configmap", _config_map(incident), extra=("-o", "json"))
    if said.code and code_of(said) is not Code.NOT_FOUND:
        words = f"{explained(said)}\n{_instead(kubectl, incident, form)}"
        raise Ended(code_of(said), words)
    data = (said.json.get("data") or {}) if said.code == 0 else {}
    text = data.get(f"postmortem.{form}")
    if text is None:
        raise Ended(Code.NOT_FOUND, _no_report(kubectl, incident, form))
    shown = clean(text)
    click.echo(shown, nl=not shown.endswith("\n"))


def _config_map(incident: Body) -> str:
    """Give the name of what holds the report: that of the Postmortem, which is the Incident's."""
    named = (status_of(incident).get("postmortem") or {}).get("name")
    return f"{named or name_of(incident)}-postmortem"


def _no_report(kubectl: Kubectl, incident: Body, form: str) -> str:
    status, place = status_of(incident), _config_map(incident)
    lines = [f"There is no report in ConfigMap {place} (key postmortem.{form})."]
    if status.get("phase") not in ENDED:
        lines.append(
            f"It is written once the Incident is resolved; it is {status.get('phase', 'new')} now."
        )
    due = when((status.get("postmortem") or {}).get("dueAt"))
    if due is not None:
        lines.append(f"Its Postmortem is due at {clock(due, now())}.")
    return "\n".join([*lines, _instead(kubectl, incident, form)])


def _instead(kubectl: Kubectl, incident: Body, form: str) -> str:
    typed = f"incidentcommander report {name_of(incident)} -n {namespace_of(incident)}"
    return (
        f"To render one now: {typed} --format {form}\n"
        f"The record itself: {kubectl.typed('timeline', incident)}"
    )


COMMANDS: Final = (timeline, report)
