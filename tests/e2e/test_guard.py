"""Without the guard nothing is done; what was shown or said while it was away is void."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from cluster import Cluster
from tests.e2e.shop import (
    ALICE,
    GROUP,
    MARKER,
    Shop,
    annotations_of,
    condition,
    entries,
    only,
    until,
)
from tests.support.api import Api, Body
from tools.local_operator import install_chart

REQUESTS = "incident-commander-requests"
POLICIES = "validatingadmissionpolicies"
BINDINGS = "validatingadmissionpolicybindings"


@pytest.fixture
def mended(chart: None, api: Api) -> Iterator[Callable[[], None]]:
    """Bring the guard back: when called, and after the test."""
    whole = [(plural, item) for plural in (POLICIES, BINDINGS) for item in _guard(api, plural)]

    def mend() -> None:
        for plural, item in whole:
            meta = item["metadata"]
            lasting = {key: meta.get(key) for key in ("name", "labels", "annotations")}
            if not api.get(plural, meta["name"]).ok:
                api.create(plural, {**item, "metadata": lasting}).expect_ok()
            api.merge(plural, meta["name"], {"spec": item["spec"]}).expect_ok()

    yield mend
    mend()


@pytest.fixture(autouse=True, scope="module")
def whole_again(cluster: Cluster, chart: None, api: Api) -> Iterator[None]:
    """Leave the guard to others as Helm makes it."""
    yield
    # Helm does not take over fields that somebody else wrote.
    for plural in (POLICIES, BINDINGS):
        for item in _guard(api, plural):
            api.delete(plural, item["metadata"]["name"]).expect_ok()
    install_chart(cluster.kubeconfig, cluster.helm, cluster.kubectl, ["crds.install=false"])


def _guard(api: Api, plural: str) -> list[Body]:
    found = api.list(plural, labelSelector=f"{GROUP}/guard=true").expect_ok()
    items: list[Body] = found["items"]
    return items


def unbind(api: Api) -> None:
    api.delete(BINDINGS, REQUESTS).expect_ok()


def drop_policy(api: Api) -> None:
    api.delete(POLICIES, REQUESTS).expect_ok()


def only_audit(api: Api) -> None:
    spec = {"spec": {"validationActions": ["Audit"]}}
    api.merge(BINDINGS, REQUESTS, spec).expect_ok()


def drop_status_binding(api: Api) -> None:
    api.delete(BINDINGS, "incident-commander-status").expect_ok()


def forge(shop: Shop, value: str, key: str = "approve", by: str = ALICE) -> None:
    """Approve, or say something else, in another's name, as soon as nothing forbids it."""
    said = {f"{GROUP}/{key}": value, f"{GROUP}/{key}-by": by}
    patch = {"metadata": {"annotations": said}}
    # As the administrator: what RBAC says is not the question here.
    until(
        lambda: shop.api.merge("incidents", "checkout", patch, shop.namespace).ok or None,
        "the forgery is let in",
    )


def ids(incident: Body) -> dict[str, str]:
    proposals = incident["status"]["proposals"]
    return {p["remediation"]: p["id"] for p in proposals if p["state"] == "Proposed"}


def untouched(shop: Shop) -> None:
    assert MARKER not in annotations_of(shop.deployment())
    writes = shop.office.writes("checkout", shop.namespace)
    assert not [w for w in writes if w.parts[0] == "deployments"]


def unguarded(incident: Body) -> bool:
    return bool(condition(incident, "ApprovalGuarded")["status"] == "False")


def offered_again(incident: Body) -> bool:
    guarded = condition(incident, "ApprovalGuarded")["status"] == "True"
    return bool(guarded and incident["status"]["phase"] == "AwaitingApproval")


def nobody_was_believed(incident: Body, why: str, times: int = 1) -> None:
    """Whether what was said stands there as somebody's, in no person's name."""
    refused = entries(incident, "RequestRefused")
    assert len(refused) == times
    assert all(why in e["message"] and "say it again" in e["message"] for e in refused)
    assert {e["actor"] for e in entries(incident)} <= {"operator", "kubernetes"}


@pytest.mark.parametrize("breaks", [unbind, drop_policy, only_audit, drop_status_binding])
def test_without_it_nothing_stands(
    mended: Callable[[], None], shop: Shop, breaks: Callable[[Api], None]
) -> None:
    before = ids(shop.in_trouble())

    breaks(shop.api)

    incident = shop.until_seen(unguarded, "it says that approvals are not guarded")
    assert incident["status"]["phase"] == "Investigating"
    assert set(shop.states().values()) == {"Superseded"}
    assert condition(incident, "ApprovalGuarded")["message"]
    untouched(shop)

    mended()

    incident = shop.until_seen(offered_again, "it offers anew")
    after = ids(incident)
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())
    shop.ask(ALICE, "approve", before["rollback"]).expect_refused("no open proposal")
    untouched(shop)


@pytest.mark.parametrize("breaks", [unbind, only_audit])
def test_a_forged_approval_is_not_acted_on(
    mended: Callable[[], None], shop: Shop, breaks: Callable[[Api], None]
) -> None:
    before = ids(shop.in_trouble())

    breaks(shop.api)
    forge(shop, before["rollback"])

    shop.until_seen(unguarded, "it says that approvals are not guarded")
    shop.until_seen(lambda i: f"{GROUP}/approve" not in annotations_of(i), "it is taken away")
    forge(shop, "mine now", key="take-command", by="ed")
    forge(shop, "a false alarm", key="dismiss")
    incident = shop.until_seen(
        lambda i: not {f"{GROUP}/take-command", f"{GROUP}/dismiss"} & annotations_of(i).keys(),
        "what ed says in the name of others is taken away",
    )
    assert incident["status"]["phase"] != "Dismissed"
    assert (incident["status"].get("roles") or {}).get("commander") != "ed"
    nobody_was_believed(incident, "the guard was not proven", times=3)
    untouched(shop)

    mended()

    incident = shop.until_seen(offered_again, "it offers anew")
    assert not entries(incident, "RemediationStarted")
    assert not set(ids(incident).values()) & set(before.values())
    untouched(shop)


def test_an_approval_forged_while_nobody_looked_is_not_acted_on(
    mended: Callable[[], None], shop: Shop
) -> None:
    before = ids(shop.in_trouble())
    shop.office.operator.kill()
    try:
        # The guard goes, the forgery comes, the guard is back: nothing is left to be seen of it.
        unbind(shop.api)
        forge(shop, before["rollback"])
        mended()
    finally:
        shop.office.revive()

    incident = shop.until_seen(
        lambda i: offered_again(i) and not set(ids(i).values()) & set(before.values()),
        "it offers anew",
    )
    assert not entries(incident, "RemediationStarted")
    nobody_was_believed(incident, "was away or was changed")
    untouched(shop)
    shop.approve("rollback")
    incident = shop.until_reason("RemediationApplied")
    assert only(entries(incident, "RemediationApplied"))["proposal"] != before["rollback"]


def test_an_incident_declared_without_it_is_offered_nothing(
    mended: Callable[[], None], shop: Shop
) -> None:
    unbind(shop.api)
    shop.broken()
    body = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Incident",
        "metadata": {
            "name": "checkout",
            "namespace": shop.namespace,
            "annotations": {f"{GROUP}/resolve": "it is fine", f"{GROUP}/resolve-by": ALICE},
        },
        "spec": {"title": "x", "target": {"kind": "Deployment", "name": "checkout"}},
    }
    until(lambda: shop.api.create("incidents", body).ok or None, "it can be created like that")

    incident = shop.until_seen(
        lambda i: "conditions" in i["status"] and unguarded(i), "it says that it is unguarded"
    )
    refused = only(entries(incident, "RequestRefused"))
    assert "requests cannot be made at creation" in refused["message"]
    assert entries(incident)[1] == refused, "it was not recorded before the first diagnosis"
    assert not entries(incident, "ProposalOffered", "ResolvedByPeople")

    mended()

    shop.prometheus.says(shop.namespace, shop.by_image)
    shop.until_seen(lambda i: condition(i, "ApprovalGuarded")["status"] == "True", "guarded again")
    untouched(shop)
