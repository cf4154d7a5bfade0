"""Incidents that want to act on the same workload."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.e2e.shop import ALICE, BOB, entries, only, reasons, until
from tests.scenarios.registry import together
from tests.scenarios.scene import Scene
from tests.support.prometheus import BAD, GOOD


@together("one workload, two approvals")
def two_incidents_one_target(scene: Scene) -> None:
    """Both are approved at once: one acts, the other is told why it does not, and offers anew."""
    scene.furnish()
    scene.running()
    # One pod more is not enough, two are.
    scene.tell_load(lambda: BAD if scene.workload()["spec"]["replicas"] < 4 else GOOD)
    names = {"checkout": ALICE, "payments": BOB}
    for name in names:
        scene.declare(name, target={"kind": "Deployment", "name": "checkout"})
    for name in names:
        scene.proposed(name)
    shown = {name: only(scene.open(name, "scale-out"))["id"] for name in names}
    barrier = Barrier(len(names))

    def approve(name: str, who: str) -> bool:
        barrier.wait()
        return scene.ask(who, "approve", shown[name], name).ok

    with ThreadPoolExecutor(len(names)) as pool:
        approved = list(pool.map(approve, names.keys(), names.values()))
    assert any(approved)

    def acted() -> list[str] | None:
        applied = [n for n in names if "RemediationApplied" in reasons(scene.incident(n))]
        return applied or None

    first = only(until(acted, "one of them acts"))
    other = only(set(names) - {first})
    assert scene.workload()["spec"]["replicas"] == 3
    incident = scene.until_seen(
        lambda i: bool(entries(i, "RemediationSuperseded", "ProposalSuperseded")),
        "the other is told",
        other,
    )
    told = entries(incident, "RemediationSuperseded", "ProposalSuperseded")[0]["message"]
    assert "it had 2 replicas, now 3" in told
    scene.until_seen(
        lambda _: shown[other] not in {p["id"] for p in scene.open(other, "scale-out")} != set(),
        "the other offers anew",
        other,
    )
    again = only(scene.open(other, "scale-out"))
    assert "from 3 to 4 replicas" in again["summary"]
    assert scene.workload()["spec"]["replicas"] == 3
    scene.acted({"id": shown[first]})

    scene.approve("scale-out", other, by=names[other])
    scene.resolved(other)
    assert scene.workload()["spec"]["replicas"] == 4
    scene.acted(again)
