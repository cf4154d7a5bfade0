"""What is wrong is refused by the API server, with the field's path and what is allowed there.

One row per mistake. What no schema can judge (templates, PromQL, references to other objects) is
judged by the operator, and tested elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.support.api import Answer, Api
from tests.support.objects import incident, runbook

pytestmark = pytest.mark.usefixtures("crds")

Body = dict[str, Any]
DURATION = "a duration such as 90s, 10m or 1h30m"
OBJECT_NAME = "the name of an object: lower-case letters, digits"
STEP_NAME = "lower-case letters, digits and '-'"


class Mistake(NamedTuple):
    """What is written, the field that the refusal must name, and what it must say."""

    body: Body
    field: str
    says: str


def with_step(**step: Any) -> Body:
    return runbook("", diagnosis=[{"name": "ask", **step}])


def with_remediation(**remediation: Any) -> Body:
    return runbook("", remediation=[{"name": "act", **remediation}])


def without(body: Body, name: str) -> Body:
    return {**body, "spec": {k: v for k, v in body["spec"].items() if k != name}}


def with_meta(body: Body, **meta: Any) -> Body:
    return {**body, "metadata": {**body["metadata"], **meta}}


def policy(**spec: Any) -> Body:
    return {
        "apiVersion": "incidentcommander.dev/v1alpha1",
        "kind": "ResponsePolicy",
        "metadata": {"name": "default"},
        "spec": spec,
    }


QUERY = {"query": "up", "max": 1}
RATE = {"errors": "sum(e)", "total": "sum(t)"}

INCIDENTS: dict[str, Mistake] = {
    "no spec": Mistake(
        {k: v for k, v in incident("").items() if k != "spec"}, "spec", "Required value"
    ),
    "no title": Mistake(without(incident(""), "title"), "spec.title", "Required value"),
    "an empty title": Mistake(incident("", title=""), "spec.title", "at least 1 chars long"),
    "a title of blanks": Mistake(incident("", title="   "), "spec.title", "should match"),
    "a title too long": Mistake(incident("", title="t" * 121), "spec.title", "120"),
    "a title that is a number": Mistake(incident("", title=5), "spec.title", "string"),
    "no target": Mistake(without(incident(""), "target"), "spec.target", "Required value"),
    "a target without a kind": Mistake(
        incident("", target={"name": "checkout"}), "spec.target.kind", "Required value"
    ),
    "a target without a name": Mistake(
        incident("", target={"kind": "Deployment"}), "spec.target.name", "Required value"
    ),
    "a target of a kind that is not run": Mistake(
        incident("", target={"kind": "Job", "name": "checkout"}),
        "spec.target.kind",
        '"Deployment", "StatefulSet", "DaemonSet"',
    ),
    "a target's name in capitals": Mistake(
        incident("", target={"kind": "Deployment", "name": "Checkout"}),
        "spec.target.name",
        OBJECT_NAME,
    ),
    "a target with kind and name in one": Mistake(
        incident("", target="Deployment/checkout"), "spec.target", "object"
    ),
    "a target in another namespace": Mistake(
        incident("", target={"kind": "Deployment", "name": "a", "namespace": "b"}),
        "spec.target.namespace",
        "unknown field",
    ),
    "a severity that does not exist": Mistake(
        incident("", severity="SEV5"), "spec.severity", '"SEV1", "SEV2", "SEV3", "SEV4"'
    ),
    "a severity in small letters": Mistake(
        incident("", severity="sev1"), "spec.severity", '"SEV1", "SEV2", "SEV3", "SEV4"'
    ),
    "a severity as a number": Mistake(incident("", severity=1), "spec.severity", "string"),
    "a start that is no time": Mistake(
        incident("", startedAt="yesterday"), "spec.startedAt", "date-time"
    ),
    "a war room that is no URL": Mistake(
        incident("", warRoom="#inc-42"), "spec.warRoom", "http:// or https://"
    ),
    "a war room that would run a script": Mistake(
        incident("", warRoom="javascript:alert(1)"), "spec.warRoom", "http:// or https://"
    ),
    "a percentage above 100": Mistake(
        incident("", impact={"usersAffectedPercent": 101}),
        "spec.impact.usersAffectedPercent",
        "less than or equal to 100",
    ),
    "a negative percentage": Mistake(
        incident("", impact={"usersAffectedPercent": -1}),
        "spec.impact.usersAffectedPercent",
        "greater than or equal to 0",
    ),
    "a percentage with its sign": Mistake(
        incident("", impact={"usersAffectedPercent": "30%"}),
        "spec.impact.usersAffectedPercent",
        "integer",
    ),
    "a yes instead of true": Mistake(
        incident("", impact={"customerReported": "yes"}),
        "spec.impact.customerReported",
        "boolean",
    ),
    "a symptom too long": Mistake(
        incident("", impact={"symptom": "s" * 257}), "spec.impact.symptom", "256"
    ),
    "a cause in the impact": Mistake(
        incident("", impact={"cause": "the release"}), "spec.impact.cause", "unknown field"
    ),
    "a misspelt field": Mistake(incident("", severty="SEV1"), "spec.severty", "unknown field"),
    "a role that does not exist": Mistake(
        incident("", roles={"boss": "alice"}), "spec.roles.boss", "unknown field"
    ),
    "a commander's name too long": Mistake(
        incident("", roles={"commander": "c" * 257}), "spec.roles.commander", "256"
    ),
    "two commanders": Mistake(
        incident("", roles={"commander": ["alice", "bob"]}), "spec.roles.commander", "string"
    ),
    "a reference to a Runbook by text": Mistake(
        incident("", runbookRef="deployment-regression"), "spec.runbookRef", "object"
    ),
    "a reference to a Runbook without its name": Mistake(
        incident("", runbookRef={}), "spec.runbookRef.name", "Required value"
    ),
    "a reference to a policy with an empty name": Mistake(
        incident("", policyRef={"name": ""}), "spec.policyRef.name", "at least 1 chars long"
    ),
    "a duplicate with a slash in its name": Mistake(
        incident("", duplicateOf={"name": "shop/other"}), "spec.duplicateOf.name", OBJECT_NAME
    ),
    "an alert without a name": Mistake(
        incident("", alert={"labels": {}}), "spec.alert.name", "Required value"
    ),
    "an alert's label that is a number": Mistake(
        incident("", alert={"name": "a", "labels": {"code": 500}}),
        "spec.alert.labels.code",
        "string",
    ),
    "an alert with too many labels": Mistake(
        incident("", alert={"name": "a", "labels": {f"l{i}": "v" for i in range(65)}}),
        "spec.alert.labels",
        "64",
    ),
    "a drill that is a word": Mistake(incident("", drill="true"), "spec.drill", "boolean"),
    "a name too long": Mistake(incident("", "n" * 64), "metadata.name", "at most 63 characters"),
}

RUNBOOKS: dict[str, Mistake] = {
    "no title": Mistake(without(runbook(""), "title"), "spec.title", "Required value"),
    "no diagnosis": Mistake(without(runbook(""), "diagnosis"), "spec.diagnosis", "Required value"),
    "an empty diagnosis": Mistake(runbook("", diagnosis=[]), "spec.diagnosis", "at least 1 items"),
    "too many steps": Mistake(
        runbook("", diagnosis=[{"name": f"s{i}", "podStatus": {}} for i in range(17)]),
        "spec.diagnosis",
        "at most 16 items",
    ),
    "two steps of one name": Mistake(
        runbook("", diagnosis=[{"name": "s", "podStatus": {}}, {"name": "s", "events": {}}]),
        "spec.diagnosis[1]",
        "Duplicate value",
    ),
    "a step without a name": Mistake(
        runbook("", diagnosis=[{"podStatus": {}}]), "spec.diagnosis[0].name", "Required value"
    ),
    "a step's name with a space": Mistake(
        runbook("", diagnosis=[{"name": "error rate", "podStatus": {}}]),
        "spec.diagnosis[0].name",
        STEP_NAME,
    ),
    "a step without a check": Mistake(
        with_step(), "spec.diagnosis[0]", "exactly one of these must be set: podStatus"
    ),
    "two checks in one step": Mistake(
        with_step(podStatus={}, events={}),
        "spec.diagnosis[0]",
        "exactly one of these must be set: podStatus",
    ),
    "a check that does not exist": Mistake(
        with_step(logs={}), "spec.diagnosis[0].logs", "unknown field"
    ),
    "PromQL misspelt": Mistake(
        with_step(promql=QUERY), "spec.diagnosis[0].promql", "unknown field"
    ),
    "a check that is a text": Mistake(
        with_step(podStatus="yes"), "spec.diagnosis[0].podStatus", "object"
    ),
    "a parameter of another check": Mistake(
        with_step(podStatus={"within": "5m"}),
        "spec.diagnosis[0].podStatus.within",
        "unknown field",
    ),
    "a duration in words": Mistake(
        with_step(events={"within": "half an hour"}), "spec.diagnosis[0].events.within", DURATION
    ),
    "a duration without a unit": Mistake(
        with_step(events={"within": "30"}), "spec.diagnosis[0].events.within", DURATION
    ),
    "a duration as a number": Mistake(
        with_step(rolloutHistory={"within": 30}),
        "spec.diagnosis[0].rolloutHistory.within",
        "string",
    ),
    "a duration in days": Mistake(
        with_step(recentChanges={"within": "2d"}),
        "spec.diagnosis[0].recentChanges.within",
        DURATION,
    ),
    "a negative duration": Mistake(
        with_step(rolloutHistory={"within": "-5m"}),
        "spec.diagnosis[0].rolloutHistory.within",
        DURATION,
    ),
    "a duration of centuries": Mistake(
        with_step(rolloutHistory={"within": "99999999999999999999h"}),
        "spec.diagnosis[0].rolloutHistory.within",
        DURATION,
    ),
    "an error rate without its total": Mistake(
        with_step(errorRate={"errors": "sum(e)"}),
        "spec.diagnosis[0].errorRate.total",
        "Required value",
    ),
    "an error rate above 1": Mistake(
        with_step(errorRate={**RATE, "max": 5}),
        "spec.diagnosis[0].errorRate.max",
        "less than or equal to 1",
    ),
    "an error rate's baseline of ratio 0": Mistake(
        with_step(errorRate={**RATE, "baseline": {"maxRatio": 0}}),
        "spec.diagnosis[0].errorRate.baseline.maxRatio",
        "greater than 0",
    ),
    "fewer than no requests": Mistake(
        with_step(errorRate={**RATE, "minRequests": -1}),
        "spec.diagnosis[0].errorRate.minRequests",
        "greater than or equal to 0",
    ),
    "a query without a limit": Mistake(
        with_step(promQL={"query": "up"}),
        "spec.diagnosis[0].promQL",
        "exactly one of these must be set: max, min",
    ),
    "a query with two limits": Mistake(
        with_step(promQL={"query": "up", "max": 2, "min": 1}),
        "spec.diagnosis[0].promQL",
        "exactly one of these must be set: max, min",
    ),
    "an empty query": Mistake(
        with_step(promQL={"query": "", "max": 1}),
        "spec.diagnosis[0].promQL.query",
        "at least 1 chars long",
    ),
    "a query too long": Mistake(
        with_step(promQL={"query": "q" * 2049, "max": 1}),
        "spec.diagnosis[0].promQL.query",
        "2048",
    ),
    "a dependency on nothing": Mistake(
        with_step(dependency={}),
        "spec.diagnosis[0].dependency",
        "exactly one of these must be set: kind, promQL, url",
    ),
    "a dependency without its name": Mistake(
        with_step(dependency={"kind": "StatefulSet"}),
        "spec.diagnosis[0].dependency",
        "kind and name go together",
    ),
    "a dependency's link that is none": Mistake(
        with_step(dependency={"url": "status page"}),
        "spec.diagnosis[0].dependency.url",
        "http:// or https://",
    ),
    "restarts below none": Mistake(
        with_step(podStatus={"maxRestarts": -1}),
        "spec.diagnosis[0].podStatus.maxRestarts",
        "greater than or equal to 0",
    ),
    "a remediation without an action": Mistake(
        with_remediation(), "spec.remediation[0]", "exactly one of these must be set: rolloutUndo"
    ),
    "two actions in one remediation": Mistake(
        with_remediation(rolloutUndo={}, rolloutRestart={}),
        "spec.remediation[0]",
        "exactly one of these must be set: rolloutUndo",
    ),
    "an action that does not exist": Mistake(
        with_remediation(deletePods={}), "spec.remediation[0].deletePods", "unknown field"
    ),
    "two remediations of one name": Mistake(
        runbook(
            "", remediation=[{"name": "a", "rolloutUndo": {}}, {"name": "a", "scale": {"by": 1}}]
        ),
        "spec.remediation[1]",
        "Duplicate value",
    ),
    "a remediation's name too long": Mistake(
        runbook("", remediation=[{"name": "a" * 41, "rolloutUndo": {}}]),
        "spec.remediation[0].name",
        "40",
    ),
    "a risk that does not exist": Mistake(
        with_remediation(rolloutUndo={}, risk="None"),
        "spec.remediation[0].risk",
        '"Low", "Medium", "High"',
    ),
    "an onFailure that does not exist": Mistake(
        with_remediation(rolloutUndo={}, onFailure="Retry"),
        "spec.remediation[0].onFailure",
        '"Escalate", "Revert"',
    ),
    "an undo to revision 0": Mistake(
        with_remediation(rolloutUndo={"toRevision": 0}),
        "spec.remediation[0].rolloutUndo.toRevision",
        "greater than or equal to 1",
    ),
    "negative replicas": Mistake(
        with_remediation(scale={"replicas": -1}),
        "spec.remediation[0].scale.replicas",
        "greater than or equal to 0",
    ),
    "half a replica": Mistake(
        with_remediation(scale={"by": 0.5}), "spec.remediation[0].scale.by", "integer"
    ),
    "scaling to and by": Mistake(
        with_remediation(scale={"replicas": 3, "by": 1}),
        "spec.remediation[0].scale",
        "exactly one of these must be set: replicas, by",
    ),
    "scaling by nothing said": Mistake(
        with_remediation(scale={"max": 3}),
        "spec.remediation[0].scale",
        "exactly one of these must be set: replicas, by",
    ),
    "scaling with min above max": Mistake(
        with_remediation(scale={"by": 1, "min": 5, "max": 3}),
        "spec.remediation[0].scale",
        "min must not be above max",
    ),
    "an autoscaler without its maximum": Mistake(
        with_remediation(autoscale={"minReplicas": 3}),
        "spec.remediation[0].autoscale.maxReplicas",
        "Required value",
    ),
    "an autoscaler with min above max": Mistake(
        with_remediation(autoscale={"minReplicas": 5, "maxReplicas": 3}),
        "spec.remediation[0].autoscale",
        "minReplicas must not be above maxReplicas",
    ),
    "an autoscaler that wants no CPU used": Mistake(
        with_remediation(autoscale={"maxReplicas": 3, "cpuUtilization": 0}),
        "spec.remediation[0].autoscale.cpuUtilization",
        "greater than or equal to 1",
    ),
    "manual work without instructions": Mistake(
        with_remediation(manual={}),
        "spec.remediation[0].manual.instructions",
        "Required value",
    ),
    "a when without a step": Mistake(
        with_remediation(rolloutUndo={}, when=[{"verdict": "Failed"}]),
        "spec.remediation[0].when[0].step",
        "Required value",
    ),
    "a when of a step that does not exist": Mistake(
        with_remediation(rolloutUndo={}, when=[{"step": "errors", "verdict": "Failed"}]),
        "spec.remediation",
        "remediation[].when[].step must name a diagnosis step",
    ),
    "a when of a verdict that does not exist": Mistake(
        with_remediation(rolloutUndo={}, when=[{"step": "pods", "verdict": "Bad"}]),
        "spec.remediation[0].when[0].verdict",
        '"Passed", "Failed", "Inconclusive", "Error"',
    ),
    "a verification by a step that does not exist": Mistake(
        runbook("", verification={"checks": ["errors"]}),
        "spec.verification.checks",
        "verification.checks must name diagnosis steps",
    ),
    "a verification that is proven by nothing": Mistake(
        runbook("", verification={"successes": 0}),
        "spec.verification.successes",
        "greater than or equal to 1",
    ),
    "a verification without a pause": Mistake(
        runbook("", verification={"interval": "0s"}),
        "spec.verification.interval",
        "interval must be at least 1s",
    ),
    "a verification with a bad timeout": Mistake(
        runbook("", verification={"timeout": "soon"}), "spec.verification.timeout", DURATION
    ),
    "a match of a kind that does not exist": Mistake(
        runbook("", match={"targetKinds": ["Pod"]}),
        "spec.match.targetKinds[0]",
        '"Deployment", "StatefulSet", "DaemonSet"',
    ),
    "a match of one severity, not a list": Mistake(
        runbook("", match={"severities": "SEV1"}), "spec.match.severities", "array"
    ),
    "a priority beyond bounds": Mistake(
        runbook("", match={"priority": 1001}), "spec.match.priority", "less than or equal to 1000"
    ),
    "a drill that is owed every so often": Mistake(
        runbook("", testEvery="quarterly"), "spec.testEvery", DURATION
    ),
    "a false-positive check of another kind": Mistake(
        runbook("", detection={"falsePositiveChecks": [{"name": "t", "podStatus": {}}]}),
        "spec.detection.falsePositiveChecks[0].podStatus",
        "unknown field",
    ),
}

POLICIES: dict[str, Mistake] = {
    "no attempts": Mistake(
        policy(approvals={"maxAttempts": 0}),
        "spec.approvals.maxAttempts",
        "greater than or equal to 1",
    ),
    "approvals that expire at once": Mistake(
        policy(approvals={"expireAfter": "0s"}),
        "spec.approvals.expireAfter",
        "expireAfter must be at least 1s",
    ),
    "a bad cooldown": Mistake(
        policy(approvals={"cooldown": "5 minutes"}), "spec.approvals.cooldown", DURATION
    ),
    "a severity that does not exist": Mistake(
        policy(severities=[{"name": "P1"}]),
        "spec.severities[0].name",
        '"SEV1", "SEV2", "SEV3", "SEV4"',
    ),
    "a severity twice": Mistake(
        policy(severities=[{"name": "SEV1"}, {"name": "SEV1"}]),
        "spec.severities[1]",
        "Duplicate value",
    ),
    "a need for a Postmortem that does not exist": Mistake(
        policy(severities=[{"name": "SEV1", "postmortem": "Maybe"}]),
        "spec.severities[0].postmortem",
        '"Required", "OnRollback", "None"',
    ),
    "diagnosis again and again": Mistake(
        policy(rediagnoseEvery="0m"), "spec.rediagnoseEvery", "rediagnoseEvery must be at least 1s"
    ),
    "an unknown field": Mistake(policy(quorum=2), "spec.quorum", "unknown field"),
}


def rows(table: dict[str, Mistake]) -> Callable[..., Any]:
    return pytest.mark.parametrize("mistake", table.values(), ids=table.keys())


def refused(answer: Answer, mistake: Mistake) -> None:
    answer.expect_refused(mistake.says)
    named = [field for field, _ in answer.causes]
    if not named:
        # Unknown fields are found before there is an object: that answer has no list of causes.
        assert f'"{mistake.field}"' in answer.message
    else:
        assert mistake.field in named, answer.message


@rows(INCIDENTS)
def test_incident(api: Api, mistake: Mistake) -> None:
    body = with_meta(mistake.body, namespace="default")
    refused(api.dry().create("incidents", body), mistake)


@rows(RUNBOOKS)
def test_runbook(api: Api, mistake: Mistake) -> None:
    body = with_meta(mistake.body, namespace="default")
    refused(api.dry().create("runbooks", body), mistake)


@rows(POLICIES)
def test_policy(api: Api, mistake: Mistake) -> None:
    body = with_meta(mistake.body, namespace="default")
    refused(api.dry().create("responsepolicies", body), mistake)


def test_what_the_mistakes_are_made_from_is_right(api: Api) -> None:
    """Otherwise every row above could be refused for another reason."""
    full = runbook(
        "default",
        diagnosis=[
            {"name": "pods", "podStatus": {}},
            {"name": "errors", "errorRate": {**RATE, "baseline": {}}},
            {"name": "latency", "promQL": QUERY},
            {"name": "status-page", "dependency": {"url": "https://status.example"}},
        ],
        remediation=[
            {"name": "undo", "rolloutUndo": {}, "when": [{"step": "pods", "verdict": "Failed"}]},
            {"name": "more", "scale": {"by": 1, "max": 3}},
            {"name": "auto", "autoscale": {"maxReplicas": 3}},
            {"name": "call", "manual": {"instructions": "call"}},
        ],
        verification={"checks": ["errors"], "interval": "1s"},
    )

    api.dry().create("incidents", incident("default")).expect_ok()
    api.dry().create("runbooks", runbook("default")).expect_ok()
    api.dry().create("runbooks", full).expect_ok()
    api.dry().create("responsepolicies", with_meta(policy(), namespace="default")).expect_ok()


def test_kubectl_apply_refuses_unknown_fields(kubectl: Any) -> None:
    """Strict validation is what people get, not only what this client asks for."""
    said = kubectl.attempt(
        "apply",
        "--dry-run=server",
        "-f",
        "-",
        stdin=(
            "apiVersion: incidentcommander.dev/v1alpha1\n"
            "kind: Incident\n"
            "metadata: {name: x, namespace: default}\n"
            "spec: {title: t, target: {kind: Deployment, name: d}, severty: SEV1}\n"
        ),
    )

    assert said.code != 0
    assert 'unknown field "spec.severty"' in said.err
