"""The record is read whole, with its pages; the report from where it was put."""

from __future__ import annotations

from tests.e2e.shop import Shop
from tests.support.api import Api
from tests.support.plugin import Plugin

DONE, ERROR, NOT_FOUND = 0, 1, 4
LONG = ("--wait", "60")


def test_a_long_record_is_read_from_its_pages(shop: Shop, erin: Plugin) -> None:
    shop.deploy()
    shop.declare()
    shop.until_phase("Investigating", "AwaitingApproval")
    for number in range(20):
        erin.done("note", "checkout", f"note {number} “é”" + " x" * 300, *LONG)
    shop.until_seen(lambda i: bool(i["status"].get("timelinePages")), "a page")

    said = erin.run("timeline", "checkout")
    entries = erin.json("timeline", "checkout")

    assert said.code == DONE, said.err
    assert "TimelinePages, unaltered" in said.err
    assert [e["seq"] for e in entries] == list(range(len(entries)))
    assert all(f"note {number} “é”" in said.out for number in range(20))

    first = shop.incident()["status"]["timelinePages"][0]
    shop.api.delete("timelinepages", first["name"], shop.namespace).expect_ok()
    gone = erin.run("timeline", "checkout")

    assert gone.code == ERROR
    assert f"entries 0 to {first['toSeq']} are missing: there is no TimelinePage" in gone.err


def test_the_report_is_printed_from_its_config_map(shop: Shop, api: Api, plugin: Plugin) -> None:
    shop.deploy()
    shop.declare()
    here = plugin.at(shop.namespace)

    missing = here.run("report", "checkout")
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "checkout-postmortem", "namespace": shop.namespace},
        "data": {"postmortem.md": "# What happened\n", "postmortem.html": "<h1>What</h1>"},
    }
    api.create("configmaps", body).expect_ok()

    assert missing.code == NOT_FOUND
    typed = f"incidentcommander report checkout -n {shop.namespace} --format md"
    assert typed in missing.err
    assert here.done("report", "checkout") == "# What happened\n"
    assert here.done("report", "checkout", "--format", "html") == "<h1>What</h1>\n"
