"""kopf's part: watch Incidents and wake the runner, level-triggered.

Only ``on.event`` is used: kopf writes nothing, keeps no progress, adds no finalizer. What an
event says is not looked at, beyond which object it is about and whether it was seen already.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import aiohttp
import kopf

from ..api.base import CLOSED_LABEL, GROUP, VERSION
from ..controllers.incidents import Runner
from ..observed.workloads import IncidentRef

__all__ = ["run_kopf", "watcher_alive"]

_LOG = logging.getLogger(__name__)
_WATCHER_PREFIX: Final = "watcher for incidents"


class _EndlessBackoffs:
    """Pauses between retries of kopf's requests, in seconds: without end, so that no watcher dies.

    With a finite list a watcher ends after the last one and is never started again
    (nolar/kopf#1276).
    """

    def __iter__(self) -> Iterator[float]:
        yield from (0.2, 0.5, 1, 2, 5)
        while True:
            yield 10


def registry_for(
    runner: Runner, server: str, session: Callable[[], aiohttp.ClientSession]
) -> kopf.OperatorRegistry:
    """Register the handlers: how to log in, and what to do with an event."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=server, aiohttp_session=session())

    @kopf.on.event(GROUP, VERSION, "incidents", registry=registry)
    async def incident_event(type: str | None, meta: kopf.Meta, **_: Any) -> None:  # noqa: A002
        ref = IncidentRef(str(meta["namespace"]), str(meta["name"]), str(meta["uid"]))
        # An Incident that gets the label `closed` leaves the watch as DELETED, too.
        if type == "DELETED":
            runner.forget(ref)
        else:
            runner.seen(ref, str(meta["resourceVersion"]))

    return registry


def settings_for_kopf() -> kopf.OperatorSettings:
    """Give settings under which kopf only watches, and never gives up."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.error_backoffs = _EndlessBackoffs()
    settings.networking.connect_timeout = 3
    settings.networking.request_timeout = 30
    settings.watching.server_timeout = 290
    settings.watching.client_timeout = 320
    settings.watching.label_selectors[GROUP, VERSION, "incidents"] = f"!{CLOSED_LABEL}"
    # One slot per object while it is busy, given back at once: the handlers only wake the runner.
    settings.queueing.idle_timeout = 0.05
    return settings


async def run_kopf(
    runner: Runner,
    server: str,
    session: Callable[[], aiohttp.ClientSession],
    namespaces: Sequence[str],
    started: Callable[[], None],
) -> None:
    """Watch Incidents until cancelled.

    ``started`` is called once kopf has taken the signals, so that they can be taken back: what
    kopf does at a signal is to cancel every task of the process, ours too, after five seconds.
    """
    ours = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=registry_for(runner, server, session),
        settings=settings_for_kopf(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=list(namespaces),
    )
    started()
    await kopf.run_tasks(tasks, ignored=ours)


def watcher_alive() -> bool:
    """Whether kopf's watcher of Incidents runs: kopf does not start a dead one again."""
    return any(
        task.get_name().startswith(_WATCHER_PREFIX) and not task.done()
        for task in asyncio.all_tasks()
    )
