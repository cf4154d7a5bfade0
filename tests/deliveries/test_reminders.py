"""Reminders of what a Postmortem owes, over the channels of the policy that its Incident ran under."""

from __future__ import annotations

from typing import Any

from incidentcommander.api.incident import Incident
from incidentcommander.api.postmortem import Postmortem
from incidentcommander.core.postmortem.overdue import Reminder
from incidentcommander.deliveries.reminders import Reminders
from incidentcommander.observed.workloads import IncidentRef
from tests.support.desk import NOW, Desk, Script
from tests.support.play import Play

OPS = {"name": "ops", "audience": "Internal"}
OTHERS: list[dict[str, Any]] = [
    {"name": "board", "audience": "Executive"},
    {"name": "status-page", "audience": "External"},
    {"name": "sev1-only", "audience": "Internal", "severities": ["SEV1"]},
]
REF = IncidentRef("shop", "postmortem/checkout-5xx", "pm-uid-1234")


def incident(*channels: dict[str, Any]) -> Incident:
    return Play(spec={"severity": "SEV2"}).under(channels=list(channels)).tick().incident


def postmortem() -> Postmortem:
    meta = {"name": "checkout-5xx", "namespace": "shop", "uid": "pm-uid-1234"}
    spec = {"incidentRef": {"name": "checkout-5xx"}}
    return Postmortem.model_validate({"metadata": meta, "spec": spec})


def late(item: str = "AI-1") -> Reminder:
    return Reminder(item, NOW, f"Action item {item} is overdue", f"{item} was due 2026-11-20")


def at_work(script: Script) -> tuple[Desk, Reminders]:
    desk, reminders = Desk(script), Reminders()
    reminders.postman = desk.postman
    return desk, reminders


async def test_the_internal_channels_are_reminded_and_nobody_else() -> None:
    script = Script()
    desk, reminders = at_work(script)
    reminders.remind(postmortem(), incident(OPS, *OTHERS), late())
    await desk.settle()
    assert script.taken == [("ops", "pm-uid-1-AI-1-20261122")]


async def test_what_is_taken_is_dropped_and_what_is_not_is_kept() -> None:
    script = Script(wrong={"pm-uid-1-AI-2-20261122": "HTTP 503"})
    desk, reminders = at_work(script)
    for item in ("AI-1", "AI-2"):
        reminders.remind(postmortem(), incident(OPS), late(item))
    await desk.settle()
    assert reminders.settled(REF)
    assert {d.notice for d in desk.postman.deliveries(REF)} == {"pm-uid-1-AI-2-20261122"}
    script.wrong = {}
    await desk.later(3600)
    assert reminders.settled(REF)
    assert desk.postman.deliveries(REF) == ()


async def test_incidents_are_none_of_its_business() -> None:
    assert not Reminders().settled(IncidentRef("shop", "checkout-5xx", "uid-1"))


async def test_without_a_channel_or_an_incident_the_event_is_the_reminder() -> None:
    script = Script()
    desk, reminders = at_work(script)
    reminders.remind(postmortem(), incident(), late())
    reminders.remind(postmortem(), None, late())
    await desk.settle()
    assert script.tried == []
