"""declare: an Incident from flags or from answers, with a name that says when."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import click

from . import terminal
from .commands import HELP
from .exits import Code, Ended
from .kubectl import Body, Kubectl
from .names import COMMAND, GROUP, SEVERITIES, TARGET_KINDS
from .objects import name_of, namespace_of, now, status_of
from .options import kubectl_flags, output, patience, the_kubectl
from .view.screen import screen

__all__ = ["COMMANDS", "Declaration", "named"]

_LONGEST: Final = 63
_POLL: Final = 0.3
_BUSY: Final = frozenset({None, "Declared", "Diagnosing"})
_WORKLOADS: Final = "deployments,statefulsets,daemonsets"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is known at the beginning."""

    title: str
    target: str
    name: str = ""
    severity: str = ""
    roles: dict[str, str] = field(default_factory=dict)
    impact: dict[str, Any] = field(default_factory=dict)
    war_room: str = ""
    runbook: str = ""
    drill: bool = False

    def body(self, namespace: str, at: datetime) -> Body:
        """Give the object; what was not said is left out."""
        kind, name = _target(self.target)
        said = {
            "title": self.title,
            "severity": self.severity,
            "target": {"kind": kind, "name": name},
            "roles": self.roles,
            "impact": {key: value for key, value in self.impact.items() if _was_said(value)},
            "warRoom": self.war_room,
            "runbookRef": {"name": self.runbook} if self.runbook else {},
            "drill": self.drill,
        }
        metadata = {"name": self.name or named(self.title, name, at)}
        if namespace:
            metadata["namespace"] = namespace
        return {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": "Incident",
            "metadata": metadata,
            "spec": {key: value for key, value in said.items() if value},
        }


def _was_said(value: object) -> bool:
    # No users affected is a figure, and not nothing.
    return bool(value) or (value == 0 and value is not False)


def named(title: str, target: str, at: datetime) -> str:
    """Make a name: the title's words and the time, at most 63 characters.

    A title without letters that a name can hold gives way to the target's name.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or target.replace(".", "-")
    stamp = f"{at:%Y%m%d-%H%M}"
    return f"{slug[: _LONGEST - len(stamp) - 1].strip('-')}-{stamp}"


@click.command("declare", help=HELP["declare"])
@click.argument("name", default="")
@click.option("--title", default="", help="One line that says what is broken; internal.")
@click.option(
    "--target", default="", help="The suspected workload: Deployment/checkout, sts/db, ds/agent."
)
@click.option(
    "--severity",
    type=click.Choice(SEVERITIES, case_sensitive=False),
    default=None,
    help="Default: SEV2. If unsure, take the higher.",
)
@click.option("--symptom", default="", help="What outsiders may read; never a cause.")
@click.option("--impact", default="", help="Who is affected and how.")
@click.option(
    "--users-affected", type=click.IntRange(0, 100), default=None, help="Per cent of users."
)
@click.option("--customer-reported", is_flag=True, help="Customers told us, not a monitor.")
@click.option("--war-room", default="", help="URL of the one place for all communication.")
@click.option("--commander", default="", help="User name of the first commander.")
@click.option("--drill", is_flag=True, help="A drill: real actions, apart in all figures.")
@click.option("--runbook", default="", help="Runbook to follow; by default the best match.")
@click.option("--dry-run", is_flag=True, help="Print the YAML and send nothing.")
@output("json", "yaml", "name")
@patience
@kubectl_flags
def declare(*, dry_run: bool, form: str | None, wait: float, **said: Any) -> None:
    """Declare, and say what the operator finds."""
    kubectl = the_kubectl()
    declaration = _completed(kubectl, said)
    text = _yaml(declaration.body(kubectl.namespace, now()))
    if dry_run:
        click.echo(text, nl=False)
        return
    created = kubectl.ask("create", "-f", "-", stdin=text, extra=("-o", "json")).json
    if not form:
        click.echo(f"incident.{GROUP}/{name_of(created)} created")
    incident = _diagnosed(kubectl, created, wait) if wait else created
    if form:
        terminal.write(incident, form)
    elif wait:
        terminal.show(screen(incident, now(), terminal.width(), kubectl))


def _completed(kubectl: Kubectl, said: dict[str, Any]) -> Declaration:
    """Ask for what is needed and was not said."""
    asking = not (said["title"] and said["target"]) and terminal.can_ask()
    title = said["title"] or terminal.asked("What is broken, in one line", _example("title"))
    if not said["target"] and asking:
        _show_workloads(kubectl)
    target = said["target"] or terminal.asked(
        "Which workload is suspected (Deployment/name)", _example("target")
    )
    severity, symptom = said["severity"] or "", said["symptom"]
    if asking:
        severity = severity or terminal.asked("Severity (if unsure, take the higher)", "", "SEV2")
        symptom = symptom or terminal.asked("What do users see (outsiders may read it)", "", "")
    impact = {
        "symptom": symptom,
        "summary": said["impact"],
        "usersAffectedPercent": said["users_affected"],
        "customerReported": said["customer_reported"],
    }
    return Declaration(
        title=title,
        target=target,
        name=said["name"],
        severity=severity.upper(),
        roles={"commander": said["commander"]} if said["commander"] else {},
        impact=impact,
        war_room=said["war_room"],
        runbook=said["runbook"],
        drill=said["drill"],
    )


def _target(text: str) -> tuple[str, str]:
    """Read ``Deployment/checkout``; a bare name is a Deployment."""
    kind, _, name = text.rpartition("/")
    known = TARGET_KINDS.get(kind.partition(".")[0].lower(), "") if kind else "Deployment"
    if not known or not name:
        raise Ended(
            Code.USAGE,
            f"{text!r} is no target: name a Deployment, StatefulSet or DaemonSet, such as Deployment/checkout",
        )
    return known, name


def _example(flag: str) -> str:
    given = {"title": '--title "Checkout returns 5xx"', "target": "--target Deployment/checkout"}
    return f"add {given[flag]} (all of it: {COMMAND} declare --help)"


def _show_workloads(kubectl: Kubectl) -> None:
    said = kubectl.attempt("get", _WORKLOADS, extra=("-o", "name"))
    if said.code == 0:
        terminal.say(said.out.replace(".apps/", "/").rstrip())


def _yaml(body: Body) -> str:
    import yaml

    return str(yaml.safe_dump(body, sort_keys=False, allow_unicode=True))


def _diagnosed(kubectl: Kubectl, created: Body, wait: float) -> Body:
    """Wait until the operator has looked; what there is by then is good enough."""
    here = Kubectl(namespace_of(created), kubectl.flags, kubectl.quiet)
    deadline = time.monotonic() + wait
    incident = created
    while status_of(incident).get("phase") in _BUSY:
        if time.monotonic() > deadline:
            if status_of(incident):
                break
            raise Ended(
                Code.TIMED_OUT,
                f"It is declared, but the operator has not taken it up within {wait:g} s. "
                f"What is wrong: {kubectl.spoken('doctor', '-n', here.namespace)}",
            )
        time.sleep(_POLL)
        incident = here.json("get", "incident", name_of(created), shown=False)
    return incident


COMMANDS: Final = (declare,)
