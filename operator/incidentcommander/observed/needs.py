"""What may be asked of the world, and the answers so far.

A question can be a dictionary key; ``Facts`` maps questions to answers. The pure code says what it
needs to know, the shell has it answered and asks again what follows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from typing_extensions import override

from ..api.common import TargetKind
from ..api.incident import Incident
from ..api.postmortem import Postmortem
from .surroundings import Autoscaler, Budget, Configuration, Warnings
from .workloads import (
    AUTOSCALERS,
    DryRun,
    GuardProof,
    IncidentRef,
    Missing,
    Pod,
    Refused,
    Revision,
    Scalar,
    Unavailable,
    Workload,
    Write,
)

__all__ = [
    "Answer",
    "AutoscalersNeed",
    "BudgetsNeed",
    "ConfigurationNeed",
    "DryRunNeed",
    "Facts",
    "IncidentNeed",
    "Need",
    "PodsNeed",
    "PostmortemNeed",
    "ProofNeed",
    "QueryNeed",
    "Question",
    "RevisionsNeed",
    "TargetNeeds",
    "WarningsNeed",
    "WorkloadNeed",
]


@dataclass(frozen=True, slots=True)
class _OfWorkload:
    """A question about one workload."""

    kind: TargetKind
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class WorkloadNeed(_OfWorkload):
    """A fresh (quorum) read of the workload. Answers: Workload, Missing, Unavailable."""


@dataclass(frozen=True, slots=True)
class RevisionsNeed(_OfWorkload):
    """Its rollout history, oldest first. Answers: tuple[Revision, ...], Missing, Unavailable."""


@dataclass(frozen=True, slots=True)
class PodsNeed(_OfWorkload):
    """Its pods. Answers: tuple[Pod, ...], Missing, Unavailable."""


@dataclass(frozen=True, slots=True)
class AutoscalersNeed(_OfWorkload):
    """The HPAs that scale it. Answers: tuple[Autoscaler, ...], Unavailable."""


@dataclass(frozen=True, slots=True)
class WarningsNeed(_OfWorkload):
    """Warning events of its namespace. Answers: Warnings, Unavailable."""


@dataclass(frozen=True, slots=True)
class ConfigurationNeed(_OfWorkload):
    """What its pods refer to or are selected by. Answers: Configuration, Missing, Unavailable."""


@dataclass(frozen=True, slots=True)
class BudgetsNeed(_OfWorkload):
    """The PodDisruptionBudgets of its pods. Answers: tuple[Budget, ...], Missing, Unavailable."""


@dataclass(frozen=True, slots=True)
class QueryNeed:
    """A PromQL instant query at now minus ``offset``. Answers: Scalar, Unavailable."""

    query: str
    namespace: str
    offset: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class DryRunNeed:
    """A server-side dry run of a write. Answers: DryRun, Refused, Missing, Unavailable.

    ``patch`` and ``body`` are canonical JSON texts, so that the need can be a key.
    """

    kind: TargetKind
    namespace: str
    name: str
    patch: str
    body: str = ""
    autoscaler: str = ""
    """Name of the HPA that is written, where it is not the workload itself."""

    @classmethod
    def of(cls, workload: Workload, write: Write) -> DryRunNeed:
        """Ask what ``write``, planned for ``workload``, would leave, by itself.

        Its tests are left out: nothing is at stake, and they would fail on an object that somebody
        annotates again and again. What is written for good keeps them.
        """
        return cls(
            kind=workload.kind,
            namespace=workload.namespace,
            name=workload.name,
            patch=json.dumps([o for o in write.patch if o["op"] != "test"], sort_keys=True),
            body=json.dumps(write.body, sort_keys=True) if write.body is not None else "",
            autoscaler=write.name if write.resource == AUTOSCALERS else "",
        )


@dataclass(frozen=True, slots=True)
class ProofNeed:
    """Proof that the guard stands, on this Incident. Answers: GuardProof, Unavailable."""

    incident: IncidentRef


@dataclass(frozen=True, slots=True)
class IncidentNeed:
    """Another Incident. Answers: Incident, Missing, Unavailable."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class PostmortemNeed:
    """A Postmortem. Answers: Postmortem, Missing, Unavailable."""

    namespace: str
    name: str


Need: TypeAlias = (
    WorkloadNeed
    | RevisionsNeed
    | PodsNeed
    | AutoscalersNeed
    | WarningsNeed
    | ConfigurationNeed
    | BudgetsNeed
    | QueryNeed
    | DryRunNeed
    | ProofNeed
)
"""What an ``Observer`` answers."""
Question: TypeAlias = Need | IncidentNeed | PostmortemNeed
"""What a decision may have to know."""
Answer: TypeAlias = (
    Workload
    | tuple[Revision, ...]
    | tuple[Pod, ...]
    | tuple[Autoscaler, ...]
    | tuple[Budget, ...]
    | Warnings
    | Configuration
    | Incident
    | Postmortem
    | Scalar
    | DryRun
    | GuardProof
    | Missing
    | Unavailable
    | Refused
)


@dataclass(frozen=True, slots=True)
class TargetNeeds:
    """The three usual questions about one target."""

    workload: WorkloadNeed
    revisions: RevisionsNeed
    pods: PodsNeed

    @classmethod
    def of(cls, kind: TargetKind, namespace: str, name: str) -> TargetNeeds:
        """Name the questions about this workload."""
        return cls(
            workload=WorkloadNeed(kind, namespace, name),
            revisions=RevisionsNeed(kind, namespace, name),
            pods=PodsNeed(kind, namespace, name),
        )


class Facts(Mapping[Question, Answer]):
    """Answers by need. An absent key was not asked yet: the typed getters make it Unavailable."""

    def __init__(self, answers: Mapping[Question, Answer] | None = None) -> None:
        self._answers: dict[Question, Answer] = dict(answers or {})

    @override
    def __getitem__(self, need: Question) -> Answer:
        return self._answers[need]

    @override
    def __iter__(self) -> Iterator[Question]:
        return iter(self._answers)

    @override
    def __len__(self) -> int:
        return len(self._answers)

    def with_(self, answers: Mapping[Question, Answer]) -> Facts:
        """These facts and more; the newer answer wins."""
        return Facts({**self._answers, **answers})

    def workload(self, need: WorkloadNeed) -> Workload | Missing | Unavailable:
        """The workload, or why there is none."""
        answer = self._answers.get(need)
        return answer if isinstance(answer, Workload | Missing) else _no_answer(need, answer)

    def revisions(self, need: RevisionsNeed) -> tuple[Revision, ...] | Missing | Unavailable:
        """The history, oldest first, or why there is none."""
        answer = self._answers.get(need)
        if isinstance(answer, tuple):
            return tuple(r for r in answer if isinstance(r, Revision))
        return answer if isinstance(answer, Missing) else _no_answer(need, answer)

    def pods(self, need: PodsNeed) -> tuple[Pod, ...] | Missing | Unavailable:
        """The pods, or why there are none."""
        answer = self._answers.get(need)
        if isinstance(answer, tuple):
            return tuple(p for p in answer if isinstance(p, Pod))
        return answer if isinstance(answer, Missing) else _no_answer(need, answer)

    def autoscalers(self, need: AutoscalersNeed) -> tuple[Autoscaler, ...] | Unavailable:
        """The HPAs, or why they could not be asked."""
        answer = self._answers.get(need)
        if isinstance(answer, tuple):
            return tuple(a for a in answer if isinstance(a, Autoscaler))
        return _no_answer(need, answer)

    def budgets(self, need: BudgetsNeed) -> tuple[Budget, ...] | Unavailable:
        """The PodDisruptionBudgets, or why they could not be asked."""
        answer = self._answers.get(need)
        if isinstance(answer, tuple):
            return tuple(b for b in answer if isinstance(b, Budget))
        return _no_answer(need, answer)

    def warnings(self, need: WarningsNeed) -> Warnings | Unavailable:
        """The Warning events, or why they could not be asked."""
        answer = self._answers.get(need)
        return answer if isinstance(answer, Warnings) else _no_answer(need, answer)

    def configuration(self, need: ConfigurationNeed) -> Configuration | Missing | Unavailable:
        """What its pods depend on, or why there is nothing."""
        answer = self._answers.get(need)
        return answer if isinstance(answer, Configuration | Missing) else _no_answer(need, answer)

    def scalar(self, need: QueryNeed) -> Scalar | Unavailable:
        """The number, or why it could not be asked."""
        answer = self._answers.get(need)
        return answer if isinstance(answer, Scalar) else _no_answer(need, answer)

    def dry_run(self, need: DryRunNeed) -> DryRun | Refused | Missing | Unavailable:
        """What the patch would leave, or why not."""
        answer = self._answers.get(need)
        if isinstance(answer, DryRun | Refused | Missing):
            return answer
        return _no_answer(need, answer)

    def incident(self, need: IncidentNeed) -> Incident | Missing | Unavailable:
        """The other Incident, or why there is none."""
        answer = self._answers.get(need)
        return answer if isinstance(answer, Incident | Missing) else _no_answer(need, answer)

    def postmortem(self, need: PostmortemNeed) -> Postmortem | Missing | Unavailable:
        """The Postmortem, or why there is none."""
        answer = self._answers.get(need)
        return answer if isinstance(answer, Postmortem | Missing) else _no_answer(need, answer)

    def proof(self, need: ProofNeed) -> GuardProof | Unavailable:
        """The proof of the guard, or why it could not be had."""
        answer = self._answers.get(need)
        return answer if isinstance(answer, GuardProof) else _no_answer(need, answer)


def _no_answer(need: Question, answer: Answer | None) -> Unavailable:
    if isinstance(answer, Unavailable):
        return answer
    return Unavailable(what=type(need).__name__, message="not asked")
