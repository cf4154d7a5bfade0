"""Incidents that want to act on the same workload."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.e2e.shop import ALICE, BOB, entries, only, reasons, until
from tests.scenarios.registry import together
from tests.scenarios.scene import Scene
from tests.support.api import Body
from tests.support.prometheus import BAD, GOOD, Load

NO_TRAFFIC = Load(errors=0.0, requests=0.0)


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
    assert "it had 2 replicas, now 3" in told or "is acting on this target" in told

    def again() -> list[Body]:
        offered = scene.open(other, "scale-out")
        return [p for p in offered if "from 3 to 4 replicas" in p["summary"] and not _blocked(p)]

    scene.until_seen(lambda _: bool(again()), "the other offers anew", other)
    anew = only(again())
    assert anew["id"] != shown[other]
    assert scene.workload()["spec"]["replicas"] == 3
    scene.acted({"id": shown[first]})

    scene.approve("scale-out", other, by=names[other])
    scene.resolved(other)
    assert scene.workload()["spec"]["replicas"] == 4
    scene.acted(anew)


def _blocked(proposal: Body) -> bool:
    return any(g["verdict"] == "Block" for g in proposal["guards"])


@together("one acts, the other waits", guards=("AnotherIncident",))
def the_other_incident_waits(scene: Scene) -> None:
    """While one Incident acts on a workload, nothing of the other can be approved."""
    scene.furnish()
    scene.running()
    scene.tell_load(BAD)
    for name in ("checkout", "payments"):
        scene.declare(name, target={"kind": "Deployment", "name": "checkout"})
        scene.proposed(name)
    # Both know of each other: the same trouble is better merged.
    waiting = only(scene.open("payments", "restart"))
    scene.warned(waiting, "AnotherIncident", "checkout", "duplicateOf")

    # As long as there is no traffic, nobody can tell whether it helped.
    scene.tell_load(NO_TRAFFIC)
    scene.approve("scale-out")
    scene.until_phase("Verifying")
    incident = scene.until_reason("ProposalBlocked", "payments")
    assert incident["status"]["phase"] == "AwaitingApproval"
    restart = only(scene.open("payments", "restart"))
    scene.blocked(restart, "AnotherIncident", "checkout is acting", incident="payments")

    scene.tell_load(GOOD)
    scene.resolved()
    scene.until_seen(lambda _: not any(_blocked(p) for p in scene.open("payments")), "", "payments")
    scene.until_reason("ProposalUnblocked", "payments")
