"""Where a scenario plays: a namespace of its own, with workloads of every kind and people.

Extends the shop of the end-to-end tests, which is about Deployments, by what scenarios need.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.e2e.shop import (
    ALICE,
    GROUP,
    MARKER,
    V1,
    Shop,
    annotations_of,
    marks,
    only,
    until,
)
from tests.scenarios.metrics import Asked, Metrics, Teller, requests, share_of_errors
from tests.scenarios.shipped import SHIPPED, at_pace
from tests.scenarios.usage import Usage
from tests.support.api import Answer, Body
from tests.support.build import merged
from tests.support.kubectl import Kubectl
from tests.support.prometheus import Load

__all__ = [
    "BEHAVIOUR",
    "INTAKE",
    "V2",
    "V2_CRASH",
    "Scene",
    "finding",
    "guards_of",
    "recommended",
    "verdicts_of",
]

INTAKE: Final = "alertmanager"
"""Declares Incidents on behalf of alerts."""
BEHAVIOUR: Final = "simulation.incidentcommander.dev/behaviour"
"""How a simulated pod behaves, whatever its image."""
V2: Final = "registry.example/shop/app:v2"
V2_CRASH: Final = "registry.example/shop/app:v2-crash"

_PLURALS: Final = {
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
}
_STARTING: Final = timedelta(seconds=31)
_REVISION: Final = "deployment.kubernetes.io/revision"
_TO_CLEAR: Final = re.compile(r"(?:To clear|to clear): kubectl (.+)$")


@dataclass
class Scene(Shop):
    """One namespace, one workload that has trouble, and everybody around it."""

    kubectl: Kubectl = field(kw_only=True)
    """As the administrator, in this namespace."""
    metrics: Metrics = field(kw_only=True)
    usage: Usage = field(kw_only=True)

    # --- Runbooks and policy ---------------------------------------------------------------------

    def shipped_runbooks(self, interval: str = "1s") -> None:
        """Write all Runbooks that come with the chart, at a pace that can be waited for."""
        self.policy()
        for name in SHIPPED:
            body = at_pace(name, self.namespace, interval)
            self.api.create("runbooks", body).expect_ok()

    def policy(self, **approvals: Any) -> None:
        """Write a policy under which a fix is watched for seconds."""
        severities = [{"name": f"SEV{n}", "monitorFor": "2s"} for n in (1, 2, 3, 4)]
        spec = {"severities": severities, "approvals": {"cooldown": "0s", **approvals}}
        body = self._object("ResponsePolicy", "default", spec)
        self.api.create("responsepolicies", body).expect_ok()

    def trial(
        self,
        *remediation: Mapping[str, Any],
        approvals: Mapping[str, Any] | None = None,
        **spec: Any,
    ) -> None:
        """Write a Runbook that offers just these, and a policy."""
        self.policy(**(approvals or {}))
        diagnosis = [
            {"name": "pods", "podStatus": {}},
            {"name": "rollout", "rolloutHistory": {"within": "60m"}},
        ]
        offers = {"remediation": list(remediation), "diagnosis": diagnosis}
        verification = {"timeout": "30s", "interval": "1s", "successes": 2, "failures": 2}
        body = self.runbook("trial", **{**offers, "verification": verification, **spec})
        self.api.create("runbooks", body).expect_ok()

    # --- workloads -------------------------------------------------------------------------------

    def workload(self, kind: str = "Deployment", name: str = "checkout") -> Body:
        """Read a workload."""
        return self.api.get(_PLURALS[kind], name, self.namespace).expect_ok()

    def make(
        self,
        kind: str = "Deployment",
        name: str = "checkout",
        image: str = V1,
        over: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a workload; ``over`` is merged into it."""
        self.api.create(_PLURALS[kind], self.manifest(kind, name, image, over)).expect_ok()

    def manifest(
        self,
        kind: str = "Deployment",
        name: str = "checkout",
        image: str = V1,
        over: Mapping[str, Any] | None = None,
    ) -> Body:
        """Write a workload down."""
        labels = {"app": name}
        containers = [{"name": "app", "image": image}]
        spec: Body = {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        }
        if kind != "DaemonSet":
            spec["replicas"] = 2
        if kind == "StatefulSet":
            spec["serviceName"] = name
        meta = {"name": name, "namespace": self.namespace}
        body = {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec}
        return merged(body, over or {})

    def change(
        self, patch: Mapping[str, Any], kind: str = "Deployment", name: str = "checkout"
    ) -> Body:
        """Change a workload, as somebody else would."""
        return self.api.merge(_PLURALS[kind], name, dict(patch), self.namespace).expect_ok()

    def set_image(self, image: str, kind: str = "Deployment", name: str = "checkout") -> None:
        """Release an image."""
        path = "/spec/template/spec/containers/0/image"
        operations = [{"op": "replace", "path": path, "value": image}]
        self.api.patch(_PLURALS[kind], name, operations, self.namespace).expect_ok()

    def replica_sets(self, name: str = "checkout") -> list[Body]:
        """The revisions of a Deployment."""
        found = self.api.list("replicasets", self.namespace, labelSelector=f"app={name}")
        items: list[Body] = found.expect_ok()["items"]
        return items

    def number_of(self, replica_set: Body) -> str | None:
        """The number of a revision, if the controller gave it one."""
        return annotations_of(replica_set).get(_REVISION)

    def image_of(self, kind: str = "Deployment", name: str = "checkout") -> str:
        """The image that a workload shall run."""
        template = self.workload(kind, name)["spec"]["template"]
        return str(template["spec"]["containers"][0]["image"])

    def observed(self, kind: str = "Deployment", name: str = "checkout") -> Body:
        """Wait until the controller has taken note of the newest template."""

        def seen() -> Body | None:
            body = self.workload(kind, name)
            status = body.get("status") or {}
            observed = status.get("observedGeneration", 0) >= body["metadata"]["generation"]
            numbered = kind != "Deployment" or _REVISION in annotations_of(body)
            return body if observed and numbered else None

        return until(seen, f"the controller has seen {kind} {name}")

    def settled(self, kind: str = "Deployment", name: str = "checkout") -> Body:
        """Wait for the end of its rollout."""

        def done() -> Body | None:
            body = self.observed(kind, name)
            status, wanted = body["status"], body["spec"].get("replicas")
            if kind == "DaemonSet":
                wanted = status.get("desiredNumberScheduled", 0)
                fields = ["updatedNumberScheduled", "numberAvailable"]
            else:
                fields = ["replicas", "updatedReplicas", "readyReplicas"]
            enough = kind != "DaemonSet" or wanted
            return body if enough and {status.get(f, 0) for f in fields} == {wanted} else None

        return until(done, f"{kind} {name} is rolled out")

    def running(self, kind: str = "Deployment", name: str = "checkout", **over: Any) -> Body:
        """Make a workload and wait until it runs."""
        self.make(kind, name, over=over)
        return self.settled(kind, name)

    def two_releases(
        self,
        kind: str = "Deployment",
        images: tuple[str, str] = (V1, V2),
        over: Mapping[str, Any] | None = None,
        then: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a workload and release another image; ``then`` is changed along with that."""
        self.make(kind, image=images[0], over=over)
        self.observed(kind)
        if then is not None:
            self.change(then, kind)
        self.set_image(images[1], kind)
        self.observed(kind)
        if kind == "Deployment":
            # With some strategies the revision is made after the change was taken note of.
            until(lambda: self.revision() not in {None, "1"} or None, "the release has a revision")

    def lasting(self, body: Body) -> None:
        """Wait until an object is so old that a change of it is no part of making it."""
        made = datetime.fromisoformat(body["metadata"]["creationTimestamp"])
        self.until_time((made + timedelta(seconds=3)).isoformat())

    def pods(self, name: str = "checkout") -> list[Body]:
        """The pods of a workload."""
        found = self.api.list("pods", self.namespace, labelSelector=f"app={name}")
        items: list[Body] = found.expect_ok()["items"]
        return items

    def waiting(self, reason: str, name: str = "checkout") -> None:
        """Wait until a container of it waits for that reason."""

        def seen() -> bool | None:
            states = [
                (status.get("state") or {}).get("waiting") or {}
                for pod in self.pods(name)
                for status in pod.get("status", {}).get("containerStatuses", [])
            ]
            return any(state.get("reason") == reason for state in states) or None

        until(seen, f"a pod of {name} is in {reason}")

    def unready_for_long(self, name: str = "checkout") -> None:
        """Wait until a pod has been unready for longer than a start may take."""

        def seen() -> bool | None:
            now = datetime.now(UTC)
            old = [
                pod
                for pod in self.pods(name)
                if not _is_ready(pod)
                and now - datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) > _STARTING
            ]
            return True if old else None

        until(seen, f"a pod of {name} has had time enough to become ready")

    def limited(self, name: str = "checkout") -> None:
        """Wait until an HPA wants more than it may have."""

        def seen() -> bool | None:
            found = self.api.get("horizontalpodautoscalers", name, self.namespace).expect_ok()
            conditions = found.get("status", {}).get("conditions", [])
            return any(c["reason"] == "TooManyReplicas" for c in conditions) or None

        until(seen, f"HPA {name} is at its maximum")

    def failing_requests(self, name: str = "checkout") -> None:
        """Wait until the cluster's Prometheus sees that many requests fail."""
        query = share_of_errors(self.namespace, name)

        def seen() -> bool | None:
            share = self.metrics.number(query)
            return (share is not None and share > 0.1) or None

        until(seen, f"requests to {name} fail")

    def tell(self, teller: Teller) -> None:
        """Answer questions about this namespace so, instead of the cluster's Prometheus."""
        self.metrics.tell(self.namespace, teller)

    def tell_load(self, load: Load | Callable[[], Load], past: Load | None = None) -> None:
        """Tell how many requests there are, and how many fail; in the past none did."""

        def now_or_then(asked: Asked) -> Load:
            if asked.past:
                return past or Load(errors=0.0)
            return load() if callable(load) else load

        self.tell(requests(now_or_then))

    # --- Incidents -------------------------------------------------------------------------------

    def alarm(
        self,
        alert: str,
        kind: str = "Deployment",
        name: str = "checkout",
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Declare an Incident on behalf of an alert."""
        spec = {
            "title": f"{alert} {name}",
            "target": {"kind": kind, "name": name},
            "roles": {"commander": ALICE},
            "alert": {"name": alert, "labels": {"namespace": self.namespace, **(labels or {})}},
        }
        body = self._object("Incident", name, spec)
        self.person(INTAKE).create("incidents", body).expect_ok()

    def trouble(self, kind: str = "Deployment", name: str = "checkout", **spec: Any) -> Body:
        """Declare an Incident about a workload, and wait for proposals."""
        self.declare(name, target={"kind": kind, "name": name}, **spec)
        return self.proposed(name)

    def proposed(self, name: str = "checkout") -> Body:
        """Wait for proposals."""
        return self.until_phase("AwaitingApproval", name=name)

    def offer(self, kind: str = "Deployment") -> Body:
        """Declare an Incident, and give the one proposal that is open."""
        self.trouble(kind)
        return only(self.open())

    def chosen(self, incident: Body, runbook: str) -> None:
        """Check which Runbook was chosen, with all of them installed."""
        found = incident["status"]["runbook"]
        assert (found["name"], found["namespace"]) == (runbook, self.namespace)

    def command_of(self, proposal: Body, name: str = "checkout") -> None:
        """Check the command that approves a proposal, and type it as alice."""
        command = proposal["approveCommand"]
        incident = f"kubectl -n {self.namespace} annotate incident {name}"
        assert command == f"{incident} {GROUP}/approve={proposal['id']}"
        self.kubectl.run(*command.split()[3:], f"--as={ALICE}", "--as-group=system:authenticated")

    def undone_by_kubectl(self, kind: str = "Deployment", name: str = "checkout") -> str:
        """Say what ``kubectl rollout undo`` would go back to now."""
        return self.kubectl.run("rollout", "undo", f"{kind.lower()}/{name}", "--dry-run=client")

    def resolved(self, name: str = "checkout") -> Body:
        """Wait until it is over."""
        return self.until_phase("Resolved", "Closed", name=name)

    def acted(self, proposal: Body, kind: str = "Deployment", name: str = "checkout") -> None:
        """Check that a workload carries the mark of that proposal."""
        assert marks(self.workload(kind, name), proposal["id"])

    def not_acted(self, kind: str = "Deployment", name: str = "checkout") -> None:
        """Check that the operator has not touched a workload."""
        assert MARKER not in annotations_of(self.workload(kind, name))
        mine = [w for w in self.office.writes(name, self.namespace) if w.parts[0] in _TOUCHED]
        assert not mine

    def warned(self, proposal: Body, name: str, *words: str) -> str:
        """Check that a guard warns of something, and nothing blocks; gives its message."""
        assert "Block" not in verdicts_of(proposal), proposal["guards"]
        return _said(proposal, name, "Warn", words)

    def unblocked(self, name: str = "checkout") -> Body:
        """Wait until nothing forbids the one proposal that is open, and give it."""

        def free() -> list[Body]:
            return [p for p in self.open(name) if "Block" not in verdicts_of(p)]

        self.until_seen(lambda _: bool(free()), "nothing forbids it", name)
        return only(free())

    def whole_history(self, name: str = "checkout") -> Body:
        """Wait until the one open proposal was planned with the newest revision, and give it."""

        def whole() -> list[Body]:
            open_ = self.open(name)
            return [p for p in open_ if all(g["name"] != "NotObserved" for g in p["guards"])]

        self.until_seen(lambda _: bool(whole()), "the newest revision is there", name)
        return only(whole())

    def blocked(self, proposal: Body, name: str, *words: str, incident: str = "checkout") -> str:
        """Check that a guard forbids a proposal, and that it cannot be approved."""
        message = _said(proposal, name, "Block", words)
        assert not proposal["recommended"]
        before = self.workload()
        self.ask(ALICE, "approve", proposal["id"], incident).expect_refused("is blocked", name)
        assert self.workload()["spec"] == before["spec"]
        return message

    def clear(self, message: str) -> None:
        """Type the command that a guard names to clear what it found."""
        found = _TO_CLEAR.search(message)
        assert found, f"no command in: {message}"
        self.kubectl.run(*found.group(1).rstrip(".").split())

    def write(self, plural: str, body: Body) -> Answer:
        """Write another object into this namespace."""
        meta = {"namespace": self.namespace, **body["metadata"]}
        return self.api.create(plural, {**body, "metadata": meta})

    def autoscaler(
        self,
        name: str = "checkout",
        most: int = 5,
        labels: Mapping[str, str] | None = None,
        owners: Sequence[Body] = (),
    ) -> None:
        """Make an HPA for the Deployment ``checkout``."""
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}
        cpu = {"type": "Utilization", "averageUtilization": 70}
        body = {
            "metadata": {
                "name": name,
                "labels": dict(labels or {}),
                "ownerReferences": list(owners),
            },
            "spec": {
                "scaleTargetRef": target,
                "minReplicas": 1,
                "maxReplicas": most,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": cpu}}],
            },
        }
        self.write("horizontalpodautoscalers", body).expect_ok()


_TOUCHED: Final = frozenset({*_PLURALS.values(), "horizontalpodautoscalers", "pods"})


def recommended(incident: Body) -> Body:
    """Give the proposal that is recommended."""
    return only(p for p in incident["status"]["proposals"] if p["recommended"])


def finding(incident: Body, step: str, verdict: str, reason: str) -> str:
    """Check what a step found; gives what it says to people."""
    found = only(f for f in incident["status"]["diagnosis"]["findings"] if f["step"] == step)
    assert (found["verdict"], found["reason"]) == (verdict, reason), found["message"]
    return str(found["message"])


def guards_of(proposal: Body) -> set[str]:
    """Give the names of all guards that have something to say."""
    return {g["name"] for g in proposal["guards"]}


def _is_ready(pod: Body) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def verdicts_of(proposal: Body) -> set[str]:
    """Give what guards say of a proposal."""
    return {g["verdict"] for g in proposal["guards"]}


def _said(proposal: Body, name: str, verdict: str, words: Iterable[str]) -> str:
    found = [g for g in proposal["guards"] if g["name"] == name]
    assert found, f"no guard {name} in {proposal['guards']}"
    message = str(found[0]["message"])
    assert found[0]["verdict"] == verdict, message
    missing = [word for word in words if word not in message]
    assert not missing, f"{missing} not in: {message}"
    return message
