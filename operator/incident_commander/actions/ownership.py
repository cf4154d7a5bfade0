"""Who else thinks that the target is theirs: Argo CD, Flux, Helm.

Used by actions that change what a repository or a chart says too. Reads labels and annotations
only; whether self-heal is really on is asked elsewhere.
"""

from __future__ import annotations

from typing import Final

from ..api.incident import GuardFinding
from ..values import Workload
from .guards import present, warn

__all__ = ["owners"]

_ARGO_TRACKING: Final = "argocd.argoproj.io/tracking-id"
_ARGO_INSTANCE: Final = "argocd.argoproj.io/instance"
_FLUX: Final = {
    "kustomization": "kustomize.toolkit.fluxcd.io",
    "helmrelease": "helm.toolkit.fluxcd.io",
}
_HELM_RELEASE: Final = "meta.helm.sh/release-name"
_HELM_NAMESPACE: Final = "meta.helm.sh/release-namespace"


def owners(workload: Workload) -> tuple[GuardFinding, ...]:
    """Warn of every owner that may take the change back."""
    flux = _flux(workload)
    # Flux installs by Helm: its suspension is what matters, the release follows.
    return present((_argo(workload), flux, None if flux else _helm(workload)))


def _argo(workload: Workload) -> GuardFinding | None:
    tracking = workload.annotations.get(_ARGO_TRACKING, "")
    app = tracking.split(":", 1)[0] or workload.labels.get(_ARGO_INSTANCE, "")
    if not app:
        return None
    return warn(
        "GitOpsOwned",
        f"Argo CD application {app} owns this workload: with self-heal on it takes the change "
        f"back, with the next sync in any case. Land it in Git; until then: "
        f"argocd app set {app} --sync-policy none",
    )


def _flux(workload: Workload) -> GuardFinding | None:
    for kind, prefix in _FLUX.items():
        name = workload.labels.get(f"{prefix}/name", "")
        if name and workload.annotations.get(f"{prefix}/reconcile") != "disabled":
            namespace = workload.labels.get(f"{prefix}/namespace", workload.namespace)
            return warn(
                "GitOpsOwned",
                f"Flux {kind} {namespace}/{name} owns this workload: its next reconciliation may "
                f"take the change back. Land it in Git; until then: "
                f"flux -n {namespace} suspend {kind} {name}",
            )
    return None


def _helm(workload: Workload) -> GuardFinding | None:
    release = workload.annotations.get(_HELM_RELEASE, "")
    if not release:
        return None
    namespace = workload.annotations.get(_HELM_NAMESPACE, workload.namespace)
    return warn(
        "HelmOwned",
        f"Helm release {namespace}/{release} owns this workload: its next upgrade may take the "
        f"change back. Change the chart's values too; what it installed: "
        f"helm -n {namespace} history {release}",
    )
