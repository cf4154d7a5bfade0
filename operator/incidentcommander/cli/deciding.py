"""approve and reject: the decision about one proposal, after it was shown whole."""

from __future__ import annotations

from typing import Final

import click

from ..command_line import Blank
from . import terminal
from .commands import HELP
from .exits import Code, Ended
from .find import find
from .kubectl import Body, Kubectl
from .names import APPROVAL_VERDICTS, BEING_APPLIED
from .objects import blocks, name_of, now, opened, status_of
from .options import kubectl_flags, no_questions, output, patience, the_kubectl
from .requests import Request
from .saying import deliver
from .view.detail import Detail
from .view.proposals import proposal_lines
from .view.spans import Line, line

__all__ = ["COMMANDS", "chosen"]


@click.command("approve", help=HELP["approve"])
@click.argument("name", required=False)
@click.argument("proposal", required=False)
@no_questions
@output("json", "yaml", "name")
@patience
@kubectl_flags
def approve(
    name: str | None, proposal: str | None, *, yes: bool, form: str | None, wait: float
) -> None:
    """Let it be done: what is shown, and nothing else."""
    kubectl = the_kubectl()
    incident = find(kubectl, name)
    picked = chosen(kubectl, incident, proposal)
    if not form:
        terminal.show(_shown(incident, picked))
    if not yes and not terminal.confirmed(f"Approve {picked['id']}?"):
        raise Ended(Code.USAGE, "Nothing was approved.")
    here = _at(kubectl, incident)
    deliver(
        here, Request(name_of(incident), "approve", picked["id"]), wait, form, APPROVAL_VERDICTS
    )
    if not form:
        terminal.say(f"What comes of it: {kubectl.typed('show', incident, '--watch')}")


@click.command("reject", help=HELP["reject"])
@click.argument("name")
@click.argument("proposal", required=False)
@click.argument("words", nargs=-1)
@output("json", "yaml", "name")
@patience
@kubectl_flags
def reject(
    name: str, proposal: str | None, words: tuple[str, ...], form: str | None, wait: float
) -> None:
    """Say no. It is not offered again, unless somebody asks for it."""
    kubectl = the_kubectl()
    incident = find(kubectl, name)
    meant = proposal or _the_only_rejectable(kubectl, incident)
    reason = " ".join(words).strip()
    value = f"{meant}: {reason}" if reason else meant
    deliver(_at(kubectl, incident), Request(name_of(incident), "reject", value), wait, form)


def chosen(kubectl: Kubectl, incident: Body, wanted: str | None) -> Body:
    """Give the proposal that is meant.

    Raises
    ------
    Ended
        If there is none, if it is not clear which, or if a guard blocks it.
    """
    found = opened(incident)
    if not found:
        raise Ended(
            Code.NOT_FOUND, f"No proposal is open.\n{status_of(incident).get('summary', '')}"
        )
    if wanted:
        picked = next((p for p in found if p["id"] == wanted), None)
        if picked is None:
            raise Ended(
                Code.NOT_FOUND, f"There is no open proposal {wanted}.\n{_listed(kubectl, incident)}"
            )
        return _unblocked(picked)
    recommended = [p for p in found if p.get("recommended")]
    if len(recommended) != 1:
        raise Ended(Code.USAGE, f"None is recommended: say which.\n{_listed(kubectl, incident)}")
    return _unblocked(recommended[0])


def _shown(incident: Body, proposal: Body) -> list[Line]:
    """Give all that is to be weighed: what is done, why, what speaks against it, the diff."""
    what = line((name_of(incident), "bold"), f"  {incident['spec']['title']}")
    return [what, *proposal_lines(proposal, now(), terminal.width(), Detail.FULL)]


def _unblocked(proposal: Body) -> Body:
    """Refuse what a guard blocks, with its words: they hold the commands that clear it."""
    against = blocks(proposal)
    if against:
        lines = [f"  {guard['name']}: {guard['message']}" for guard in against]
        lines += [f"    {command}" for guard in against for command in _left_out(guard)]
        raise Ended(Code.REFUSED, "\n".join([f"{proposal['id']} is blocked for now:", *lines]))
    return proposal


def _left_out(guard: Body) -> list[str]:
    """Give the commands that did not fit into the message."""
    return [c for c in guard.get("commands") or [] if c not in guard["message"]]


def _listed(kubectl: Kubectl, incident: Body) -> str:
    lines = []
    for proposal in opened(incident):
        typed = kubectl.typed("approve", incident, proposal["id"])
        lines += [f"  {proposal['summary']} ({proposal['confidence']})", f"    {typed}"]
    return "\n".join(["Open now:", *lines])


def _the_only_rejectable(kubectl: Kubectl, incident: Body) -> str:
    found = status_of(incident).get("proposals") or []
    states = BEING_APPLIED | {"Proposed"}
    ids = [p["id"] for p in found if p["state"] in states]
    if len(ids) == 1:
        return str(ids[0])
    if not ids:
        raise Ended(Code.NOT_FOUND, "No proposal is open or under way: nothing to reject.")
    lines = [f"  {kubectl.typed('reject', incident, each, Blank('reason'))}" for each in ids]
    raise Ended(Code.USAGE, "\n".join(["Say which:", *lines]))


def _at(kubectl: Kubectl, incident: Body) -> Kubectl:
    """Give the kubectl for the namespace of that Incident."""
    return Kubectl(incident["metadata"]["namespace"], kubectl.flags, kubectl.quiet)


COMMANDS: Final = (approve, reject)
