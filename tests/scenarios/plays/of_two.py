"""Incidents that want to act on the same workload."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.e2e.shop import ALICE, BOB, entries, only, reasons, until
from tests.scenarios.registry import together
from tests.scenarios.scene import Scene

SCALE = {"name": "scale-out", "scale": {"by": 1, "max": 9}}


@together("one workload, two approvals")
def two_incidents_one_target(scene: Scene) -> None:
    """Both are approved at once: one acts, the other is told why it does not, and offers anew."""
    scene.trial(SCALE)
    scene.running()
    names = {"checkout": ALICE, "payments": BOB}
    for name in names:
        scene.declare(name, target={"kind": "Deployment", "name": "checkout"})
    for name in names:
        scene.proposed(name)
    shown = {name: only(scene.open(name))["id"] for name in names}
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
    scene.until_seen(lambda _: bool(scene.open(other)), "the other offers anew", other)
    again = scene.open(other)
    assert only(again)["id"] != shown[other]
    assert "to 4 replicas" in only(again)["summary"]
    scene.resolved(first)
    scene.acted({"id": shown[first]})
    assert scene.workload()["spec"]["replicas"] == 3
