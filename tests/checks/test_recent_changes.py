"""The check ``recentChanges``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from incidentcommander.api.base import format_timestamp
from incidentcommander.api.common import TargetKind, Verdict
from incidentcommander.api.incident import Finding
from incidentcommander.checks.recent_changes import CHECK
from incidentcommander.observed.managed_fields import Edit, edits_of
from incidentcommander.observed.needs import Answer, AutoscalersNeed, ConfigurationNeed
from incidentcommander.observed.surroundings import (
    Autoscaler,
    ConfigObject,
    Configuration,
    Reference,
)
from incidentcommander.observed.workloads import Missing, Unavailable
from tests.support.build import (
    NAME,
    NAMESPACE,
    NOW,
    ago,
    facts,
    history,
    managed,
    step,
    subject,
)

OK, BAD, UNSURE, ERROR = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ERROR
TARGET = (TargetKind.DEPLOYMENT, NAMESPACE, NAME)
NOTHING = Configuration(())
DATA: dict[str, Any] = {"f:data": {"f:LOG_LEVEL": {}}}


def changed(
    at: datetime | None = None,
    manager: str = "kubectl-edit",
    *,
    kind: str = "ConfigMap",
    name: str = "checkout-config",
    created_at: datetime | None = None,
) -> ConfigObject:
    edits = (Edit(at, manager),) if at is not None else ()
    made = created_at if created_at is not None else ago(days=9)
    return ConfigObject(kind, name, "55", made, edits)


def hpa(at: datetime) -> Autoscaler:
    entry = managed("kubectl-patch", at, {"f:spec": {"f:maxReplicas": {}}})
    meta = {
        "name": "checkout",
        "creationTimestamp": format_timestamp(ago(days=9)),
        "managedFields": [entry],
    }
    return Autoscaler(NAMESPACE, "checkout", "hpa-uid", "77", {"metadata": meta, "spec": {}})


def judge(
    *objects: ConfigObject,
    answer: Answer | None = None,
    autoscalers: Answer = (),
    of: Answer | None = None,
    released: datetime | None = None,
    **parameters: Any,
) -> Finding:
    known = facts(of=of, revisions=history(released=released or ago(minutes=40)))
    known = known.with_(
        {
            ConfigurationNeed(*TARGET): Configuration(objects) if answer is None else answer,
            AutoscalersNeed(*TARGET): autoscalers,
        }
    )
    return CHECK.judge(step("recentChanges", **parameters), subject(), known, NOW)


SIX = ago(minutes=6)
NEEDED = Reference("ConfigMap", "checkout-config")
MAYBE = Reference("ConfigMap", "extra", optional=True)
HIDDEN = Reference("Secret", "checkout-key")


@pytest.mark.parametrize(
    ("given", "verdict", "reason"),
    [
        pytest.param(NOTHING, OK, "NoRecentChange", id="nothing there"),
        pytest.param(Configuration((changed(SIX),)), BAD, "RecentChange", id="changed"),
        pytest.param(Configuration((changed(ago(days=2)),)), OK, "NoRecentChange", id="long ago"),
        pytest.param(
            Configuration((changed(created_at=SIX),)), BAD, "RecentChange", id="just created"
        ),
        pytest.param(
            Configuration((changed(),)), OK, "NoRecentChange", id="created long ago, no managers"
        ),
        pytest.param(
            Configuration((), missing=(NEEDED,)), BAD, "ReferenceMissing", id="needed, not there"
        ),
        pytest.param(
            Configuration((), missing=(MAYBE,)), OK, "NoRecentChange", id="optional, not there"
        ),
        pytest.param(
            Configuration((), forbidden=(HIDDEN,)), OK, "NoRecentChange", id="secrets not granted"
        ),
        pytest.param(
            Configuration((), forbidden=(NEEDED,)), UNSURE, "NotGranted", id="others not granted"
        ),
        pytest.param(
            Configuration((changed(SIX, name="b"),), forbidden=(NEEDED,)),
            BAD,
            "RecentChange",
            id="some not granted, another changed",
        ),
        pytest.param(Missing("x"), ERROR, "TargetMissing", id="no target"),
        pytest.param(Unavailable("x", "down"), ERROR, "KubernetesUnavailable", id="not asked"),
    ],
)
def test_verdict(given: Answer, verdict: Verdict, reason: str) -> None:
    finding = judge(answer=given)
    assert (finding.verdict, finding.reason) == (verdict, reason), finding.message


def test_without_its_autoscalers_it_cannot_be_told() -> None:
    finding = judge(changed(SIX), autoscalers=Unavailable("the HPAs", "timeout"))
    assert (finding.verdict, finding.reason) == (ERROR, "KubernetesUnavailable")


def test_a_change_is_told_with_its_manager_and_the_release() -> None:
    finding = judge(changed(SIX))
    assert finding.message == (
        "ConfigMap checkout-config changed 6 min ago (08:24 UTC), field manager “kubectl-edit” "
        "(as the client calls itself); "
        "the release began 40 min ago."
    )
    assert finding.since == SIX


def test_changes_are_told_newest_first_and_the_rest_is_counted() -> None:
    objects = [changed(ago(minutes=m), name=f"c{m}") for m in (9, 3, 5, 7)]
    message = judge(*objects, autoscalers=(hpa(ago(minutes=4)),)).message
    assert message.startswith("ConfigMap c3 changed 3 min ago")
    assert (
        "; HPA checkout changed 4 min ago (08:26 UTC), field manager “kubectl-patch” (" in message
    )
    assert "; and 2 other changes; the release" in message


def test_what_was_just_created_is_said_to_be() -> None:
    made = changed(SIX, "helm", created_at=SIX)
    assert "ConfigMap checkout-config was created 6 min ago" in judge(made).message


def test_what_is_not_looked_at_is_said() -> None:
    given = Configuration(
        (changed(ago(days=2), "helm"),),
        missing=(MAYBE,),
        forbidden=(HIDDEN, Reference("Service", "")),
        left_out=2,
    )
    assert judge(answer=given).message == (
        "Whether something changed cannot be told. "
        "Secrets are not looked at: the operator may not read checkout-key. "
        "Services are not looked at: the operator may not read them. "
        "ConfigMap extra (optional) is not there. "
        "2 further references not looked at."
    )


def test_without_a_recent_change_the_newest_is_named() -> None:
    message = judge(changed(ago(days=2)), changed(ago(days=3), name="older")).message
    assert message == (
        "2 objects around the target unchanged for 1 h; the newest change: "
        "ConfigMap checkout-config, 2 days ago."
    )


def test_what_is_needed_and_missing_is_named() -> None:
    given = Configuration((), missing=(NEEDED, Reference("Secret", "key")))
    assert judge(answer=given).message == (
        "ConfigMap checkout-config and Secret key are not there: pods that start now need it."
    )


def test_how_far_to_look_back_is_the_runbooks() -> None:
    assert judge(changed(SIX), within="5m").verdict is OK


def test_the_evidence_says_what_was_asked() -> None:
    evidence = judge(changed(SIX)).evidence
    assert evidence is not None
    assert evidence.value == "ConfigMap checkout-config 2026-11-22T08:24:00Z “kubectl-edit”"
    assert evidence.resource_version == "55"


# --- managedFields -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "counts"),
    [
        pytest.param(managed("kubectl-edit", SIX, DATA), True, id="data"),
        pytest.param(managed("helm", SIX, {"f:metadata": {}, **DATA}), True, id="data and labels"),
        pytest.param(managed("helm", SIX, {"f:metadata": {"f:labels": {}}}), False, id="labels"),
        pytest.param(managed("kcm", SIX, {"f:status": {}}), False, id="a status of old"),
        pytest.param(
            managed("kcm", SIX, {"f:spec": {}}, subresource="status"), False, id="a subresource"
        ),
        pytest.param({"manager": "odd", "fieldsV1": DATA}, False, id="no time"),
    ],
)
def test_only_changes_of_content_count(entry: dict[str, Any], counts: bool) -> None:  # noqa: FBT001
    assert bool(edits_of({"managedFields": [entry]})) is counts


def test_edits_are_newest_first() -> None:
    entries = [managed("a", ago(days=2), DATA), managed("b", SIX, DATA)]
    assert [edit.manager for edit in edits_of({"managedFields": entries})] == ["b", "a"]
    assert edits_of({}) == ()
