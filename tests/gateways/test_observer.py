"""Workloads, their history and their pods are read as they are on a real server."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from incidentcommander.api.common import TargetKind
from incidentcommander.gateways.kubernetes.client import Client
from incidentcommander.gateways.kubernetes.observer import KubernetesObserver
from incidentcommander.gateways.kubernetes.workloads import KubernetesWorkloads
from incidentcommander.observed.needs import (
    Answer,
    DryRunNeed,
    Facts,
    Need,
    ProofNeed,
    QueryNeed,
    Question,
    TargetNeeds,
)
from incidentcommander.observed.workloads import (
    AUTOSCALERS,
    DryRun,
    GuardProof,
    Missing,
    Refused,
    Scalar,
    Unavailable,
    Workload,
    Write,
)
from incidentcommander.ports import Applied, Stale
from incidentcommander.settings import Settings
from tests.support.api import Api

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PLURALS = {
    TargetKind.DEPLOYMENT: "deployments",
    TargetKind.STATEFUL_SET: "statefulsets",
    TargetKind.DAEMON_SET: "daemonsets",
}


class NoMetrics:
    async def query(self, _need: QueryNeed, _now: datetime, /) -> Scalar | Unavailable:
        return Scalar(1.0)


class NoGuard:
    async def prove(self, _need: ProofNeed, _now: datetime, /) -> GuardProof | Unavailable:
        raise ZeroDivisionError


@pytest.fixture
def observer(client: Client) -> KubernetesObserver:
    return KubernetesObserver(client, NoMetrics(), NoGuard())


def workload(kind: TargetKind, name: str, namespace: str, image: str, replicas: int = 2) -> Any:
    labels = {"app": name}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "app", "image": image}]},
        },
    }
    if kind is not TargetKind.DAEMON_SET:
        spec["replicas"] = replicas
    if kind is TargetKind.STATEFUL_SET:
        spec["serviceName"] = name
    return {
        "apiVersion": "apps/v1",
        "kind": str(kind),
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


async def until(
    observer: KubernetesObserver, needs: TargetNeeds, good: Callable[[Facts], bool]
) -> Facts:
    asked: list[Need] = [needs.workload, needs.revisions, needs.pods]
    for _ in range(300):
        answers = await observer.observe(asked, NOW)
        facts = Facts(dict[Question, Answer](answers.items()))
        if good(facts):
            return facts
        await asyncio.sleep(0.1)
    raise AssertionError(dict(facts))


def settled(needs: TargetNeeds, revisions: int) -> Callable[[Facts], bool]:
    def good(facts: Facts) -> bool:
        found, history, pods = (
            facts.workload(needs.workload),
            facts.revisions(needs.revisions),
            facts.pods(needs.pods),
        )
        return (
            isinstance(found, Workload)
            and found.observed
            and isinstance(history, tuple)
            and len(history) == revisions
            and isinstance(pods, tuple)
            and bool(pods)
            and all(pod.ready and pod.revision == history[-1].label for pod in pods)
        )

    return good


@pytest.mark.parametrize("kind", list(TargetKind))
async def test_a_workload_its_history_and_its_pods(
    kind: TargetKind, observer: KubernetesObserver, api: Api, namespace: str
) -> None:
    plural, needs = PLURALS[kind], TargetNeeds.of(kind, namespace, "checkout")
    api.create(plural, workload(kind, "checkout", namespace, "checkout:1")).expect_ok()
    # An overlapping selector must not lend its pods.
    other = workload(TargetKind.DEPLOYMENT, "checkout-api", namespace, "api:1")
    other["spec"]["template"]["metadata"]["labels"]["part"] = "api"
    other["spec"]["selector"]["matchLabels"] = {"part": "api"}
    other["spec"]["template"]["metadata"]["labels"]["app"] = "checkout"
    api.create("deployments", other).expect_ok()
    await until(observer, needs, settled(needs, 1))
    image = {"spec": {"containers": [{"name": "app", "image": "checkout:2"}]}}
    api.request(
        "PATCH",
        f"/apis/apps/v1/namespaces/{namespace}/{plural}/checkout",
        {"spec": {"template": image}},
        content_type="application/strategic-merge-patch+json",
    ).expect_ok()

    facts = await until(observer, needs, settled(needs, 2))

    found, history, pods = (
        facts.workload(needs.workload),
        facts.revisions(needs.revisions),
        facts.pods(needs.pods),
    )
    assert isinstance(found, Workload)
    assert isinstance(history, tuple)
    assert isinstance(pods, tuple)
    assert [revision.number for revision in history] == [1, 2]
    assert [revision.images for revision in history] == [("checkout:1",), ("checkout:2",)]
    assert history[-1].template_hash == found.template_hash
    assert history[0].template_hash != found.template_hash
    assert all(pod.name.startswith("checkout-") for pod in pods)
    assert not [pod for pod in pods if pod.name.startswith("checkout-api-")]
    assert {pod.containers[0].image for pod in pods} == {"checkout:2"}


async def test_everything_about_one_target_takes_three_requests(
    observer: KubernetesObserver, client: Client, api: Api, namespace: str
) -> None:
    api.create(
        "deployments", workload(TargetKind.DEPLOYMENT, "checkout", namespace, "checkout:1")
    ).expect_ok()
    needs = TargetNeeds.of(TargetKind.DEPLOYMENT, namespace, "checkout")
    before = client.requests.total()

    await observer.observe([needs.workload, needs.revisions, needs.pods, needs.workload], NOW)

    assert client.requests.total() - before == 3


async def test_what_is_not_there_is_missing(observer: KubernetesObserver, namespace: str) -> None:
    needs = TargetNeeds.of(TargetKind.DEPLOYMENT, namespace, "nope")

    answers = await observer.observe([needs.workload, needs.revisions, needs.pods], NOW)

    missing = Missing(f"there is no Deployment nope in namespace {namespace}")
    assert answers == dict.fromkeys([needs.workload, needs.revisions, needs.pods], missing)


async def test_a_dry_run_changes_nothing_and_says_what_would_be_refused(
    observer: KubernetesObserver, api: Api, namespace: str
) -> None:
    body = workload(TargetKind.DEPLOYMENT, "checkout", namespace, "checkout:1")
    api.create("deployments", body).expect_ok()
    needs = TargetNeeds.of(TargetKind.DEPLOYMENT, namespace, "checkout")
    found = (await observer.observe([needs.workload], NOW))[needs.workload]
    assert isinstance(found, Workload)

    def scaled(replicas: Any) -> DryRunNeed:
        patch = ({"op": "replace", "path": "/spec/replicas", "value": replicas},)
        return DryRunNeed.of(found, Write("deployments", namespace, "checkout", patch))

    good, bad = scaled(5), scaled(-1)
    answers = await observer.observe([good, bad, needs.workload], NOW)

    run, refused = answers[good], answers[bad]
    assert isinstance(run, DryRun)
    assert (run.before["spec"]["replicas"], run.after["spec"]["replicas"]) == (2, 5)
    assert isinstance(refused, Refused)
    assert "spec.replicas" in refused.message
    assert api.get("deployments", "checkout", namespace).expect_ok()["spec"]["replicas"] == 2


async def test_a_bug_and_a_dead_server_are_answers(
    observer: KubernetesObserver, client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs: list[Need] = [
        ProofNeed(incident=None),  # type: ignore[arg-type]
        QueryNeed("up", namespace),
        TargetNeeds.of(TargetKind.DEPLOYMENT, namespace, "checkout").pods,
    ]
    monkeypatch.setattr(client, "server", "https://127.0.0.1:1")

    proof, number, pods = (await observer.observe(needs, NOW)).values()

    assert isinstance(proof, Unavailable)
    assert isinstance(pods, Unavailable)
    assert "127.0.0.1:1" in pods.message
    assert number == Scalar(1.0)


async def test_no_needs_no_requests(observer: KubernetesObserver, client: Client) -> None:
    empty: dict[Need, Answer] = {}

    assert await observer.observe([], NOW) == empty
    assert client.requests.total() == 0


async def test_a_change_is_applied_once_and_a_failed_test_makes_it_stale(
    client: Client, api: Api, namespace: str
) -> None:
    body = workload(TargetKind.DEPLOYMENT, "checkout", namespace, "checkout:1")
    created = api.create("deployments", body).expect_ok()
    change = Write(
        "deployments",
        namespace,
        "checkout",
        (
            {"op": "test", "path": "/metadata/uid", "value": created["metadata"]["uid"]},
            {"op": "test", "path": "/metadata/generation", "value": 1},
            {"op": "replace", "path": "/spec/replicas", "value": 3},
        ),
    )
    workloads = KubernetesWorkloads(client)

    first, second = await workloads.apply(change), await workloads.apply(change)

    assert isinstance(first, Applied)
    assert first.generation == 2
    assert isinstance(second, Stale)
    raw = api.get("deployments", "checkout", namespace).expect_ok()
    assert raw["spec"]["replicas"] == 3
    managers = {field["manager"] for field in raw["metadata"]["managedFields"]}
    assert "incident-commander" in managers


async def test_a_refused_change_says_why(client: Client, api: Api, namespace: str) -> None:
    body = workload(TargetKind.DEPLOYMENT, "checkout", namespace, "checkout:1")
    api.create("deployments", body).expect_ok()
    workloads = KubernetesWorkloads(client)

    def change(name: str, value: Any) -> Write:
        patch = ({"op": "replace", "path": "/spec/replicas", "value": value},)
        return Write("deployments", namespace, name, patch)

    invalid = await workloads.apply(change("checkout", -1))
    gone = await workloads.apply(change("nope", 1))

    assert isinstance(invalid, Refused)
    assert "spec.replicas" in invalid.message
    assert isinstance(gone, Stale)


async def test_a_lost_answer_is_unavailable_and_not_tried_again(
    client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "server", "https://127.0.0.1:1")
    change = Write("deployments", namespace, "checkout")

    outcome = await KubernetesWorkloads(client).apply(change)

    assert isinstance(outcome, Unavailable)
    assert client.requests["patch", "deployments"] == 1


async def test_a_pod_is_deleted_by_its_uid_only(client: Client, api: Api, namespace: str) -> None:
    body = {"metadata": {"name": "db-2"}, "spec": {"containers": [{"name": "c", "image": "a:1"}]}}
    uid = api.create("pods", body, namespace).expect_ok()["metadata"]["uid"]
    workloads = KubernetesWorkloads(client)

    other = await workloads.apply(Write("pods", namespace, "db-2", delete="another-uid"))
    assert "deletionTimestamp" not in api.get("pods", "db-2", namespace).body["metadata"]
    first = await workloads.apply(Write("pods", namespace, "db-2", delete=uid))
    gone = await workloads.apply(Write("pods", namespace, "nope", delete=uid))

    assert [type(outcome) for outcome in (other, first, gone)] == [Applied] * 3
    answer = api.get("pods", "db-2", namespace)
    assert not answer.ok or "deletionTimestamp" in answer.body["metadata"]


async def test_an_autoscaler_is_tried_then_made_then_changed(
    observer: KubernetesObserver, client: Client, api: Api, namespace: str
) -> None:
    body = workload(TargetKind.DEPLOYMENT, "checkout", namespace, "checkout:1")
    api.create("deployments", body).expect_ok()
    needs = TargetNeeds.of(TargetKind.DEPLOYMENT, namespace, "checkout")
    found = (await observer.observe([needs.workload], NOW))[needs.workload]
    assert isinstance(found, Workload)
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"},
        "maxReplicas": 5,
    }
    meta = {"name": "checkout", "namespace": namespace, "annotations": {"a": "b"}}
    hpa = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    make = Write(AUTOSCALERS, namespace, "checkout", body={**hpa, "metadata": meta, "spec": spec})
    wider = {"op": "replace", "path": "/spec/maxReplicas", "value": 7}
    change = Write(AUTOSCALERS, namespace, "checkout", ({**wider, "op": "test", "value": 5}, wider))
    workloads = KubernetesWorkloads(client)

    async def tried(write: Write) -> Answer:
        need = DryRunNeed.of(found, write)
        return (await observer.observe([need], NOW))[need]

    new, missing = await tried(make), await tried(change)
    assert isinstance(new, DryRun)
    assert (new.before, new.after["spec"]["minReplicas"]) == ({}, 1)
    assert isinstance(missing, Missing)
    assert isinstance(await workloads.apply(make), Applied)
    assert isinstance(await workloads.apply(make), Stale)
    exists, old = await tried(make), await tried(change)
    assert isinstance(exists, Refused)
    assert isinstance(old, DryRun)
    assert (old.before["spec"]["maxReplicas"], old.after["spec"]["maxReplicas"]) == (5, 7)
    assert isinstance(await workloads.apply(change), Applied)
    assert isinstance(await workloads.apply(change), Stale)


def test_settings_have_defaults() -> None:
    assert Settings().user == "system:serviceaccount:incident-commander:incident-commander"


@pytest.mark.parametrize("steps", range(5))
async def test_a_reading_that_is_given_up_leaves_nothing_behind(
    observer: KubernetesObserver, namespace: str, steps: int
) -> None:
    needs = TargetNeeds.of(TargetKind.DEPLOYMENT, namespace, "nowhere")
    known = Workload(TargetKind.DEPLOYMENT, namespace, "nowhere", "uid", "1", 1, {})
    facts = Facts({needs.workload: known})
    query = QueryNeed("up", namespace)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        asked: list[Need] = [needs.revisions, needs.pods, query]
        reading = asyncio.create_task(observer.observe(asked, NOW, facts))
        for _ in range(steps):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        gc.collect()

    assert not [w for w in said if "never awaited" in str(w.message)]
