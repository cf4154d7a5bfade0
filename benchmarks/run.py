"""One run: the figures one after the other, on one control plane.

First the operator talks to the API server directly, for times, memory and CPU; then again through
the counting proxy, for counts and for the order of requests.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster import Cluster
from tools.local_operator import LocalOperator, install_chart, operator_kubeconfig

from .counting import CountingProxy, Noted
from .driver import Driver, Lap, driver
from .processes import Memory, component, cpu_ms, memory
from .ruler import Ruler
from .world import break_deployments, copy_incident, furnish

__all__ = ["Plan", "Results", "run"]

_CONTROLLED = ("operator", "kube-apiserver", "etcd")


@dataclass(frozen=True)
class Plan:
    """How many of each."""

    serial: int
    crowd: int
    warm_up: int = 5
    whole: int = 8
    """Taken from apply to Closed, for CPU."""
    traced: int = 6
    """Taken from apply to Closed through the proxy, for counts."""
    crowd_targets: int = 8


@dataclass
class Results:
    """Everything measured; seconds, MiB and milliseconds of CPU."""

    plan: Plan
    cores: int = 0
    ruler: Ruler = field(default_factory=Ruler)
    laps: list[Lap] = field(default_factory=list)
    memory: dict[str, Memory] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    """Per Incident, by process."""
    crowd: list[float] = field(default_factory=list)
    traces: list[tuple[Lap, list[Noted]]] = field(default_factory=list)


async def run(cluster: Cluster, plan: Plan) -> Results:
    """Measure everything.

    Raises
    ------
    RuntimeError
        If something does not work.
    """
    _say("installing the chart")
    install_chart(cluster.kubeconfig, cluster.helm, cluster.kubectl)
    results = Results(plan, cores=os.cpu_count() or 0)
    async with driver(cluster) as people:
        await furnish(people.admin)
        await people.incidents.open()
        await people.deployments.open()
        names = _names(plan)
        _say(f"breaking {sum(map(len, names.values()))} Deployments")
        every = [name for group in names.values() for name in group]
        await break_deployments(people.admin, people.deployments, every)
        async with _operator(cluster, people) as pid:
            await _direct(cluster, people, pid, names, results)
        proxy = CountingProxy(cluster.kubeconfig)
        await proxy.start()
        try:
            async with _operator(cluster, people, proxy.url):
                await _traced(people, proxy, names["traced"], results)
        finally:
            await proxy.stop()
        results.ruler = people.ruler
    return results


def _names(plan: Plan) -> dict[str, list[str]]:
    wanted = {
        "warm-up": plan.warm_up,
        "serial": plan.serial,
        "whole": plan.whole,
        "traced": plan.traced + 1,
        "crowd": plan.crowd_targets,
    }
    return {group: [f"{group}-{n:03d}" for n in range(size)] for group, size in wanted.items()}


@asynccontextmanager
async def _operator(cluster: Cluster, people: Driver, server: str = "") -> AsyncIterator[int]:
    """Run the operator under the chart's account; gives its pid."""
    folder = cluster.directory / "operator"
    credentials = operator_kubeconfig(
        cluster.kubeconfig, folder / "kubeconfig", cluster.kubectl, server or None
    )
    settings = {
        "INCIDENT_COMMANDER_PROMETHEUS_URL": people.prometheus.url,
        # A person takes longer than a proof of the guard is good for. The driver does not.
        "INCIDENT_COMMANDER_GUARD_PROOF_TTL": "1ms",
    }
    (folder / "log").unlink(missing_ok=True)
    operator = LocalOperator(credentials, folder / "log", settings)
    await asyncio.to_thread(operator.start, 120.0)
    try:
        yield operator.pid
        _complain(folder / "log")
    finally:
        await asyncio.to_thread(operator.stop)


def _complain(log: Path) -> None:
    lines = [x for x in log.read_text().splitlines() if " WARNING " in x or " ERROR " in x]
    for line in lines[-5:]:
        _say(f"the operator says: {line}")


async def _direct(
    cluster: Cluster, people: Driver, pid: int, names: dict[str, list[str]], results: Results
) -> None:
    pids = {name: component(cluster, name) for name in _CONTROLLED[1:]} | {"operator": pid}
    await asyncio.sleep(3)
    results.memory["idle"] = memory(pid)
    for name in names["warm-up"]:
        await people.lap(name, name, "slow", ruled=False)
    await copy_incident(people.admin, people.offered)
    await asyncio.sleep(2)
    _say(f"taking {len(names['serial'])} Incidents, one after the other")
    for name in names["serial"]:
        results.laps.append(await people.lap(name, name, "slow"))
    _say(f"taking {len(names['whole'])} Incidents to their end")
    idle = await _cpu_per_second(pids, 5.0)
    before, began = {name: cpu_ms(p) for name, p in pids.items()}, time.monotonic()
    await asyncio.gather(*(_whole(people, name) for name in names["whole"]))
    lasted = time.monotonic() - began
    results.cpu = {
        name: (cpu_ms(p) - before[name] - idle[name] * lasted) / len(names["whole"])
        for name, p in pids.items()
    }
    results.memory["after the run"] = memory(pid)
    _say(f"{results.plan.crowd} Incidents at once")
    crowd = [f"many-{number:03d}" for number in range(results.plan.crowd)]
    results.crowd = await people.crowd(crowd, names["crowd"])
    await asyncio.sleep(5)
    results.memory[f"{len(crowd)} awaiting approval"] = memory(pid)


async def _whole(people: Driver, name: str) -> None:
    await people.lap(name, name, "quick", ruled=False)
    await people.to_the_end(name)


async def _cpu_per_second(pids: dict[str, int], seconds: float) -> dict[str, float]:
    before = {name: cpu_ms(pid) for name, pid in pids.items()}
    await asyncio.sleep(seconds)
    return {name: (cpu_ms(pid) - before[name]) / seconds for name, pid in pids.items()}


async def _traced(
    people: Driver, proxy: CountingProxy, names: Sequence[str], results: Results
) -> None:
    _say(f"taking {len(names) - 1} Incidents through the counting proxy")
    await asyncio.sleep(8)  # it starts among many open Incidents: let it look at them all
    for number, name in enumerate(names):
        lap = await people.lap(name, name, "quick")
        await people.to_the_end(name)
        await asyncio.sleep(1)
        noted = [r for r in proxy.noted if r.began >= lap.apply_sent and _concerns(r, name)]
        if number:  # the first one warms up
            results.traces.append((lap, noted))


def _concerns(request: Noted, name: str) -> bool:
    """Whether a request is about that Incident or its target; lists name no one."""
    return request.asked.name == name or not request.asked.name


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
