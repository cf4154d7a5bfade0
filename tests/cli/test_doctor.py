"""What doctor finds, on a cluster that is in order and on one that is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cluster import Cluster
from incidentcommander.cli.doctor.server import skew
from tests.e2e.shop import ERIN, GROUP, Shop, until
from tests.support.api import Api
from tests.support.kubectl import Kubectl
from tests.support.plugin import Plugin
from tools.local_operator import install_chart

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BINDINGS = ("validatingadmissionpolicybindings", "mutatingadmissionpolicybindings")
POLICIES = ("validatingadmissionpolicies", "mutatingadmissionpolicies")


@pytest.fixture
def mended(cluster: Cluster, api: Api, chart: None) -> Iterator[None]:
    """Leave the guard as Helm makes it."""
    yield
    for plural in (*BINDINGS, *POLICIES):
        for item in api.list(plural, labelSelector=f"{GROUP}/guard=true").expect_ok()["items"]:
            api.delete(plural, item["metadata"]["name"]).expect_ok()
    install_chart(cluster.kubeconfig, cluster.helm, cluster.kubectl, ["crds.install=false"])


def health(found: list[dict[str, str]], name: str) -> set[str]:
    """What is said of that."""
    return {finding["health"] for finding in found if finding["name"] == name}


def test_a_cluster_in_order_has_no_problem(shop: Shop, plugin: Plugin, erin: Plugin) -> None:
    shop.in_trouble()

    for person in (plugin.at(shop.namespace), erin):
        found = person.json("doctor")

        assert [f for f in found if f["health"] == "problem"] == []
        for name in ("API server", "clock", "kinds", "rights", "guard", "handling", "Prometheus"):
            assert "ok" in health(found, name), found
    assert health(erin.json("doctor"), "guard") == {"ok", "unknown"}


def test_an_operator_that_is_not_ready_is_a_problem(
    shop: Shop, plugin: Plugin, kubectl: Kubectl
) -> None:
    place = ("--operator-namespace", shop.namespace)
    here = kubectl.with_options("-n", shop.namespace)
    here.run("create", "deployment", "incident-commander", "--image=registry.example/x:v1-unready")
    here.run("set", "env", "deployment/incident-commander", "INCIDENT_COMMANDER_PROMETHEUS_URL=")

    unready = plugin.at(shop.namespace).run("doctor", *place)
    here.run("scale", "deployment/incident-commander", "--replicas=0")
    asleep = plugin.at(shop.namespace).run("doctor", *place)
    here.run("set", "image", "deployment/incident-commander", "*=registry.example/x:v1")
    here.run("scale", "deployment/incident-commander", "--replicas=1")
    shop.rolled_out("incident-commander")
    ready = plugin.at(shop.namespace).run("doctor", *place)

    command = f"deployment/incident-commander -n {shop.namespace}"
    assert f"kubectl logs {command} --tail=50" in unready.out
    assert "--set prometheus.url=" in unready.out
    assert f"kubectl scale {command} --replicas=1" in asleep.out
    assert "1 of 1 ready" in ready.out
    assert {unready.code, asleep.code} == {1}


def test_a_channel_without_a_url_is_a_problem(shop: Shop, plugin: Plugin, kubectl: Kubectl) -> None:
    channels = [{"name": name, "audience": "Internal"} for name in ("pager", "team")]
    policy = {"spec": {"channels": channels}}
    shop.api.merge("responsepolicies", "default", policy, shop.namespace).expect_ok()
    place = ("--operator-namespace", shop.namespace)
    secret = ("secret", "generic", "incident-commander-channels", "-n", shop.namespace)

    none = plugin.at(shop.namespace).run("doctor", *place).out
    kubectl.run("create", *secret, "--from-literal=team=json://team.example")
    one = plugin.at(shop.namespace).run("doctor", *place).out

    assert f'kubectl create {" ".join(secret)} --from-literal=pager="<url>"' in none
    assert "no URL for pager in Secret" in " ".join(one.split())
    assert '-p \'{"stringData":{"pager":"<url>"}}\'' in one
    assert "json://team.example" not in one


def test_who_lacks_rights_reads_who_grants_them(shop: Shop, plugin: Plugin) -> None:
    said = plugin.at(shop.namespace).by("mallory").run("doctor")

    assert said.code == 1
    binding = f"rolebinding viewer-mallory -n {shop.namespace}"
    assert f"kubectl create {binding} --clusterrole=incident-commander-viewer" in said.out


def test_a_guard_that_does_not_deny_is_a_problem(
    shop: Shop, plugin: Plugin, api: Api, mended: None
) -> None:
    name = "incident-commander-status"
    api.delete(BINDINGS[0], name).expect_ok()
    weak = {"spec": {"validationActions": ["Audit"]}}
    api.merge(BINDINGS[0], "incident-commander-requests", weak).expect_ok()

    def let_in() -> str | None:
        out = plugin.at(shop.namespace).run("doctor").out
        return out if "a forged approval was let in" in out else None

    out = until(let_in, "the guard is weak")

    assert f"policy {name} is bound by nothing" in " ".join(out.split())
    assert "binding incident-commander-requests does not deny" in " ".join(out.split())
    assert "helm upgrade --install incident-commander" in out


def test_where_nobody_stamps_the_plugin_signs(
    shop: Shop, erin: Plugin, api: Api, mended: None
) -> None:
    shop.deploy()
    shop.declare()
    shop.until_phase("Investigating", "AwaitingApproval")
    api.delete(BINDINGS[1], "incident-commander-stamp").expect_ok()

    def unstamped() -> bool | None:
        key = {f"{GROUP}/note": "x"}
        patch = {"metadata": {"annotations": key}}
        answer = shop.person(ERIN).dry().merge("incidents", "checkout", patch, shop.namespace)
        return True if "sign the request" in answer.message else None

    until(unstamped, "nobody stamps")
    said = erin.run("note", "checkout", "signed", "--wait", "60")

    assert said.code == 0, said.err
    assert "by erin" in said.out
    assert f"{GROUP}/note=signed {GROUP}/note-by=erin\n" in said.err


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (AT, "ok"),
        (AT - 5 * SECOND, "ok"),
        (AT + 4 * SECOND, "ok"),
        (AT - 90 * SECOND, "this machine is 1 min ahead of the API server"),
        (AT + 90 * SECOND, "this machine is 1 min behind the API server"),
    ],
)
def test_a_clock_that_is_off_is_said(theirs: datetime, expected: str) -> None:
    finding = skew(theirs, AT, AT + SECOND)

    assert expected == finding.health or finding.message.startswith(expected)
