"""The undo: where it goes back to, what forbids it, and what it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_commander.actions import Plan, Situation, all_actions
from incident_commander.actions.rollout_undo import ACTION
from incident_commander.api.base import MARKER_ANNOTATION
from incident_commander.api.common import GuardVerdict
from incident_commander.api.runbook import RolloutRestartAction, RolloutUndoAction
from incident_commander.values import (
    RESTARTED_AT_ANNOTATION,
    Revision,
    significant_hash,
)
from tests.actions.jsonpatch import TestFailedError, apply
from tests.support.build import NOW, history, revision, template, workload

LATER = "2026-11-22T08:20:00Z"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def restarted(image: str, at: str = LATER) -> dict[str, Any]:
    return template(image, annotations={RESTARTED_AT_ANNOTATION: at})


def situation(
    revisions: Sequence[Revision] | None = None, *, failing: Sequence[str] = (), **over: Any
) -> Situation:
    """A target that runs the template of the newest revision."""
    found = tuple(history() if revisions is None else revisions)
    newest = {"spec": {"template": found[-1].template}} if found else {}
    target = workload(**{**newest, **over})
    hashes = frozenset(significant_hash(template(image)) for image in failing)
    return Situation(workload=target, revisions=found, failing=hashes)


def plan(where: Situation, to_revision: int | None = None) -> Plan:
    return ACTION.plan(RolloutUndoAction(to_revision=to_revision), where)


def blocks(found: Plan) -> list[str]:
    return [g.name for g in found.guards if g.verdict is GuardVerdict.BLOCK]


def warnings(found: Plan) -> list[str]:
    return [g.name for g in found.guards if g.verdict is GuardVerdict.WARN]


def test_it_is_found_by_the_name_that_runbooks_use() -> None:
    assert all_actions()["rolloutUndo"] is ACTION


# --- the destination -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("revisions", "failing", "destination"),
    [
        pytest.param(
            [revision(6, "a:1"), revision(7, "a:2")], [], 6, id="the revision before this one"
        ),
        pytest.param([revision(3, "a:1"), revision(9, "a:2")], [], 3, id="numbers may have gaps"),
        pytest.param(
            [revision(5, "a:1"), revision(6, "a:2"), revision(7, pod_template=restarted("a:2"))],
            [],
            5,
            id="a restart of the bad release is passed over",
        ),
        pytest.param(
            [revision(5, "a:1"), revision(6, pod_template=restarted("a:1")), revision(7, "a:2")],
            [],
            6,
            id="of one release, its newest revision",
        ),
        pytest.param(
            [revision(5, "a:1"), revision(6, "a:2"), revision(7, "a:3")],
            ["a:2", "a:3"],
            5,
            id="a release that was seen failing is passed over",
        ),
        pytest.param(
            [
                revision(4, "a:1"),
                revision(5, pod_template=restarted("a:2")),
                revision(6, "a:3"),
            ],
            ["a:2"],
            4,
            id="seen failing holds for its restarts too",
        ),
        pytest.param(
            [revision(0, "a:0"), revision(7, "a:2")], [], None, id="an unnumbered ReplicaSet"
        ),
        pytest.param([revision(7, "a:2")], [], None, id="a first release"),
        pytest.param(
            [revision(6, "a:1"), revision(7, "a:2")], ["a:1"], None, id="all others seen failing"
        ),
        pytest.param(
            [revision(6, "a:2"), revision(7, pod_template=restarted("a:2"))],
            [],
            None,
            id="only restarts",
        ),
    ],
)
def test_it_goes_back_to(
    revisions: list[Revision], failing: list[str], destination: int | None
) -> None:
    found = plan(situation(revisions, failing=failing))

    assert found.parameters.get("toRevision") == (str(destination) if destination else None)
    assert blocks(found) == ([] if destination else ["NoHistory"])


def test_a_revision_that_is_newer_than_the_running_template_is_no_way_back() -> None:
    older, newer = revision(6, "a:1"), revision(7, "a:2")
    where = situation([revision(5, "a:0"), older, newer])
    where = replace(where, workload=workload(spec={"template": older.template}))

    assert plan(where).parameters["toRevision"] == "5"


def test_the_plan_is_absolute() -> None:
    found = plan(situation())

    assert found.parameters == {
        "fromRevision": "7",
        "fromHash": situation().workload.template_hash,
        "toRevision": "6",
        "toName": "checkout-rev6",
        "toUid": "rev6-uid",
        "toHash": history()[0].template_hash,
    }
    assert found.depends_on == {
        "targetUid": "workload-uid",
        "templateHash": found.parameters["fromHash"],
        "destinationHash": found.parameters["toHash"],
        "paused": "false",
    }


def test_the_plan_reads_well() -> None:
    revisions = [
        revision(4, "r.example/shop/app:0", annotations={"kubernetes.io/change-cause": "first"}),
        revision(5, "r.example/shop/app:1", annotations={"kubernetes.io/change-cause": "tax"}),
        revision(6, "r.example/shop/app:2"),
        revision(7, pod_template=restarted("r.example/shop/app:2")),
    ]
    found = plan(situation(revisions))

    assert found.summary == (
        "Roll back Deployment checkout from revision 7 (app:2) to revision 5 (app:1)"
    )
    assert found.reason == (
        'Revision 5 (app:1, created 2026-11-17T08:30:00Z, "tax") is the newest release before '
        "revision 7. Passed over: revision 6 (app:2, created 2026-11-18T08:30:00Z): the same "
        "release, restarted. Also there: revision 4 (app:0, created 2026-11-16T08:30:00Z, "
        '"first").'
    )
    assert found.command == "kubectl -n shop rollout undo deployment/checkout --to-revision=5"


def test_texts_fit_into_their_fields() -> None:
    cause = {"kubernetes.io/change-cause": "c" * 5000}
    revisions = [revision(n, f"app:{n}-{'x' * 400}", annotations=cause) for n in range(1, 40)]
    found = plan(
        situation(revisions, metadata={"annotations": {f"a{n}" * 40: "" for n in range(50)}})
    )

    assert max(len(found.summary), len(found.reason)) <= 512
    assert len(found.command) <= 1024


# --- a pinned destination ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to_revision", "blocked", "warned"),
    [
        pytest.param(5, [], [], id="an older one is taken as it is"),
        pytest.param(6, [], ["SameRelease"], id="the same release before its restart"),
        pytest.param(7, ["AlreadyThere"], [], id="kubectl skips the current one"),
        pytest.param(4, ["SeenFailing"], [], id="one that was seen failing"),
        pytest.param(3, ["NoHistory"], [], id="one that is gone"),
    ],
)
def test_a_pinned_revision(to_revision: int, blocked: list[str], warned: list[str]) -> None:
    revisions = [
        revision(4, "a:0"),
        revision(5, "a:1"),
        revision(6, "a:2"),
        revision(7, pod_template=restarted("a:2")),
    ]
    found = plan(situation(revisions, failing=["a:0"]), to_revision)

    assert (blocks(found), warnings(found)) == (blocked, warned)


# --- guards --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("over", "name", "words"),
    [
        pytest.param(
            {"spec": {"paused": True}},
            "Paused",
            "kubectl -n shop rollout resume deployment/checkout",
            id="paused",
        ),
        pytest.param(
            {"status": {"observedGeneration": 6}},
            "NotObserved",
            "generation 7",
            id="the newest spec is not observed yet",
        ),
        pytest.param(
            {"spec": {"template": template("a:new")}},
            "NotObserved",
            "kubectl -n shop rollout status deployment/checkout --watch=false",
            id="the newest template has no ReplicaSet yet",
        ),
        pytest.param(
            {
                "spec": {
                    "template": template(
                        annotations={"incidentcommander.dev/no-rollback": "migration 42 ran"}
                    )
                }
            },
            "NoRollback",
            "migration 42 ran",
            id="the release forbids it",
        ),
    ],
)
def test_what_forbids_it_says_how_to_clear_it(over: dict[str, Any], name: str, words: str) -> None:
    revisions = list(history())
    if name == "NoRollback":
        revisions[-1] = revision(7, pod_template=over["spec"]["template"])
    found = plan(situation(revisions, **over))

    assert blocks(found) == [name]
    assert words in next(g.message for g in found.guards if g.name == name)


def test_without_a_history_the_limit_of_zero_is_named() -> None:
    found = plan(situation([revision(7)], spec={"template": template(), "revisionHistoryLimit": 0}))

    message = next(g.message for g in found.guards if g.name == "NoHistory")
    assert "revisionHistoryLimit is 0" in message
    assert '-p \'{"spec":{"revisionHistoryLimit":10}}\'' in message
    assert "kubectl -n shop set image deployment/checkout CONTAINER=IMAGE" in message
    assert found.command == "kubectl -n shop rollout history deployment/checkout"


@pytest.mark.parametrize(
    ("over", "name", "words"),
    [
        pytest.param(
            {"metadata": {"annotations": {"team/lock": "x", "a": "y"}}},
            "AnnotationsDropped",
            "a, team/lock",
            id="annotations that the old ReplicaSet lacks",
        ),
        pytest.param(
            {"metadata": {"annotations": {LAST_APPLIED: "{}"}}},
            "LastAppliedStale",
            "next apply",
            id="kubectl apply",
        ),
        pytest.param(
            {"spec": {"strategy": {"type": "Recreate"}}}, "Recreate", "3 pods", id="recreate"
        ),
        pytest.param(
            {
                "metadata": {
                    "annotations": {
                        "argocd.argoproj.io/tracking-id": "web:apps/Deployment:shop/checkout"
                    }
                }
            },
            "GitOpsOwned",
            "Argo CD application web ",
            id="Argo CD by annotation",
        ),
        pytest.param(
            {"metadata": {"labels": {"argocd.argoproj.io/instance": "web"}}},
            "GitOpsOwned",
            "argocd app set web --sync-policy none",
            id="Argo CD by label",
        ),
        pytest.param(
            {
                "metadata": {
                    "labels": {
                        "kustomize.toolkit.fluxcd.io/name": "apps",
                        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
                    }
                }
            },
            "GitOpsOwned",
            "flux -n flux-system suspend kustomization apps",
            id="Flux",
        ),
        pytest.param(
            {"metadata": {"annotations": {"meta.helm.sh/release-name": "web"}}},
            "HelmOwned",
            "helm -n shop history web",
            id="Helm",
        ),
    ],
)
def test_what_the_approver_must_know(over: dict[str, Any], name: str, words: str) -> None:
    found = plan(situation(**over))

    assert blocks(found) == []
    assert words in next(g.message for g in found.guards if g.name == name)


@pytest.mark.parametrize(
    "over",
    [
        pytest.param({}, id="a plain Deployment"),
        pytest.param({"metadata": {"annotations": {MARKER_ANNOTATION: "x"}}}, id="our own marker"),
        pytest.param(
            {
                "metadata": {
                    "labels": {"kustomize.toolkit.fluxcd.io/name": "apps"},
                    "annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"},
                }
            },
            id="Flux told to leave it alone",
        ),
    ],
)
def test_no_warning_of_an_owner_for(over: dict[str, Any]) -> None:
    found = plan(situation(**over))

    assert not {"GitOpsOwned", "HelmOwned"} & set(warnings(found))


def test_our_marker_is_not_reported_as_dropped() -> None:
    found = plan(situation(metadata={"annotations": {MARKER_ANNOTATION: "old"}}))

    assert warnings(found) == []


# --- drift ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("over", "revisions", "drifted"),
    [
        pytest.param({}, history(), False, id="nothing changed"),
        pytest.param(
            {"metadata": {"generation": 9, "resourceVersion": "999"}, "spec": {"replicas": 9}},
            history(),
            False,
            id="scaled meanwhile",
        ),
        pytest.param({"metadata": {"uid": "other"}}, history(), True, id="made anew"),
        pytest.param({"spec": {"paused": True}}, history(), True, id="paused meanwhile"),
        pytest.param(
            {"spec": {"template": template("a:hotfix")}}, history(), True, id="a new release"
        ),
        pytest.param({}, history()[1:], True, id="the destination is gone"),
        pytest.param(
            {}, (replace(history()[0], number=8), history()[1]), False, id="only renumbered"
        ),
    ],
)
def test_the_plan_is_void_when(
    over: dict[str, Any], revisions: tuple[Revision, ...], *, drifted: bool
) -> None:
    found = plan(situation())
    live = Situation(workload=workload(**over), revisions=revisions)

    assert (ACTION.depends_on(found.parameters, live) != found.depends_on) is drifted


def test_a_destination_that_is_gone_cannot_be_written() -> None:
    found = plan(situation())
    live = Situation(workload=workload(), revisions=history()[1:])

    with pytest.raises(LookupError, match="rev6-uid"):
        ACTION.change(found.parameters, live, "p-1", NOW)


def test_parameters_of_another_action_pin_nothing() -> None:
    assert ACTION.plan(RolloutRestartAction(), situation()).parameters["toRevision"] == "6"


# --- what is written -----------------------------------------------------------------------------

KEPT = {
    LAST_APPLIED: "{}",
    "deployment.kubernetes.io/revision": "7",
    "deployment.kubernetes.io/revision-history": "1,3",
}


def test_it_writes_the_template_and_the_annotations_as_kubectl_does() -> None:
    old = revision(
        6,
        "a:1",
        annotations={
            "kubernetes.io/change-cause": "old",
            "deployment.kubernetes.io/desired-replicas": "3",
            "restored": "yes",
            MARKER_ANNOTATION: "earlier",
        },
    )
    where = situation(
        [old, revision(7, "a:2")],
        metadata={"annotations": {**KEPT, "kubernetes.io/change-cause": "new", "lost": "x"}},
    )
    found = plan(where)
    after = apply(ACTION.change(found.parameters, where, "rollback-1", NOW), where.workload.raw)

    assert after["spec"] == {**where.workload.spec, "template": old.template}
    assert after["metadata"]["annotations"] == {
        **KEPT,
        "kubernetes.io/change-cause": "old",
        "restored": "yes",
        MARKER_ANNOTATION: "rollback-1",
    }


def test_an_annotation_that_nobody_was_shown_is_not_dropped() -> None:
    where = situation()
    patch = ACTION.change(plan(where).parameters, where, "m", NOW)
    live = workload(metadata={"annotations": {"team/lock": "x"}}).raw

    with pytest.raises(TestFailedError, match="annotations"):
        apply(patch, live)


images = st.sampled_from(["a:1", "a:2", "a:3"])
releases = st.lists(st.tuples(images, st.booleans()), min_size=1, max_size=6)


@settings(deadline=None, max_examples=50)
@given(releases=releases, failing=st.lists(images, max_size=2))
def test_whatever_the_history(releases: list[tuple[str, bool]], failing: list[str]) -> None:
    revisions = [
        revision(n, pod_template=restarted(image, f"t{n}") if again else template(image))
        for n, (image, again) in enumerate(releases, 1)
    ]
    where = situation(revisions, failing=failing)
    found = plan(where)

    assert ACTION.depends_on(found.parameters, where) == found.depends_on
    if "toUid" not in found.parameters:
        assert blocks(found)
        return
    patch = ACTION.change(found.parameters, where, "m", NOW)
    assert [op["path"] for op in patch[:2]] == ["/metadata/uid", "/metadata/generation"]
    after = apply(patch, where.workload.raw)
    here = significant_hash(after["spec"]["template"])
    assert here != significant_hash(where.workload.template)
    assert here not in where.failing
    after["metadata"]["generation"] += 1  # as the API server does for a changed spec
    with pytest.raises(TestFailedError):
        apply(patch, after)
