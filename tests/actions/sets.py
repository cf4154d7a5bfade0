"""What the tests of StatefulSets and DaemonSets share: a target with its history and its pods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from incidentcommander.actions import Plan, Situation
from incidentcommander.api.common import GuardVerdict, TargetKind
from incidentcommander.observed.workloads import Pod
from tests.support.build import crashing_pod, merged, pod, revision, workload

OLD, NEW = "rev6", "rev7"


def numbered(
    ordinal: int, label: str = OLD, *, ready: bool = True, uid: str | None = None, **over: Any
) -> Pod:
    """A pod of the StatefulSet ``checkout``."""
    name = f"checkout-{ordinal}"
    made = pod(label, name=name, **over) if ready else crashing_pod(label, **{"name": name, **over})
    return replace(made, uid=f"{name}-uid" if uid is None else uid)


def situation(
    kind: TargetKind = TargetKind.STATEFUL_SET, *, pods: Sequence[Pod] | None = None, **over: Any
) -> Situation:
    """Revision 7 runs, after revision 6; of three pods the last is broken unless told otherwise."""
    revisions = (revision(6, "app:1"), revision(7, "app:2"))
    status = {"updateRevision": NEW, "currentRevision": OLD}
    base = {"spec": {"template": revisions[-1].template}, "status": status}
    if pods is None:
        pods = (numbered(0), numbered(1), numbered(2, NEW, ready=False))
    return Situation(workload(kind, **merged(base, over)), revisions, tuple(pods))


def rolling(**parts: Any) -> dict[str, Any]:
    return {"spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": parts}}}


def on_delete() -> dict[str, Any]:
    return {"spec": {"updateStrategy": {"type": "OnDelete"}}}


def warned(found: Plan) -> dict[str, str]:
    """The messages of the warnings, by name."""
    return {g.name: g.message for g in found.guards if g.verdict is GuardVerdict.WARN}
