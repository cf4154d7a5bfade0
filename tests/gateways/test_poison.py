"""A malformed object beside a good one, in every watch and every list: the good one is used.

No API server stores these; one of another version did, or the next bug of ours is in reading them.
A watch or a list that is new fails here until it has a row.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import incidentcommander
from incidentcommander.api.base import CLOSED_LABEL
from incidentcommander.api.common import TargetKind
from incidentcommander.api.runbook import Runbook
from incidentcommander.controllers.postmortems import Reviews
from incidentcommander.controllers.retention import Retention
from incidentcommander.core.diagnosis import runbooks as judge
from incidentcommander.gateways.channels.urls import ChannelError, Channels
from incidentcommander.gateways.kubernetes import watch as watching
from incidentcommander.gateways.kubernetes.admission import _WATCHED, Guard
from incidentcommander.gateways.kubernetes.incidents import Incidents
from incidentcommander.gateways.kubernetes.library import KubernetesLibrary
from incidentcommander.gateways.kubernetes.observer import KubernetesObserver
from incidentcommander.gateways.kubernetes.postmortems import Postmortems, whole_timeline
from incidentcommander.gateways.kubernetes.shelves import Shelf
from incidentcommander.gateways.kubernetes.surroundings import Surroundings
from incidentcommander.gateways.kubernetes.targets import TargetWatches
from incidentcommander.observed.needs import WarningsNeed
from incidentcommander.observed.workloads import IncidentRef
from incidentcommander.settings import Settings
from tests.support.objects import incident, postmortem, runbook

Raw = dict[str, Any]
NOW = datetime(2026, 12, 1, tzinfo=UTC)
BOMB = "{%if 1%}" * 110 + "up" + "{%endif%}" * 110
SPECS: Mapping[str, Any] = {
    "none": None,
    "a list": [],
    "a text": "x",
    "empty": {},
    "all of another type": dict.fromkeys(
        ("title", "diagnosis", "incidentRef", "templates", "policyName", "validationActions"),
        10**30,
    ),
    "nested": {"diagnosis": [{"name": "a", "promQL": {"query": BOMB, "max": 1}}], "title": "x"},
    "words": {"templates": [{"audience": "Internal", "kind": "Update", "text": BOMB}]},
}
STATUSES: Mapping[str, Any] = {
    "conditions of another type": {"conditions": "x"},
    "another type": 5,
    "conditions of another shape": {"conditions": [None, 5, {"type": "Ready"}, {"type": []}]},
}


class World:
    """A client that answers every list with what is there, and notes what is written."""

    def __init__(self, *items: Raw) -> None:
        self.items = list(items)
        self.writes: list[tuple[str, str, Any]] = []

    async def request(self, method: str, path: str, **what: Any) -> Raw:
        if method != "GET":
            self.writes.append((method, path, what.get("body")))
            return {}
        return {"metadata": {"resourceVersion": "1"}, "items": deepcopy(self.items)}

    async def get(self, path: str) -> Raw | None:
        name = path.rsplit("/", 1)[-1]
        found = (i for i in self.items if i["metadata"]["name"] == name)
        return deepcopy(next(found, None))


def stored(body: Raw, uid: str = "good") -> Raw:
    meta = {"namespace": "shop", "name": uid, "uid": uid, "resourceVersion": "1", "generation": 1}
    return {"spec": {}, **body, "metadata": {**body.get("metadata", {}), **meta}}


POISON = {
    **{f"spec {k}": {**stored({}, "poison"), "spec": v} for k, v in SPECS.items()},
    **{
        f"status: {k}": {**stored(runbook("shop"), "poison"), "status": v}
        for k, v in STATUSES.items()
    },
    "no spec": {"metadata": stored({}, "poison")["metadata"]},
    "no metadata": {"spec": {}},
    "metadata of another type": {"metadata": "x", "spec": {}},
}


class Rig:
    """One gateway with its watches, as ``main`` makes it, and how it is seen that it uses one."""

    def __init__(self, make: Callable[[Any], Any], good: Raw, used: Callable[[Any], bool]) -> None:
        self.make, self.good, self.used = make, good, used


def _library(client: Any) -> KubernetesLibrary:
    return KubernetesLibrary(client, (), lambda: None, lambda: NOW)


def _guard(client: Any) -> Guard:
    return Guard(client, Settings(), lambda: None)


class _Targets(TargetWatches):
    def __init__(self, client: Any) -> None:
        self.woken: list[IncidentRef] = []
        super().__init__(client, Settings(), self.woken.append)

    def begin(self) -> None:
        for kind in TargetKind:
            self.follow(IncidentRef("shop", f"i-{kind}", "1"), kind, "shop", "good")


def _used_by_targets(gateway: _Targets) -> bool:
    return len({ref.name for ref in gateway.woken}) == len(TargetKind)


def _reviews(client: Any) -> Reviews:
    return Reviews(client, (), lambda: NOW, lambda *_: None)


def _judges_good(gateway: KubernetesLibrary) -> bool:
    return [r.metadata.name for r in gateway.runbooks("shop")] == ["good"]


def _kept_by_guard(plural: str, gateway: Guard) -> bool:
    return "good" in gateway._objects[plural] and isinstance(gateway.fingerprint, str)


POLICY: Raw = {"kind": "ResponsePolicy", "spec": {}}
GUARD: Raw = {"spec": {"failurePolicy": "Fail"}}
RIGS: Mapping[str, Rig] = {
    "runbooks": Rig(_library, runbook("shop"), _judges_good),
    "responsepolicies": Rig(
        _library, POLICY, lambda gateway: gateway.policy("shop", "good") is not None
    ),
    "postmortems": Rig(
        _reviews,
        postmortem("shop"),
        lambda gateway: ("shop", "good") in gateway._kept and gateway.overdue() == (0, 0),
    ),
    **{plural: Rig(_guard, GUARD, partial(_kept_by_guard, plural)) for plural in _WATCHED},
    **{
        plural: Rig(_Targets, {"spec": {}}, _used_by_targets)
        for plural in ("deployments", "statefulsets", "daemonsets")
    },
}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[watching.Watch]:
    """All watches that gateways make meanwhile; none of them runs by itself."""
    found: list[watching.Watch] = []
    begin = watching.Watch.__init__

    def noted(self: watching.Watch, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        found.append(self)

    async def never(self: watching.Watch) -> None:
        return None

    monkeypatch.setattr(watching.Watch, "__init__", noted)
    monkeypatch.setattr(watching.Watch, "run", never)
    monkeypatch.setattr(_Targets, "_ended", lambda *_: None)
    return found


def _plural(watch: watching.Watch) -> str:
    return watch.path.rstrip("/").rsplit("/", 1)[-1]


def _of(gateway: Any, plural: str, made: list[watching.Watch]) -> list[watching.Watch]:
    """Its watches of that kind; a target is told of by the watch of each kind."""
    return [w for w in made if isinstance(gateway, _Targets) or _plural(w) == plural]


async def _begun(rig: Rig, world: World) -> Any:
    gateway = rig.make(world)
    if isinstance(gateway, _Targets):
        gateway.begin()
    return gateway


def _calls(name: str) -> set[str]:
    """Modules of the operator that call something of that name."""
    root = Path(incidentcommander.__file__).parent
    return {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name
    }


async def test_every_watch_has_a_row(made: list[watching.Watch]) -> None:
    for make in {rig.make for rig in RIGS.values()}:
        await _begun(Rig(make, {}, bool), World())

    assert {_plural(watch) for watch in made} == set(RIGS)
    # The plugin has one of its own, over kubectl.
    assert _calls("Watch") - {"cli/watching.py"} == {
        "controllers/postmortems.py",
        *(f"gateways/kubernetes/{name}.py" for name in ("admission", "library", "targets")),
    }


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
@pytest.mark.parametrize("plural", RIGS)
async def test_a_watch_that_finds_a_poisoned_object_uses_the_good_one_beside_it(
    plural: str, poison: Raw, made: list[watching.Watch], caplog: pytest.LogCaptureFixture
) -> None:
    good = stored(RIGS[plural].good)
    for items in ([good, poison], [poison, good]):
        made.clear()
        world = World(*items)
        gateway = await _begun(RIGS[plural], world)
        for watch in _of(gateway, plural, made):
            await watch.refresh()

        assert RIGS[plural].used(gateway)
    assert len(caplog.records) <= 2


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
@pytest.mark.parametrize("plural", RIGS)
async def test_a_watch_that_is_told_of_a_poisoned_object_goes_on(
    plural: str, poison: Raw, made: list[watching.Watch], caplog: pytest.LogCaptureFixture
) -> None:
    good = stored(RIGS[plural].good)
    gateway = await _begun(RIGS[plural], World())
    watch = next(w for w in made if _plural(w) == plural)
    for other in made:
        await other.refresh()
    if isinstance(gateway, _Targets):
        gateway.woken.clear()
    for _ in range(3):
        for kind in ("ADDED", "MODIFIED", "DELETED"):
            watch._tell(kind, deepcopy(poison))
    for each in _of(gateway, plural, made):
        each._tell("ADDED", deepcopy(good))

    assert RIGS[plural].used(gateway)
    # The guard says each of its changes.
    complaints = [r for r in caplog.records if not r.getMessage().startswith("The guard changed")]
    assert len(complaints) <= 1


@pytest.mark.parametrize("name", ["spec nested", "spec all of another type", "spec none"])
async def test_the_author_of_a_bad_runbook_reads_in_it_what_is_wrong(
    name: str, made: list[watching.Watch]
) -> None:
    world = World(POISON[name], stored(runbook("shop")))
    library = _library(world)
    for watch in made:
        if _plural(watch) == "runbooks":
            await watch.refresh()

    owed = {}
    while not library._owed.empty():
        plural, meta, condition = library._owed.get_nowait()
        owed[meta.name] = (plural, condition.status, condition.message)

    assert owed["good"][:2] == ("runbooks", "True")
    assert owed["poison"][:2] == ("runbooks", "False")
    expected = {
        "spec nested": "spec.diagnosis[0].promQL.query: line 1: it is nested too deeply",
        "spec none": "It is not used: spec: ",
    }
    assert owed["poison"][2].startswith(expected.get(name, "It is not used: spec.title: "))


async def test_a_bug_while_one_runbook_is_judged_leaves_the_others(
    made: list[watching.Watch], monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = judge.problems

    def broken(found: Any) -> tuple[str, ...]:
        if found.metadata.name == "poison":
            raise ZeroDivisionError
        return problems(found)

    monkeypatch.setattr(judge, "problems", broken)
    good, bad = stored(runbook("shop")), stored(runbook("shop"), "poison")
    library = _library(World(bad, good))
    for watch in made:
        await watch.refresh() if _plural(watch) == "runbooks" else None

    assert _judges_good(library)
    assert library.runbook("shop", "poison") is not None
    plural, _, condition = library._owed.get_nowait()
    assert (plural, condition.status, condition.reason) == ("runbooks", "False", "Unreadable")
    assert "ZeroDivisionError" in condition.message


async def test_until_a_new_list_is_read_what_was_there_stays(made: list[watching.Watch]) -> None:
    library = _library(World(stored(runbook("shop"))))
    shelf = library._runbooks[0]
    shelf.replace([stored(runbook("shop"))])
    seen = []
    shelf._changed = lambda _: seen.append(library.runbook("shop", "good") is not None)

    shelf.replace([stored(runbook("shop"), "new"), stored(runbook("shop"))])

    assert seen == [True, True]


def test_what_cannot_be_read_is_known_to_be_there() -> None:
    shelf = Shelf(Runbook, lambda _: None, lambda _, __: None)
    bad = {"metadata": {"namespace": "shop", "name": "bad"}, "spec": "none"}
    shelf.replace([stored(runbook("shop")), bad])
    assert shelf.unread == {("shop", "bad")}

    shelf.take("MODIFIED", stored(runbook("shop"), "bad"))
    assert shelf.unread == set()
    shelf.take("MODIFIED", bad)
    shelf.take("DELETED", bad)
    assert shelf.unread == set()


# --- lists ---------------------------------------------------------------------------------------


def test_every_module_that_reads_lists_is_here() -> None:
    root = Path(incidentcommander.__file__).parent / "gateways"
    found = {p.stem for p in root.rglob("*.py") if "items_of(" in p.read_text()}
    assert found == {"incidents", "observer", "pages", "postmortems", "surroundings", "watch"}


def _closed(name: str = "good") -> Raw:
    body = incident("shop")
    return stored({**body, "metadata": {"labels": {CLOSED_LABEL: "true"}}}, name)


BAD_INCIDENTS = {k: v for k, v in POISON.items() if "metadata" not in k}


@pytest.mark.parametrize("poison", BAD_INCIDENTS.values(), ids=BAD_INCIDENTS)
async def test_ended_incidents_are_read_apart(poison: Raw) -> None:
    client: Any = World(poison, _closed())

    found = [i.metadata.name async for i in Incidents(client).closed(("",))]

    assert "good" in found
    assert await Incidents(client).ended(()) == []
    retention = Retention(client, Postmortems(client), (), lambda: NOW)
    assert await retention.sweep() == 0


@pytest.mark.parametrize("poison", BAD_INCIDENTS.values(), ids=BAD_INCIDENTS)
async def test_postmortems_of_an_incident_are_read_apart(poison: Raw) -> None:
    from incidentcommander.gateways.kubernetes.incidents import read_incident

    one = read_incident(_closed("checkout-5xx"))
    client: Any = World(poison, stored(postmortem("shop")))

    found = await Postmortems(client)._existing(one)

    assert found.adoptable is not None
    assert found.adoptable.metadata.name == "good"
    assert await whole_timeline(client, one) == []


async def test_an_event_that_makes_no_sense_costs_itself() -> None:
    about = {"kind": "Pod", "name": "checkout-1", "uid": "1"}
    times = {"firstTimestamp": "2026-12-01T00:00:00Z", "lastTimestamp": "2026-12-01T00:00:00Z"}
    good = {**stored({}), "involvedObject": about, "reason": "BackOff", **times}
    bad = [
        {**good, "firstTimestamp": "0000-01-01T00:00:00Z"},
        {**good, "involvedObject": None},
        {**good, "count": "x"},
        {**good, "series": {"lastObservedTime": "soon"}},
    ]
    client: Any = World(*bad, good)

    found = await Surroundings(client).warnings(
        WarningsNeed(TargetKind.DEPLOYMENT, "shop", "checkout")
    )

    assert [e.reason for e in found.events] == ["BackOff"]
    assert not found.complete


async def test_one_bad_line_of_the_channels_secret_costs_that_channel() -> None:
    values = {"good": "anNvbjovL2E=", "bad": "%%%", "raw": "//79", "number": 5, "none": None}
    secret = {"metadata": {"name": "channels"}, "data": values}
    client: Any = World(secret)
    channels = Channels(client, "ic", "channels", lambda: 0.0)

    assert await channels.urls("good") == ("json://a",)
    for channel in ("bad", "raw", "number", "none", "absent"):
        with pytest.raises(ChannelError):
            await channels.urls(channel)


async def test_what_monstrous_pods_say_costs_their_question_alone() -> None:
    from incidentcommander.observed.needs import PodsNeed, RevisionsNeed, WorkloadNeed

    key = (TargetKind.DEPLOYMENT, "shop", "good")
    deployment = stored({"spec": {"selector": {"matchLabels": {"app": "a"}}}})
    client: Any = World(deployment, {"metadata": {"name": "x", "ownerReferences": 5}, "spec": 1})
    observer = KubernetesObserver(client, None, None)  # type: ignore[arg-type]

    found = await observer.observe([WorkloadNeed(*key), PodsNeed(*key), RevisionsNeed(*key)], NOW)

    assert type(found[WorkloadNeed(*key)]).__name__ == "Workload"
    assert type(found[PodsNeed(*key)]).__name__ == "Unavailable"
    assert "bug of the operator" in found[RevisionsNeed(*key)].message  # type: ignore[union-attr]
