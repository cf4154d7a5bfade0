"""The start states of StatefulSets and DaemonSets that actions and kubectl are compared on."""

from __future__ import annotations

from typing import Any, Final

from incidentcommander.api.base import ApiModel
from incidentcommander.api.common import TargetKind
from incidentcommander.api.runbook import ScaleAction
from tests.parity.cases import (
    AGAIN,
    MORE,
    ONE,
    PREVIOUS,
    RESTART,
    SECRET,
    SIDECAR,
    both,
    caused,
    noted,
    pinned,
    release,
    scaled,
)
from tests.parity.twins import Case, Ending, Raw
from tests.support.build import merged

__all__ = ["DAEMON_SETS", "STATEFUL_SETS"]

State = tuple[Raw, list[Raw]]
STATEFUL_SET, DAEMON_SET = TargetKind.STATEFUL_SET, TargetKind.DAEMON_SET


def update(kind: str, **rolling: Any) -> Raw:
    strategy: Raw = {"type": kind, **({"rollingUpdate": rolling} if rolling else {})}
    return {"spec": {"updateStrategy": strategy}}


def spec(**parts: Any) -> Raw:
    return {"spec": parts}


NOTED: Final = release("app:2", template={"metadata": {"annotations": {"a": "b"}}})
LABELLED: Final = {"metadata": {"labels": {"team": "pay"}, "annotations": {"a/b": "~x/"}}}
RELABELLED: Final = {"metadata": {"labels": {"team": None, "tier": "web"}}}
FORBIDDEN: Final = {"incidentcommander.dev/no-rollback": "migrated"}

OF_BOTH: Final[dict[str, State]] = {
    "labels-and-annotations": (LABELLED, [both(release("app:2"), RELABELLED)]),
    "annotated-since": ({}, [release("app:2"), noted(team__lock="yes")]),
    "env-and-secrets": ({}, [release("app:1", env=SECRET)]),
    "template-annotations": ({}, [NOTED]),
    "min-ready": (spec(minReadySeconds=1), [release("app:2")]),
    "on-delete": (update("OnDelete"), [release("app:2")]),
    "short-history": (spec(revisionHistoryLimit=1), [release("app:2")]),
}
"""These go for every action and both kinds. No pod is wanted unless a state says so."""

FOR_UNDO: Final[dict[str, State]] = {
    "change-causes": (caused("first"), [both(release("app:2"), caused("second"))]),
    "several-revisions": ({}, [release("app:2"), release("app:1"), release("app:3")]),
    "restarted-between": ({}, [release("app:2"), RESTART]),
}

CLAIM: Final = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
WITH_PODS: Final[dict[TargetKind, dict[str, State]]] = {
    STATEFUL_SET: {
        "two-releases": (ONE, [release("app:2")]),
        "sidecar": (ONE, [SIDECAR]),
        "bad-in-parallel": (spec(replicas=2, podManagementPolicy="Parallel"), [release("a:2-crash")]),
        "partitioned": (both(scaled(2), update("RollingUpdate", partition=1)), [release("app:2")]),
        "by-hand": (both(ONE, update("OnDelete")), [release("app:2")]),
        "counted-from-five": (spec(replicas=1, ordinals={"start": 5}), [release("app:2")]),
    },
    DAEMON_SET: {
        "two-releases": (spec(template={"spec": {"nodeSelector": None}}), [release("app:2")]),
        "bad-release": (spec(template={"spec": {"nodeSelector": None}}), [release("app:2-crash")]),
        "sidecar": ({}, [SIDECAR]),
        "surge": (update("RollingUpdate", maxSurge=1, maxUnavailable=0), [release("app:2")]),
        "two-at-once": (update("RollingUpdate", maxUnavailable=2), [release("app:2")]),
        "by-hand": (
            both(update("OnDelete"), spec(template={"spec": {"nodeSelector": None}})),
            [release("app:2")],
        ),
    },
}  # fmt: skip
SHORT: Final = {STATEFUL_SET: "sts", DAEMON_SET: "ds"}
ACTIONS: Final = {"undo": "rolloutUndo", "restart": "rolloutRestart", "scale": "scale"}


def started(kind: TargetKind, name: str, over: Raw) -> Raw:
    labels = {"app": name}
    pod: Raw = {"containers": [{"name": "app", "image": "app:1"}]}
    base: Raw = {
        "metadata": {"labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    if kind is DAEMON_SET:
        # No node is like that.
        pod["nodeSelector"] = {"parity": "none"}
    else:
        base["spec"]["replicas"] = 0
    return merged(base, over)


def case(
    kind: TargetKind,
    verb: str,
    state: str,
    made: State,
    action: ApiModel,
    *,
    words: str = "",
    ending: Ending = "same",
    guard: str = "",
    by_apply: bool = False,
) -> Case:
    name = f"{SHORT[kind]}-{verb}-{state}"
    over, steps = made
    return Case(
        name=name,
        action=ACTIONS[verb],
        spec=action,
        start=started(kind, name, over),
        steps=steps,
        words=words.format(what=f"{kind.lower()}/{name}"),
        ending=ending,
        guard=guard,
        by_apply=by_apply,
        kind=kind,
    )


def every(kind: TargetKind, verb: str, action: ApiModel, states: dict[str, State]) -> list[Case]:
    return [case(kind, verb, state, made, action) for state, made in states.items()]


VOLUMES: Final[State] = (spec(volumeClaimTemplates=[CLAIM]), [release("app:2")])
TWO: Final[State] = ({}, [release("app:2")])
UNDO: Final = "rollout undo {what}"


def common(kind: TargetKind) -> list[Case]:
    """What both kinds can do, and cannot."""
    states = {**OF_BOTH, **WITH_PODS[kind]}
    return [
        *every(kind, "undo", PREVIOUS, {**states, **FOR_UNDO}),
        case(kind, "undo", "applied", TWO, PREVIOUS, by_apply=True),
        case(kind, "undo", "pinned", ({}, [release("app:2"), release("app:3")]), pinned(1)),
        case(
            kind, "undo", "first-release", ({}, []), PREVIOUS,
            words=UNDO, ending="refused", guard="NoHistory",
        ),
        case(
            kind, "undo", "history-thrown-away", (spec(revisionHistoryLimit=0), [release("app:2")]),
            PREVIOUS, words=UNDO, ending="refused", guard="NoHistory",
        ),
        case(
            kind, "undo", "pinned-to-the-current", TWO, pinned(2),
            words=f"{UNDO} --to-revision=2", ending="refused", guard="AlreadyThere",
        ),
        case(
            kind, "undo", "pinned-to-none", TWO, pinned(9),
            words=f"{UNDO} --to-revision=9", ending="refused", guard="NoHistory",
        ),
        case(
            kind, "undo", "only-restarted", ({}, [RESTART]), PREVIOUS,
            words=UNDO, ending="stricter", guard="NoHistory",
        ),
        case(
            kind, "undo", "forbidden",
            ({}, [release("app:2", template={"metadata": {"annotations": FORBIDDEN}})]), PREVIOUS,
            words=UNDO, ending="stricter", guard="NoRollback",
        ),
        *every(kind, "restart", AGAIN, states),
        case(kind, "restart", "applied", TWO, AGAIN, by_apply=True),
    ]  # fmt: skip


STATEFUL_SETS: Final = (
    *common(STATEFUL_SET),
    case(STATEFUL_SET, "undo", "volumes", VOLUMES, PREVIOUS),
    case(STATEFUL_SET, "restart", "volumes", VOLUMES, AGAIN),
    *every(STATEFUL_SET, "scale", MORE, {**OF_BOTH, **WITH_PODS[STATEFUL_SET]}),
    case(STATEFUL_SET, "scale", "applied", TWO, MORE, by_apply=True),
    case(STATEFUL_SET, "scale", "fewer", (scaled(2), []), ScaleAction(by=-1)),
    case(STATEFUL_SET, "scale", "to-none", (ONE, []), ScaleAction(replicas=0)),
    case(
        STATEFUL_SET, "scale", "already-there", ({}, []), ScaleAction(replicas=0),
        words="scale {what} --replicas=0", ending="stricter", guard="AlreadyThere",
    ),
)  # fmt: skip
DAEMON_SETS: Final = tuple(common(DAEMON_SET))
