"""The check ``rolloutHistory``, and what it reads from the history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from incidentcommander.api.base import format_timestamp
from incidentcommander.api.common import Verdict
from incidentcommander.api.incident import Finding
from incidentcommander.checks.difference import differences
from incidentcommander.checks.rollout_history import CHECK
from incidentcommander.observed.needs import Answer
from incidentcommander.observed.workloads import (
    RESTARTED_AT_ANNOTATION,
    Missing,
    Revision,
    Unavailable,
)
from tests.support.build import (
    NEW_IMAGE,
    NOW,
    OLD_IMAGE,
    ago,
    facts,
    history,
    managed,
    revision,
    step,
    subject,
    template,
    workload,
)

OK, BAD, UNSURE, ERROR = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ERROR


def judge(revisions: Answer, of: Answer | None = None, **parameters: Any) -> Finding:
    return CHECK.judge(
        step("rolloutHistory", **parameters), subject(), facts(revisions=revisions, of=of), NOW
    )


def restarted(at: datetime, image: str = NEW_IMAGE) -> dict[str, Any]:
    return template(image, annotations={RESTARTED_AT_ANNOTATION: format_timestamp(at)})


def undone(**over: Any) -> tuple[tuple[Revision, ...], Any]:
    """Revision 6 was taken up again as revision 8, five days after it was made."""
    revisions = (
        revision(7, NEW_IMAGE, created_at=ago(minutes=20)),
        revision(8, OLD_IMAGE, created_at=ago(days=5)),
    )
    return revisions, workload(spec={"template": template(OLD_IMAGE)}, **over)


@pytest.mark.parametrize(
    ("revisions", "verdict", "reason"),
    [
        pytest.param(history(), BAD, "RecentRollout", id="a release of four minutes ago"),
        pytest.param(history(released=ago(minutes=60)), OK, "NoRecentRollout", id="an hour ago"),
        pytest.param(
            history(released=ago(minutes=-1)), BAD, "RecentRollout", id="a clock that is ahead"
        ),
        pytest.param((), OK, "NoHistory", id="no revisions"),
        pytest.param(Missing("history"), OK, "NoHistory", id="the API server knows none"),
        pytest.param(
            (revision(1, created_at=ago(minutes=4)),), OK, "NoHistory", id="the first release"
        ),
        pytest.param(
            (revision(7, created_at=ago(minutes=4)),),
            BAD,
            "RecentRollout",
            id="a release whose past is not kept",
        ),
        pytest.param(
            (revision(7, created_at=ago(minutes=4), label="a"), revision(7, OLD_IMAGE, label="b")),
            BAD,
            "RecentRollout",
            id="two revisions of the same number",
        ),
        pytest.param(
            Unavailable("history", "timeout"), ERROR, "KubernetesUnavailable", id="not to be asked"
        ),
    ],
)
def test_verdict(revisions: Answer, verdict: Verdict, reason: str) -> None:
    finding = judge(revisions)
    assert (finding.verdict, finding.reason) == (verdict, reason), finding.message


def test_within_is_the_runbooks() -> None:
    assert judge(history(released=ago(hours=5)), within="6h").reason == "RecentRollout"


def test_the_message_says_what_who_when_and_what_is_different() -> None:
    revisions = (
        revision(6, OLD_IMAGE, created_at=ago(days=5)),
        revision(
            7,
            created_at=ago(minutes=4),
            annotations={"kubernetes.io/change-cause": "ship basket"},
        ),
    )
    of = workload(metadata={"managedFields": [managed("kubectl-set", ago(minutes=4))]})
    finding = judge(revisions, of)
    assert finding.message == (
        "Revision 7 (shop/checkout:v2) was rolled out 4 min ago (08:26 UTC), field manager "
        "“kubectl-set” (as the client calls itself), "
        "change-cause “ship basket”; before it ran revision 6 (shop/checkout:v1); "
        "differs in: image."
    )
    assert finding.since == ago(minutes=4)
    assert finding.evidence is not None
    assert finding.evidence.to_api() == {
        "query": "GET /apis/apps/v1/namespaces/shop/replicasets of Deployment/checkout",
        "value": "revision 7 (shop/checkout:v2) began 2026-11-22T08:26:00Z (creationTimestamp)",
        "threshold": "a release younger than 1 h is recent",
        "verdict": "Failed",
        "resourceVersion": "700",
    }


def test_a_restart_is_no_release() -> None:
    pod_template = restarted(ago(minutes=2))
    revisions = (
        *history(released=ago(days=2)),
        revision(8, created_at=ago(minutes=2), pod_template=pod_template),
    )
    of = workload(spec={"template": pod_template})
    finding = judge(revisions, of)
    assert (finding.reason, finding.since) == ("NoRecentRollout", ago(days=2))


def test_a_restart_after_a_release_does_not_hide_it() -> None:
    pod_template = restarted(ago(minutes=2))
    revisions = (*history(), revision(8, created_at=ago(minutes=2), pod_template=pod_template))
    restart: dict[str, Any] = {
        "f:spec": {
            "f:template": {"f:metadata": {"f:annotations": {f"f:{RESTARTED_AT_ANNOTATION}": {}}}}
        }
    }
    of = workload(
        spec={"template": pod_template},
        metadata={
            "managedFields": [
                managed("helm", ago(minutes=4)),
                managed("kubectl-rollout", ago(minutes=2), restart),
            ]
        },
    )
    finding = judge(revisions, of)
    assert (finding.reason, finding.since) == ("RecentRollout", ago(minutes=4))
    assert "field manager “helm” (as the client calls itself)" in finding.message
    assert "before it ran revision 6" in finding.message
    assert finding.message.endswith("Since then only restarted (now revision 8).")


def test_an_undo_began_when_the_template_was_changed_not_when_the_replica_set_was_made() -> None:
    changes = [
        managed("kubectl-set", ago(minutes=20)),
        managed("kubectl-rollout", ago(minutes=3)),
        managed("kube-controller-manager", ago(minutes=1), subresource="status"),
    ]
    finding = judge(*undone(metadata={"managedFields": changes}))
    assert (finding.reason, finding.since) == ("RecentRollout", ago(minutes=3))
    assert "field manager “kubectl-rollout” (as the client calls itself)" in finding.message
    assert "older release taken up again: its start is known from managedFields" in finding.message


def test_without_managed_fields_an_undo_is_known_from_the_controllers_last_progress() -> None:
    progress = {"type": "Progressing", "lastUpdateTime": format_timestamp(ago(minutes=3))}
    finding = judge(*undone(status={"conditions": [progress]}))
    assert (finding.reason, finding.since) == ("RecentRollout", ago(minutes=3))
    assert "condition Progressing" in finding.message


def test_an_undo_whose_time_is_not_known_is_inconclusive() -> None:
    finding = judge(*undone())
    assert (finding.verdict, finding.reason) == (UNSURE, "StartUnknown")


def test_a_reused_replica_set_is_known_by_its_annotation_when_the_rest_was_trimmed() -> None:
    again = revision(
        8,
        created_at=ago(days=5),
        annotations={"deployment.kubernetes.io/revision-history": "6"},
    )
    of = workload(metadata={"managedFields": [managed("kubectl-rollout", ago(minutes=3))]})
    finding = judge((again,), of)
    assert (finding.reason, finding.since) == ("RecentRollout", ago(minutes=3))


def test_a_paused_change_that_is_not_rolled_out_is_not_the_running_release() -> None:
    of = workload(spec={"paused": True, "template": template("shop/checkout:v3")})
    assert judge(history(released=ago(days=2)), of).reason == "NoRecentRollout"


def test_without_the_target_nothing_is_said() -> None:
    assert judge(history(), Missing("Deployment/checkout")).reason == "TargetMissing"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(template(), template(), (), id="the same"),
        pytest.param(template(OLD_IMAGE), template(), ("image",), id="image"),
        pytest.param(
            template(env={"A": "1", "B": "1"}),
            template(env={"A": "2", "C": "1"}),
            ("env A", "env C", "env B"),
            id="variables by name, never by value",
        ),
        pytest.param(template(), restarted(NOW), (), id="a restart is no difference"),
        pytest.param(
            template(), template(annotations={"sum": "1"}), ("annotation sum",), id="annotation"
        ),
        pytest.param(
            template(),
            {**template(), "spec": {"containers": [], "hostNetwork": True}},
            ("container app removed", "hostNetwork"),
            id="containers and the pod's own fields",
        ),
    ],
)
def test_differences(old: dict[str, Any], new: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert differences(old, new) == expected


@pytest.mark.parametrize(
    ("manager", "shown"),
    [
        ("alice", "field manager “alice” (as the client calls itself)"),
        (
            "kubectl, after alice approved it in Jira",
            "field manager “kubectl, after alice approved it in Jira” (as the client calls itself)",
        ),
        ("x” by alice “", "field manager “x? by alice ?” (as the client calls itself)"),
        ("x\x1b[2J", "field manager “x?[2J” (as the client calls itself)"),
    ],
)
def test_ed_calls_himself_alice_and_it_is_told_as_his_word(manager: str, shown: str) -> None:
    of = workload(metadata={"managedFields": [managed(manager, ago(minutes=4))]})

    message = judge(history(), of).message

    assert shown in message
    assert "UTC) by " not in message
