"""What speaks against an undo, and how to clear it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from incidentcommander.actions import Plan
from incidentcommander.api.base import MARKER_ANNOTATION
from tests.actions.undo import LAST_APPLIED, blocks, plan, situation, warnings
from tests.support.build import (
    OLD_IMAGE,
    ago,
    container,
    history,
    managed,
    pod,
    revision,
    template,
)


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
            {"metadata": {"annotations": {LAST_APPLIED: "[" * 120_000}}},
            "LastAppliedStale",
            "next apply",
            id="ed nests 120,000 brackets in what kubectl apply left",
        ),
        pytest.param(
            {"metadata": {"annotations": {LAST_APPLIED: '{"spec":{"template":[]}}'}}},
            "LastAppliedStale",
            "next apply",
            id="ed gives what kubectl apply left another shape",
        ),
        pytest.param(
            {"spec": {"strategy": {"type": "Recreate"}}}, "Recreate", "3 pods", id="recreate"
        ),
        pytest.param(
            {"spec": {"replicas": 0}}, "ScaledToZero", "no pod is replaced", id="switched off"
        ),
        pytest.param(
            {"spec": {"revisionHistoryLimit": 0}},
            "NoWayBack",
            "revisionHistoryLimit is 0",
            id="the release left behind is thrown away",
        ),
        pytest.param(
            {
                "metadata": {
                    "managedFields": [
                        managed("kubectl-set", ago(minutes=1)),
                        managed("kustomize-controller", ago(minutes=5), operation="Apply"),
                        managed("argocd-controller", ago(minutes=9)),
                    ]
                }
            },
            "AutoSync",
            "Field manager “kustomize-controller” (as the client calls itself) wrote the pod template "
            "at 2026-11-22T08:25:00Z. So does Flux, ",
            id="a program that writes it again by itself",
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
        pytest.param(
            {
                "metadata": {
                    "annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"},
                    "managedFields": [managed("kustomize-controller", ago(minutes=5))],
                }
            },
            id="Flux told to leave alone what it wrote",
        ),
        pytest.param(
            {"metadata": {"managedFields": [managed("kubectl-edit", ago(minutes=5))]}},
            id="a person",
        ),
        pytest.param(
            {
                "metadata": {
                    "managedFields": [
                        managed("argocd-controller", ago(minutes=5), {"f:metadata": {}})
                    ]
                }
            },
            id="a program that wrote other fields",
        ),
        pytest.param(
            {
                "metadata": {
                    "managedFields": [
                        managed("argocd-controller", ago(minutes=5), subresource="scale")
                    ]
                }
            },
            id="a program that wrote a subresource",
        ),
    ],
)
def test_no_warning_of_an_owner_for(over: dict[str, Any]) -> None:
    found = plan(situation(**over))

    assert not {"AutoSync", "GitOpsOwned", "HelmOwned"} & set(warnings(found))


@pytest.mark.parametrize(
    ("image", "reason", "warned"),
    [
        pytest.param(OLD_IMAGE, "ImagePullBackOff", True, id="backing off"),
        pytest.param(OLD_IMAGE, "ErrImagePull", True, id="just failed"),
        pytest.param(OLD_IMAGE, "CrashLoopBackOff", False, id="it was pulled"),
        pytest.param("other:1", "ImagePullBackOff", False, id="an image of another release"),
    ],
)
def test_an_image_that_cannot_be_pulled(image: str, reason: str, *, warned: bool) -> None:
    waits = container(ready=False, image=image, waiting_reason=reason, waiting_message="gone")
    pods = (pod(name="a"), pod(name="b", ready=False, containers=[container(), waits]))
    found = plan(replace(situation(), pods=pods))

    assert warnings(found) == (["ImageNotPulled"] if warned else [])
    assert all("and pod b cannot pull it: gone." in g.message for g in found.guards)


def test_init_containers_need_their_images_too() -> None:
    old = template(OLD_IMAGE)
    old["spec"]["initContainers"] = [{"name": "migrate", "image": "migrate:1"}]
    waits = container("migrate", ready=False, image="migrate:1", waiting_reason="ErrImagePull")
    where = situation([revision(6, pod_template=old), revision(7)])

    assert warnings(plan(replace(where, pods=(pod(containers=[waits]),)))) == ["ImageNotPulled"]


def test_our_marker_is_not_reported_as_dropped() -> None:
    found = plan(situation(metadata={"annotations": {MARKER_ANNOTATION: "old"}}))

    assert warnings(found) == []


CIRCLE = (revision(6, created_at=ago(minutes=4)), revision(7, OLD_IMAGE, created_at=ago(days=5)))
"""The release that runs is older than the one before it: it was taken up again."""


def _loop(found: Plan) -> str:
    return next(g.message for g in found.guards if g.name == "Loop")


def test_ed_calls_himself_like_the_operator_and_it_is_no_approved_rollback() -> None:
    ours = managed("incident-commander", ago(minutes=1))
    where = situation(CIRCLE, metadata={"managedFields": [ours]})

    found = plan(where)

    assert "approved rollback" not in _loop(found)
    assert "No rollback known here left it" in _loop(found)
    assert "Loop" in warnings(found), "whoever may release makes such a circle"


def test_an_approved_rollback_is_known_from_the_incident_that_it_was_for() -> None:
    left = {CIRCLE[0].template_hash: "rollback-12345678 of Incident before"}
    where = replace(situation(CIRCLE), left=left)

    found = plan(where)

    assert "An approved rollback left it (rollback-12345678 of Incident before)." in _loop(found)
    assert "Loop" in blocks(found)


def test_ed_annotates_the_target_every_second_and_forbids_no_rollback() -> None:
    # An annotation raises the generation of a Deployment, which its controller observes later.
    found = plan(situation(history(), status={"observedGeneration": 6}))

    assert blocks(found) == []


def test_an_older_template_that_was_taken_up_is_waited_for() -> None:
    # Its revision gets a new number; by the old one, "previous" would be one too far back.
    revisions = [revision(5, "a:0"), *history()]
    over: dict[str, Any] = {"spec": {"template": history()[0].template}}

    found = plan(situation(revisions, **over, status={"observedGeneration": 6}))

    assert "NotObserved" in blocks(found)
    assert "generation 7" in next(g.message for g in found.guards if g.name == "NotObserved")
