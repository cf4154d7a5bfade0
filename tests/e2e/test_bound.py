"""What alice approved is what is done, to the workload that she approved it for, and to nothing else.

Erin may patch Incidents; ed may change workloads and ReplicaSets, too. Played with real controllers.
"""

from __future__ import annotations

from tests.e2e.shop import ALICE, ERIN, V1, Shop, annotations_of, entries, only, reasons
from tests.e2e.test_approval import ids, untouched
from tests.support.api import Answer, Body
from tests.support.prometheus import BAD, GOOD

SCALE = [{"name": "scale-out", "scale": {"by": 2, "max": 9}, "onFailure": "Revert"}]


def retarget(shop: Shop, name: str) -> Answer:
    """Erin points the Incident at another Deployment."""
    patch = {"spec": {"target": {"name": name}}}
    return shop.person(ERIN).merge("incidents", "checkout", patch, shop.namespace)


def old_replica_set(shop: Shop) -> str:
    """Name the ReplicaSet of the release before."""
    found: list[Body] = shop.api.list("replicasets", shop.namespace).expect_ok()["items"]
    return str(
        only(
            r["metadata"]["name"]
            for r in found
            if r["spec"]["template"]["spec"]["containers"][0]["image"] == V1
        )
    )


def test_rita_retargets_after_the_approval_and_nothing_else_is_touched(shop: Shop) -> None:
    patient = {"verification": {"failures": 6}, "remediation": SCALE}
    shop.api.merge("runbooks", "shop", {"spec": patient}, shop.namespace).expect_ok()
    shop.create("payments", V1, replicas=4)
    shop.in_trouble()
    shop.prometheus.says(shop.namespace, lambda name: GOOD if name == "payments" else BAD)

    shop.approve("scale-out")
    shop.until_phase("Verifying")
    retarget(shop, "payments").expect_refused("spec.target is fixed in this phase")

    incident = shop.until_reason("RevertCompleted")
    assert shop.deployment()["spec"]["replicas"] == 2
    assert shop.deployment("payments")["spec"]["replicas"] == 4
    assert not [w for w in shop.office.writes("payments", shop.namespace) if w.committed]
    assert (
        "Scale Deployment checkout from 4 to 2"
        in only(entries(incident, "RevertStarted"))["message"]
    )
    assert not {"VerificationPassed", "IncidentResolved"} & set(reasons(incident))


def test_the_target_is_made_anew_while_it_is_verified_and_the_new_one_is_left_alone(
    shop: Shop,
) -> None:
    patient = {"verification": {"failures": 30}, "remediation": SCALE}
    shop.api.merge("runbooks", "shop", {"spec": patient}, shop.namespace).expect_ok()
    shop.in_trouble()
    shop.approve("scale-out")
    shop.until_phase("Verifying")

    shop.api.delete("deployments", "checkout", shop.namespace)
    shop.create(image="registry.example/shop/app:v2-errors", replicas=4)

    incident = shop.until_reason("TargetReplaced")
    assert "was deleted and made anew" in only(entries(incident, "TargetReplaced"))["message"]
    assert shop.deployment()["spec"]["replicas"] == 4
    assert "RevertStarted" not in reasons(incident)


def test_ed_swaps_the_revision_that_alice_read_and_is_refused(shop: Shop) -> None:
    # What happens where that policy is missing is played in tests/core/remediation/test_what_is_shown.py.
    read = ids(shop.in_trouble())["rollback"]

    evil = {"containers": [{"name": "app", "image": "evil.example/shop/app:v1"}]}
    patch = {"spec": {"template": {"spec": evil}}}
    swapped = shop.api.merge("replicasets", old_replica_set(shop), patch, shop.namespace)
    swapped.expect_refused("incident-commander-revisions", "the record of a revision")
    shop.say(ALICE, "diagnose", "again")
    incident = shop.until_seen(
        lambda i: i["status"]["diagnosis"]["round"] == 2 and i["status"]["phase"] != "Diagnosing"
    )

    assert read == ids(incident)["rollback"]
    untouched(shop)


def test_ed_annotates_the_revision_after_the_offer_and_none_of_it_is_copied(shop: Shop) -> None:
    read = ids(shop.in_trouble())["rollback"]

    note = {"metadata": {"annotations": {"external-dns/hostname": "pay.example.com"}}}
    shop.api.merge("replicasets", old_replica_set(shop), note, shop.namespace).expect_ok()
    shop.ask(ALICE, "approve", read)

    # What is written was fixed when it was shown: his note neither voids it nor comes along.
    incident = shop.until_reason("RemediationApplied")
    assert only(entries(incident, "RemediationApplied"))["proposal"] == read
    assert shop.image() == V1
    assert "external-dns/hostname" not in annotations_of(shop.deployment())
