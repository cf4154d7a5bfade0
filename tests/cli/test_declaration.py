"""The name of an Incident is made from its title and the time; what was not said is left out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from incidentcommander.cli.declaring import Declaration, named
from incidentcommander.cli.exits import Code, Ended

AT = datetime(2026, 11, 22, 14, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("title", "target", "expected"),
    [
        ("Checkout returns 5xx", "checkout", "checkout-returns-5xx-20261122-1412"),
        ("  --Datenbank: läuft voll!  ", "db", "datenbank-l-uft-voll-20261122-1412"),
        ("支付失败", "checkout.v2", "checkout-v2-20261122-1412"),
        ("a" * 120, "x", "a" * 49 + "-20261122-1412"),
        ("a" * 48 + " b c", "x", "a" * 48 + "-20261122-1412"),
    ],
    ids=["words", "signs", "no letters", "long", "cut at a word"],
)
def test_a_name_is_made(title: str, target: str, expected: str) -> None:
    name = named(title, target, AT)

    assert name == expected
    assert len(name) <= 63


def test_only_what_was_said_stands_in_the_object() -> None:
    body = Declaration(title="Checkout returns 5xx", target="deploy/checkout").body("", AT)

    assert body == {
        "apiVersion": "incidentcommander.dev/v1alpha1",
        "kind": "Incident",
        "metadata": {"name": "checkout-returns-5xx-20261122-1412"},
        "spec": {
            "title": "Checkout returns 5xx",
            "target": {"kind": "Deployment", "name": "checkout"},
        },
    }


@pytest.mark.parametrize(
    ("target", "kind", "name"),
    [
        ("checkout", "Deployment", "checkout"),
        ("Deployment/checkout", "Deployment", "checkout"),
        ("deployment.apps/checkout", "Deployment", "checkout"),
        ("sts/db", "StatefulSet", "db"),
        ("daemonsets/agent", "DaemonSet", "agent"),
    ],
)
def test_targets_are_read_as_kubectl_writes_them(target: str, kind: str, name: str) -> None:
    body = Declaration(title="x", target=target).body("shop", AT)

    assert body["spec"]["target"] == {"kind": kind, "name": name}
    assert body["metadata"]["namespace"] == "shop"


@pytest.mark.parametrize("target", ["Job/x", "Deployment/", "/checkout/x"])
def test_what_is_no_target_is_a_usage_error(target: str) -> None:
    with pytest.raises(Ended, match="is no target") as ended:
        Declaration(title="x", target=target).body("", AT)

    assert ended.value.code is Code.USAGE
