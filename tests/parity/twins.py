"""Two equal workloads, each in a namespace of its own: one for kubectl, one for the operator.

A case says how they came to be, and what is done. Playing it takes seconds of waiting for the
controllers, so that many are played side by side; the tests only look at the outcomes.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from incidentcommander.actions import Action, Plan, Situation, all_actions
from incidentcommander.api.base import MARKER_ANNOTATION, ApiModel, parse_timestamp
from incidentcommander.api.common import GuardVerdict, TargetKind
from incidentcommander.gateways.kubernetes.convert import revisions_from
from incidentcommander.observed.workloads import RESTARTED_AT_ANNOTATION, Workload
from tests.parity.settling import PLURALS, Board
from tests.support.api import Answer, Api
from tests.support.build import merged
from tests.support.kubectl import Kubectl, Said
from tests.support.objects import OPERATOR

Raw = dict[str, Any]

MARKER: Final = "parity-0123abcd"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

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
    """The workload as it is created, without kind, name and namespace."""
    steps: Sequence[Raw] = ()
    """Merge patches that make its history, one revision (or so) each."""
    words: str = ""
    """What kubectl is told where our plan names no command that would do it."""
    ending: Ending = "same"
    guard: str = ""
    """The guard that must block it."""
    by_apply: bool = False
    """It is made by ``kubectl apply``, which leaves its annotation."""
    kind: TargetKind = TargetKind.DEPLOYMENT

    @property
    def plural(self) -> str:
        """Its resource."""
        return PLURALS[self.kind]


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
    board: Board

    def play(self, case: Case) -> Outcome:
        """Make the twins, let kubectl change the one and the action the other, compare."""
        for namespace in self.namespaces:
            self._create(case, namespace)
        for step in case.steps:
            for namespace in self.namespaces:
                self.board.settled(case.kind, namespace, case.name)
                self.api.merge(case.plural, case.name, step, namespace).expect_ok()
        theirs, ours = (self._situation(case, n) for n in self.namespaces)
        action = all_actions()[case.action]
        plans = (action.plan(case.spec, theirs), action.plan(case.spec, ours))
        said = self._tell_kubectl(case, plans[0])
        answer = self._act(case, action, plans[1], ours) if case.ending == "same" else None
        left = [self.board.settled(case.kind, n, case.name) for n in self.namespaces]
        marker = left[1][0].annotations.get(MARKER_ANNOTATION, "")
        return Outcome(plans, said, answer, _snapshot(*left[0]), _snapshot(*left[1]), marker)

    def _create(self, case: Case, namespace: str) -> None:
        head: Raw = {
            "apiVersion": "apps/v1",
            "kind": case.kind.value,
            "metadata": {"name": case.name, "namespace": namespace},
        }
        body = merged(head, case.start)
        if case.by_apply:
            self.kubectl.apply([body])
        else:
            self.api.create(case.plural, body).expect_ok()

    def _tell_kubectl(self, case: Case, plan: Plan) -> Said:
        words = plan.command if case.ending == "same" else f"kubectl {case.words}"
        return self.kubectl.attempt(*shlex.split(words)[1:], "-n", self.namespaces[0])

    def _act(self, case: Case, action: Action, plan: Plan, live: Situation) -> Answer:
        assert action.depends_on(plan.parameters, live) == plan.depends_on
        write = action.write(plan.parameters, live, MARKER, self._restarted_at(case))
        assert write is not None
        assert (write.resource, write.name) == (case.plural, case.name)
        operations = [dict(operation) for operation in write.patch]
        answer = self.api.as_user(OPERATOR, "system:masters").patch(
            case.plural, case.name, operations, write.namespace
        )
        again = self.api.as_user(OPERATOR, "system:masters").patch(
            case.plural, case.name, operations, write.namespace
        )
        again.expect_refused()
        return answer

    def _restarted_at(self, case: Case) -> datetime:
        """The time that kubectl wrote: the templates, and so their hashes, can then be equal."""
        raw = self.api.get(case.plural, case.name, self.namespaces[0]).expect_ok()
        annotations = raw["spec"]["template"]["metadata"].get("annotations") or {}
        text = annotations.get(RESTARTED_AT_ANNOTATION)
        return parse_timestamp(text) if text else datetime(2026, 1, 1, tzinfo=UTC)

    def _situation(self, case: Case, namespace: str) -> Situation:
        workload, owned = self.board.settled(case.kind, namespace, case.name)
        return Situation(workload, revisions_from(workload, owned))


def _snapshot(workload: Workload, owned: Sequence[Raw]) -> Raw:
    history = {item["metadata"]["name"]: _essence(item) for item in owned}
    return {"workload": _essence(workload.raw), "history": history}


def _essence(raw: Mapping[str, Any]) -> Raw:
    meta = raw["metadata"]
    annotations = dict(meta.get("annotations") or {})
    annotations.pop(MARKER_ANNOTATION, None)
    # The manifest that kubectl apply keeps names the namespace.
    if LAST_APPLIED in annotations:
        annotations[LAST_APPLIED] = annotations[LAST_APPLIED].replace(
            meta["namespace"], "NAMESPACE"
        )
    content = {key: raw[key] for key in ("spec", "data", "revision") if key in raw}
    return {"labels": meta.get("labels"), "annotations": annotations, **content}
