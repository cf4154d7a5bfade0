"""Plays an Incident without a cluster: a small world of facts, and the runner's loop over it.

The world answers what ``required`` asks and obeys the patches that ``decide`` commands, so that
whole incidents run in milliseconds, with time as a number. It stands in for facts, not for the
Kubernetes API: what the API server does is tested on a real one.
"""

from __future__ import annotations

import json
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from incidentcommander.api.base import (
    CLOSED_LABEL,
    FIELD_MANAGER,
    GROUP,
    HANDLED_ANNOTATION,
    format_timestamp,
)
from incidentcommander.api.common import TargetKind
from incidentcommander.api.incident import Incident, IncidentStatus
from incidentcommander.api.policy import ResponsePolicy
from incidentcommander.api.postmortem import Postmortem
from incidentcommander.api.runbook import Runbook
from incidentcommander.controllers.look import Rest, look
from incidentcommander.core.case import Case, Limits
from incidentcommander.core.decide import Decision
from incidentcommander.core.effects import AddPage, ChangeTarget, RemoveRequests
from incidentcommander.core.postmortem.owed import drafted, owned_by
from incidentcommander.core.record.timeline_pages import paged
from incidentcommander.errors import UnavailableError
from incidentcommander.observed.needs import (
    Answer,
    AutoscalersNeed,
    BudgetsNeed,
    ConfigurationNeed,
    DryRunNeed,
    Facts,
    IncidentNeed,
    PodsNeed,
    PostmortemNeed,
    ProofNeed,
    QueryNeed,
    Question,
    RevisionsNeed,
    WarningsNeed,
    WorkloadNeed,
)
from incidentcommander.observed.surroundings import Autoscaler, Configuration, Warnings
from incidentcommander.observed.workloads import (
    AUTOSCALERS,
    Applied,
    Delivery,
    DryRun,
    GuardProof,
    Missing,
    Outcome,
    Pod,
    Revision,
    Scalar,
    Stale,
    Unavailable,
    Workload,
)
from tests.actions.jsonpatch import TestFailedError, apply
from tests.support import build, objects

NOTHING_AROUND: Mapping[type[Question], Answer] = {
    AutoscalersNeed: (),
    WarningsNeed: Warnings(()),
    ConfigurationNeed: Configuration(()),
    BudgetsNeed: (),
}


@dataclass
class World:
    """What there is to know. Tests change its fields."""

    now: datetime = build.NOW
    raw: dict[str, Any] | None = field(default_factory=build.workload_raw)
    revisions: Sequence[Revision] = field(default_factory=build.history)
    pods: Sequence[Pod] | None = None
    bad_images: frozenset[str] = frozenset({build.NEW_IMAGE})
    """Releases whose requests fail."""
    requests: float = 60.0
    metrics: str = "up"
    """up, down, empty or nan."""
    fingerprint: str = "guard-1"
    proven: bool = True
    proof_fails: bool = False
    """Whether the guard cannot be asked."""
    reachable: bool = True
    """Whether the target can be read."""
    others: dict[str, Incident] = field(default_factory=dict)
    postmortems: dict[str, Postmortem] = field(default_factory=dict)
    kind: TargetKind = TargetKind.DEPLOYMENT
    around: dict[type[Question], Answer] = field(default_factory=dict)
    """Answers about what is around the target, by the kind of question; else there is nothing."""
    changes: list[ChangeTarget] = field(default_factory=list)
    """Every change of the target that was made, in order."""
    lose_response: bool = False
    """The next change is made, but the answer is lost."""

    def __post_init__(self) -> None:
        assert self.raw is not None
        self._settle(self.raw)

    @property
    def image(self) -> str:
        """The release that runs."""
        assert self.raw is not None
        image: str = self.raw["spec"]["template"]["spec"]["containers"][0]["image"]
        return image

    def workload(self) -> Workload:
        """The target as read."""
        assert self.raw is not None
        meta = self.raw["metadata"]
        return Workload(
            kind=self.kind,
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
            resource_version=meta["resourceVersion"],
            generation=meta["generation"],
            raw=self.raw,
        )

    def answer(self, question: Question) -> Answer:
        """Answer one question."""
        if isinstance(question, AutoscalersNeed | WarningsNeed | ConfigurationNeed | BudgetsNeed):
            return self.around.get(type(question), NOTHING_AROUND[type(question)])
        if isinstance(question, WorkloadNeed | RevisionsNeed | PodsNeed | DryRunNeed):
            if not self.reachable:
                return Unavailable("target", "connection refused")
            if self.raw is None:
                return Missing("Deployment checkout")
        match question:
            case WorkloadNeed():
                return self.workload()
            case RevisionsNeed():
                return tuple(self.revisions)
            case PodsNeed():
                count = self.workload().replicas
                healthy = tuple(build.pod(name=f"checkout-{n}") for n in range(count))
                return tuple(self.pods) if self.pods is not None else healthy
            case QueryNeed():
                return self._metric(question)
            case DryRunNeed():
                return self._dry_run(question)
            case ProofNeed():
                return self._proof()
            case IncidentNeed() | PostmortemNeed():
                return self._recorded(question)

    def _proof(self) -> Answer:
        if self.proof_fails:
            return Unavailable("the guard", "connection refused")
        return GuardProof(self.fingerprint, self.proven, "as told", self.now)

    def _dry_run(self, need: DryRunNeed) -> Answer:
        assert self.raw is not None
        if need.autoscaler:
            return DryRun(self.raw, self.raw)
        return DryRun(self.raw, apply(json.loads(need.patch), self.raw))

    def _recorded(self, need: IncidentNeed | PostmortemNeed) -> Answer:
        of_incidents = isinstance(need, IncidentNeed)
        found = (self.others if of_incidents else self.postmortems).get(need.name)
        return found or Missing(need.name)

    def _metric(self, need: QueryNeed) -> Answer:
        if self.metrics == "down" or self.raw is None:
            return Unavailable("Prometheus", "connection refused")
        if self.metrics == "empty" or need.offset:
            return Scalar(None, 0)
        if self.metrics == "nan":
            return Scalar(float("nan"))
        if "5.." in need.query:
            return Scalar(self.requests * 0.4 if self.image in self.bad_images else 0.0)
        return Scalar(self.requests)

    def edit(self, **over: Any) -> None:
        """Change the target as somebody else would: a new generation if the spec changes."""
        assert self.raw is not None
        changed = build.merged(self.raw, over)
        if changed["spec"] != self.raw["spec"]:
            changed = build.merged(
                changed, {"metadata": {"generation": self.raw["metadata"]["generation"] + 1}}
            )
        self._settle(changed)

    def release(self, image: str) -> None:
        """Roll out an image, as somebody else would."""
        self.edit(spec={"template": build.template(image)})
        number = max((r.number for r in self.revisions), default=0) + 1
        self.revisions = (
            *self.revisions,
            build.revision(number, image, created_at=self.now, label=f"new{number}"),
        )

    def obey(self, command: ChangeTarget) -> Outcome:
        """Make a change of the target."""
        if self.raw is None:
            return Stale("gone")
        if not self.reachable:
            return Unavailable("target", "connection refused")
        if command.write.delete:
            return self._delete(command)
        if command.write.resource == AUTOSCALERS:
            return self._autoscale(command)
        try:
            changed = apply(command.write.patch, self.raw)
        except TestFailedError as error:
            return Stale(str(error))
        generation = self.raw["metadata"]["generation"] + 1
        meta = {"generation": generation, "managedFields": [self._ours()]}
        self._settle(build.merged(changed, {"metadata": meta}))
        return self._made(command, generation)

    def _ours(self) -> dict[str, Any]:
        """What the API server notes of a write of the operator's."""
        at = format_timestamp(self.now)
        return {"manager": FIELD_MANAGER, "operation": "Update", "time": at, "fieldsV1": {}}

    def _made(self, command: ChangeTarget, generation: int = 0) -> Outcome:
        self.changes.append(command)
        if self.lose_response:
            self.lose_response = False
            return Unavailable("target", "the answer was lost")
        return Applied(generation, "1")

    def _delete(self, command: ChangeTarget) -> Outcome:
        """Delete a pod; its controller makes another one, which is good."""
        pods = list(self.pods or ())
        for index, pod in enumerate(pods):
            if pod.uid == command.write.delete:
                update = self.workload().status.get("updateRevision", "")
                pods[index] = replace(pod, uid=f"{pod.uid}-next", ready=True, revision=update)
                self.pods = pods
                return self._made(command)
        return Applied(0, "")

    def _autoscale(self, command: ChangeTarget) -> Outcome:
        write = command.write
        found = self.around.get(AutoscalersNeed, ())
        assert isinstance(found, tuple)
        old = next((a for a in found if isinstance(a, Autoscaler) and a.name == write.name), None)
        if write.body is not None and old is not None:
            return Stale("already exists")
        try:
            raw = dict(write.body or apply(write.patch, old.raw if old else {}))
        except TestFailedError as error:
            return Stale(str(error))
        uid = raw["metadata"].setdefault("uid", "made-uid")
        version = str(int(raw["metadata"].get("resourceVersion", "0")) + 1)
        raw["metadata"] = {**raw["metadata"], "resourceVersion": version}
        self.around[AutoscalersNeed] = (Autoscaler(write.namespace, write.name, uid, version, raw),)
        return self._made(command)

    def _settle(self, changed: Mapping[str, Any]) -> None:
        """The controllers follow at once."""
        count = changed["spec"].get("replicas", 1)
        generation = changed["metadata"]["generation"]
        counts = dict.fromkeys(
            ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), count
        )
        self.raw = build.merged(changed, {"status": {"observedGeneration": generation, **counts}})


@dataclass
class Shelf:
    """Runbooks and policies at hand."""

    books: list[Runbook] = field(default_factory=lambda: [build.runbook()])
    policies: list[ResponsePolicy] = field(default_factory=list)

    unread: dict[str, list[str]] = field(default_factory=dict)
    """By namespace, what cannot be read."""

    def unreadable(self, namespace: str) -> Sequence[str]:
        return self.unread.get(namespace, ())

    def runbooks(self, namespace: str) -> Sequence[Runbook]:
        return [b for b in self.books if b.metadata.namespace == namespace]

    def runbook(self, namespace: str, name: str) -> Runbook | None:
        return next((b for b in self.runbooks(namespace) if b.metadata.name == name), None)

    def policy(self, namespace: str, name: str) -> ResponsePolicy | None:
        return next(
            (
                p
                for p in self.policies
                if (p.metadata.namespace, p.metadata.name) == (namespace, name)
            ),
            None,
        )


class Play:
    """One Incident on its way.

    Parameters
    ----------
    over
        Merged into the Incident that is declared.
    """

    def __init__(self, world: World | None = None, **over: Any) -> None:
        self.world = world or World()
        self.shelf = Shelf()
        created = {"metadata": {"creationTimestamp": format_timestamp(self.world.now)}}
        self.incident = build.incident(**build.merged(created, over))
        self.decisions: list[Decision] = []
        self.written = 0
        self.guard_since: datetime | None = self.world.now
        self.guard_seen = True
        """Whether the operator has seen the guard's policies since it started."""
        self.pages: list[AddPage] = []
        self.deliveries: list[Delivery] = []
        """What the postman says of notices."""

    @property
    def status(self) -> IncidentStatus:
        return self.incident.status

    @property
    def phase(self) -> str:
        return str(self.status.phase)

    def under(self, **spec: Any) -> Play:
        """Let a ResponsePolicy hold in its namespace."""
        raw = {
            "metadata": {"name": "default", "namespace": self.incident.metadata.namespace},
            "spec": spec,
        }
        self.shelf.policies = [ResponsePolicy.model_validate(raw)]
        return self

    def all_of(self, reason: str) -> list[str]:
        """Messages with that reason, oldest first."""
        return [e.message for e in self.status.timeline if e.reason == reason]

    @property
    def reasons(self) -> list[str]:
        return [e.reason for e in self.status.timeline]

    def last(self, reason: str) -> str:
        """The newest message with that reason."""
        return next(e.message for e in reversed(self.status.timeline) if e.reason == reason)

    def open(self, remediation: str) -> str:
        """Id of the open proposal of that remediation."""
        return next(
            p.id
            for p in self.status.proposals
            if p.remediation == remediation and p.state == "Proposed"
        )

    def say(self, key: str, value: str, by: str = "alice", **beside: str) -> Play:
        """Make a request, as the API server lets it in, and let the operator see it.

        ``beside``: what else is stamped, ``approver="true"`` for ``acknowledge``.
        """
        return self.said(key, value, by, **beside).tick()

    def said(self, key: str, value: str, by: str = "alice", **beside: str) -> Play:
        """Make a request; the operator does not see it yet. ``by=""``: without a signature."""
        stamps = {f"{GROUP}/{key}-{name}": text for name, text in beside.items()}
        signed = {f"{GROUP}/{key}-by": by} if by else {}
        self.annotate({f"{GROUP}/{key}": value, **signed, **stamps})
        return self

    def planted(self, annotations: Mapping[str, str]) -> Play:
        """Leave annotations on it that the guard, were it there, would have refused."""
        self.annotate({f"{GROUP}/{key}": value for key, value in annotations.items()})
        return self

    def edit(self, **spec: Any) -> Play:
        """Change ``spec``: a new generation."""
        raw = {"spec": self.incident.spec.to_api()}
        changed = build.merged(raw, {"spec": spec})["spec"]
        meta = self.incident.metadata
        self.incident = Incident(
            metadata=meta.model_copy(update={"generation": meta.generation + 1}),
            spec=type(self.incident.spec).model_validate(changed),
            status=self.status,
        )
        return self.tick()

    def merge(self, name: str | None, by: str = "alice") -> Play:
        """Change ``spec.duplicateOf``, stamped as the API server does."""
        self.annotate({f"{GROUP}/duplicate-of-by": by})
        return self.edit(duplicateOf={"name": name} if name else None)

    def after(self, **time: float) -> Play:
        """Let time pass, waking the Incident whenever it asked for it."""
        until = self.world.now + timedelta(**time)
        for _ in range(10_000):
            due = self.decisions[-1].wake_at if self.decisions else None
            if due is None or due > until:
                break
            self.world.now = max(self.world.now, due)
            if self.world.now == due == until:
                break
            before = self.world.now
            self.tick()
            again = self.decisions[-1].wake_at
            if again is not None and again <= before:
                self.world.now += timedelta(seconds=1)
        self.world.now = max(self.world.now, until)
        return self.tick()

    def case(self, outcome: Outcome | None) -> Case:
        """The Incident as a decision sees it now."""
        seen = self.world.fingerprint if self.guard_seen else None
        return Case(
            incident=self.incident,
            library=self.shelf,
            now=self.world.now,
            limits=Limits(),
            result=outcome,
            guard_fingerprint=seen,
            guard_since=self.guard_since,
            deliveries=tuple(self.deliveries),
            seed=f"decision {len(self.decisions)} at {self.world.now}",
        )

    def tick(self, *, crash_after: int | None = None) -> Play:
        """Look at it as the runner does at a wake-up; ``crash_after``: die after so many writes."""
        hands = PlayHands(self, crash_after)
        # What was saved before stands.
        with suppress(CrashedError, UnavailableError):
            _played(look(hands, self.incident))
        return self

    def save(self, status: IncidentStatus) -> None:
        # Through JSON, and without what is empty, as it is stored.
        kept = {k: v for k, v in status.to_api().items() if v not in ({}, [], "")}
        stored = IncidentStatus.model_validate(kept)
        self.incident = self.incident.model_copy(update={"status": stored})
        self.written += 1

    def annotate(self, add: Mapping[str, str], remove: frozenset[str] = frozenset()) -> None:
        meta = self.incident.metadata
        kept = {k: v for k, v in meta.annotations.items() if k not in remove}
        self.incident = self.incident.model_copy(
            update={"metadata": meta.model_copy(update={"annotations": {**kept, **add}})}
        )


class CrashedError(Exception):
    """The process died right after a write."""


def _played(looking: Coroutine[Any, Any, Rest]) -> Rest:
    """Run a look to its end: in memory nothing ever waits."""
    try:
        looking.send(None)
    except StopIteration as end:
        rest: Rest = end.value
        return rest
    raise AssertionError("a look in memory waited for something")


@dataclass
class PlayHands:
    """Satisfies ``look.Hands`` in memory, and dies after so many writes."""

    play: Play
    crash_after: int | None = None
    writes: int = 0

    def _wrote(self) -> None:
        self.writes += 1
        if self.writes == self.crash_after:
            raise CrashedError

    def case(self, incident: Incident, outcome: Outcome | None) -> Case:
        assert incident == self.play.incident
        return self.play.case(outcome)

    async def observe(
        self,
        questions: frozenset[Question],
        now: datetime,  # noqa: ARG002
        known: Facts,  # noqa: ARG002
    ) -> Mapping[Question, Answer]:
        return {question: self.play.world.answer(question) for question in questions}

    async def save(
        self, case: Case, decision: Decision, facts: Facts
    ) -> tuple[Incident | None, Facts]:
        self.play.decisions.append(decision)
        if decision.status == case.status:
            return None, facts
        self.play.save(decision.status)
        self._wrote()
        return self.play.incident, facts

    async def change(self, decision: Decision, change: ChangeTarget) -> Outcome:  # noqa: ARG002
        outcome = self.play.world.obey(change)
        self._wrote()
        return outcome

    async def draft(self, case: Case) -> Incident:
        incident, world = self.play.incident, self.play.world
        meta, name = incident.metadata, incident.metadata.name
        there = world.postmortems.get(name)
        if there is not None and not owned_by(there, meta.uid):
            name = f"{name}-2"  # what is there is none of ours
        if name not in world.postmortems:
            body = objects.drafted(objects.postmortem(meta.namespace, name), meta.uid)
            world.postmortems[name] = Postmortem.model_validate(body)
            self._wrote()
        self.play.save(drafted(incident, name, "drafted in memory", case.now, world.fingerprint))
        self._wrote()
        return self.play.incident

    async def remove(self, incident: Incident, requests: RemoveRequests) -> Incident:  # noqa: ARG002
        self.play.annotate({HANDLED_ANNOTATION: str(requests.seq)}, remove=requests.annotations)
        self._wrote()
        return self.play.incident

    async def page(self, incident: Incident, page: AddPage) -> Incident:
        self.play.pages.append(page)
        self.play.save(paged(incident.status, page))
        self._wrote()
        return self.play.incident

    async def mark(self, incident: Incident) -> None:
        meta = incident.metadata
        labels = {**meta.labels, CLOSED_LABEL: "true"}
        self.play.incident = incident.model_copy(
            update={"metadata": meta.model_copy(update={"labels": labels})}
        )
        self._wrote()

    async def mend(self, incident: Incident) -> Incident | None:  # noqa: ARG002
        return None
