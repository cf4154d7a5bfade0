"""What is around a workload is read as it is on a real server: autoscalers, warnings, changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidentcommander.api.common import TargetKind, Verdict
from incidentcommander.api.incident import Incident
from incidentcommander.checks import all_checks
from incidentcommander.checks.base import Subject
from incidentcommander.gateways.kubernetes import surroundings
from incidentcommander.gateways.kubernetes.client import Client
from incidentcommander.gateways.kubernetes.observer import KubernetesObserver
from incidentcommander.gateways.kubernetes.references import references, selects
from incidentcommander.observed.needs import (
    Answer,
    AutoscalersNeed,
    ConfigurationNeed,
    Facts,
    Need,
    ProofNeed,
    QueryNeed,
    Question,
    WarningsNeed,
)
from incidentcommander.observed.surroundings import Autoscaler, Configuration, Reference, Warnings
from incidentcommander.observed.workloads import GuardProof, Missing, Scalar, Unavailable
from tests.gateways.conftest import Helm, install
from tests.support.api import Api
from tests.support.build import step
from tests.support.objects import OPERATOR, incident

CORE = "/api/v1/namespaces"
DEPLOYMENT = TargetKind.DEPLOYMENT


class NoMetrics:
    async def query(self, _need: QueryNeed, _now: datetime, /) -> Scalar | Unavailable:
        return Scalar(1.0)


class NoGuard:
    async def prove(self, _need: ProofNeed, _now: datetime, /) -> GuardProof | Unavailable:
        raise ZeroDivisionError


@pytest.fixture
def observer(client: Client) -> KubernetesObserver:
    return KubernetesObserver(client, NoMetrics(), NoGuard())


def deployment(namespace: str, name: str = "checkout", **pod: Any) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "app", "image": f"{name}:1", **pod.pop("container", {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], **pod},
            },
        },
    }


async def until(ask: Callable[[], Awaitable[Any]], good: Callable[[Any], bool]) -> Any:
    for _ in range(600):
        found = await ask()
        if good(found):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(found)


async def judged(observer: KubernetesObserver, namespace: str, check: str) -> Any:
    about = Subject(Incident.model_validate(incident(namespace)))
    chosen, now = step(check), datetime.now(UTC)
    answers = await observer.observe(all_checks()[check].needs(chosen, about), now)
    facts = Facts(dict[Question, Answer](answers.items()))
    return all_checks()[check].judge(chosen, about, facts, now)


# --- autoscalers ---------------------------------------------------------------------------------


def hpa(namespace: str, name: str, target: str) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "minReplicas": 1,
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 70},
                    },
                }
            ],
        },
    }


async def test_the_autoscaler_of_a_workload_and_what_it_says(
    observer: KubernetesObserver, api: Api, namespace: str
) -> None:
    need = AutoscalersNeed(DEPLOYMENT, namespace, "checkout")
    assert await observer.observe([need], datetime.now(UTC)) == {need: ()}
    api.create("deployments", deployment(namespace)).expect_ok()
    created = api.create("horizontalpodautoscalers", hpa(namespace, "mine", "checkout"))
    api.create("horizontalpodautoscalers", hpa(namespace, "other", "payment")).expect_ok()

    (found,) = answered(await observer.observe([need], datetime.now(UTC)))

    assert isinstance(found, Autoscaler)
    assert (found.name, found.least, found.most) == ("mine", 1, 3)
    assert found.uid == created.expect_ok()["metadata"]["uid"]
    # No metrics are served here: the controller says so, in its own time.
    finding = await until(
        lambda: judged(observer, namespace, "autoscaler"),
        lambda finding: finding.reason != "NotObserved",
    )
    assert (finding.verdict, finding.reason) == (Verdict.FAILED, "CannotCompute")
    assert "HPA mine cannot tell how many are needed" in finding.message


def answered(answers: Any) -> tuple[Any, ...]:
    (answer,) = answers.values()
    assert isinstance(answer, tuple), answer
    return answer


# --- warnings ------------------------------------------------------------------------------------


def event(namespace: str, name: str, **over: Any) -> dict[str, Any]:
    about = {"kind": "Pod", "name": name, "namespace": namespace, "apiVersion": "v1"}
    return {
        "metadata": {"generateName": "event-", "namespace": namespace},
        "involvedObject": about,
        "reason": "BackOff",
        "message": "Back-off restarting failed container",
        "type": "Warning",
        "count": 12,
        "firstTimestamp": "2026-11-22T08:00:00Z",
        "lastTimestamp": "2026-11-22T08:05:00Z",
        **over,
    }


def tell(api: Api, namespace: str, name: str, **over: Any) -> None:
    path = f"{CORE}/{namespace}/events"
    api.request("POST", path, event(namespace, name, **over)).expect_ok()


async def ask_warnings(observer: KubernetesObserver, namespace: str) -> Warnings:
    need = WarningsNeed(DEPLOYMENT, namespace, "checkout")
    answer = (await observer.observe([need], datetime.now(UTC)))[need]
    assert isinstance(answer, Warnings), answer
    return answer


async def test_warnings_come_in_both_shapes_newest_first(
    observer: KubernetesObserver, client: Client, api: Api, namespace: str
) -> None:
    tell(api, namespace, "checkout-a")
    tell(api, namespace, "checkout-b", type="Normal")
    tell(api, namespace, "payment-a", lastTimestamp="2026-11-22T08:01:00Z")
    tell(
        api,
        namespace,
        "checkout-c",
        reason="FailedScheduling",
        count=None,
        firstTimestamp=None,
        lastTimestamp=None,
        eventTime="2026-11-22T08:10:00.000000Z",
        series={"count": 4, "lastObservedTime": "2026-11-22T08:20:00.000000Z"},
        action="Scheduling",
        reportingComponent="default-scheduler",
        reportingInstance="scheduler-0",
    )

    found = await ask_warnings(observer, namespace)

    assert found.complete
    assert [(e.name, e.reason, e.count) for e in found.events] == [
        ("checkout-c", "FailedScheduling", 4),
        ("checkout-a", "BackOff", 12),
        # Whose it is, is told by uid; not here.
        ("payment-a", "BackOff", 12),
    ]
    first, second, _ = found.events
    assert (first.first_at, first.last_at) == (at(8, 10), at(8, 20))
    assert (second.first_at, second.last_at) == (at(8, 0), at(8, 5))
    assert client.requests == {("list", "events"): 1}


def at(hour: int, minute: int) -> datetime:
    return datetime(2026, 11, 22, hour, minute, tzinfo=UTC)


async def test_too_many_warnings_are_not_all_read(
    observer: KubernetesObserver, api: Api, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "_PAGE", 2)
    for number in range(9):
        tell(api, namespace, f"checkout-{number}")

    some = await ask_warnings(observer, namespace)
    monkeypatch.setattr(surroundings, "_MOST_PAGES", 5)
    every = await ask_warnings(observer, namespace)

    assert (len(some.events), some.complete) == (8, False)
    assert (len(every.events), every.complete) == (9, True)


async def test_pods_that_a_quota_refuses_are_warned_of(
    observer: KubernetesObserver, api: Api, namespace: str
) -> None:
    quota = {"metadata": {"name": "none", "namespace": namespace}, "spec": {"hard": {"pods": "0"}}}
    api.create("resourcequotas", quota).expect_ok()
    api.create("deployments", deployment(namespace)).expect_ok()

    finding = await until(
        lambda: judged(observer, namespace, "events"),
        lambda finding: finding.verdict is Verdict.FAILED,
    )

    assert finding.reason == "WarningEvents"
    assert "FailedCreate" in finding.message
    assert "Only revision 1 (checkout:1), which runs, is concerned." in finding.message


# --- configuration -------------------------------------------------------------------------------


def config_map(namespace: str, name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "data": {"LOG_LEVEL": "info"}}


def secret(namespace: str) -> dict[str, Any]:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":"hunter2"}'}
    meta = {"name": "checkout-key", "namespace": namespace, "annotations": applied}
    return {"metadata": meta, "stringData": {"key": "hunter2"}}


def configured(namespace: str) -> dict[str, Any]:
    refer = {
        "envFrom": [
            {"configMapRef": {"name": "checkout-config"}},
            {"configMapRef": {"name": "extra", "optional": True}},
        ],
        "env": [
            {"name": "K", "valueFrom": {"secretKeyRef": {"name": "checkout-key", "key": "key"}}}
        ],
    }
    return deployment(namespace, container=refer)


def service(namespace: str, name: str, selector: dict[str, str] | None) -> dict[str, Any]:
    spec: dict[str, Any] = {"ports": [{"port": 80}]}
    if selector is not None:
        spec["selector"] = selector
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def stage(api: Api, namespace: str) -> None:
    api.create("configmaps", config_map(namespace, "checkout-config")).expect_ok()
    api.create("configmaps", config_map(namespace, "another")).expect_ok()
    api.create("secrets", secret(namespace)).expect_ok()
    for name, selector in (
        ("checkout", {"app": "checkout"}),
        ("payment", {"app": "payment"}),
        ("external", None),
    ):
        api.create("services", service(namespace, name, selector)).expect_ok()
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "checkout", "namespace": namespace},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "checkout"}}},
    }
    api.create("poddisruptionbudgets", budget).expect_ok()
    api.create("deployments", configured(namespace)).expect_ok()


async def ask_configuration(observer: KubernetesObserver, namespace: str) -> Configuration:
    need = ConfigurationNeed(DEPLOYMENT, namespace, "checkout")
    answer = (await observer.observe([need], datetime.now(UTC)))[need]
    assert isinstance(answer, Configuration), answer
    return answer


async def test_what_the_pods_refer_to_and_what_selects_them(
    observer: KubernetesObserver, client: Client, api: Api, namespace: str
) -> None:
    stage(api, namespace)
    changed = {"data": {"LOG_LEVEL": "debug"}}
    by_hand = api.by("kubectl-edit")
    by_hand.merge("configmaps", "checkout-config", changed, namespace).expect_ok()

    found = await ask_configuration(observer, namespace)

    assert {(o.kind, o.name) for o in found.objects} == {
        ("ConfigMap", "checkout-config"),
        ("Service", "checkout"),
        ("PodDisruptionBudget", "checkout"),
    }
    assert found.missing == (Reference("ConfigMap", "extra", optional=True),)
    assert found.forbidden == (Reference("Secret", "checkout-key"),)
    config = next(o for o in found.objects if o.kind == "ConfigMap")
    assert config.edits[0].manager == "kubectl-edit"
    assert datetime.now(UTC) - config.edits[0].at < timedelta(minutes=5)
    assert "debug" not in repr(found)
    # The Deployment, three references, two lists.
    assert client.requests.total() == 6


async def test_a_recent_change_is_found_and_secrets_are_said_to_be_left_out(
    observer: KubernetesObserver, api: Api, namespace: str
) -> None:
    stage(api, namespace)

    finding = await judged(observer, namespace, "recentChanges")

    assert (finding.verdict, finding.reason) == (Verdict.FAILED, "RecentChange")
    assert "Secrets are not looked at: the operator may not read checkout-key." in finding.message


async def test_of_a_granted_secret_only_times_are_kept(
    observer: KubernetesObserver, api: Api, namespace: str
) -> None:
    stage(api, namespace)
    meta = {"name": "look-at-key", "namespace": namespace}
    rule = {
        "apiGroups": [""],
        "resources": ["secrets"],
        "verbs": ["get"],
        "resourceNames": ["checkout-key"],
    }
    api.create("roles", {"metadata": meta, "rules": [rule]}).expect_ok()
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": meta,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "look-at-key"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": OPERATOR}],
    }
    api.create("rolebindings", binding).expect_ok()

    found = await until(
        lambda: ask_configuration(observer, namespace),
        lambda found: not found.forbidden,
    )

    assert {o.name for o in found.objects if o.kind == "Secret"} == {"checkout-key"}
    assert "hunter2" not in repr(found)


async def test_without_the_grant_of_the_chart_it_cannot_be_told(
    observer: KubernetesObserver, helm: Helm, api: Api, namespace: str
) -> None:
    api.create("deployments", configured(namespace)).expect_ok()
    try:
        install(helm, "rbac.recentChanges=false")
        found = await until(
            lambda: ask_configuration(observer, namespace),
            lambda found: len(found.forbidden) == 4,
        )
        finding = await judged(observer, namespace, "recentChanges")
    finally:
        install(helm)

    assert [r.kind for r in found.forbidden] == ["ConfigMap", "ConfigMap", "Secret", "Service"]
    assert (finding.verdict, finding.reason) == (Verdict.INCONCLUSIVE, "NotGranted")
    await until(
        lambda: ask_configuration(observer, namespace), lambda found: len(found.forbidden) == 1
    )


async def test_no_workload_has_no_configuration(
    observer: KubernetesObserver, namespace: str
) -> None:
    need = ConfigurationNeed(DEPLOYMENT, namespace, "nope")

    answers = await observer.observe([need], datetime.now(UTC))

    assert answers == {need: Missing(f"there is no Deployment nope in namespace {namespace}")}


async def test_a_dead_server_is_an_answer(
    observer: KubernetesObserver, client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = (DEPLOYMENT, namespace, "checkout")
    needs: list[Need] = [
        AutoscalersNeed(*target),
        WarningsNeed(*target),
        ConfigurationNeed(*target),
    ]
    monkeypatch.setattr(client, "server", "https://127.0.0.1:1")

    for answer in (await observer.observe(needs, datetime.now(UTC))).values():
        assert isinstance(answer, Unavailable)


# --- references, without a server ----------------------------------------------------------------

MAP, SECRET = "ConfigMap", "Secret"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({}, (), id="nothing"),
        pytest.param(
            {"containers": [{"envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {}}]}]},
            (Reference(MAP, "a"),),
            id="envFrom, and a reference without a name",
        ),
        pytest.param(
            {
                "initContainers": [
                    {"env": [{"valueFrom": {"configMapKeyRef": {"name": "a", "key": "k"}}}]}
                ],
                "containers": [
                    {
                        "env": [
                            {"name": "plain", "value": "x"},
                            {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                            {"valueFrom": {"secretKeyRef": {"name": "b", "optional": True}}},
                        ]
                    }
                ],
            },
            (Reference(MAP, "a"), Reference(SECRET, "b", optional=True)),
            id="valueFrom, of an init container too",
        ),
        pytest.param(
            {
                "volumes": [
                    {"configMap": {"name": "a", "optional": True}},
                    {"secret": {"secretName": "b"}},
                    {"projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": None}]}},
                    {"projected": {"sources": [{"secret": {"name": "d"}}]}},
                    {"emptyDir": {}},
                ]
            },
            (
                Reference(MAP, "a", optional=True),
                Reference(MAP, "c"),
                Reference(SECRET, "b"),
                Reference(SECRET, "d"),
            ),
            id="volumes, projected ones too",
        ),
        pytest.param(
            {"imagePullSecrets": [{"name": "pull"}]},
            (Reference(SECRET, "pull", optional=True),),
            id="pull secrets need not be there",
        ),
        pytest.param(
            {
                "containers": [
                    {
                        "envFrom": [
                            {"configMapRef": {"name": "a", "optional": True}},
                            {"configMapRef": {"name": "a"}},
                            {"configMapRef": {"name": "a", "optional": True}},
                        ]
                    }
                ]
            },
            (Reference(MAP, "a"),),
            id="needed once is needed",
        ),
    ],
)
def test_references(spec: dict[str, Any], expected: tuple[Reference, ...]) -> None:
    assert references({"spec": spec}) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param(None, False, id="absent selects nothing"),
        pytest.param({}, True, id="empty selects all"),
        pytest.param({"matchLabels": {"app": "checkout"}}, True, id="equal"),
        pytest.param({"matchLabels": {"app": "payment"}}, False, id="unequal"),
        *(
            pytest.param(
                {"matchExpressions": [{"key": key, "operator": operator, "values": values}]},
                expected,
                id=f"{key} {operator} {values}",
            )
            for key, operator, values, expected in (
                ("app", "In", ["checkout", "payment"], True),
                ("app", "In", ["payment"], False),
                ("tier", "In", ["web"], False),
                ("app", "NotIn", ["payment"], True),
                ("app", "NotIn", ["checkout"], False),
                ("tier", "NotIn", ["web"], True),
                ("app", "Exists", None, True),
                ("tier", "Exists", None, False),
                ("tier", "DoesNotExist", None, True),
                ("app", "DoesNotExist", None, False),
            )
        ),
    ],
)
def test_selectors(selector: dict[str, Any] | None, expected: bool) -> None:  # noqa: FBT001
    assert selects(selector, {"app": "checkout"}) is expected
