"""``incidentcommander report``: one Incident's Postmortem, or the times of all of them.

Reads through the kubeconfig, as kubectl would, and changes nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from .api.incident import Incident
    from .api.postmortem import Postmortem
    from .gateways.kubernetes.client import Client

__all__ = ["report"]

_PAGE: Final = "200"


@click.command()
@click.argument("name", required=False)
@click.option("-n", "--namespace", help="Namespace; without a NAME and without this: all.")
@click.option(
    "--format", "form", type=click.Choice(["md", "html"]), default="md", show_default=True
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there."
)
@click.option("--kubeconfig", help="Default: $KUBECONFIG, ~/.kube/config, or the pod's own.")
def report(
    name: str | None,
    namespace: str | None,
    form: str,
    output: Path | None,
    kubeconfig: str | None,
) -> None:
    """Render the Postmortem of the Incident NAME; without a NAME, MTTD, MTTA, MTTM and MTTR.

    It works on any Incident, also on an open one and on one without a Postmortem.
    """
    from .errors import OperatorError

    if name and not namespace:
        raise click.UsageError("say in which namespace the Incident is: -n NAMESPACE")
    try:
        text = asyncio.run(_text(name, namespace or "", form, kubeconfig))
    except OperatorError as error:
        raise click.ClickException(str(error)) from error
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text)
        click.echo(f"written to {output}", err=True)


async def _text(name: str | None, namespace: str, form: str, kubeconfig: str | None) -> str:
    from .gateways.kubernetes.client import Client
    from .settings import Settings

    client = await Client.connect(Settings.from_environment(os.environ), kubeconfig)
    try:
        if name is None:
            return await _figures(client, namespace, form)
        return await _one(client, namespace, name, form)
    finally:
        await client.close()


async def _figures(client: Client, namespace: str, form: str) -> str:
    from .api.incident import Incident
    from .report.figures import figures
    from .report.render import figures_html, figures_markdown

    found = [Incident.model_validate(raw) for raw in await _list(client, "incidents", namespace)]
    where = f"namespace {namespace}" if namespace else "all namespaces"
    render = figures_html if form == "html" else figures_markdown
    return render(figures(found), where)


async def _one(client: Client, namespace: str, name: str, form: str) -> str:
    from .errors import GoneError
    from .gateways.kubernetes.incidents import Incidents
    from .gateways.kubernetes.postmortems import whole_timeline
    from .observed.workloads import IncidentRef
    from .report.render import html, markdown
    from .report.view import view

    incident = await Incidents(client).get(IncidentRef(namespace, name))
    postmortem = await _postmortem(client, namespace, name, incident)
    if incident is None and postmortem is None:
        raise GoneError(f"there is no Incident {name} in namespace {namespace}, and no Postmortem")
    entries = await whole_timeline(client, incident) if incident else []
    shown = view(postmortem, incident, entries, datetime.now(UTC))
    return html(shown) if form == "html" else markdown(shown)


async def _postmortem(
    client: Client, namespace: str, name: str, incident: Incident | None
) -> Postmortem | None:
    """Find the one that the Incident names; where the Incident is gone, the newest about it."""
    from .api.postmortem import Postmortem

    selector = f"spec.incidentRef.name={name}"
    raw = await _list(client, "postmortems", namespace, fieldSelector=selector)
    found = [Postmortem.model_validate(item) for item in raw]
    if incident is not None:
        owed, uid = incident.status.postmortem, incident.metadata.uid
        named = owed.name if owed else None
        found = [
            p
            for p in found
            if p.metadata.name == named or (named is None and p.spec.incident_ref.uid == uid)
        ]
    dated = [(str(p.metadata.creation_timestamp), p) for p in found]
    return max(dated, key=lambda pair: pair[0])[1] if dated else None


async def _list(
    client: Client, plural: str, namespace: str, **query: str
) -> Sequence[dict[str, Any]]:
    from .gateways.kubernetes.pages import items_of, pages
    from .gateways.kubernetes.paths import path_of

    listed = pages(client, path_of(plural, namespace), {"limit": _PAGE, **query})
    return [item async for page in listed for item in items_of(page)]
