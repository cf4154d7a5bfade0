"""Two equal Deployments, each in a namespace of its own: one for kubectl, one for the operator.

A case says how they came to be, and what is done. Playing it takes seconds of waiting for the
controllers, so that many are played side by side; the tests only look at the outcomes.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

from incident_commander.actions import Action, Plan, Situation, all_actions
from incident_commander.api.base import MARKER_ANNOTATION, ApiModel, parse_timestamp
from incident_commander.api.common import GuardVerdict, TargetKind
from incident_commander.gateways.convert import deployment_revisions, selector_of, workload_from
from incident_commander.values import RESTARTED_AT_ANNOTATION, Workload
from tests.support.api import Answer, Api
from tests.support.build import merged
from tests.support.kubectl import Kubectl, Said

Raw = dict[str, Any]
T = TypeVar("T")

MARKER: Final = "parity-0123abcd"
PATIENCE: Final = 40.0
PAUSE: Final = 0.15

Ending = Literal["same", "refused", "stricter"]
"""What must come of a case.

``same``: both do it, with the same result. ``refused``: kubectl refuses or skips it, our plan is
blocked. ``stricter``: kubectl would do it, our plan is blocked on purpose.
"""


@dataclass(frozen=True, eq=False)
class Case:
    """One start state and one action."""

    name: str
    action: str
    spec: ApiModel
    start: Raw
    """The Deployment as it is created, without name and namespace."""
    steps: Sequence[Raw] = ()
    """Merge patches that make its history, one revision (or so) each."""
    words: str = ""
    """What kubectl is told where our plan names no command that would do it."""
    ending: Ending = "same"
    guard: str = ""
    """The guard that must block it."""
    by_apply: bool = False
    """It is made by ``kubectl apply``, which leaves its annotation."""


@dataclass(frozen=True)
class Outcome:
    """What came of a case."""

    plans: tuple[Plan, Plan]
    said: Said
    answer: Answer | None
    theirs: Raw
    ours: Raw
    marker: str

    @property
    def blocks(self) -> list[str]:
        """Names of the guards that block our plan."""
        return [g.name for g in self.plans[1].guards if g.verdict is GuardVerdict.BLOCK]

    @property
    def refused(self) -> bool:
        """Whether kubectl refused, or skipped it without a change."""
        return self.said.code != 0 or "skipped rollback" in self.said.out


@dataclass(frozen=True)
class Stage:
    """Where cases are played."""

    api: Api
    kubectl: Kubectl
    namespaces: tuple[str, str]
    """Of kubectl, and ours."""

    def play(self, case: Case) -> Outcome:
        """Make the twins, let kubectl change the one and the action the other, compare."""
        for namespace in self.namespaces:
            self._create(case, namespace)
        for step in case.steps:
            for namespace in self.namespaces:
                self._settled(case.name, namespace)
                self.api.merge("deployments", case.name, step, namespace).expect_ok()
        theirs, ours = (self._situation(case.name, n) for n in self.namespaces)
        action = all_actions()[case.action]
        plans = (action.plan(case.spec, theirs), action.plan(case.spec, ours))
        said = self._tell_kubectl(case, plans[0])
        answer = self._act(case, action, plans[1]) if case.ending == "same" else None
        snapshots = [self._snapshot(case.name, n) for n in self.namespaces]
        marker = self._get(case.name, self.namespaces[1]).annotations.get(MARKER_ANNOTATION, "")
        return Outcome(plans, said, answer, snapshots[0], snapshots[1], marker)

    def _create(self, case: Case, namespace: str) -> None:
        meta = {"name": case.name, "namespace": namespace}
        body = merged({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta}, case.start)
        if case.by_apply:
            self.kubectl.apply([body])
        else:
            self.api.create("deployments", body).expect_ok()

    def _tell_kubectl(self, case: Case, plan: Plan) -> Said:
        words = plan.command if case.ending == "same" else f"kubectl {case.words}"
        arguments = [*shlex.split(words)[1:], "-n", self.namespaces[0]]
        return self.kubectl.attempt(*arguments)

    def _act(self, case: Case, action: Action, plan: Plan) -> Answer:
        namespace = self.namespaces[1]
        live = self._situation(case.name, namespace)
        assert action.depends_on(plan.parameters, live) == plan.depends_on
        patch = action.change(plan.parameters, live, MARKER, self._restarted_at(case.name))
        operations = [dict(operation) for operation in patch]
        answer = self.api.patch("deployments", case.name, operations, namespace)
        again = self.api.patch("deployments", case.name, operations, namespace)
        again.expect_refused()
        return answer

    def _restarted_at(self, name: str) -> datetime:
        """The time that kubectl wrote: the templates, and so their hashes, can then be equal."""
        template = self._get(name, self.namespaces[0]).template
        annotations = template["metadata"].get("annotations") or {}
        text = annotations.get(RESTARTED_AT_ANNOTATION)
        return parse_timestamp(text) if text else datetime(2026, 1, 1, tzinfo=UTC)

    # --- reading ---------------------------------------------------------------------------------

    def _get(self, name: str, namespace: str) -> Workload:
        raw = self.api.get("deployments", name, namespace).expect_ok()
        return workload_from(TargetKind.DEPLOYMENT, raw)

    def _sets(self, workload: Workload) -> list[Raw]:
        selector = selector_of(workload)
        answer = self.api.list("replicasets", workload.namespace, labelSelector=selector)
        items: list[Raw] = answer.expect_ok()["items"]
        return items

    def _situation(self, name: str, namespace: str) -> Situation:
        workload = self._settled(name, namespace)
        return Situation(workload, deployment_revisions(workload, self._sets(workload)))

    def _settled(self, name: str, namespace: str) -> Workload:
        """Wait until the controller has nothing more to do, and give what it left."""
        return until(lambda: self._if_settled(name, namespace), f"{namespace}/{name} is settled")

    def _if_settled(self, name: str, namespace: str) -> Workload | None:
        workload = self._get(name, namespace)
        moving = not (_rolled_out(workload) or _stuck(workload) or workload.paused)
        if moving or not workload.observed:
            return None
        sets = self._sets(workload)
        found = deployment_revisions(workload, sets)
        numbers = [str(r.number) for r in found if r.template_hash == workload.template_hash]
        if not numbers:
            return workload if workload.paused else None
        tidy = len(sets) <= 1 + int(workload.spec["revisionHistoryLimit"])
        noted = workload.annotations.get("deployment.kubernetes.io/revision") == numbers[-1]
        told = sum(int(rs["spec"]["replicas"]) for rs in sets) == workload.replicas
        settled = tidy and noted and (told or _stuck(workload))
        return workload if settled else None

    def _snapshot(self, name: str, namespace: str) -> Raw:
        workload = self._settled(name, namespace)
        sets = {rs["metadata"]["name"]: _essence(rs) for rs in self._sets(workload)}
        return {"deployment": _essence(workload.raw), "replicaSets": sets}


def until(attempt: Callable[[], T | None], what: str) -> T:
    """Try until there is a result."""
    deadline = time.monotonic() + PATIENCE
    while (result := attempt()) is None:
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s in vain: {what}"
        time.sleep(PAUSE)
    return result


def _rolled_out(workload: Workload) -> bool:
    status = workload.status
    counts = {int(status.get(n) or 0) for n in ("replicas", "updatedReplicas", "availableReplicas")}
    return counts == {workload.replicas}


def _stuck(workload: Workload) -> bool:
    """Whether it runs a release that never gets ready, and its new pods are there."""
    images = [c["image"] for c in workload.template["spec"]["containers"]]
    bad = any(image.endswith(("-crash", "-unready")) for image in images)
    status = workload.status
    return bad and int(status.get("updatedReplicas") or 0) == min(1, workload.replicas)


def _essence(raw: Mapping[str, Any]) -> Raw:
    meta = raw["metadata"]
    annotations = dict(meta.get("annotations") or {})
    annotations.pop(MARKER_ANNOTATION, None)
    # The manifest that kubectl apply keeps names the namespace.
    applied = "kubectl.kubernetes.io/last-applied-configuration"
    if applied in annotations:
        annotations[applied] = annotations[applied].replace(meta["namespace"], "NAMESPACE")
    return {"labels": meta.get("labels"), "annotations": annotations, "spec": raw["spec"]}
