"""The runner hands the outbox over as it is stored, and lets no Incident end before it is empty."""

from __future__ import annotations

from typing import Any

from incidentcommander.api.common import Phase
from incidentcommander.api.incident import Incident
from incidentcommander.api.notices import Notice
from tests.support import build
from tests.support.desk import notice
from tests.support.play import Play
from tests.support.shell import Shell

ID = "checkout-5xx-0001"


def declared(*outbox: Notice, **status: Any) -> Incident:
    """An Incident that has been looked at, with these notices on their way."""
    incident = Play().tick().incident
    changed = incident.status.model_copy(update={"outbox": list(outbox), **status})
    return incident.model_copy(update={"status": changed})


async def test_what_stands_in_the_status_is_posted_after_a_start() -> None:
    shell = Shell()

    await shell.tick(shell.store.put(declared(notice(1))))

    name = build.incident().metadata.name
    assert set(shell.post.posted) == {(name, (ID,))}
    assert shell.post.asked


async def test_an_outbox_that_is_empty_costs_nothing() -> None:
    shell = Shell()
    ref = shell.store.put(declared())

    await shell.tick(ref)
    await shell.tick(ref)

    assert shell.post.posted == []
    assert shell.post.asked == 0


async def test_the_postman_is_told_once_that_the_outbox_is_empty_now() -> None:
    shell = Shell()
    ref = shell.store.put(declared(notice(1)))
    await shell.tick(ref)
    shell.store.put(declared())

    await shell.tick(ref)
    shell.post.posted.clear()
    await shell.tick(ref)

    assert shell.post.posted == []


async def test_an_ended_incident_is_not_labelled_before_everybody_was_told() -> None:
    shell = Shell()
    closed = declared(notice(1), phase=Phase.CLOSED)
    ref = shell.store.put(closed)

    await shell.tick(ref)
    assert shell.store.labelled == []
    assert shell.runner.size == 1
    status = shell.store.kept[ref.namespace, ref.name].status
    told = closed.model_copy(update={"status": status.model_copy(update={"outbox": []})})
    shell.store.put(told)
    await shell.tick(ref)

    assert shell.store.labelled == [ref.name]
    assert shell.runner.size == 0
    assert shell.post.forgotten == [ref.name]
