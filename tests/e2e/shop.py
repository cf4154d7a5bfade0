"""A shop that has incidents: one namespace with its Deployments, its Runbook and its people.

What a person does in a test is a method here; each waits for what the operator makes of it, with
a deadline and never for a fixed time.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.support.api import Answer, Api, Body
from tests.support.build import merged
from tests.support.prometheus import BAD, ERRORS, GOOD, REQUESTS, FakePrometheus, Load
from tests.support.proxy import FaultProxy, Request
from tools.local_operator import LocalOperator

__all__ = [
    "ALICE",
    "BOB",
    "CLOSED",
    "ERIN",
    "GROUP",
    "MARKER",
    "V1",
    "V2_ERRORS",
    "V3",
    "V4_ERRORS",
    "Office",
    "Shop",
    "annotations_of",
    "approve_command",
    "condition",
    "entries",
    "only",
    "reasons",
    "until",
    "whole_timeline",
]

GROUP: Final = "incidentcommander.dev"
MARKER: Final = f"{GROUP}/applied"
ALICE: Final = "alice"
"""May approve; the commander where an Incident names one."""
BOB: Final = "bob"
"""May approve as well."""
ERIN: Final = "erin"
"""May declare and talk, not approve."""
CLOSED: Final = frozenset({"Resolved", "Closed", "Dismissed", "Merged"})
V1: Final = "registry.example/shop/app:v1"
V2_ERRORS: Final = "registry.example/shop/app:v2-errors"
V3: Final = "registry.example/shop/app:v3"
V4_ERRORS: Final = "registry.example/shop/app:v4-errors"
_PATIENCE: Final = 120.0
_PAUSE: Final = 0.2
_MOMENT: Final = 10.0

T = TypeVar("T")


def until(ask: Callable[[], T | None], what: Callable[[], str] | str) -> T:
    """Ask until there is an answer; ``what`` is said where none comes."""
    deadline = time.monotonic() + _PATIENCE
    while (found := ask()) is None:
        if time.monotonic() > deadline:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"waited {_PATIENCE:.0f} s in vain: {said}")
        time.sleep(_PAUSE)
    return found


@dataclass
class Office:
    """The operator, the proxy that it talks through, and its settings."""

    operator: LocalOperator
    proxy: FaultProxy

    def kill(self) -> None:
        """End the operator at once, from any thread; ``revive`` starts it again."""
        os.kill(self.operator.pid, signal.SIGKILL)

    def revive(self) -> None:
        """Start it again where it was killed."""
        if not self.operator.alive:
            self.operator.kill()
            self.operator.start(_PATIENCE)

    def writes(self, name: str, namespace: str) -> list[Request]:
        """What it wrote so far about an Incident and the Deployment of the same name."""
        return self.proxy.writes(lambda r: r.namespace == namespace and name in r.parts)


@dataclass
class Shop:
    """One namespace, and the world around it.

    Parameters
    ----------
    api
        As the administrator.
    """

    api: Api
    namespace: str
    prometheus: FakePrometheus
    office: Office
    watch: Callable[[], None] = field(default=lambda: None)
    """Called while waiting."""

    # --- what stands there -----------------------------------------------------------------------

    def furnish(self, *, policy: Mapping[str, Any] | None = None) -> Shop:
        """Write a Runbook and a ResponsePolicy under which everything takes seconds."""
        self.api.create("runbooks", self.runbook()).expect_ok()
        severities = [
            {"name": f"SEV{n}", "monitorFor": "2s", "postmortem": "Required"} for n in (1, 2)
        ] + [{"name": f"SEV{n}", "monitorFor": "2s", "postmortem": "None"} for n in (3, 4)]
        spec = merged({"severities": severities, "approvals": {"cooldown": "0s"}}, policy or {})
        self.api.create("responsepolicies", self._object("ResponsePolicy", "default", spec))
        return self

    def runbook(self, name: str = "shop", **spec: Any) -> Body:
        """Give a Runbook: a release that fails is rolled back, or else people choose."""
        failing = [{"step": "errors", "verdict": "Failed"}]
        release = [{"step": "rollout", "reason": "RecentRollout"}]
        base = {
            "title": "A release broke the service",
            "match": {"priority": 100},
            "diagnosis": [
                {"name": "pods", "podStatus": {}},
                {"name": "rollout", "rolloutHistory": {"within": "60m"}},
                {
                    "name": "errors",
                    "errorRate": {
                        "errors": ERRORS,
                        "total": REQUESTS,
                        "max": 0.05,
                        "minRequests": 1,
                    },
                },
            ],
            "remediation": [
                {"name": "rollback", "when": release + failing, "rolloutUndo": {}},
                {"name": "restart", "when": failing, "rolloutRestart": {}},
                {"name": "scale-out", "when": failing, "scale": {"by": 1, "max": 9}},
            ],
            "verification": {
                "timeout": "60s",
                "interval": "1s",
                "successes": 2,
                "failures": 2,
                "checks": ["errors"],
            },
        }
        return self._object("Runbook", name, {**base, **spec})

    def create(self, name: str = "checkout", image: str = V1, replicas: int = 2) -> None:
        """Create a Deployment."""
        labels = {"app": name}
        spec = {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            # Rollouts shall be over quickly.
            "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "100%"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
        }
        meta = {"name": name, "namespace": self.namespace}
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
        self.api.create("deployments", body).expect_ok()

    def patch_image(self, image: str, name: str = "checkout") -> None:
        """Release an image, as somebody else would."""
        path = "/spec/template/spec/containers/0/image"
        operations = [{"op": "replace", "path": path, "value": image}]
        self.api.patch("deployments", name, operations, self.namespace).expect_ok()

    def deploy(self, name: str = "checkout", image: str = V1, replicas: int = 2) -> Body:
        """Create a Deployment, and wait for its rollout."""
        self.create(name, image, replicas)
        return self.rolled_out(name)

    def release(self, image: str, name: str = "checkout") -> Body:
        """Release an image, and wait for the rollout."""
        self.patch_image(image, name)
        return self.rolled_out(name)

    def broken(self, name: str = "checkout", image: str = V2_ERRORS) -> Body:
        """Deploy something and break it by a release."""
        self.create(name)
        # The first release must be in the history; that it is complete does not matter.
        until(lambda: self.revision(name), f"Deployment {name} has a revision")
        return self.release(image, name)

    def revision(self, name: str = "checkout") -> str | None:
        """The revision that the controller gave a Deployment, if it has seen it."""
        return annotations_of(self.deployment(name)).get("deployment.kubernetes.io/revision")

    def deployment(self, name: str = "checkout") -> Body:
        """Read a Deployment."""
        return self.api.get("deployments", name, self.namespace).expect_ok()

    def image(self, name: str = "checkout") -> str:
        """The image that a Deployment shall run."""
        template = self.deployment(name)["spec"]["template"]
        return str(template["spec"]["containers"][0]["image"])

    def rolled_out(self, name: str = "checkout") -> Body:
        """Wait for the end of its rollout."""

        def complete() -> Body | None:
            body = self.deployment(name)
            status, replicas = body.get("status") or {}, body["spec"]["replicas"]
            counts = {
                int(status.get(n) or 0) for n in ("replicas", "updatedReplicas", "readyReplicas")
            }
            seen = status.get("observedGeneration", 0) >= body["metadata"]["generation"]
            return body if seen and counts == {replicas} else None

        return until(complete, f"Deployment {name} is rolled out")

    def _object(self, kind: str, name: str, spec: Mapping[str, Any]) -> Body:
        return {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": dict(spec),
        }

    # --- what people do --------------------------------------------------------------------------

    def person(self, name: str) -> Api:
        """The API server as that person sees it."""
        return self.api.as_user(name, "system:authenticated")

    def declare(self, name: str = "checkout", **spec: Any) -> Body:
        """Declare an Incident about the Deployment of the same name."""
        base = {"title": f"{name} returns 5xx", "target": {"kind": "Deployment", "name": name}}
        body = self._object("Incident", name, {**base, **spec})
        return self.person(ERIN).create("incidents", body).expect_ok()

    def ask(self, who: str, key: str, value: str, name: str = "checkout") -> Answer:
        """Say something to an Incident; once more while the words before are being taken."""
        patch = {"metadata": {"annotations": {f"{GROUP}/{key}": value}}}
        person, deadline = self.person(who), time.monotonic() + _MOMENT

        def said() -> Answer | None:
            answer = person.merge("incidents", name, patch, self.namespace)
            busy = "being handled" in answer.message and time.monotonic() < deadline
            return None if busy else answer

        return until(said, f"{key} can be said")

    def say(self, who: str, key: str, value: str, name: str = "checkout") -> Body:
        """Say something, and wait until it was taken; gives the Incident then."""
        before = (self.incident(name)["status"].get("handled") or {}).get("seq", 0)
        self.ask(who, key, value, name).expect_ok()

        def taken() -> Body | None:
            incident = self.incident(name)
            seq = (incident["status"].get("handled") or {}).get("seq", 0)
            gone = not {f"{GROUP}/{key}", f"{GROUP}/{key}-by"} & annotations_of(incident).keys()
            return incident if seq > before and gone else None

        return self._until(taken, f"{key}={value} is taken", name)

    def states(self, name: str = "checkout") -> dict[str, str]:
        """The proposals by id, and their states."""
        proposals = self.incident(name)["status"].get("proposals", [])
        return {p["id"]: p["state"] for p in proposals}

    def in_trouble(self, name: str = "checkout", **spec: Any) -> Body:
        """Break something, declare it, and wait for proposals; errors follow the image."""
        self.prometheus.says(self.namespace, self.by_image)
        self.broken(name)
        self.declare(name, **spec)
        return self.until_phase("AwaitingApproval", name=name)

    def by_image(self, name: str) -> Load:
        """Give the load of a Deployment, as bad as its image."""
        return BAD if self.image(name).endswith("-errors") else GOOD

    def approve(
        self, remediation: str = "rollback", name: str = "checkout", by: str = ALICE
    ) -> str:
        """Approve the open proposal of that remediation; gives its id."""
        proposal = only(self.open(name, remediation))
        self.ask(by, "approve", proposal["id"], name).expect_ok()
        return str(proposal["id"])

    # --- what can be seen ------------------------------------------------------------------------

    def incident(self, name: str = "checkout") -> Body:
        """Read an Incident; its status may still be absent."""
        self.watch()
        body = self.api.get("incidents", name, self.namespace).expect_ok()
        body.setdefault("status", {})
        return body

    def open(self, name: str = "checkout", remediation: str = "") -> list[Body]:
        """The proposals that can be approved."""
        return [
            p
            for p in self.incident(name)["status"].get("proposals", [])
            if p["state"] == "Proposed" and remediation in {"", p["remediation"]}
        ]

    def until_phase(self, *phases: str, name: str = "checkout") -> Body:
        """Wait for one of these phases."""
        return self.until_seen(lambda i: i["status"].get("phase") in phases, str(phases), name)

    def until_reason(self, reason: str, name: str = "checkout", times: int = 1) -> Body:
        """Wait until that stands in the timeline, so many times."""

        def there(incident: Body) -> bool:
            return reasons(incident).count(reason) >= times

        return self.until_seen(there, f"{times} x {reason}", name)

    def until_seen(
        self, good: Callable[[Body], bool], what: str = "", name: str = "checkout"
    ) -> Body:
        """Wait until an Incident is as wanted."""

        def seen() -> Body | None:
            incident = self.incident(name)
            return incident if good(incident) else None

        return self._until(seen, what, name)

    def until_time(self, when: str) -> None:
        """Wait until it is later than that."""
        moment = datetime.fromisoformat(when)
        until(lambda: True if datetime.now(UTC) > moment else None, f"it is {when}")

    def _until(self, ask: Callable[[], T | None], what: str, name: str) -> T:
        return until(ask, lambda: f"{what}; {told(self.incident(name))}")


# --- reading an Incident -------------------------------------------------------------------------


def annotations_of(body: Body) -> dict[str, str]:
    """Give an object's annotations."""
    found: dict[str, str] = body["metadata"].get("annotations") or {}
    return found


def marks(body: Body, proposal: str) -> bool:
    """Whether an object carries the marker of that proposal, with the nonce of an intent."""
    found = annotations_of(body).get(MARKER, "")
    return re.fullmatch(rf"{re.escape(proposal)}\.[0-9a-f]{{32}}", found) is not None


def entries(incident: Body, *wanted: str) -> list[Body]:
    """Give the entries of its timeline, or those with these reasons."""
    found = incident["status"].get("timeline", [])
    return [e for e in found if not wanted or e["reason"] in wanted]


def reasons(incident: Body) -> list[str]:
    """Give the reasons of its timeline, in order."""
    return [e["reason"] for e in entries(incident)]


def condition(incident: Body, kind: str) -> Body:
    """Give one condition."""
    return only(c for c in incident["status"]["conditions"] if c["type"] == kind)


def only(found: Iterable[T]) -> T:
    """Give the one there must be."""
    items = list(found)
    assert len(items) == 1, f"expected one, got {items}"
    return items[0]


def whole_timeline(incident: Body) -> None:
    """Check that nothing is missing from a timeline that has no pages yet."""
    numbers = [e["seq"] for e in entries(incident)]
    assert numbers == list(range(len(numbers))), numbers


def told(incident: Body) -> str:
    """Say where an Incident stands, for failures."""
    status = incident["status"]
    lines = [f"{e['seq']} {e['phase']} {e['reason']}: {e['message']}" for e in entries(incident)]
    listed = [f"{p['id']} {p['state']}" for p in status.get("proposals", [])]
    return "\n".join([f"phase {status.get('phase')}, {listed}", *lines])


def approve_command(incident: Body) -> str:
    """Give the command that approves the recommended proposal."""
    return str(
        only(p for p in incident["status"]["proposals"] if p["recommended"])["approveCommand"]
    )


def log_of(operator: LocalOperator, lines: int = 40) -> str:
    """Give the end of what an operator printed."""
    path: Path = operator.log
    return "\n".join(path.read_text().splitlines()[-lines:])
