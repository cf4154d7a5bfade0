"""The check ``events``."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from incidentcommander.api.base import format_timestamp
from incidentcommander.api.common import TargetKind, Verdict
from incidentcommander.api.incident import Finding
from incidentcommander.checks.base import Subject
from incidentcommander.checks.events import CHECK
from incidentcommander.observed.needs import Answer, TargetNeeds, WarningsNeed
from incidentcommander.observed.surroundings import WarningEvent, Warnings
from incidentcommander.observed.workloads import Missing, Pod, Unavailable
from tests.support.build import (
    NAME,
    NAMESPACE,
    NOW,
    ago,
    facts,
    history,
    pod,
    step,
    subject,
    workload,
)

OK, BAD, UNSURE, ERROR = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ERROR
NEW, OLD = "checkout-rev7-bcdfg", "checkout-rev6-bcdfg"
PODS = (
    replace(pod(name=NEW), uid=f"{NEW}-uid"),
    replace(pod("rev6", name=OLD), uid=f"{OLD}-uid"),
)


def warning(
    reason: str = "BackOff",
    name: str = NEW,
    *,
    kind: str = "Pod",
    at: datetime | None = None,
    count: int = 1,
    message: str = "as told",
    uid: str | None = None,
) -> WarningEvent:
    """A warning about an object of that name, by default with the uid that it has."""
    uid = (
        f"{name.removeprefix('checkout-') if kind == 'ReplicaSet' else name}-uid"
        if uid is None
        else uid
    )
    last = at if at is not None else ago(minutes=3)
    return WarningEvent(kind, name, uid, reason, message, count, ago(minutes=20), last)


def judge(
    *events: WarningEvent,
    answer: Answer | None = None,
    about: Subject | None = None,
    of: Answer | None = None,
    **parameters: Any,
) -> Finding:
    need = WarningsNeed(TargetKind.DEPLOYMENT, NAMESPACE, NAME)
    known = facts(of=of, pods=PODS).with_({need: Warnings(events) if answer is None else answer})
    return CHECK.judge(step("events", **parameters), about or subject(), known, NOW)


@pytest.mark.parametrize(
    ("events", "verdict", "reason"),
    [
        pytest.param((), OK, "NoWarnings", id="no warnings"),
        pytest.param((warning(),), BAD, "WarningEvents", id="a pod that is backed off"),
        pytest.param((warning("DNSConfigForming"),), OK, "OtherWarnings", id="a harmless one"),
        pytest.param(
            (warning("DNSConfigForming"), warning("OOMKilling")), BAD, "WarningEvents", id="both"
        ),
        pytest.param((warning(at=ago(minutes=40)),), OK, "NoWarnings", id="too long ago"),
        pytest.param((warning(name="payment-rev7-bcdfg"),), OK, "NoWarnings", id="another's pod"),
        pytest.param((warning(name="checkout-api-bcdfg"),), OK, "NoWarnings", id="a like name"),
        pytest.param(
            (warning(name="checkout-rev7-zzzzz"),), OK, "NoWarnings", id="a pod that is gone"
        ),
        pytest.param((warning(uid=""),), OK, "NoWarnings", id="a pod's name without its uid"),
        pytest.param((warning(uid="evil"),), OK, "NoWarnings", id="a pod's name with another uid"),
        pytest.param(
            (warning("FailedCreate", "checkout-rev7", kind="ReplicaSet", uid="evil"),),
            OK,
            "NoWarnings",
            id="a ReplicaSet's name with another uid",
        ),
        pytest.param(
            (warning("ReplicaSetCreateError", NAME, kind="Deployment", uid=""),),
            OK,
            "NoWarnings",
            id="the target's name without its uid",
        ),
        pytest.param(
            (warning(name="anything", uid=f"{NEW}-uid"),),
            BAD,
            "WarningEvents",
            id="a pod's uid under any name",
        ),
        pytest.param(
            (warning(name="checkout-rev7-aeiou"),), OK, "NoWarnings", id="no generated name"
        ),
        pytest.param(
            (warning("FailedCreate", "checkout-rev7", kind="ReplicaSet"),),
            BAD,
            "WarningEvents",
            id="its ReplicaSet",
        ),
        pytest.param(
            (warning("FailedCreate", "checkout-api", kind="ReplicaSet"),),
            OK,
            "NoWarnings",
            id="another's ReplicaSet",
        ),
        pytest.param(
            (warning("ReplicaSetCreateError", NAME, kind="Deployment", uid="workload-uid"),),
            BAD,
            "WarningEvents",
            id="the target itself",
        ),
        pytest.param(
            (warning("ReplicaSetCreateError", NAME, kind="Deployment", uid="before"),),
            OK,
            "NoWarnings",
            id="one of the same name before it",
        ),
        pytest.param(
            (warning("FailedMount", NAME, kind="Service"),), OK, "NoWarnings", id="another kind"
        ),
    ],
)
def test_verdict(events: tuple[WarningEvent, ...], verdict: Verdict, reason: str) -> None:
    finding = judge(*events)
    assert (finding.verdict, finding.reason) == (verdict, reason), finding.message


@pytest.mark.parametrize(
    ("answer", "of", "verdict", "reason"),
    [
        pytest.param(Unavailable("x", "down"), None, ERROR, "KubernetesUnavailable", id="down"),
        pytest.param(Warnings(()), Missing("x"), ERROR, "TargetMissing", id="no target"),
        pytest.param(
            Warnings((), complete=False), None, UNSURE, "TooManyEvents", id="more than are read"
        ),
        pytest.param(
            Warnings((warning(),), complete=False), None, BAD, "WarningEvents", id="enough is read"
        ),
    ],
)
def test_what_is_not_known(
    answer: Answer, of: Answer | None, verdict: Verdict, reason: str
) -> None:
    finding = judge(answer=answer, of=of)
    assert (finding.verdict, finding.reason) == (verdict, reason)


def test_reasons_are_counted_newest_first() -> None:
    finding = judge(
        warning("Unhealthy", at=ago(minutes=9), count=3),
        warning("BackOff", at=ago(minutes=1), count=12, message="Back-off restarting app."),
        warning("BackOff", OLD, at=ago(minutes=5), count=2),
    )
    assert finding.message == (
        "BackOff 14 times (last 08:29 UTC), Unhealthy 3 times (last 08:21 UTC). The newest, "
        "Pod checkout-rev7-bcdfg: Back-off restarting app."
    )
    assert finding.since == ago(minutes=20)


def test_the_rest_of_many_reasons_is_counted() -> None:
    reasons = ["BackOff", "Unhealthy", "Failed", "FailedMount", "Evicted", "FailedCreate"]
    assert " and 2 other reasons." in judge(*(warning(reason) for reason in reasons)).message


def test_trouble_of_old_revisions_only_is_said() -> None:
    assert (
        "Only pods of older revisions (revision 6 (shop/checkout:v1)) are concerned, none of "
        "revision 7 (shop/checkout:v2), which runs."
    ) in judge(warning(name=OLD)).message


def test_trouble_of_the_running_revision_only_is_said() -> None:
    assert "Only revision 7 (shop/checkout:v2), which runs, is concerned." in (
        judge(warning()).message
    )


def after_the_fix(minutes: float) -> Subject:
    execution = {
        "proposal": "rollback-12345678",
        "state": "Complete",
        "targetUid": "workload-uid",
        "targetGeneration": 7,
        "startedAt": format_timestamp(ago(minutes=minutes)),
        "appliedAt": format_timestamp(ago(minutes=minutes)),
    }
    return subject(status={"phase": "Verifying", "execution": execution})


@pytest.mark.parametrize(
    ("event", "verdict", "reason"),
    [
        pytest.param(warning(at=ago(minutes=6)), OK, "NoWarnings", id="before the fix"),
        pytest.param(warning(at=ago(minutes=4)), BAD, "WarningEvents", id="after it"),
        pytest.param(
            warning("Unhealthy", OLD, at=ago(minutes=4)), OK, "OldRevisionsOnly", id="old pods end"
        ),
    ],
)
def test_after_the_fix_the_past_does_not_count(
    event: WarningEvent, verdict: Verdict, reason: str
) -> None:
    finding = judge(event, about=after_the_fix(minutes=5))
    assert (finding.verdict, finding.reason) == (verdict, reason), finding.message


def test_how_far_to_look_back_is_the_runbooks() -> None:
    assert judge(warning(at=ago(minutes=40)), within="45m").verdict is BAD


def test_the_evidence_says_what_was_asked() -> None:
    evidence = judge(warning(count=12)).evidence
    assert evidence is not None
    assert evidence.to_api() == {
        "query": "GET /api/v1/namespaces/shop/events?fieldSelector=type=Warning "
        "of Deployment/checkout, its ReplicaSets and pods",
        "value": "BackOff 12 times (last 08:27 UTC)",
        "threshold": "since 08:00 UTC: none that keeps pods from running",
        "verdict": "Failed",
        "resourceVersion": "700",
    }


# --- other kinds ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "like"),
    [
        pytest.param(TargetKind.DEPLOYMENT, "checkout-rev7-bcdfg", True, id="of a ReplicaSet"),
        pytest.param(TargetKind.DEPLOYMENT, "checkout-rev7-aeiou", False, id="no generated name"),
        pytest.param(TargetKind.STATEFUL_SET, "checkout-0", True, id="an ordinal"),
        pytest.param(TargetKind.STATEFUL_SET, "checkout-bcdfg", False, id="no ordinal"),
        pytest.param(TargetKind.STATEFUL_SET, "0", False, id="a number"),
        pytest.param(TargetKind.DAEMON_SET, "checkout-bcdfg", True, id="a generated name"),
        pytest.param(TargetKind.DAEMON_SET, "checkout-rev7-bcdfg", False, id="a Deployment's"),
    ],
)
def test_pods_that_are_gone_are_only_told_of(kind: TargetKind, name: str, like: bool) -> None:  # noqa: FBT001
    finding = of_kind(kind, warning(name=name))

    assert finding.verdict is OK
    assert ("1 further warning about pods that are gone" in finding.message) is like


def of_kind(kind: TargetKind, event: WarningEvent, pods: tuple[Pod, ...] = ()) -> Finding:
    needs = TargetNeeds.of(kind, NAMESPACE, NAME)
    known = facts(of=workload(kind), revisions=history(), pods=pods, needs=needs)
    known = known.with_({WarningsNeed(kind, NAMESPACE, NAME): Warnings((event,))})
    about = subject(spec={"target": {"kind": str(kind)}})
    return CHECK.judge(step("events"), about, known, NOW)


def test_the_pod_before_one_of_the_same_name_does_not_count() -> None:
    now = replace(pod("rev7", name="checkout-0", created_at=ago(minutes=2)), uid="now")
    kind = TargetKind.STATEFUL_SET
    before = of_kind(kind, warning(name="checkout-0", uid="before"), (now,))
    after = of_kind(kind, warning(name="checkout-0", uid="now"), (now,))

    assert before.verdict is OK
    assert "which runs, is concerned" in after.message


def test_ed_writes_an_event_with_a_name_to_be_read_and_the_pods_own_name_is_shown() -> None:
    finding = judge(warning(name="approve rollback-x", uid=f"{NEW}-uid"))

    assert f"The newest, Pod {NEW}: as told." in finding.message
    assert "approve rollback-x" not in finding.message
