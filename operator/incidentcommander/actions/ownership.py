"""Who else thinks that the target is theirs: Argo CD, Flux, Helm.

Used by actions that change what a repository or a chart says too. Reads labels, annotations and
managed fields only; whether self-heal is really on is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from ..api.incident import GuardFinding
from ..command_line import Name, Syntax, argocd, flux, helm
from ..foreign import ForeignError, inside, parsed
from ..observed.managed_fields import manager_text
from ..observed.surroundings import Autoscaler
from ..observed.workloads import Workload
from .annotations import LAST_APPLIED
from .guards import present, warn
from .wording import claimed

__all__ = ["SYNCHRONISERS", "manifest_scales", "owners", "synchronised"]

Owned: TypeAlias = Workload | Autoscaler

_ARGO_TRACKING: Final = "argocd.argoproj.io/tracking-id"
_ARGO_INSTANCE: Final = "argocd.argoproj.io/instance"
_FLUX: Final = {
    "kustomization": "kustomize.toolkit.fluxcd.io",
    "helmrelease": "helm.toolkit.fluxcd.io",
}
SYNCHRONISERS: Final = {
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


def owners(owned: Owned) -> tuple[GuardFinding, ...]:
    """Warn of every owner that may take the change back."""
    flux = _flux(owned)
    # Flux installs by Helm: its suspension is what matters, the release follows.
    return present((_argo(owned), flux, None if flux else _helm(owned)))


def _argo(owned: Owned) -> GuardFinding | None:
    tracking = _notes(owned, "annotations").get(_ARGO_TRACKING, "")
    app = tracking.split(":", 1)[0] or _notes(owned, "labels").get(_ARGO_INSTANCE, "")
    if not app:
        return None
    # Where an application is not in Argo CD's own namespace, that stands before its name.
    name = Name(app.replace("_", "/", 1), Syntax.APPLICATION)
    stop = argocd("app", "set", name, "--sync-policy", "none")
    return warn(
        "GitOpsOwned",
        f"Argo CD application {claimed(app)} owns {_kind(owned)}: with self-heal on it takes the "
        f"change back, with the next sync in any case. Land it in Git; until then: {stop}",
        stop,
    )


def _flux(owned: Owned) -> GuardFinding | None:
    labels, annotations = _notes(owned, "labels"), _notes(owned, "annotations")
    for kind, prefix in _FLUX.items():
        name = labels.get(f"{prefix}/name", "")
        if name and annotations.get(f"{prefix}/reconcile") != "disabled":
            namespace = labels.get(f"{prefix}/namespace", owned.namespace)
            stop = flux(namespace, "suspend", kind, Name(name))
            return warn(
                "GitOpsOwned",
                f"Flux {kind} {claimed(f'{namespace}/{name}')} owns {_kind(owned)}: its next "
                f"reconciliation may take the change back. Land it in Git; until then: {stop}",
                stop,
            )
    return None


def _helm(owned: Owned) -> GuardFinding | None:
    annotations = _notes(owned, "annotations")
    release = annotations.get(_HELM_RELEASE, "")
    if not release:
        return None
    namespace = annotations.get(_HELM_NAMESPACE, owned.namespace)
    look = helm(namespace, "history", Name(release, Syntax.RELEASE))
    return warn(
        "HelmOwned",
        f"Helm release {claimed(f'{namespace}/{release}')} owns {_kind(owned)}: its next upgrade "
        f"may take the change back. Change the chart's values too; what it installed: {look}",
        look,
    )


def synchronised(owned: Owned, field: str, what: str) -> GuardFinding | None:
    """Warn where a program that synchronises by itself wrote the field that is changed.

    Parameters
    ----------
    owned
        The live object.
    field
        A field of ``spec``, such as ``template``.
    what
        The same for people.
    """
    entries = [e for e in _managed(owned) if _wrote(e, field) and not _told_not_to(owned, e)]
    if not entries:
        return None
    last = max(entries, key=lambda entry: str(entry.get("time") or ""))
    manager, at = last["manager"], last.get("time") or "an unknown time"
    claim = manager_text(manager)
    return warn(
        "AutoSync",
        f"{claim[:1].upper()}{claim[1:]} wrote {what} at {at}. So does {SYNCHRONISERS[manager]}, "
        "which does so again by itself: expect it to take the change back, with self-heal within "
        "seconds, else at its next sync. Suspend it, or land the change in Git first.",
    )


def manifest_scales(workload: Workload, wanted: int | None = None) -> GuardFinding | None:
    """Warn where the manifest that was applied says another number of replicas than is wanted."""
    try:
        applied = parsed(_notes(workload, "annotations").get(LAST_APPLIED, "null"))
    except ForeignError:
        return None
    said = inside(applied, "spec", "replicas")
    if not isinstance(said, int) or said == wanted:
        return None
    return warn(
        "LastAppliedStale",
        f"The manifest that it was made from says {said} replicas: the next kubectl apply scales "
        "it back. Change the manifest too, or take spec.replicas out of it.",
    )


def _kind(owned: Owned) -> str:
    return f"this {owned.raw.get('kind') or 'object'}"


def _notes(owned: Owned, key: str) -> Mapping[str, str]:
    return owned.raw["metadata"].get(key) or {}


def _managed(owned: Owned) -> list[Mapping[str, Any]]:
    found = owned.raw["metadata"].get("managedFields") or []
    return [e for e in found if e.get("manager") in SYNCHRONISERS and not e.get("subresource")]


def _wrote(entry: Mapping[str, Any], field: str) -> bool:
    return f"f:{field}" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})


def _told_not_to(owned: Owned, entry: Mapping[str, Any]) -> bool:
    prefix = {
        "kustomize-controller": _FLUX["kustomization"],
        "helm-controller": _FLUX["helmrelease"],
    }.get(entry["manager"], "")
    return _notes(owned, "annotations").get(f"{prefix}/reconcile") == "disabled"
