"""What is wrong with what people wrote is said where they look, and mended by mending it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest

from cluster import Cluster
from tests.e2e.conftest import Open
from tests.e2e.shop import (
    ALICE,
    V2_ERRORS,
    Office,
    Shop,
    condition,
    entries,
    log_of,
    only,
    until,
)
from tests.support.api import Body
from tests.support.kubectl import Kubectl
from tests.support.prometheus import BAD
from tools.local_operator import NAMESPACE

QUIET = 5.0
MOST_WRITES = 12
"""More than any of these Incidents needs until it rests."""


@pytest.fixture
def plain(open_shop: Open, office: Office) -> Shop:
    """A namespace without a Runbook of its own."""
    return open_shop(lambda _: office)


def stalled(incident: Body, path: str) -> str:
    """Check that an Incident says what is wrong, and where; gives the message."""
    assert incident["status"]["phase"] == "Investigating"
    ready, stuck = condition(incident, "Ready"), condition(incident, "Stalled")
    assert (ready["status"], stuck["status"]) == ("False", "True")
    assert ready["message"].startswith(path), ready["message"]
    assert stuck["message"].startswith(path), stuck["message"]
    assert path in incident["status"]["summary"]
    return str(ready["message"])


def is_stalled(incident: Body) -> bool:
    found = [c for c in incident["status"].get("conditions", []) if c["type"] == "Stalled"]
    return bool(found and found[0]["status"] == "True")


def goes_on(shop: Shop) -> Body:
    """Wait until it has proposals, by itself."""
    incident = shop.until_phase("AwaitingApproval")
    assert condition(incident, "Ready")["status"] == "True"
    assert condition(incident, "Stalled")["status"] == "False"
    return incident


def rests(shop: Shop) -> None:
    """Wait until nothing was written about this namespace for a while; that must not take long."""
    proxy = shop.office.proxy
    last, since = -1, time.monotonic()

    def quiet() -> bool | None:
        nonlocal last, since
        count = len(proxy.writes(lambda r: r.namespace == shop.namespace))
        if count != last:
            last, since = count, time.monotonic()
        return True if time.monotonic() - since > QUIET else None

    until(quiet, "the operator rests")
    written = shop.office.writes("checkout", shop.namespace)
    assert len(written) <= MOST_WRITES, [f"{w.method} {w.path}" for w in written]


# --- the target ----------------------------------------------------------------------------------


def test_a_missing_target_is_named_and_found_once_it_is_there(shop: Shop) -> None:
    shop.prometheus.says(shop.namespace, BAD)
    shop.declare()

    incident = shop.until_seen(is_stalled)

    message = stalled(incident, "spec.target")
    assert "Deployment checkout not found" in message
    rests(shop)

    shop.broken()
    goes_on(shop)


def test_a_wrong_target_can_be_corrected(shop: Shop) -> None:
    shop.prometheus.says(shop.namespace, BAD)
    shop.broken()
    shop.declare(target={"kind": "Deployment", "name": "chekcout"})
    shop.until_seen(is_stalled)

    right = {"spec": {"target": {"name": "checkout"}}}
    shop.api.merge("incidents", "checkout", right, shop.namespace).expect_ok()

    incident = goes_on(shop)
    generation = incident["metadata"]["generation"]
    observed = {c["observedGeneration"] for c in incident["status"]["conditions"]}
    assert observed == {generation}
    assert incident["status"]["observedGeneration"] == generation


# --- the Runbook ---------------------------------------------------------------------------------


def test_a_missing_runbook_is_named_and_found_once_it_is_there(shop: Shop) -> None:
    shop.prometheus.says(shop.namespace, BAD)
    shop.broken()
    shop.declare(runbookRef={"name": "special"})

    incident = shop.until_seen(is_stalled)

    message = stalled(incident, "spec.runbookRef")
    assert "no Runbook special" in message
    rests(shop)

    shop.api.create("runbooks", shop.runbook("special")).expect_ok()
    incident = goes_on(shop)
    assert incident["status"]["runbook"]["name"] == "special"


def unusable(shop: Shop, name: str = "bad") -> Body:
    """Write a Runbook whose template nothing can be made of."""
    query = 'errors{namespace="{{ target.nmespace }}"}'
    step = {"name": "errors", "promQL": {"query": query, "max": 1}}
    body = shop.runbook(name, diagnosis=[step], remediation=[], verification={})
    shop.api.create("runbooks", body).expect_ok()

    def judged() -> Body | None:
        found = shop.api.get("runbooks", name, shop.namespace).expect_ok()
        return found if (found.get("status") or {}).get("conditions") else None

    return until(judged, f"Runbook {name} is judged")


def test_an_unusable_runbook_says_why_and_is_not_used(shop: Shop) -> None:
    runbook = unusable(shop)
    ready = only(c for c in runbook["status"]["conditions"] if c["type"] == "Ready")
    assert ready["status"] == "False"
    assert ready["message"].startswith("spec.diagnosis[0]")
    assert "nmespace" in ready["message"]
    assert ready["observedGeneration"] == runbook["metadata"]["generation"]

    # Matching passes it by, though its priority is as high as that of the good one.
    shop.prometheus.says(shop.namespace, BAD)
    shop.broken()
    shop.declare()
    assert goes_on(shop)["status"]["runbook"]["name"] == "shop"


def test_a_named_runbook_that_cannot_be_used_is_a_stall_until_it_is_mended(shop: Shop) -> None:
    unusable(shop)
    shop.prometheus.says(shop.namespace, BAD)
    shop.broken()
    shop.declare(runbookRef={"name": "bad"})

    incident = shop.until_seen(is_stalled)

    message = stalled(incident, "spec.runbookRef")
    for word in ("bad", "nmespace"):
        assert word in message
    rests(shop)

    good = shop.runbook("bad")["spec"]
    shop.api.merge("runbooks", "bad", {"spec": good}, shop.namespace).expect_ok()
    incident = goes_on(shop)
    assert incident["status"]["runbook"]["name"] == "bad"


# --- what is to stop the operator ----------------------------------------------------------------

BLOCKS = "{%if 1%}" * 110 + "up" + "{%endif%}" * 110
NOTS = "{{" + " not" * 230 + " status }}"


def _judged(shop: Shop, plural: str, body: Body) -> Body:
    """Create it, and give its condition."""
    shop.api.create(plural, body).expect_ok()

    def ready() -> Body | None:
        found = shop.api.get(plural, "bomb", shop.namespace).expect_ok()
        return next(iter((found.get("status") or {}).get("conditions") or []), None)

    return until(ready, f"{plural}/bomb is judged")


def test_an_authors_bombs_cost_themselves_and_nobody_else(shop: Shop, plain: Shop) -> None:
    shop.prometheus.says(shop.namespace, BAD)
    shop.broken()
    step = {"name": "errors", "promQL": {"query": BLOCKS, "max": 1}}
    books = plain.runbook("bomb", diagnosis=[step], remediation=[], verification={})
    words = [{"audience": "Internal", "kind": "Update", "text": NOTS}]
    policy = {
        "apiVersion": books["apiVersion"],
        "kind": "ResponsePolicy",
        "metadata": {"name": "bomb", "namespace": plain.namespace},
        "spec": {"templates": words},
    }

    for plural, body, field in (
        ("runbooks", books, "spec.diagnosis[0].promQL.query: "),
        ("responsepolicies", policy, "spec.templates[0].text: "),
    ):
        ready = _judged(plain, plural, body)
        assert (ready["type"], ready["status"]) == ("Ready", "False")
        assert ready["message"].startswith(field)
        assert "nested too deeply" in ready["message"]
    # Those of others are there, also after a restart with the bombs in place.
    shop.declare()
    assert goes_on(shop)["status"]["runbook"]["name"] == "shop"
    shop.office.kill()
    until(lambda: None if shop.office.operator.alive else True, "it is gone")
    shop.office.revive()
    shop.declare("again", target={"kind": "Deployment", "name": "checkout"})
    found = shop.until_phase("AwaitingApproval", name="again")
    assert found["status"]["runbook"]["name"] == "shop"
    log = log_of(shop.office.operator, 1000)
    assert "failed; it begins again" not in log
    assert "Traceback" not in log


def test_ed_nests_120000_brackets_in_an_annotation_and_proposals_are_offered(shop: Shop) -> None:
    shop.prometheus.says(shop.namespace, BAD)
    shop.broken()
    left = {"kubectl.kubernetes.io/last-applied-configuration": "[" * 120_000}
    shop.api.merge(
        "deployments", "checkout", {"metadata": {"annotations": left}}, shop.namespace
    ).expect_ok()

    shop.declare()

    incident = goes_on(shop)
    guards = {g["name"] for p in incident["status"]["proposals"] for g in p["guards"]}
    assert "LastAppliedStale" in guards
    assert "NotPlanned" not in guards


@pytest.fixture
def without_runbook_for_sets(plain: Shop) -> Iterator[None]:
    """Take away the Runbook of the chart that is for any StatefulSet."""
    name = "statefulset-update-stuck"
    kept = plain.api.get("runbooks", name, NAMESPACE).expect_ok()
    plain.api.delete("runbooks", name, NAMESPACE)
    yield
    meta = {"name": name, "namespace": NAMESPACE, "labels": kept["metadata"].get("labels", {})}
    plain.api.create("runbooks", {**kept, "metadata": meta, "status": {}}).expect_ok()


def test_that_no_runbook_matches_is_no_stall(plain: Shop, without_runbook_for_sets: None) -> None:
    labels = {"app": "checkout"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "app", "image": "registry.example/shop/db:v1"}]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    body = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "checkout", "namespace": plain.namespace},
        "spec": {"serviceName": "checkout", **spec},
    }
    plain.api.create("statefulsets", body).expect_ok()
    plain.declare(target={"kind": "StatefulSet", "name": "checkout"})

    incident = plain.until_phase("Investigating")

    assert not is_stalled(incident)
    assert condition(incident, "Ready")["status"] == "True"
    found = {f["step"] for f in incident["status"]["diagnosis"]["findings"]}
    assert found == {"pods", "rollout"}
    assert "no Runbook matches" in entries(incident, "NothingToOffer")[0]["message"]
    rests(plain)


# --- what people look at -------------------------------------------------------------------------


@pytest.fixture
def shell(kubectl: Kubectl, shop: Shop) -> Kubectl:
    """kubectl in the shop's namespace."""
    return kubectl.with_options("-n", shop.namespace)


def test_every_condition_can_be_waited_for(shop: Shop, shell: Kubectl) -> None:
    def wait(kinds: Sequence[str]) -> None:
        for kind in kinds:
            shell.run("wait", f"--for=condition={kind}", "--timeout=60s", "inc/checkout")

    at_once = {"name": "SEV3", "monitorFor": "2s", "postmortem": "None", "respondWithin": "0s"}
    policy = {"spec": {"severities": [at_once]}}
    shop.api.merge("responsepolicies", "default", policy, shop.namespace).expect_ok()
    shop.in_trouble(severity="SEV3")
    wait(["Diagnosed", "Ready", "Reconciling", "ApprovalGuarded", "RoleUnfilled"])
    wait(["Stalled=False", "Approved=False", "Remediated=False", "Verified=False"])
    wait(["Resolved=False", "Closed=False", "UpdateOverdue=False", "PostmortemOverdue=False"])
    wait(["Acknowledged=False"])
    shop.approve("rollback")
    wait(["Approved", "Acknowledged", "Remediated", "Verified", "Resolved", "Closed"])
    wait(["Reconciling=False", "Ready"])


def test_the_columns_say_what_matters(shop: Shop, shell: Kubectl) -> None:
    shop.in_trouble(roles={"commander": ALICE})
    proposal = only(shop.open(remediation="rollback"))["id"]

    lines = shell.run("get", "inc", "-o", "wide").splitlines()

    header = lines[0].split("  ")
    columns = [name.strip() for name in header if name.strip()]
    assert columns == [
        "NAME",
        "SEVERITY",
        "PHASE",
        "TARGET",
        "PROPOSAL",
        "COMMANDER",
        "NEXT UPDATE",
        "AGE",
        "SUMMARY",
        "RUNBOOK",
    ]
    for word in ("checkout", "SEV2", "AwaitingApproval", "Deployment/checkout", proposal, ALICE):
        assert word in lines[1]
    assert lines[1].rstrip().endswith("shop")


def test_describe_ends_with_what_is_offered_and_no_event_has_its_command(
    shop: Shop, shell: Kubectl
) -> None:
    incident = shop.in_trouble()
    offered = only(p for p in incident["status"]["proposals"] if p["recommended"])

    def told() -> str | None:
        said = shell.run("describe", "inc", "checkout").partition("\nEvents:")[2]
        return said if f"To approve {offered['id']}" in said else None

    events = until(told, "the proposal is an Event")
    status = shell.run("describe", "inc", "checkout").partition("\nEvents:")[0]

    assert offered["approveCommand"] in status
    assert "incidentcommander.dev/approve" not in events
    assert "kubectl " not in events

    assert "ErrorRateHigh" in events
    assert "ProposalOffered" in events
    assert "IncidentDeclared" in events


def test_the_command_that_is_shown_approves(cluster: Cluster, shop: Shop, shell: Kubectl) -> None:
    incident = shop.in_trouble()
    offered = only(p for p in incident["status"]["proposals"] if p["recommended"])
    said = str(offered["approveCommand"]).split()
    assert said[0] == "kubectl"
    alice = Kubectl(
        cluster.kubectl, shell.kubeconfig, ("--as", ALICE, "--as-group", "system:authenticated")
    )
    alice.run(*said[1:])
    incident = shop.until_reason("RemediationApplied")
    assert only(entries(incident, "ApprovalGranted"))["actor"] == ALICE
    assert shop.image() != V2_ERRORS
