"""What speaks against an undo, and how to clear it."""

from __future__ import annotations

from typing import Any

import pytest

from incident_commander.api.base import MARKER_ANNOTATION
from tests.actions.undo import LAST_APPLIED, blocks, plan, situation, warnings
from tests.support.build import history, revision, template


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
