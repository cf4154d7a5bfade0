"""What Prometheus reads: by a real scrape, parsed by Prometheus' own library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from incidentcommander.api.base import GROUP
from incidentcommander.api.common import Phase, Severity
from incidentcommander.api.incident import Durations, Incident, Milestones
from incidentcommander.errors import ConflictError, ForbiddenError, UnavailableError
from incidentcommander.http.health import HealthServer
from incidentcommander.http.metrics import add_metrics
from incidentcommander.metering.catalogue import (
    API_REQUESTS,
    CATALOGUE,
    CHANNELS_FAILING,
    DELIVERIES,
    Metric,
)
from incidentcommander.metering.gauges import Gauges
from incidentcommander.metering.meter import PrometheusMeter
from incidentcommander.observed.workloads import Applied, Stale, Unavailable
from tests.support import build
from tests.support.desk import REF, Desk, Script, notice
from tests.support.play import Play
from tests.support.shell import Shell
from tests.support.sinks import free_port

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


class Scene:
    """A runner with a meter, and the page that Prometheus reads."""

    def __init__(self) -> None:
        self.meter = PrometheusMeter()
        self.shell = Shell(self.meter)
        self.gauges = Gauges(lambda: self.shell.runner.summaries, lambda: self.shell.world.now)
        self.meter.registry.register(self.gauges)

    @asynccontextmanager
    async def page(self) -> AsyncIterator[str]:
        port = free_port()
        health = HealthServer("127.0.0.1", port, alive=lambda: (), ready=lambda: ())
        add_metrics(health.app, self.meter.registry)
        async with health:
            yield f"http://127.0.0.1:{port}/metrics"

    async def scrape(self) -> Samples:
        text, _ = await self.text()
        return {
            (s.name, frozenset(s.labels.items())): s.value
            for family in text_string_to_metric_families(text)
            for s in family.samples
        }

    async def text(self, accept: str = "") -> tuple[str, str]:
        async with (
            self.page() as url,
            aiohttp.ClientSession() as session,
            session.get(url, headers={"Accept": accept}) as response,
        ):
            assert response.status == 200
            return await response.text(), response.headers["Content-Type"]


def of(samples: Samples, short: str, **labels: str) -> float | None:
    return samples.get((f"incident_commander_{short}", frozenset(labels.items())))


def put(scene: Scene, name: str, incident: Incident, **status: Any) -> Any:
    meta = incident.metadata.model_copy(update={"name": name, "uid": f"{name}-uid"})
    changed = incident.status.model_copy(update=status)
    return scene.shell.store.put(incident.model_copy(update={"metadata": meta, "status": changed}))


def played(**over: Any) -> Incident:
    return Play(**over).tick().incident


async def test_open_incidents_are_counted_by_severity_phase_and_drill() -> None:
    scene = Scene()
    refs = [put(scene, f"inc-{n}", played()) for n in range(3)]
    refs.append(put(scene, "drill", played(spec={"drill": True})))

    await scene.shell.tick(*refs)
    samples = await scene.scrape()

    phase = str(scene.shell.store.kept["shop", "inc-0"].status.phase)
    severity = str(scene.shell.store.kept["shop", "inc-0"].status.severity)
    assert of(samples, "incidents", severity=severity, phase=phase, drill="false") == 3
    assert of(samples, "incidents", severity=severity, phase=phase, drill="true") == 1
    counted = [v for (name, _), v in samples.items() if name == "incident_commander_incidents"]
    assert len(counted) == 4 * 8 * 2
    assert sum(counted) == 4
    assert of(samples, "roles_unfilled", severity=severity, drill="false") == 0, "not due yet"
    waiting = len(scene.shell.store.kept["shop", "inc-0"].status.open_proposals)
    assert waiting
    assert of(samples, "approvals_waiting", severity=severity, drill="false") == 3 * waiting


async def test_an_update_is_overdue_once_its_time_has_passed_without_anybody_looking() -> None:
    scene = Scene()
    await scene.shell.tick(put(scene, "inc", played()))
    before = await scene.scrape()
    scene.shell.world.now += timedelta(days=1)

    after = await scene.scrape()

    assert of(before, "updates_overdue", severity="SEV2", drill="false") == 0
    assert of(after, "updates_overdue", severity="SEV2", drill="false") == 1
    assert of(after, "roles_unfilled", severity="SEV2", drill="false") == 1


async def test_an_ended_incident_counts_no_more_but_its_outbox_does() -> None:
    scene = Scene()
    ended = put(scene, "over", played(), phase=Phase.MERGED, outbox=[notice(1)])

    await scene.shell.tick(ended)
    samples = await scene.scrape()

    assert of(samples, "outbox_notices") == 1
    assert sum(v for (n, _), v in samples.items() if n == "incident_commander_incidents") == 0


RESOLVED = ("detect", "acknowledge", "mitigate", "resolve")


def resolved(**over: Any) -> Incident:
    """One whose every duration is known."""
    incident = played(**over)
    start = build.NOW
    moments = {
        "started_at": start,
        "detected_at": start + timedelta(seconds=90),
        "acknowledged_at": start + timedelta(seconds=290),
        "mitigated_at": start + timedelta(seconds=1000),
        "resolved_at": start + timedelta(seconds=4000),
    }
    status = incident.status.model_copy(
        update={
            "phase": Phase.RESOLVED,
            "milestones": Milestones(**moments),
            "durations": Durations(detect=90, acknowledge=200, mitigate=1000, resolve=4000),
        }
    )
    return incident.model_copy(update={"status": status})


async def test_the_times_are_observed_when_an_incident_is_resolved() -> None:
    scene = Scene()

    scene.meter.resolved(resolved())
    samples = await scene.scrape()

    sums = [
        of(samples, f"time_to_{k}_seconds_sum", severity="SEV2", drill="false") for k in RESOLVED
    ]
    assert sums == [90, 200, 1000, 4000]
    for key in RESOLVED:
        assert of(samples, f"time_to_{key}_seconds_count", severity="SEV2", drill="false") == 1
        assert of(samples, f"time_to_{key}_seconds_count", severity="SEV2", drill="true") is None


async def test_drills_are_apart() -> None:
    scene = Scene()

    scene.meter.resolved(resolved(spec={"drill": True}))
    samples = await scene.scrape()

    assert of(samples, "time_to_resolve_seconds_count", severity="SEV2", drill="true") == 1
    assert of(samples, "time_to_resolve_seconds_count", severity="SEV2", drill="false") is None


async def test_ed_hides_no_incident_from_the_figures_by_duplicate_of() -> None:
    """What was merged never becomes Resolved: who did was not, whatever ``spec`` says."""
    scene = Scene()

    scene.meter.resolved(resolved(spec={"duplicateOf": {"name": "no-such-incident"}}))
    samples = await scene.scrape()

    assert of(samples, "time_to_resolve_seconds_count", severity="SEV2", drill="false") == 1


async def test_an_incident_that_becomes_resolved_is_told_once_to_the_meter() -> None:
    shell = Shell()
    play = Play(world=shell.world).tick()
    play.say("approve", play.open("rollback"))
    ref = shell.store.put(play.incident)
    for _ in range(400):
        shell.world.now += timedelta(seconds=30)
        await shell.tick(ref)
        if shell.store.labelled:
            break

    assert shell.tally.ended == [ref.name]
    assert "IncidentResolved" in shell.tally.reasons
    assert set(shell.tally.ticks) == {""}


async def test_an_approved_change_is_counted_by_what_came_of_it() -> None:
    shell = Shell()
    play = Play(world=shell.world).tick()
    asked = {f"{GROUP}/approve": play.open("rollback"), f"{GROUP}/approve-by": "alice"}
    play.annotate(asked)

    await shell.tick(shell.store.put(play.incident))

    assert shell.tally.remediations == [("rolloutUndo", "Applied")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConflictError("moved"), "conflict"),
        (UnavailableError("away"), "unavailable"),
        (ForbiddenError("no"), "refused"),
        (ZeroDivisionError(), "bug"),
    ],
)
async def test_a_look_that_does_not_end_well_is_counted_by_its_kind(
    error: Exception, reason: str
) -> None:
    shell = Shell()
    ref = shell.store.put(played())
    shell.store.trouble.append(error)

    await shell.tick(ref)
    await shell.tick(ref)

    assert shell.tally.ticks[:2] == [reason, ""]
    assert set(shell.tally.ticks[2:]) <= {""}


async def test_what_happens_is_counted() -> None:
    scene = Scene()
    await scene.shell.tick(scene.shell.store.put(build.incident()))
    scene.meter.remediated("rolloutUndo", Applied(2, "1"))
    scene.meter.remediated("rolloutUndo", Stale("changed"))
    scene.meter.remediated("scale", Unavailable("target", "?"))
    scene.meter.ticked("conflict")

    samples = await scene.scrape()

    assert of(samples, "timeline_entries_total", reason="IncidentDeclared") == 1
    assert of(samples, "remediations_total", action="rolloutUndo", outcome="Applied") == 1
    assert of(samples, "remediations_total", action="rolloutUndo", outcome="Stale") == 1
    assert of(samples, "remediations_total", action="scale", outcome="Unavailable") == 1
    assert of(samples, "ticks_total") == 2
    assert of(samples, "tick_errors_total", reason="conflict") == 1


async def test_deliveries_and_failing_channels_are_shown() -> None:
    scene, desk = Scene(), Desk(Script(wrong={"pager": "HTTP 503"}))
    scene.gauges.feed(DELIVERIES, lambda: desk.postman.outcomes)
    scene.gauges.feed(CHANNELS_FAILING, lambda: desk.postman.failing)
    await desk.post(notice(1, "pager", "chat"))
    for _ in range(10):
        await desk.later()

    samples = await scene.scrape()

    assert of(samples, "deliveries_total", channel="chat", outcome="taken") == 1
    assert of(samples, "deliveries_total", channel="pager", outcome="refused") == 3
    assert of(samples, "channels_failing", channel="pager") == 1
    assert of(samples, "channels_failing", channel="chat") is None
    desk.postman.forget(REF)
    assert of(await scene.scrape(), "channels_failing", channel="pager") is None


async def test_channels_that_policies_make_up_do_not_multiply() -> None:
    desk = Desk(Script())
    for number in range(300):
        await desk.post(notice(number, f"channel-{number}"))

    assert len(desk.postman.outcomes) == 129
    assert desk.postman.outcomes["(other)", "taken"] == 300 - 128


async def test_a_gauge_can_be_fed_by_anybody() -> None:
    scene = Scene()
    late = Metric(
        "postmortems_overdue", "gauge", ("severity",), "Postmortems", "Postmortems past their time."
    )
    scene.gauges.feed(late, lambda: {("SEV1",): 2.0})

    assert of(await scene.scrape(), "postmortems_overdue", severity="SEV1") == 2


async def test_it_is_read_as_open_metrics_too() -> None:
    scene = Scene()
    scene.meter.resolved(resolved())

    text, content_type = await scene.text("application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    families = open_metrics(text)  # type: ignore[no-untyped-call]
    assert "incident_commander_ticks" in {f.name for f in families}


async def test_every_name_and_label_is_of_the_catalogue_and_few() -> None:
    scene = Scene()
    scene.gauges.feed(API_REQUESTS, lambda: {("get", "incidents", "200"): 3})
    scene.gauges.feed(DELIVERIES, lambda: {("pager", "taken"): 1})
    scene.gauges.feed(CHANNELS_FAILING, lambda: {("pager",): 0})
    for severity in Severity:
        for drill in (False, True):
            scene.meter.resolved(resolved(spec={"severity": severity, "drill": drill}))
    scene.meter.ticked("bug")
    refs = [put(scene, f"very-special-name-{n}", played()) for n in range(20)]
    await scene.shell.tick(*refs)
    before = len(await scene.scrape())
    await scene.shell.tick(*(put(scene, f"another-{n}", played()) for n in range(20)))

    text, _ = await scene.text()
    families = {f.name: f for f in text_string_to_metric_families(text)}

    labels: dict[str, Callable[[str], bool]] = {
        "le": lambda _: True,
        "severity": set(Severity).__contains__,
        "drill": {"true", "false"}.__contains__,
        "phase": set(Phase).__contains__,
        "channel": {"pager"}.__contains__,
        "outcome": {"taken"}.__contains__,
        "verb": {"get"}.__contains__,
        "resource": {"incidents"}.__contains__,
        "code": {"200"}.__contains__,
        "reason": str.isalpha,
    }
    assert set(families) <= {m.name.removesuffix("_total") for m in CATALOGUE}
    assert "special" not in text
    assert len(await scene.scrape()) == before
    for metric in CATALOGUE:
        for sample in getattr(families.get(metric.name.removesuffix("_total")), "samples", ()):
            assert set(sample.labels) - {"le"} == set(metric.labels)
            assert all(labels[k](v) for k, v in sample.labels.items()), sample


def test_two_meters_do_not_meet() -> None:
    first, second = PrometheusMeter(), PrometheusMeter()
    first.ticked()

    assert first._ticks._value.get() == 1
    assert second._ticks._value.get() == 0


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda m: m.short)
def test_each_metric_is_named_as_prometheus_wants_it(metric: Metric) -> None:
    assert metric.name.startswith("incident_commander_")
    assert metric.help.endswith(".")
    assert metric.name.endswith("_seconds") == (metric.unit == "seconds")


def test_the_page_stands_beside_the_probes() -> None:
    health = HealthServer("", 0, alive=lambda: (), ready=lambda: ())
    add_metrics(health.app, CollectorRegistry())

    paths = {r.canonical for r in health.app.router.resources()}
    assert paths == {"/healthz", "/readyz", "/metrics"}
    assert isinstance(health.app, web.Application)
