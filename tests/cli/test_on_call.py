"""An incident from declaration to its record, led by `kubectl incident` alone."""

from __future__ import annotations

import json
import re

from tests.e2e.shop import ALICE, BOB, V1, Shop, until
from tests.support.plugin import Plugin

DONE, ERROR, USAGE, REFUSED, NOT_FOUND, TIMED_OUT = range(6)
LONG = ("--wait", "60")


def test_one_declares_reads_approves_and_reads_what_came_of_it(
    shop: Shop, erin: Plugin, alice: Plugin, plugin: Plugin
) -> None:
    shop.prometheus.says(shop.namespace, shop.by_image)
    shop.broken()

    declared = erin.run(
        "declare", "--title", "Checkout returns 5xx", "--target", "deploy/checkout", *LONG
    )
    assert declared.code == DONE, declared.err
    created = re.match(r"incident\.incidentcommander\.dev/(\S+) created\n", declared.out)
    assert created is not None
    name = created.group(1)
    assert re.fullmatch(r"checkout-returns-5xx-\d{8}-\d{4}", name)
    assert "create -f - <<'EOF'\napiVersion: incidentcommander.dev/v1alpha1\n" in declared.err

    shop.until_phase("AwaitingApproval", name=name)
    assert name in erin.done("list")
    screen = erin.done("show", name)
    proposal = shop.open(name, "rollback")[0]["id"]
    for words in ("AwaitingApproval", "Deployment/checkout", "FINDINGS", "recommended, Proven"):
        assert words in screen
    assert f"kubectl incident approve {name} {proposal} -n {shop.namespace} --as=erin" in screen

    assert "CommandTransferred" in alice.done("take", name, "on", "call", "tonight", *LONG)
    assert "from v2 to v1" not in alice.done("ack")  # the only open Incident is meant
    approved = alice.run("approve", "--yes", *LONG)
    assert approved.code == DONE, approved.err
    assert f"incidentcommander.dev/approve={proposal}\n" in approved.err
    assert "-      - image: registry.example/shop/app:v2-errors" in approved.out
    assert "ApprovalGranted" in approved.out
    assert "RemediationApplied" in approved.out

    shop.until_phase("Resolved", "Closed", name=name)
    assert shop.image() == V1
    told = alice.run("timeline", name)
    assert told.code == DONE
    assert "without a gap" in told.err
    entries = alice.json("timeline", name)
    assert [e["seq"] for e in entries] == list(range(len(entries)))
    assert all(e["reason"] in told.out for e in entries)

    here = plugin.at(shop.namespace)
    until(lambda: here.run("report", name).code == DONE or None, "a report")
    assert "checkout" in here.done("report", name)
    assert "<html" in here.done("report", name, "--format", "html")


def test_words_are_taken_and_come_back_from_the_timeline(
    shop: Shop, erin: Plugin, alice: Plugin
) -> None:
    shop.deploy()
    shop.declare()
    shop.until_phase("Investigating", "AwaitingApproval")

    said = {
        ("note", "checkout", "it's", "slow", "=", "$HOME"): ("NoteAdded", "it's slow = $HOME"),
        ("update", "checkout", "we look at it"): ("UpdatePosted", "we look at it"),
        ("root-cause", "checkout", "a full disk"): ("RootCauseRecorded", "a full disk"),
        ("diagnose", "checkout"): ("DiagnosisRequested", "erin"),
        ("propose", "checkout", "restart"): ("RemediationRequested", "restart"),
    }
    for words, expected in said.items():
        printed = erin.done(*words, *LONG)
        assert all(part in printed for part in expected), printed

    lowered = alice.done("severity", "checkout", "sev3", "only batch jobs", *LONG)
    assert "SeverityLowered" in lowered
    from_a_file = erin.done("note", "checkout", "-", *LONG, stdin="out of a pipe\n")
    assert "out of a pipe" in from_a_file
    assert erin.done("note", "inc/checkout", "later", "--wait", "0").startswith("note was sent")
    ended = alice.json("dismiss", "checkout", "load test, agreed", *LONG)
    assert ended["status"]["phase"] == "Dismissed"
    assert alice.run("list").out == ""
    assert "Dismissed" in alice.done("list", "--all")
    assert "IncidentReopened" in alice.done("reopen", "checkout", "it was none", *LONG)


def test_each_end_has_its_code(shop: Shop, erin: Plugin, alice: Plugin, plugin: Plugin) -> None:
    shop.in_trouble()
    proposal = shop.open(remediation="rollback")[0]["id"]

    unnamed = erin.run("note")
    forbidden = erin.run("approve", "checkout", "--yes")
    unasked = alice.run("approve", "checkout")
    unknown = alice.run("approve", "checkout", "rollback-00000000", "--yes")
    nonsense = erin.run("propose", "checkout", "nosuch", *LONG)
    nobody = plugin.at(shop.namespace).by("mallory").run("show", "checkout")
    nowhere = erin.run("show", "nosuch")
    elsewhere = plugin.by(ALICE).run("note", "checkout", "x", "-n", "default")

    assert (unnamed.code, forbidden.code) == (USAGE, REFUSED)
    assert "this needs the verb approve" in forbidden.err
    assert (unasked.code, unknown.code) == (USAGE, NOT_FOUND)
    assert "add --yes" in unasked.err
    assert f"kubectl incident approve checkout {proposal} -n {shop.namespace}" in unknown.err
    assert nonsense.code == REFUSED
    assert "the Runbook has no such remediation" in nonsense.out
    assert nobody.code == ERROR
    assert 'User "mallory" cannot get resource "incidents"' in nobody.err
    assert nowhere.code == NOT_FOUND
    assert 'incidents.incidentcommander.dev "nosuch" not found' in nowhere.err
    assert elsewhere.code in {ERROR, NOT_FOUND}
    assert shop.image().endswith("v2-errors")


def test_what_a_guard_blocks_is_refused_with_what_clears_it(shop: Shop, alice: Plugin) -> None:
    shop.prometheus.says(shop.namespace, shop.by_image)
    shop.broken()
    note = {"incidentcommander.dev/no-rollback": "a migration went with it"}
    patch = {"spec": {"template": {"metadata": {"annotations": note}}}}
    shop.api.merge("deployments", "checkout", patch, shop.namespace).expect_ok()
    shop.rolled_out()
    shop.declare()
    blocked = until(
        lambda: next((p for p in shop.open(remediation="rollback") if p["guards"]), None),
        "a proposal that is blocked",
    )

    said = alice.run("approve", "checkout", blocked["id"], "--yes")

    assert said.code == REFUSED
    assert "is blocked for now" in said.err
    assert "a migration went with it" in said.err
    assert shop.image().endswith("v2-errors")


def test_a_proposal_is_rejected_with_its_reason(shop: Shop, alice: Plugin) -> None:
    shop.in_trouble()
    restart = shop.open(remediation="restart")[0]["id"]

    unclear = alice.run("reject", "checkout")
    rejected = alice.done("reject", "checkout", restart, "it", "does", "not", "help", *LONG)

    assert unclear.code == USAGE
    assert f"kubectl incident reject checkout {restart}" in unclear.err
    assert "ProposalRejected" in rejected
    assert "it does not help" in rejected
    assert shop.states()[restart] == "Rejected"


def test_without_an_operator_it_says_that_the_request_waits(shop: Shop, erin: Plugin) -> None:
    shop.deploy()
    shop.declare()
    shop.until_phase("Investigating", "AwaitingApproval")
    shop.office.kill()

    said = erin.run("note", "checkout", "anybody there?", "--wait", "1")

    assert said.code == TIMED_OUT
    assert "do not send it twice" in said.err
    shop.office.revive()
    shop.until_reason("NoteAdded")


def test_watching_without_a_terminal_prints_entries_until_the_end(
    shop: Shop, erin: Plugin, alice: Plugin
) -> None:
    shop.deploy()
    shop.declare()
    shop.until_phase("Investigating", "AwaitingApproval")
    watching = erin.start("show", "checkout", "--watch")
    erin.done("note", "checkout", "seen by the watcher", *LONG)

    alice.done("dismiss", "checkout", "a test", *LONG)
    out, err = watching.communicate(timeout=120)

    assert watching.returncode == DONE, err
    assert "seen by the watcher" in out
    assert "IncidentDismissed" in out


def test_a_dry_run_prints_what_can_be_applied(shop: Shop, erin: Plugin, plugin: Plugin) -> None:
    words = ["declare", "cart-is-slow", "--title", "Cart: slow", "--target", "sts/cart", "--drill"]
    words += [
        "--severity",
        "sev1",
        "--symptom",
        "slow",
        "--impact",
        "all carts",
        "--commander",
        BOB,
    ]
    words += ["--users-affected", "0", "--customer-reported", "--war-room", "https://chat.example"]

    printed = erin.done(*words, "--runbook", "shop", "--dry-run")

    assert erin.run("show", "cart-is-slow").code == NOT_FOUND
    assert "title: 'Cart: slow'" in printed
    applied = shop.person("erin").dry().create("incidents", _parsed(printed)).expect_ok()
    assert applied["spec"]["impact"]["usersAffectedPercent"] == 0
    assert applied["spec"]["severity"] == "SEV1"


def _parsed(text: str) -> dict[str, object]:
    import yaml

    return json.loads(json.dumps(yaml.safe_load(text)))  # type: ignore[no-any-return]
