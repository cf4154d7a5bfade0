"""list and show: what is open, and everything about one of them."""

from __future__ import annotations

from typing import Final

import click

from . import terminal
from .commands import HELP
from .find import find, open_ones
from .objects import now
from .options import in_full, kubectl_flags, output, the_kubectl
from .view.detail import Detail
from .view.listing import listing
from .view.screen import screen

__all__ = ["COMMANDS"]


@click.command("list", help=HELP["list"])
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@click.option("--all", "ended", is_flag=True, help="Also those that have ended.")
@output("wide", "json", "yaml", "name")
@kubectl_flags
def list_incidents(*, everywhere: bool, ended: bool, form: str | None) -> None:
    """List Incidents."""
    kubectl = the_kubectl()
    found = open_ones(kubectl, everywhere=everywhere, ended=ended)
    if form and form != "wide":
        terminal.write({"apiVersion": "v1", "kind": "List", "items": found}, form)
    elif found:
        terminal.show(listing(found, now(), everywhere=everywhere, wide=form == "wide"))
    else:
        where = "" if everywhere else " in this namespace"
        terminal.say(f"No Incident is open{where}. To declare one: {kubectl.spoken('declare')}")


@click.command("show", help=HELP["show"])
@click.argument("name", required=False)
@click.option("-w", "--watch", is_flag=True, help="Stay, and follow it until it is over.")
@in_full("Whole diffs, guards that are clear, evidence of the findings.")
@output("json", "yaml", "name")
@kubectl_flags
def show(name: str | None, *, watch: bool, full: bool, form: str | None) -> None:
    """Show one Incident."""
    kubectl = the_kubectl()
    incident = find(kubectl, name)
    if form:
        terminal.write(incident, form)
        return
    detail = Detail.FULL if full else Detail.NORMAL
    if watch:
        from .watching import follow

        follow(kubectl, incident, detail)
        return
    terminal.show(screen(incident, now(), terminal.width(), kubectl, detail))


COMMANDS: Final = (list_incidents, show)
