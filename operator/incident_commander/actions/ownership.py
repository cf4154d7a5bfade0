"""Who else thinks that the target is theirs: Argo CD, Flux, Helm.

Used by actions that change what a repository or a chart says too. Reads labels, annotations and
managed fields only; whether self-heal is really on is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..api.incident import GuardFinding
from ..values import Workload
from .guards import present, warn

__all__ = ["owners", "synchronised"]

_ARGO_TRACKING: Final = "argocd.argoproj.io/tracking-id"
_ARGO_INSTANCE: Final = "argocd.argoproj.io/instance"
_FLUX: Final = {
    "kustomization": "kustomize.toolkit.fluxcd.io",
    "helmrelease": "helm.toolkit.fluxcd.io",
}
_SYNCHRONISERS: Final = {
    "argocd-application-controller": "Argo CD",
    "argocd-controller": "Argo CD",
    "flux": "Flux",
    "fluxd": "Flux",
    "helm-controller": "Flux",
    "kustomize-controller": "Flux",
}
"""Field managers that write again by themselves what they once wrote."""
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


def synchronised(workload: Workload, field: str, what: str) -> GuardFinding | None:
    """Warn where a program that synchronises by itself wrote the field that is changed.

    Parameters
    ----------
    workload
        The live target.
    field
        A field of ``spec``, such as ``template``.
    what
        The same for people.
    """
    entries = [e for e in _managed(workload) if _wrote(e, field) and not _told_not_to(workload, e)]
    if not entries:
        return None
    last = max(entries, key=lambda entry: str(entry.get("time") or ""))
    manager, at = last["manager"], last.get("time") or "an unknown time"
    return warn(
        "AutoSync",
        f"{manager} ({_SYNCHRONISERS[manager]}) wrote {what} at {at}, and does so again by itself: "
        "expect it to take the change back, with self-heal within seconds, else at its next sync. "
        "Suspend it, or land the change in Git first.",
    )


def _managed(workload: Workload) -> list[Mapping[str, Any]]:
    found = workload.raw["metadata"].get("managedFields") or []
    return [e for e in found if e.get("manager") in _SYNCHRONISERS and not e.get("subresource")]


def _wrote(entry: Mapping[str, Any], field: str) -> bool:
    return f"f:{field}" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})


def _told_not_to(workload: Workload, entry: Mapping[str, Any]) -> bool:
    prefix = {
        "kustomize-controller": _FLUX["kustomization"],
        "helm-controller": _FLUX["helmrelease"],
    }.get(entry["manager"], "")
    return workload.annotations.get(f"{prefix}/reconcile") == "disabled"
