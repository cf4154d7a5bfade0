"""An incident is not over until the Postmortem is done: drafted, completed, Final, Closed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from cluster import Cluster
from tests.e2e.shop import ALICE, ERIN, Shop, condition, entries, reasons, until
from tests.support import objects
from tests.support.api import Answer, Body
from tests.support.objects import COMPLETE, complete_postmortem
from tests.support.proxy import Kill, Request, Rule


def postmortem(shop: Shop, name: str = "checkout") -> Body:
    return shop.api.get("postmortems", name, shop.namespace).expect_ok()


def reported(shop: Shop, generation: int) -> bool | None:
    """Whether that generation of the Postmortem was rendered."""
    report = (postmortem(shop).get("status") or {}).get("report") or {}
    return True if report.get("generation", 0) >= generation else None


def of(shop: Shop) -> list[Body]:
    found: list[Body] = shop.api.list("postmortems", shop.namespace).expect_ok()["items"]
    return found


def resolved(shop: Shop, name: str = "checkout", **spec: Any) -> Body:
    """Take an Incident to its resolution, and wait for the draft."""
    shop.in_trouble(name, **spec)
    shop.approve(name=name)
    shop.until_phase("Resolved", name=name)
    return shop.until_reason("PostmortemDrafted", name=name)


def edit(shop: Shop, name: str = "checkout", **spec: Any) -> Answer:
    """Change its spec: a responder completes it, who may approve calls it Final."""
    who = ALICE if spec.get("state") == "Final" else ERIN
    return shop.person(who).merge("postmortems", name, {"spec": spec}, shop.namespace)


def holds(shop: Shop, kind: str, status: str, name: str = "checkout") -> Body:
    """Wait until a condition of the Postmortem has that status."""

    def seen() -> Body | None:
        body = postmortem(shop, name)
        body.setdefault("status", {}).setdefault("conditions", [])
        found = {c["type"]: c["status"] for c in body["status"]["conditions"]}
        return body if found.get(kind) == status else None

    return until(seen, f"{kind} is {status}")


def test_from_resolved_to_closed(shop: Shop) -> None:
    impact = {"summary": "Customers cannot pay", "usersAffectedPercent": 30}
    incident = resolved(shop, impact=impact, roles={"commander": ALICE})

    owed = incident["status"]["postmortem"]
    drafted = postmortem(shop)
    assert owed["name"] == "checkout"
    spec = drafted["spec"]
    assert spec["state"] == "Draft"
    assert spec["incidentRef"] == {"name": "checkout", "uid": incident["metadata"]["uid"]}
    assert drafted["metadata"]["ownerReferences"][0]["uid"] == incident["metadata"]["uid"]
    told = json.dumps(spec)
    assert "30 % of users" in told
    assert not {name for name in (ALICE, ERIN) if name in told}, "nobody is named"
    seqs = {f"#{e['seq']}" for e in entries(incident)}
    assert {row["source"] for row in spec["timeline"]} <= seqs

    refused = edit(shop, state="Final")
    refused.expect_refused("Final needs author", "Final needs impact.revenue", "fiveWhys")
    assert holds(shop, "Complete", "False")["status"]["dueAt"] == owed["dueAt"]

    edit(shop, **COMPLETE).expect_ok()
    assert shop.incident()["status"]["phase"] == "Resolved"
    edit(shop, state="Final").expect_ok()
    closed = shop.until_phase("Closed")

    assert reasons(closed)[-2:] == ["PostmortemCompleted", "IncidentClosed"]
    assert "Follow-up review scheduled." in entries(closed, "IncidentClosed")[0]["message"]
    assert condition(closed, "Closed")["status"] == "True"
    final = holds(shop, "Complete", "True")
    assert final["status"]["openItems"] == 2
    until(lambda: reported(shop, final["metadata"]["generation"]), "the report follows")
    report = shop.api.get("configmaps", "checkout-postmortem", shop.namespace).expect_ok()
    assert report["metadata"]["ownerReferences"][0]["uid"] == final["metadata"]["uid"]
    assert "# Post-Mortem: checkout returns 5xx" in report["data"]["postmortem.md"]
    assert COMPLETE["lessons"] in report["data"]["postmortem.html"]


def test_action_items_are_tracked_after_the_incident_is_closed(shop: Shop) -> None:
    shop.prometheus.says(shop.namespace, shop.by_image)
    resolved(shop)
    items = [{"id": "AI-1", "action": "Add the test", "owner": "checkout", "due": "2026-01-01"}]
    edit(shop, **{**COMPLETE, "actionItems": items}, state="Final").expect_ok()
    shop.until_phase("Closed")

    overdue = holds(shop, "ActionItemsOverdue", "True")
    assert overdue["status"]["overdueItems"] == ["AI-1"]
    assert [r["item"] for r in overdue["status"]["reminders"]] == ["AI-1"]
    assert reminders(shop) == ["ActionItemOverdue"]

    shop.office.kill()
    until(lambda: None if shop.office.operator.alive else True, "the operator is dead")
    shop.office.revive()
    edit(shop, actionItems=[{**items[0], "ticket": "OPS-1"}]).expect_ok()
    generation = postmortem(shop)["metadata"]["generation"]
    until(lambda: reported(shop, generation), "it is judged again")
    assert reminders(shop) == ["ActionItemOverdue"], "a restart repeats no reminder"

    edit(shop, actionItems=[{**items[0], "status": "Done"}]).expect_ok()
    done = holds(shop, "ActionItemsOverdue", "False")
    assert done["status"]["openItems"] == 0


def reminders(shop: Shop) -> list[str]:
    """The reasons of the Events about Postmortems."""
    selector = {"fieldSelector": "regarding.kind=Postmortem"}
    found = shop.api.list("events", shop.namespace, **selector).expect_ok()["items"]
    return [event["reason"] for event in found]


def test_the_report_command(shop: Shop, cluster: Cluster) -> None:
    incident = shop.in_trouble()

    def report(*arguments: str) -> str:
        line = [sys.executable, "-m", "incidentcommander.main", "report", *arguments]
        kubeconfig = f"--kubeconfig={cluster.kubeconfig}"
        done = subprocess.run([*line, kubeconfig], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    open_one = report("checkout", "-n", shop.namespace)
    assert "not resolved" in open_one
    assert "no Postmortem yet: drafted for this report" in open_one
    shop.approve()
    shop.until_reason("PostmortemDrafted")
    edit(shop, author="team checkout").expect_ok()
    page = report("checkout", "-n", shop.namespace, "--format", "html")
    assert page.startswith("<!doctype html>")
    assert "team checkout" in page
    figures = report("-n", shop.namespace)
    assert f"# Times of incidents: namespace {shop.namespace}" in figures
    assert "| MTTR (time to resolve) | 1 |" in figures
    assert "MTTR" in report()
    assert incident["metadata"]["name"] == "checkout"


def creates_it(request: Request) -> bool:
    return request.method == "POST" and request.parts == ("postmortems",)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_crash_between_creating_and_recording_it_repeats_nothing(
    shop: Shop, *, before: bool
) -> None:
    office = shop.office
    crash = office.proxy.add(Rule(creates_it, Kill(office.kill, before=before)))
    shop.in_trouble()
    shop.approve()
    until(lambda: crash.fired.is_set() or None, "the operator writes")
    until(lambda: None if office.operator.alive else True, "the operator is dead")
    office.revive()

    incident = shop.until_reason("PostmortemDrafted")

    assert reasons(incident).count("PostmortemDrafted") == 1
    assert [p["metadata"]["name"] for p in of(shop)] == ["checkout"]


def test_it_becomes_overdue_and_is_said_once(shop: Shop) -> None:
    severities = [
        {"name": "SEV2", "monitorFor": "1s", "postmortem": "Required", "postmortemWithin": "1s"}
    ]
    policy = {"spec": {"severities": severities}}
    shop.api.merge("responsepolicies", "default", policy, shop.namespace).expect_ok()
    resolved(shop)

    incident = shop.until_reason("PostmortemOverdue")

    assert condition(incident, "PostmortemOverdue")["status"] == "True"
    assert holds(shop, "Overdue", "True")["status"]["display"]["overdue"] == "Postmortem"
    edit(shop, **COMPLETE, state="Final").expect_ok()
    closed = shop.until_phase("Closed")
    assert reasons(closed).count("PostmortemOverdue") == 1
    assert holds(shop, "Overdue", "False")["status"]["reminders"] == []


def test_one_of_an_older_incident_of_that_name_is_left_alone(shop: Shop) -> None:
    about = {"incidentRef": {"name": "checkout", "uid": "of-an-older-one"}}
    older = {
        "apiVersion": "incidentcommander.dev/v1alpha1",
        "kind": "Postmortem",
        "metadata": {"name": "checkout", "namespace": shop.namespace},
        "spec": {**about, "summary": "an older one"},
    }
    shop.api.create("postmortems", older).expect_ok()

    incident = resolved(shop)

    name = f"checkout-{incident['metadata']['uid'][:5]}"
    assert incident["status"]["postmortem"]["name"] == name
    assert postmortem(shop)["spec"]["summary"] == "an older one"


def test_ed_writes_one_beforehand_and_the_incident_is_closed_by_no_word_of_his(shop: Shop) -> None:
    ed = shop.person(ERIN)
    his = complete_postmortem(shop.namespace, "checkout", incidentRef={"name": "checkout"})
    shop.in_trouble()
    ed.create("postmortems", his).expect_refused("begins as Draft")
    ed.create("postmortems", {**his, "spec": {**his["spec"], "state": "Review"}}).expect_ok()
    shop.approve()
    incident = shop.until_reason("PostmortemDrafted")

    told = entries(incident, "PostmortemDrafted")[0]["message"]
    assert "Postmortem checkout (Review) is a stranger" in told
    name = incident["status"]["postmortem"]["name"]
    assert name != "checkout"
    for each in ("checkout", name):
        final = {"spec": {**COMPLETE, "state": "Final"}}
        answer = ed.merge("postmortems", each, final, shop.namespace)
        answer.expect_refused("incident-commander-postmortems")
    assert shop.incident()["status"]["phase"] == "Resolved"
    edit(shop, name, **COMPLETE, state="Final").expect_ok()
    shop.until_phase("Closed")


def test_a_draft_of_others_is_adopted_and_one_final_from_before_a_reopen_closes_nothing(
    shop: Shop,
) -> None:
    shop.in_trouble()
    theirs = objects.postmortem(shop.namespace, "ours", incidentRef={"name": "checkout"})
    shop.person(ERIN).create("postmortems", theirs).expect_ok()
    shop.approve()
    incident = shop.until_reason("PostmortemDrafted")
    assert incident["status"]["postmortem"]["name"] == "ours"
    assert "who wrote it is not known" in entries(incident, "PostmortemDrafted")[0]["message"]
    owners = postmortem(shop, "ours")["metadata"]["ownerReferences"]
    assert [o["uid"] for o in owners] == [incident["metadata"]["uid"]]

    shop.say(ALICE, "reopen", "it is back")
    shop.until_phase("Investigating", "AwaitingApproval", "Verifying", "Monitoring")
    edit(shop, "ours", **COMPLETE, state="Final").expect_ok()
    shop.say(ALICE, "resolve", "switched the flag off")
    incident = shop.until_reason("PostmortemDrafted", times=2)

    assert incident["status"]["phase"] == "Resolved"
    assert incident["status"]["postmortem"]["name"] == "checkout"
    told = entries(incident, "PostmortemDrafted")[-1]["message"]
    assert "Postmortem ours is Final from before the Incident was reopened" in told


def test_after_a_reopen_what_people_wrote_is_kept_and_the_rest_is_drafted_anew(shop: Shop) -> None:
    resolved(shop)
    edit(shop, lessons="Flags go to one region first.").expect_ok()
    shop.say(ALICE, "reopen", "it is back")
    shop.until_phase("Investigating", "AwaitingApproval", "Verifying", "Monitoring")
    shop.say(ALICE, "resolve", "switched the flag off")
    incident = shop.until_reason("PostmortemDrafted", times=2)

    spec = postmortem(shop)["spec"]
    assert len(of(shop)) == 1
    assert spec["lessons"] == "Flags go to one region first."
    assert "IncidentReopened" in reasons(incident)
    assert any("switched the flag off" in row["event"] for row in spec["timeline"])
    assert "drafted anew" in entries(incident, "PostmortemDrafted")[-1]["message"]
