"""The people of the admission tests, the Incidents they argue about, and one row of a table."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from typing_extensions import override

from tests.support.api import Answer, Api, Body

__all__ = [
    "ALICE",
    "APPROVED",
    "BLOCKED",
    "BOB",
    "CAROL",
    "ED",
    "ERIN",
    "OPEN",
    "PREFIX",
    "RITA",
    "Case",
    "Change",
    "Scene",
    "annotated",
    "entry",
    "expect",
    "page",
    "patched",
    "proposal",
    "refused_by",
    "requests",
    "status",
]

PREFIX: Final = "incidentcommander.dev/"
TIME: Final = "2026-11-22T08:00:00Z"

ALICE: Final = "alice"
"""Holds `approve`; the commander where an Incident has one."""
BOB: Final = "bob"
"""Holds `approve` as well."""
CAROL: Final = "carol"
"""Speaks to outsiders; a responder."""
ERIN: Final = "erin"
"""An editor: RBAC gives her every verb on Incidents, status included, but approve and purge."""

ED: Final = "ed"
"""Holds the built-in role `edit`, and is a responder."""
RITA: Final = "rita"
"""A responder and nothing else."""

OPEN: Final = "rollback-1a2b3c4d"
BLOCKED: Final = "restart-0badc0de"
APPROVED: Final = "scale-out-5ca1ab1e"

Change = Callable[["Scene", Api, str], Answer]
"""What somebody does to an Incident of that name."""


def proposal(name: str = OPEN, state: str = "Proposed", **over: Any) -> Body:
    """A proposal as the operator writes it."""
    base = {
        "id": name,
        "remediation": name.rpartition("-")[0],
        "action": "rolloutUndo",
        "state": state,
        "confidence": "Proven",
        "risk": "Medium",
        "summary": "Roll Deployment/checkout back to revision 6",
        "reason": "A release 4 minutes ago, and 40 % errors since",
        "target": {"kind": "Deployment", "name": "checkout", "uid": "workload-uid"},
        "command": "kubectl rollout undo deployment/checkout",
        "approveCommand": f"kubectl annotate incident x {PREFIX}approve={name}",
        "verification": {"timeout": "10m", "interval": "30s", "successes": 3, "failures": 3},
        "expiresAt": TIME,
    }
    return {**base, **over}


def entry(seq: int = 0, **over: Any) -> Body:
    """An entry of the timeline."""
    base = {
        "seq": seq,
        "at": TIME,
        "phase": "Declared",
        "reason": "IncidentDeclared",
        "actor": "operator",
        "message": "Declared by erin",
    }
    return {**base, **over}


_BLOCK: Final = {"name": "paused", "verdict": "Block", "message": "the Deployment is paused"}
_WARN: Final = {"name": "helm", "verdict": "Warn", "message": "Helm owns the Deployment"}


def status(
    phase: str = "AwaitingApproval",
    *,
    commander: str | None = ALICE,
    comms: str | None = CAROL,
    proposals: list[Body] | None = None,
    timeline: list[Body] | None = None,
) -> Body:
    """A status: one open proposal, one that is blocked, and a commander."""
    if proposals is None:
        proposals = [proposal(guards=[_WARN]), proposal(BLOCKED, guards=[_WARN, _BLOCK])]
    roles = {"commander": commander, "comms": comms}
    return {
        "phase": phase,
        "roles": {role: user for role, user in roles.items() if user is not None},
        "proposals": proposals,
        "timeline": [entry()] if timeline is None else timeline,
    }


@dataclass(frozen=True)
class Scene:
    """A namespace under guard, and how each person sees the API server."""

    admin: Api
    operator: Api
    namespace: str
    stamps: bool
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def person(self, name: str) -> Api:
        """The API server as that person, the operator or ``admin`` (a cluster-admin) sees it."""
        if name == "admin":
            return self.admin
        if name == "operator":
            return self.operator
        return self.admin.as_user(name, "system:authenticated")

    def user_name(self, name: str) -> str:
        """The user name that the API server knows them by."""
        answer = self.person(name).request(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        )
        return str(answer.expect_ok()["status"]["userInfo"]["username"])

    def body(self, name: str = "", *, meta: Mapping[str, Any] | None = None, **spec: Any) -> Body:
        """An Incident that is not created yet."""
        target = {"kind": "Deployment", "name": "checkout"}
        return {
            "apiVersion": f"{PREFIX}v1alpha1",
            "kind": "Incident",
            "metadata": {
                "name": name or f"inc-{next(self._numbers)}",
                "namespace": self.namespace,
                **(meta or {}),
            },
            "spec": {"title": "Checkout returns 5xx", "target": target, **spec},
        }

    def incident(
        self,
        state: Body | None,
        *,
        meta: Mapping[str, Any] | None = None,
        pending: Mapping[str, str] | None = None,
        spec: Mapping[str, Any] | None = None,
    ) -> str:
        """Declare an Incident, have the operator write its status, and leave requests on it."""
        body = self.body(**(spec or {}))
        name = str(body["metadata"]["name"])
        self.person(ERIN).create("incidents", body).expect_ok()
        if meta:
            patch = {"metadata": dict(meta)}
            self.operator.merge("incidents", name, patch, self.namespace).expect_ok()
        if state is not None:
            self.write(name, state).expect_ok()
        if pending:
            requests(**pending)(self, self.person(ERIN), name).expect_ok()
        return name

    def write(self, name: str, state: Body) -> Answer:
        """Write a status as the operator does."""
        return self.operator.merge("incidents", name, {"status": state}, self.namespace, "status")


@dataclass(frozen=True)
class Case:
    """One row: on an Incident in that state, somebody does something, and what comes of it."""

    sentence: str
    who: str
    does: Change
    refused: tuple[str, ...] = ()
    """Words that the refusal must say; none: it is allowed."""
    state: Body | None = field(default_factory=status)
    meta: Mapping[str, Any] | None = None
    pending: Mapping[str, str] | None = None
    policy: str = "incident-commander-requests"
    spec: Mapping[str, Any] | None = None

    @override
    def __str__(self) -> str:
        """The sentence, which is the id of the test."""
        return self.sentence


def expect(scene: Scene, case: Case) -> tuple[str, Answer]:
    """Play a row and check that it is refused by our policy, in those words, or allowed."""
    name = scene.incident(case.state, meta=case.meta, pending=case.pending, spec=case.spec)
    answer = case.does(scene, scene.person(case.who), name)
    if case.refused:
        refused_by(answer, case.policy, *case.refused)
    else:
        answer.expect_ok()
    return name, answer


def refused_by(answer: Answer, policy: str, *words: str) -> None:
    """Check that this policy refused it, as Forbidden: a denial by RBAC is a 403, too."""
    answer.expect_refused(f"ValidatingAdmissionPolicy '{policy}' with binding '{policy}'", *words)
    assert (answer.status, answer.reason) == (403, "Forbidden"), answer.message
    # A messageExpression that fails falls back to the plain message, or to the expression itself.
    assert "failed expression" not in answer.message


def keys(said: Mapping[str, str]) -> dict[str, str]:
    """Annotations: ``take_command`` is the key ``incidentcommander.dev/take-command``."""
    return {PREFIX + key.replace("_", "-"): value for key, value in said.items()}


def requests(**said: str) -> Change:
    """Annotate, as `kubectl annotate` does; signed by hand where the API server does not stamp."""

    def change(scene: Scene, person: Api, name: str) -> Answer:
        annotations = keys(said)
        if not scene.stamps:
            me = dict(person.headers)["Impersonate-User"]
            signed = [key for key in annotations if not key.endswith("-approver")]
            annotations |= {f"{key}-by": me for key in signed}
        return annotated(annotations)(scene, person, name)

    return change


def annotated(annotations: Mapping[str, str | None]) -> Change:
    """Merge these annotations in, as they are; None removes one."""
    return patched({"metadata": {"annotations": dict(annotations)}})


def patched(patch: Body) -> Change:
    """Send this merge patch."""

    def change(scene: Scene, person: Api, name: str) -> Answer:
        return person.merge("incidents", name, patch, scene.namespace)

    return change


def page(scene: Scene, name: str, **meta: Any) -> Body:
    """A TimelinePage."""
    return {
        "apiVersion": f"{PREFIX}v1alpha1",
        "kind": "TimelinePage",
        "metadata": {"name": name, "namespace": scene.namespace, **meta},
        "spec": {
            "incident": "inc",
            "incidentUid": "uid",
            "fromSeq": 0,
            "toSeq": 0,
            "sha256": "0" * 64,
            "entries": [entry()],
        },
    }
