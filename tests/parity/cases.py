"""The start states of Deployments that actions and kubectl are compared on."""

from __future__ import annotations

from typing import Any, Final

from incidentcommander.api.base import ApiModel
from incidentcommander.api.runbook import RolloutRestartAction, RolloutUndoAction, ScaleAction
from incidentcommander.observed.workloads import RESTARTED_AT_ANNOTATION
from tests.parity.twins import Case, Ending, Raw
from tests.support.build import merged

__all__ = [
    "AGAIN",
    "DEPLOYMENTS",
    "MORE",
    "ONE",
    "PREVIOUS",
    "RESTART",
    "SECRET",
    "SIDECAR",
    "both",
    "caused",
    "noted",
    "pinned",
    "release",
    "scaled",
    "started",
]

CAUSE: Final = "kubernetes.io/change-cause"


def release(image: str = "app:1", *, template: Raw | None = None, **container: Any) -> Raw:
    """A merge patch that releases an image."""
    parts = [{"name": "app", "image": image, **container}]
    return {"spec": {"template": merged({"spec": {"containers": parts}}, template or {})}}


def noted(**annotations: str) -> Raw:
    """A merge patch that annotates the workload."""
    return {"metadata": {"annotations": {k.replace("__", "/"): v for k, v in annotations.items()}}}


def caused(cause: str) -> Raw:
    return {"metadata": {"annotations": {CAUSE: cause}}}


def both(*patches: Raw) -> Raw:
    result: Raw = {}
    for patch in patches:
        result = merged(result, patch)
    return result


def scaled(replicas: int) -> Raw:
    return {"spec": {"replicas": replicas}}


ONE: Final = scaled(1)
RESTART: Final = {
    "spec": {
        "template": {"metadata": {"annotations": {RESTARTED_AT_ANNOTATION: "2026-01-01T00:00:00Z"}}}
    }
}
PAUSE: Final = {"spec": {"paused": True}}
SIDECAR: Final = {
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "app",
                        "image": "app:2",
                        "ports": [{"containerPort": 80}],
                        "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
                        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                    },
                    {"name": "proxy", "image": "proxy:1", "args": ["--token=x"]},
                ],
                "initContainers": [{"name": "migrate", "image": "app:2", "command": ["m"]}],
                "volumes": [{"name": "v", "emptyDir": {}}],
            }
        }
    }
}
SECRET: Final = [
    {"name": "PASSWORD", "value": "hunter2"},
    {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
]


def started(name: str, **over: Any) -> Raw:
    base = {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            },
        },
    }
    return merged(base, over)


STATES: Final[dict[str, tuple[Raw, list[Raw]]]] = {
    "two-releases": (ONE, [release("app:2")]),
    "labels-and-annotations": (
        {"metadata": {"labels": {"team": "pay"}, "annotations": {"owner": "pay", "a/b": "~x/"}}},
        [both(release("app:2"), {"metadata": {"labels": {"team": None, "tier": "web"}}})],
    ),
    "change-causes": (caused("first"), [both(release("app:2"), caused("second"))]),
    "annotated-since": ({}, [release("app:2"), noted(team__lock="yes")]),
    "several-revisions": ({}, [release("app:2"), release("app:1"), release("app:3")]),
    "restarted-between": ({}, [release("app:2"), RESTART]),
    "surge": (
        {
            "spec": {
                "replicas": 2,
                "minReadySeconds": 1,
                "progressDeadlineSeconds": 60,
                "strategy": {"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}},
            }
        },
        [release("app:2")],
    ),
    "recreate": ({"spec": {"replicas": 1, "strategy": {"type": "Recreate"}}}, [release("app:2")]),
    "env-and-secrets": ({}, [release("app:1", env=SECRET)]),
    "template-annotations": (
        {},
        [
            release(
                "app:2", template={"metadata": {"annotations": {"a": "b"}, "labels": {"v": "2"}}}
            )
        ],
    ),
    "sidecar": (ONE, [SIDECAR]),
    "bad-release": (ONE, [release("app:2-crash")]),
    "scaled-since": (ONE, [release("app:2"), scaled(2)]),
    "switched-off": (ONE, [release("app:2"), scaled(0)]),
}

# Seconds count: these differ in nothing that a restart or a new number of replicas would touch.
FEWER: Final = [
    state
    for state in STATES
    if state not in {"change-causes", "several-revisions", "env-and-secrets", "scaled-since"}
]

UNDO: Final = "rollout undo deployment/{name}"
RESTART_WORDS: Final = "rollout restart deployment/{name}"


def case(
    kind: str,
    state: str,
    spec: ApiModel,
    made: tuple[Raw, list[Raw]] | None = None,
    *,
    words: str = "",
    ending: Ending = "same",
    guard: str = "",
    by_apply: bool = False,
) -> Case:
    """Name the Deployment after the case, so that all can stand in the same namespaces."""
    over, steps = made or STATES[state]
    action = {"undo": "rolloutUndo", "restart": "rolloutRestart", "scale": "scale"}[kind]
    name = f"{kind}-{state}"
    return Case(
        name=name,
        action=action,
        spec=spec,
        start=started(name, **over),
        steps=steps,
        words=words.format(name=name),
        ending=ending,
        guard=guard,
        by_apply=by_apply,
    )


TWO: Final = STATES["two-releases"]
PREVIOUS: Final = RolloutUndoAction()
AGAIN: Final = RolloutRestartAction()
MORE: Final = ScaleAction(by=1)


def pinned(number: int) -> RolloutUndoAction:
    return RolloutUndoAction(to_revision=number)


DEPLOYMENTS: Final = (
    *(case("undo", state, PREVIOUS) for state in STATES),
    case("undo", "applied", PREVIOUS, TWO, by_apply=True),
    case("undo", "pinned", pinned(1), ({}, [release("app:2"), release("app:3")])),
    case(
        "undo", "paused", PREVIOUS, ({}, [release("app:2"), PAUSE]),
        words=UNDO, ending="refused", guard="Paused",
    ),
    case(
        "undo", "paused-and-changed", PREVIOUS, ({}, [release("app:2"), PAUSE, release("app:3")]),
        words=UNDO, ending="refused", guard="Paused",
    ),
    case(
        "undo", "first-release", PREVIOUS, ({}, []),
        words=UNDO, ending="refused", guard="NoHistory",
    ),
    case(
        "undo", "history-thrown-away", PREVIOUS,
        ({"spec": {"revisionHistoryLimit": 0}}, [release("app:2")]),
        words=UNDO, ending="refused", guard="NoHistory",
    ),
    case(
        "undo", "pinned-to-the-current", pinned(2), TWO,
        words=f"{UNDO} --to-revision=2", ending="refused", guard="AlreadyThere",
    ),
    case(
        "undo", "pinned-to-none", pinned(9), TWO,
        words=f"{UNDO} --to-revision=9", ending="refused", guard="NoHistory",
    ),
    case(
        "undo", "only-restarted", PREVIOUS, ({}, [RESTART]),
        words=UNDO, ending="stricter", guard="NoHistory",
    ),
    case(
        "undo", "forbidden", PREVIOUS,
        ({}, [release("app:2", template={"metadata": {"annotations": {"incidentcommander.dev/no-rollback": "migrated"}}})]),
        words=UNDO, ending="stricter", guard="NoRollback",
    ),
    *(case("restart", state, AGAIN) for state in FEWER),
    case("restart", "applied", AGAIN, TWO, by_apply=True),
    case(
        "restart", "paused", AGAIN, ({}, [PAUSE]),
        words=RESTART_WORDS, ending="refused", guard="Paused",
    ),
    *(case("scale", state, MORE) for state in FEWER),
    case("scale", "applied", MORE, TWO, by_apply=True),
    case("scale", "paused", MORE, ({}, [PAUSE])),
    case("scale", "fewer", ScaleAction(by=-1), ({"spec": {"replicas": 2}}, [])),
    case("scale", "to-none", ScaleAction(replicas=0), (ONE, [])),
    case(
        "scale", "already-there", ScaleAction(replicas=0), ({}, []),
        words="scale deployment/{name} --replicas=0", ending="stricter", guard="AlreadyThere",
    ),
)  # fmt: skip
