"""The composition root: settings, gateways, runner, kopf, health; and the command line.

Everything is put together here and nowhere else. It decides nothing about Incidents.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from . import logs
from .report_command import report
from .settings import Settings, SettingsError
from .stopping import Stopping

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from prometheus_client import CollectorRegistry

    from .controllers.incidents import Runner
    from .controllers.postmortems import Reviews
    from .core.case import Limits
    from .deliveries.dispatcher import LocalPostman
    from .gateways.kubernetes.client import Client
    from .gateways.kubernetes.library import KubernetesLibrary
    from .http.health import HealthServer
    from .observed.workloads import IncidentRef

__all__ = ["main"]

_LOG = logging.getLogger("incidentcommander")
_NOT_SERVED_PAUSE: Final = 2.0
_STOPS_WITHIN: Final = 2.5
"""Seconds from a signal to the end of the process."""
_DELIVERIES_END_WITHIN: Final = 1.0
_TICKS_END_WITHIN: Final = 1.0


def now() -> datetime:
    """Give the current time."""
    return datetime.now(UTC)


@click.group()
def main() -> None:
    """Run incidents in Kubernetes, as the best incident commanders do."""


main.add_command(report)


@main.command()
def run() -> None:
    """Run the operator until it is ended (SIGTERM or Ctrl-C)."""
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    logs.begin(settings.log_level)
    asyncio.run(serve(settings))


def limits_of(settings: Settings) -> Limits:
    """Give the times and sizes that the settings say."""
    from .core.case import Limits

    return Limits(
        operator_namespace=settings.namespace,
        page_at=settings.page_at,
        reopen_within=settings.reopen_within,
    )


class _Wakes:
    """What wakes the runner. The gateways are given it before there is a runner."""

    runner: Runner

    def __init__(self) -> None:
        from .deliveries.reminders import Reminders

        self.reminders: Final = Reminders()

    def all(self) -> None:
        self.runner.wake_all()

    def one(self, ref: IncidentRef) -> None:
        if not self.reminders.settled(ref):
            self.runner.wake(ref)

    def target(self, ref: IncidentRef) -> None:
        self.runner.target_changed(ref)

    def postmortem(self, namespace: str, incident: str) -> None:
        self.runner.postmortem_changed(namespace, incident)


async def serve(settings: Settings) -> None:
    """Put everything together and run it until a signal ends it."""
    from .controllers.incidents import Gateways, Runner
    from .controllers.retention import Retention
    from .gateways.kubernetes.admission import Guard
    from .gateways.kubernetes.client import Client
    from .gateways.kubernetes.events import Events
    from .gateways.kubernetes.incidents import Incidents
    from .gateways.kubernetes.library import KubernetesLibrary
    from .gateways.kubernetes.observer import KubernetesObserver
    from .gateways.kubernetes.postmortems import Postmortems
    from .gateways.kubernetes.targets import TargetWatches
    from .gateways.kubernetes.workloads import KubernetesWorkloads
    from .gateways.prometheus.queries import Metrics
    from .handlers.incidents import run_kopf
    from .handlers.watchdog import Watchdog
    from .http.health import HealthServer
    from .metering.meter import PrometheusMeter

    stopping = Stopping(_STOPS_WITHIN)
    stopping.take_signals()
    client = await Client.connect(settings)
    wakes = _Wakes()
    guard = Guard(client, settings, wakes.all)
    announcer = Events(client, os.environ.get("HOSTNAME", ""))
    targets = TargetWatches(client, settings, wakes.target)
    watched = settings.watch_namespaces
    followed = tuple(dict.fromkeys((*watched, settings.namespace))) if watched else ()
    library = KubernetesLibrary(client, followed, wakes.all, now)
    meter = PrometheusMeter()
    incidents = Incidents(client)
    postman = _postman(client, settings, wakes.one, library)
    reviews = _reviews(client, settings, wakes, postman)
    postmortems = Postmortems(client)
    runner = wakes.runner = Runner(
        Gateways(
            incidents=incidents,
            postmortems=postmortems,
            observer=KubernetesObserver(client, Metrics(settings), guard),
            workloads=KubernetesWorkloads(client),
            announcer=announcer,
            targets=targets,
            postman=postman,
            meter=meter,
            library=library,
            fingerprint=lambda: guard.fingerprint or None,
            guard_since=lambda: guard.since,
        ),
        limits_of(settings),
        now,
    )
    watchdog = Watchdog(_die)
    # Alive is what answers: the watchdog ends the process itself, and an API server that is away
    # is no reason to start the operator again.
    health = HealthServer(
        settings.http_host, settings.http_port, alive=lambda: (), ready=watchdog.problems
    )
    _expose(meter.registry, health, runner, postman, client, reviews)

    async def load() -> None:
        await asyncio.gather(library.load(), reviews.load())
        runner.recall(await incidents.ended(watched))

    await _until_served(load)
    async with health:
        tasks = _begin(
            library=library.run(),
            reviews=reviews.run(),
            guard=guard.run(),
            events=announcer.run(),
            schedule=runner.schedule.run(),
            deliveries=postman.schedule.run(),
            retention=Retention(client, postmortems, watched, now).run(),
            watchdog=watchdog.run(),
        )
        _LOG.info(
            "watching Incidents in %s at %s",
            ", ".join(watched) or "all namespaces",
            client.server,
        )
        kopf = run_kopf(runner, client.server, client.new_session, watched, stopping.take_signals)
        watching = _begin(kopf=kopf)
        await stopping.wait()
        # While kopf goes on: it would cancel what it finds of ours.
        await _wind_up(postman, runner, tasks)
        await targets.close()
        await _end(watching)
        await client.close()


async def _until_served(load: Callable[[], object]) -> None:
    """Wait until the API server can be asked and serves our kinds."""
    from .errors import OperatorError

    while True:
        try:
            await load()  # type: ignore[misc]
        except OperatorError as error:
            _LOG.warning("not ready to start: %s", error)
            await asyncio.sleep(_NOT_SERVED_PAUSE)
        else:
            return


def _reviews(client: Client, settings: Settings, wakes: _Wakes, postman: LocalPostman) -> Reviews:
    from .controllers.postmortems import Reviews
    from .gateways.kubernetes.reports import Reports

    wakes.reminders.postman = postman
    reports = Reports(client, now) if settings.report_config_maps else None
    return Reviews(
        client,
        settings.watch_namespaces,
        now,
        wakes.postmortem,
        reports,
        wakes.reminders.remind,
    )


def _postman(
    client: Client,
    settings: Settings,
    wake: Callable[[IncidentRef], None],
    library: KubernetesLibrary,
) -> LocalPostman:
    from .deliveries.dispatcher import LocalPostman
    from .deliveries.pace import Pace
    from .gateways.channels.apprise import Notifier
    from .gateways.channels.urls import Channels

    channels = Channels(client, settings.namespace, settings.channels_secret, time.monotonic)
    home = settings.namespace
    notifier = Notifier(channels, home=home, outward=lambda: library.outward(home))
    return LocalPostman(notifier, wake, now, random.random, Pace(settings.notices_per_hour))


def _expose(
    registry: CollectorRegistry,
    health: HealthServer,
    runner: Runner,
    postman: LocalPostman,
    client: Client,
    reviews: Reviews,
) -> None:
    """Let Prometheus read what all of these remember."""
    from prometheus_client import ProcessCollector

    from .http.metrics import add_metrics
    from .metering import catalogue
    from .metering.gauges import Gauges

    gauges = Gauges(lambda: runner.summaries, now)
    gauges.feed(catalogue.CHANNELS_FAILING, lambda: postman.failing)
    gauges.feed(catalogue.POSTMORTEMS_OVERDUE, lambda: {(): float(reviews.overdue()[0])})
    gauges.feed(catalogue.ACTION_ITEMS_OVERDUE, lambda: {(): float(reviews.overdue()[1])})
    gauges.feed(catalogue.API_REQUESTS, lambda: client.answers)
    gauges.feed(catalogue.DELIVERIES, lambda: postman.outcomes)
    registry.register(gauges)
    ProcessCollector(registry=registry)
    add_metrics(health.app, registry)


def _begin(**work: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
    """Run these for ever: the process ends with the first of them that does."""
    tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in work.items()]
    for task in tasks:
        task.add_done_callback(_end_if_dead)
    return tasks


async def _wind_up(
    postman: LocalPostman, runner: Runner, tasks: Sequence[asyncio.Task[None]]
) -> None:
    # Deliveries first, so that what is taken meanwhile is still recorded.
    await postman.drain(_DELIVERIES_END_WITHIN)
    await runner.drain(_TICKS_END_WITHIN)
    await _end(tasks)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.remove_done_callback(_end_if_dead)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _end_if_dead(task: asyncio.Task[None]) -> None:
    if task.cancelled():
        return
    _LOG.error("background task %s ended", task.get_name(), exc_info=task.exception())
    _die(f"background task {task.get_name()} ended")


def _die(why: str) -> None:
    _LOG.critical("%s; the process ends, to be started again", why)
    logging.shutdown()
    os._exit(1)


if __name__ == "__main__":
    main()
