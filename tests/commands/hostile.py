"""A target on which everything that people may write is written by one of them, and its plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from incidentcommander.actions import Plan, Situation, all_actions
from incidentcommander.api.base import ApiModel
from incidentcommander.api.common import TargetKind
from incidentcommander.api.runbook import (
    AutoscaleAction,
    RolloutRestartAction,
    RolloutUndoAction,
    ScaleAction,
)
from incidentcommander.observed.surroundings import Autoscaler
from tests.actions.hpa import CPU, autoscaler
from tests.support.build import history, template, workload

WHERE: Final = (
    "application",
    "instance",
    "release",
    "release-namespace",
    "flux",
    "flux-namespace",
    "scaledobject",
    "scaledobject-label",
    "cause",
    "metric",
    "container",
    "annotation",
)
"""What people write that may come back in a command; each of these is a test's own word for it."""

SHELL: Final = (
    "web$(touch PWNED)",
    "checkout; touch PWNED #",
    "checkout`touch PWNED`",
    "a && touch PWNED",
    "a | touch PWNED",
    "a > PWNED",
    "a' ; touch PWNED ; '",
    'a" ; touch PWNED ; "',
    "a\ntouch PWNED",
    "a\\\ntouch PWNED",
    "--kubeconfig=/dev/null",
    "$HOME/../PWNED",
    "{PWNED,a}",
    "!touch",
    "~root",
    "a\u2028touch PWNED",
    "a\x1b]0;PWNED\x07",
)

_ACTIONS: Final[Mapping[str, ApiModel]] = {
    "rolloutUndo": RolloutUndoAction(),
    "rolloutRestart": RolloutRestartAction(),
    "scale": ScaleAction(replicas=7),
    "autoscale": AutoscaleAction(min_replicas=2, max_replicas=20, cpu_utilization=60),
}


def plans(said: Mapping[str, str]) -> list[Plan]:
    """All that would be offered for a target whose people wrote that."""
    return [
        all_actions()[name].plan(spec, situation(said, kind))
        for name, spec in _ACTIONS.items()
        for kind in (TargetKind.DEPLOYMENT, TargetKind.DAEMON_SET)
        if kind in all_actions()[name].kinds
    ]


def commands(said: Mapping[str, str]) -> list[str]:
    """Every command that stands in those plans."""
    found = (
        c for p in plans(said) for c in (p.command, *(x for g in p.guards for x in g.commands))
    )
    return list(dict.fromkeys(found))


def situation(said: Mapping[str, str], kind: TargetKind) -> Situation:
    """The target, with the words of people wherever they may write them."""
    pods = template("shop/checkout:v2")
    if "container" in said:
        pods["spec"]["containers"][0]["name"] = said["container"]
    over: dict[str, Any] = {
        "metadata": {"annotations": _annotations(said), "labels": _labels(said)},
        "spec": {"template": pods},
    }
    cause = {"kubernetes.io/change-cause": said["cause"]} if "cause" in said else {}
    old = tuple(replace(r, annotations={**r.annotations, **cause}) for r in history())
    return Situation(workload(kind, **over), old, (), frozenset(), (_hpa(said),))


def _annotations(said: Mapping[str, str]) -> dict[str, str]:
    keys = {
        "application": "argocd.argoproj.io/tracking-id",
        "release": "meta.helm.sh/release-name",
        "release-namespace": "meta.helm.sh/release-namespace",
        "annotation": "example.com/anything",
    }
    found = {key: said[word] for word, key in keys.items() if word in said}
    if "application" in said:
        found["argocd.argoproj.io/tracking-id"] += ":apps/Deployment:shop/checkout"
    # Another one than that of the revision to go back to: it is offered to be set right.
    return {**found, "kubernetes.io/change-cause": "the one that runs"}


def _labels(said: Mapping[str, str]) -> dict[str, str]:
    keys = {
        "instance": "argocd.argoproj.io/instance",
        "flux": "kustomize.toolkit.fluxcd.io/name",
        "flux-namespace": "kustomize.toolkit.fluxcd.io/namespace",
    }
    return {key: said[word] for word, key in keys.items() if word in said}


def _hpa(said: Mapping[str, str]) -> Autoscaler:
    owner = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject"}
    metadata: dict[str, Any] = {}
    if "scaledobject" in said:
        metadata["ownerReferences"] = [{**owner, "name": said["scaledobject"]}]
    if "scaledobject-label" in said:
        metadata["labels"] = {"scaledobject.keda.sh/name": said["scaledobject-label"]}
    metrics = [CPU]
    if "metric" in said:
        target = {"type": "Value", "value": "30"}
        external = {"metric": {"name": said["metric"]}, "target": target}
        metrics.append({"type": "External", "external": external})
    return autoscaler(metadata=metadata, spec={"metrics": metrics})
