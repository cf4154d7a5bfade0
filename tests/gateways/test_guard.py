"""The guard is proven only while it really refuses forgeries, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from incidentcommander.api.base import GROUP
from incidentcommander.api.common import Confidence, ProposalState, Risk, TargetKind
from incidentcommander.api.incident import (
    IncidentStatus,
    Proposal,
    ProposalTarget,
    VerificationPlan,
)
from incidentcommander.gateways.kubernetes.admission import Guard
from incidentcommander.gateways.kubernetes.client import Client
from incidentcommander.gateways.kubernetes.incidents import Incidents
from incidentcommander.observed.needs import ProofNeed
from incidentcommander.observed.workloads import GuardProof, IncidentRef, Unavailable
from incidentcommander.settings import Settings
from tests.gateways.conftest import Helm, install, running, until_guarded
from tests.support.api import Api
from tests.support.objects import incident

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
STATUS = "incident-commander-status"
REQUESTS = "incident-commander-requests"


class Watched:
    """A guard that is being followed, and how often it said that it changed."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self.changes = 0
        self.guard = Guard(client, settings, self._changed)

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
async def watched(client: Client, settings: Settings) -> AsyncIterator[Watched]:
    watched = Watched(client, settings)
    async with running(watched.guard.run()):
        yield watched


@pytest.fixture
def need(api: Api, namespace: str) -> ProofNeed:
    created = api.create("incidents", incident(namespace)).expect_ok()
    return ProofNeed(IncidentRef(namespace, "checkout-5xx", created["metadata"]["uid"]))


@pytest.fixture
def mended(helm: Helm, api: Api) -> object:
    """Bring the guard back after a test that broke it."""
    yield
    install(helm)
    until_guarded(api)


def test_nothing_is_known_before_it_was_seen(client: Client, settings: Settings) -> None:
    guard = Guard(client, settings, lambda: None)

    assert guard.fingerprint == "", "else every start looks as if the guard had changed"


def proposal(name: str) -> Proposal:
    return Proposal(
        id=name,
        remediation="rollback",
        action="rolloutUndo",
        state=ProposalState.PROPOSED,
        confidence=Confidence.PROVEN,
        risk=Risk.LOW,
        summary="roll back",
        reason="a release broke it",
        target=ProposalTarget(kind=TargetKind.DEPLOYMENT, name="checkout", uid="1"),
        command="kubectl rollout undo",
        approve_command=f"kubectl annotate incident checkout-5xx {GROUP}/approve={name}",
        verification=VerificationPlan(
            timeout=timedelta(minutes=10),
            interval=timedelta(seconds=30),
            successes=3,
            failures=3,
        ),
        expires_at=NOW,
    )


async def prove(guard: Guard, need: ProofNeed) -> GuardProof:
    proof = await guard.prove(need, NOW)
    assert isinstance(proof, GuardProof), proof
    return proof


async def unproven(guard: Guard, need: ProofNeed, words: str) -> GuardProof:
    """Ask until it is not proven any more: the API server needs a moment to drop a policy."""
    for _ in range(150):
        proof = await prove(guard, need)
        if not proof.proven and words in proof.message:
            return proof
        await asyncio.sleep(0.1)
    raise AssertionError(proof)


async def test_the_guard_of_the_chart_is_proven(watched: Watched, need: ProofNeed) -> None:
    proof = await prove(watched.guard, need)

    assert proof.proven, proof.message
    assert len(proof.fingerprint) == 64
    assert proof.at == NOW


async def test_it_is_proven_before_the_watches_have_begun(
    client: Client, settings: Settings, need: ProofNeed
) -> None:
    proof = await prove(Guard(client, settings, lambda: None), need)

    assert proof.proven, proof.message


async def test_it_is_proven_while_an_approval_is_waiting(
    watched: Watched, need: ProofNeed, api: Api, client: Client
) -> None:
    store = Incidents(client)
    found = await store.get(need.incident)
    assert found is not None
    await store.save_status(found, IncidentStatus(proposals=[proposal("rollback-1a2b3c4d")]))
    approve = {"metadata": {"annotations": {f"{GROUP}/approve": "rollback-1a2b3c4d"}}}
    api.merge("incidents", need.incident.name, approve, need.incident.namespace).expect_ok()

    proof = await prove(watched.guard, need)

    assert proof.proven, proof.message


async def test_one_proof_serves_all_incidents_of_a_namespace_for_a_while(
    watched: Watched, need: ProofNeed, client: Client
) -> None:
    first = await prove(watched.guard, need)
    before = client.requests.total()
    others = [ProofNeed(IncidentRef(need.incident.namespace, f"other-{n}")) for n in range(20)]

    proofs = await asyncio.gather(*(prove(watched.guard, other) for other in others))

    assert set(proofs) == {first}
    assert client.requests.total() == before


async def test_many_at_once_cause_one_proof(
    watched: Watched, need: ProofNeed, client: Client
) -> None:
    await asyncio.gather(*(prove(watched.guard, need) for _ in range(20)))

    assert client.requests["patch", "incidents"] == 1
    assert client.requests["patch", "incidents/status"] == 1


async def test_an_incident_that_is_gone_proves_nothing(watched: Watched, namespace: str) -> None:
    answer = await watched.guard.prove(ProofNeed(IncidentRef(namespace, "nope")), NOW)

    assert isinstance(answer, Unavailable)
    assert "nope" in answer.message


@pytest.mark.parametrize(
    "name",
    [
        *(REQUESTS, STATUS, "incident-commander-fields", "incident-commander-deletion"),
        "incident-commander-postmortems",
    ],
)
async def test_a_removed_binding_is_named_and_wakes(
    name: str, watched: Watched, need: ProofNeed, api: Api, mended: None
) -> None:
    before = await prove(watched.guard, need)
    api.delete("validatingadmissionpolicybindings", name)

    proof = await unproven(
        watched.guard, need, f"there is no ValidatingAdmissionPolicyBinding {name}"
    )

    assert proof.fingerprint != before.fingerprint
    assert watched.changes == 1


async def test_a_binding_that_only_audits_is_not_enough(
    watched: Watched, need: ProofNeed, api: Api, mended: None
) -> None:
    audit = {"spec": {"validationActions": ["Audit"]}}
    api.merge("validatingadmissionpolicybindings", STATUS, audit).expect_ok()

    await unproven(watched.guard, need, "does not deny")


async def test_a_policy_that_lets_the_forgery_in_is_not_proven(
    watched: Watched, need: ProofNeed, api: Api, mended: None
) -> None:
    hollow = {"spec": {"validations": [{"expression": "true"}]}}
    api.merge("validatingadmissionpolicies", STATUS, hollow).expect_ok()

    proof = await unproven(watched.guard, need, f"the policy {STATUS} is not in force")

    assert "a forged status was accepted" in proof.message


async def test_a_refusal_by_rbac_is_no_proof(need: ProofNeed, client: Client, api: Api) -> None:
    guard = Guard(client, Settings(), lambda: None)
    role = api.get("clusterroles", "incident-commander").expect_ok()
    rules = [
        {**rule, "verbs": [verb for verb in rule["verbs"] if verb != "patch"]}
        if "incidents/status" in rule["resources"]
        else rule
        for rule in role["rules"]
    ]
    api.merge("clusterroles", "incident-commander", {"rules": rules}).expect_ok()
    try:
        await unproven(guard, need, "not by the policy")
    finally:
        api.merge("clusterroles", "incident-commander", {"rules": role["rules"]}).expect_ok()


async def test_a_recreated_policy_is_another_guard(
    watched: Watched, need: ProofNeed, api: Api, mended: None
) -> None:
    before = await prove(watched.guard, need)
    policy = api.get("validatingadmissionpolicies", STATUS).expect_ok()
    api.delete("validatingadmissionpolicies", STATUS)
    kept = ("name", "labels", "annotations")
    meta = {key: policy["metadata"][key] for key in kept}
    api.create(
        "validatingadmissionpolicies", {"metadata": meta, "spec": policy["spec"]}
    ).expect_ok()

    for _ in range(150):
        after = await prove(watched.guard, need)
        if after.proven and after.fingerprint != before.fingerprint:
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError(after)
    assert watched.changes >= 1
