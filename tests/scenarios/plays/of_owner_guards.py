"""Guards about who else thinks that the workload is theirs: Argo CD, Flux, Helm."""

from __future__ import annotations

from tests.scenarios.registry import guard
from tests.scenarios.scene import V2, Scene, guards_of

UNDO = {"name": "rollback", "rolloutUndo": {}}
TRACKING = "argocd.argoproj.io/tracking-id"
FLUX = "kustomize.toolkit.fluxcd.io"


@guard("GitOpsOwned", "AutoSync")
def owned_by_argo(scene: Scene) -> None:
    """Argo CD owns the Deployment and wrote its template: it will take the change back."""
    scene.trial(UNDO)
    scene.make(over={"metadata": {"annotations": {TRACKING: "payments:apps/Deployment:x/y"}}})
    scene.observed()
    released = scene.manifest(image=V2)
    scene.api.apply(
        "deployments", released, fieldManager="argocd-controller", force="true"
    ).expect_ok()
    scene.observed()

    proposal = scene.offer()
    scene.warned(proposal, "GitOpsOwned", "payments", "argocd app set payments --sync-policy none")
    scene.warned(proposal, "AutoSync", "“argocd-controller” (as the client calls", "Suspend it")


@guard("GitOpsOwned")
def owned_by_flux(scene: Scene) -> None:
    """Flux owns the Deployment; the command that suspends it is named."""
    scene.trial(UNDO)
    labels = {f"{FLUX}/name": "payments", f"{FLUX}/namespace": "flux-system"}
    scene.two_releases(over={"metadata": {"labels": labels}})

    proposal = scene.offer()
    command = "flux -n flux-system suspend kustomization payments"
    scene.warned(proposal, "GitOpsOwned", command)


@guard("HelmOwned")
def owned_by_helm(scene: Scene) -> None:
    """Helm installed the Deployment: its next upgrade takes the change back."""
    scene.trial(UNDO)
    release = {
        "meta.helm.sh/release-name": "shop",
        "meta.helm.sh/release-namespace": scene.namespace,
    }
    scene.two_releases(over={"metadata": {"annotations": release}})

    proposal = scene.offer()
    scene.warned(proposal, "HelmOwned", f"helm -n {scene.namespace} history shop")
    assert "GitOpsOwned" not in guards_of(proposal)
