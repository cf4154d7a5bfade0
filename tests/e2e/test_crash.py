"""The operator is killed at every write of a remediation: each is done once, nothing is lost.

Several lanes play cases side by side, each with a namespace, a proxy and an operator of its own. A
write is known by what it says, so that a case hits the same one in every run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import pytest
from typing_extensions import override

from tests.e2e.conftest import Hire, Open
from tests.e2e.shop import (
    ALICE,
    GROUP,
    MARKER,
    V1,
    V2_ERRORS,
    V3,
    Shop,
    entries,
    reasons,
    until,
    whole_timeline,
)
from tests.support.api import Body
from tests.support.prometheus import BAD, GOOD, Load
from tests.support.proxy import Fault, Kill, Lose, Request, Rule

LANES: Final = 4
ONCE: Final = (
    "IncidentDeclared",
    "DiagnosisStarted",
    "ApprovalGranted",
    "RemediationStarted",
    "RemediationApplied",
    "RolloutCompleted",
    "VerificationPassed",
    "IncidentResolved",
    "IncidentClosed",
)
TARGET: Final = "the change of the target"
PROGRESS: Final = "progress"
PASSING: Final = frozenset({PROGRESS, "VerificationSampled", "MonitoringSampled"})
"""Writes that need not come: on a slow machine the next step follows within the same one."""
ACTING: Final = (
    "ApprovalGranted",
    "RemediationStarted",
    TARGET,
    "RemediationApplied",
    "RolloutCompleted",
)
"""The writes around the action, where remediations differ."""


# --- remediations --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Remedy:
    """A remediation, and how the tests' Prometheus knows that it was done."""

    name: str
    done: Callable[[Body], bool]


def _undone(deployment: Body) -> bool:
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return not str(image).endswith("-errors")


def _restarted(deployment: Body) -> bool:
    template = deployment["spec"]["template"]["metadata"]
    return "kubectl.kubernetes.io/restartedAt" in (template.get("annotations") or {})


def _scaled(deployment: Body) -> bool:
    return int(deployment["spec"]["replicas"]) == 3


ROLLBACK: Final = Remedy("rollback", _undone)
RESTART: Final = Remedy("restart", _restarted)
SCALE: Final = Remedy("scale-out", _scaled)


# --- writes --------------------------------------------------------------------------------------


def concerns(request: Request, name: str) -> bool:
    """Whether a write is about that Incident or its target (or is an Event about it)."""
    if not request.mutates:
        return False
    about = request.body.get("regarding", {}) if isinstance(request.body, dict) else {}
    return name in request.parts or about.get("name") == name


def mark(request: Request) -> str:
    """Say which write it is: by the last entry that it adds to the timeline, or by its kind."""
    match request.parts:
        case ("events", *_):
            return "an Event"
        case ("deployments", *_):
            return TARGET
        case ("incidents", _, "status"):
            return next(reversed(_entries_in(request.body)), PROGRESS)
        case _:
            closing = "labels" in request.body["metadata"]
            return "the label" if closing else "the removal of requests"


def _entries_in(patch: list[dict[str, Any]]) -> list[str]:
    found: list[str] = []
    for operation in patch:
        value = operation.get("value")
        if operation["path"] == "/status" and isinstance(value, dict):
            found += [entry["reason"] for entry in value["timeline"]]
        elif operation["path"] == "/status/timeline/-" and isinstance(value, dict):
            found.append(value["reason"])
    return found


# --- playing -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Played:
    """How a case ended."""

    incident: Body
    deployment: Body
    written: Sequence[Request]

    @property
    def plain(self) -> list[str]:
        """What happened, without what depends on the moment."""
        return [r for r in reasons(self.incident) if not r.endswith("Sampled")]

    def check(self) -> None:
        """Hold the promises against what is there."""
        done = [r for r in self.written if mark(r) == TARGET and r.committed]
        assert len(done) == 1, f"the target was changed {len(done)} times: {done}"
        meta, status = self.deployment["metadata"], self.incident["status"]
        # Created, broken by a release, mended.
        assert meta["generation"] == 3, f"generation {meta['generation']}"
        execution = status["execution"]
        assert meta["annotations"][MARKER] == f"{execution['proposal']}.{execution['nonce']}"
        assert execution["proposal"] == status["approval"]["proposal"]
        assert status["approval"]["by"] == ALICE
        whole_timeline(self.incident)
        counted = {reason: len(entries(self.incident, reason)) for reason in ONCE}
        assert counted == dict.fromkeys(ONCE, 1)
        states = sorted(p["state"] for p in status["proposals"])
        assert states == ["Superseded", "Superseded", "Verified"]
        left = set(self.incident["metadata"]["annotations"]) - {f"{GROUP}/handled"}
        assert not left


@dataclass
class Lane:
    """A place where cases are played one after the other."""

    shop: Shop
    remedy: Remedy = ROLLBACK
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.shop.watch = self.shop.office.revive
        self.shop.prometheus.says(self.shop.namespace, self._load)

    def _load(self, name: str) -> Load:
        return GOOD if self.remedy.done(self.shop.deployment(name)) else BAD

    def prepare(self, count: int) -> list[str]:
        """Have so many Deployments that were broken by a release."""
        names = [f"app-{next(self.numbers)}" for _ in range(count)]
        for name in names:
            self.shop.create(name)
        for name in names:
            self.shop.rolled_out(name)
            self.shop.patch_image(V2_ERRORS, name)
        for name in names:
            self.shop.rolled_out(name)
        return names

    def play_aside(self, remedy: Remedy, names: Sequence[str]) -> Sequence[Played | str]:
        """Play several at once; a text says what went wrong."""
        with ThreadPoolExecutor(6) as pool:
            return list(pool.map(partial(self.attempt, remedy), names))

    def attempt(self, remedy: Remedy, name: str) -> Played | str:
        """Play; a text says what went wrong."""
        try:
            return self.play(remedy, name)
        except (AssertionError, RuntimeError) as error:
            return str(error)

    def fail(self, fault: Fault, at: str, name: str) -> Rule:
        """Have this happen at that write."""
        rule = Rule(lambda r: concerns(r, name) and mark(r) == at, fault)
        return self.shop.office.proxy.add(rule)

    def play(self, remedy: Remedy, name: str) -> Played:
        """Take an Incident from its declaration to its end."""
        self.remedy, shop = remedy, self.shop
        shop.declare(name, severity="SEV3")
        shop.until_phase("AwaitingApproval", name=name)
        shop.approve(remedy.name, name)
        incident = shop.until_seen(let_go, "it ends", name)
        written = shop.office.proxy.writes(lambda r: concerns(r, name))
        return Played(incident, shop.deployment(name), written)


def let_go(incident: Body) -> bool:
    """Whether the operator is through with it."""
    return (incident["metadata"].get("labels") or {}).get(f"{GROUP}/closed") == "true"


@pytest.fixture(scope="module")
def lanes(hire: Hire, open_shop: Open) -> Sequence[Lane]:
    """Places for cases, each with an operator that sees one namespace only."""

    def lane(_: int) -> Lane:
        return Lane(open_shop(lambda namespace: hire(WATCH_NAMESPACES=namespace)).furnish())

    with ThreadPoolExecutor(LANES) as pool:
        return list(pool.map(lane, range(LANES)))


Make = Callable[[Lane], Fault]


def killed_before(lane: Lane) -> Fault:
    """The operator dies, and the request with it."""
    return Kill(lane.shop.office.kill, before=True)


def killed_after(lane: Lane) -> Fault:
    """The write is done; the operator dies before it hears of it."""
    return Kill(lane.shop.office.kill, before=False)


def answer_lost(_: Lane) -> Fault:
    """The write is done; the operator lives and does not know."""
    return Lose()


@dataclass(frozen=True)
class Point:
    """A write, and what happens at it."""

    at: str
    make: Make

    def trouble(self, rule: Rule, played: Played | str, expected: list[str]) -> str:
        """Say what is wrong with the outcome, or nothing."""
        if isinstance(played, str):
            return f"{self}: {played}"
        try:
            played.check()
            assert played.plain == expected
            assert rule.fired.is_set() or self.at in PASSING, "the fault never came"
        except AssertionError as error:
            return f"{self}: {error}"
        return ""

    @override
    def __str__(self) -> str:
        return f"{self.make.__name__} at {self.at}"


def peace(lane: Lane, remedy: Remedy, at: Collection[str] = ()) -> tuple[Played, list[str]]:
    """Play it undisturbed; gives the marks of its writes."""
    played = lane.play(remedy, *lane.prepare(1))
    played.check()
    marks = [m for m in dict.fromkeys(mark(r) for r in played.written) if m in (at or {m})]
    assert len(marks) >= (len(at) or 12), f"the proxy did not see all writes, only {marks}"
    return played, marks


def sweep(lanes: Sequence[Lane], remedy: Remedy, at: Collection[str] = ()) -> None:
    """Play it once in peace, then kill the operator before and after each of its writes."""
    undisturbed, marks = peace(lanes[0], remedy, at)
    points = [Point(*p) for p in itertools.product(marks, (killed_before, killed_after))]
    shares = [points[number :: len(lanes)] for number in range(len(lanes))]
    play = partial(_play_all, remedy, undisturbed.plain)
    with ThreadPoolExecutor(len(lanes)) as pool:
        failed = list(itertools.chain.from_iterable(pool.map(play, lanes, shares)))
    # The server has closed what was idle meanwhile.
    lanes[0].shop.api.close()
    assert not failed, f"{len(failed)} of {len(points)} cases:\n" + "\n".join(failed)


def _play_all(
    remedy: Remedy, expected: list[str], lane: Lane, points: Sequence[Point]
) -> list[str]:
    troubles = []
    for name, point in zip(lane.prepare(len(points)), points, strict=True):
        rule = lane.fail(point.make(lane), point.at, name)
        troubles.append(point.trouble(rule, lane.attempt(remedy, name), expected))
        lane.shop.office.proxy.clear()
        lane.shop.office.revive()
    return [trouble for trouble in troubles if trouble]


# --- tests ---------------------------------------------------------------------------------------

# Tens of crashes take long where other things run on the same machine.
patient = pytest.mark.timeout(900)


@patient
def test_a_rollback_survives_a_crash_at_every_write(lanes: Sequence[Lane]) -> None:
    sweep(lanes, ROLLBACK)


@patient
def test_a_restart_survives_a_crash_at_every_write_around_it(lanes: Sequence[Lane]) -> None:
    sweep(lanes, RESTART, ACTING)


@patient
def test_scaling_survives_a_crash_at_every_write_around_it(lanes: Sequence[Lane]) -> None:
    sweep(lanes, SCALE, ACTING)


def test_a_rollback_survives_the_loss_of_every_answer(lanes: Sequence[Lane]) -> None:
    lane = lanes[0]
    undisturbed, marks = peace(lane, ROLLBACK)
    names = lane.prepare(len(marks))
    rules = [lane.fail(answer_lost(lane), at, name) for at, name in zip(marks, names, strict=True)]
    played = lane.play_aside(ROLLBACK, names)
    lane.shop.office.proxy.clear()
    points = [Point(at, answer_lost) for at in marks]
    failed = [
        trouble
        for point, rule, outcome in zip(points, rules, played, strict=True)
        if (trouble := point.trouble(rule, outcome, undisturbed.plain))
    ]
    assert not failed, "\n".join(failed)


@pytest.fixture
def dead(lanes: Sequence[Lane]) -> Iterator[Lane]:
    """A lane whose operator stays dead until somebody starts it."""
    lane = lanes[0]
    lane.shop.watch = lambda: None
    yield lane
    lane.shop.office.proxy.clear()
    lane.shop.office.revive()
    lane.shop.watch = lane.shop.office.revive


def _die_at_the_action(lane: Lane, make: Make) -> str:
    lane.remedy = ROLLBACK
    name, shop = lane.prepare(1)[0], lane.shop
    rule = lane.fail(make(lane), TARGET, name)
    shop.declare(name, severity="SEV3")
    shop.until_phase("AwaitingApproval", name=name)
    shop.approve("rollback", name)
    assert rule.fired.wait(60)
    until(lambda: None if shop.office.operator.alive else True, "the operator is dead")
    return name


def test_what_others_released_while_it_was_dead_is_not_touched(dead: Lane) -> None:
    name, shop = _die_at_the_action(dead, killed_before), dead.shop
    shop.release(V3, name)

    shop.office.revive()

    incident = shop.until_reason("RemediationSuperseded", name)
    assert not entries(incident, "RemediationApplied")
    shop.until_seen(let_go, "others mended it", name)
    assert shop.image(name) == V3
    assert shop.deployment(name)["metadata"]["generation"] == 3


def test_a_target_that_moved_while_it_was_dead_is_not_touched(dead: Lane) -> None:
    name, shop = _die_at_the_action(dead, killed_before), dead.shop
    # Nothing that a rollback depends on; but nobody knows whether it was done and undone since.
    patch = {"spec": {"replicas": 3}}
    shop.api.merge("deployments", name, patch, shop.namespace).expect_ok()

    shop.office.revive()

    incident = shop.until_reason("RemediationSuperseded", name)
    assert not entries(incident, "RemediationApplied")
    incident = shop.until_phase("AwaitingApproval", name=name)
    assert shop.image(name) == V2_ERRORS
    ids = [p["id"] for p in incident["status"]["proposals"]]
    assert len(ids) == len(set(ids))


def test_what_was_done_before_it_died_is_known_by_the_marker(dead: Lane) -> None:
    name, shop = _die_at_the_action(dead, killed_after), dead.shop
    assert shop.image(name) == V1
    patch = {"spec": {"replicas": 3}}
    shop.api.merge("deployments", name, patch, shop.namespace).expect_ok()

    shop.office.revive()

    incident = shop.until_seen(let_go, "it ends", name)
    applied = entries(incident, "RemediationApplied")
    assert len(applied) == 1
    assert "marker" in applied[0]["message"]
    assert shop.deployment(name)["metadata"]["generation"] == 4


def _annotate(shop: Shop, name: str, marker: str | None) -> bool:
    """Write the marker, as somebody who may edit the target; give whether the guard lets him."""
    patch = {"metadata": {"annotations": {MARKER: marker}}}
    return shop.api.merge("deployments", name, patch, shop.namespace).ok


def _done(shop: Shop, name: str) -> int:
    """How often the operator changed the target."""
    writes = shop.office.proxy.writes(lambda r: concerns(r, name))
    return len([r for r in writes if mark(r) == TARGET and r.committed])


def test_ed_copies_the_marker_from_the_intent_and_nothing_is_called_done(dead: Lane) -> None:
    name, shop = _die_at_the_action(dead, killed_before), dead.shop
    execution = shop.incident(name)["status"]["execution"]
    let = _annotate(shop, name, f"{execution['proposal']}.{execution['nonce']}")

    shop.office.revive()

    judged = ("RemediationSuperseded", "RemediationApplied")
    incident = shop.until_seen(lambda i: bool(entries(i, *judged)), "it is judged", name)
    # Where he is not let, what was interrupted is done now.
    assert _done(shop, name) == (0 if let else 1)
    assert len(entries(incident, "RemediationApplied")) == _done(shop, name)
    assert shop.image(name) == (V2_ERRORS if let else V1)


def test_ed_takes_the_change_back_while_it_is_dead_and_it_is_not_done_twice(dead: Lane) -> None:
    name, shop = _die_at_the_action(dead, killed_after), dead.shop
    shop.release(V2_ERRORS, name)
    _annotate(shop, name, None)

    shop.office.revive()

    incident = shop.until_reason("RemediationSuperseded", name)
    assert not entries(incident, "RemediationApplied")
    assert "is not known" in entries(incident, "RemediationSuperseded")[0]["message"]
    assert shop.image(name) == V2_ERRORS
    assert _done(shop, name) == 1
