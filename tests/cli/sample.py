"""An Incident that waits for a decision, as the API server gives it; a test changes what it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from tests.support.build import merged

__all__ = ["NOW", "entry", "incident", "proposal"]

NOW: Final = datetime(2026, 11, 22, 8, 42, 0, tzinfo=UTC)
_DIFF: Final = """\
--- Deployment/checkout (now)
+++ Deployment/checkout (after)
@@ -18,7 +18,7 @@
     spec:
       containers:
-      - image: registry.example/shop/checkout:v2-errors
+      - image: registry.example/shop/checkout:v1
         name: checkout
"""


def proposal(**over: Any) -> dict[str, Any]:
    """The rollback that is recommended."""
    base: dict[str, Any] = {
        "id": "rollback-8a54ab5f",
        "remediation": "rollback",
        "action": "rolloutUndo",
        "state": "Proposed",
        "recommended": True,
        "confidence": "Proven",
        "risk": "Medium",
        "summary": "Roll back Deployment checkout from revision 2 (checkout:v2-errors) to revision 1 "
        "(checkout:v1)",
        "reason": "Proven: rollout: RecentRollout, errors: ErrorRateHigh.",
        "diff": _DIFF,
        "guards": [
            {
                "name": "LastAppliedStale",
                "verdict": "Warn",
                "message": "The next apply releases v2.",
            },
            {"name": "Cooldown", "verdict": "Clear", "message": "Nothing was done here lately."},
        ],
        "verification": {
            "timeout": "10m",
            "interval": "30s",
            "successes": 3,
            "failures": 3,
            "checks": ["errors"],
        },
        "onFailure": "Escalate",
        "expiresAt": "2026-11-22T08:55:00Z",
    }
    return merged(base, over)


def entry(seq: int, reason: str, message: str, **over: Any) -> dict[str, Any]:
    """An entry of the operator."""
    base = {
        "seq": seq,
        "at": f"2026-11-22T08:40:{seq:02}Z",
        "phase": "AwaitingApproval",
        "reason": reason,
        "actor": "operator",
        "message": message,
    }
    return merged(base, over)


def incident(**over: Any) -> dict[str, Any]:
    """An Incident with two proposals, one finding of each kind, and nine entries."""
    findings = [
        ("pods", "podStatus", "Passed", "PodsHealthy", "All 3 pods are ready."),
        ("errors", "errorRate", "Failed", "ErrorRateHigh", "28 % of 23.5 req/s fail (limit 5 %)."),
        ("latency", "promQL", "Inconclusive", "NoData", "The query gives nothing."),
    ]
    restart = proposal(
        id="restart-39fa008f",
        recommended=False,
        confidence="Unproven",
        risk="Low",
        summary="Restart Deployment checkout: replace its pods by new ones of the same release",
        guards=[
            {
                "name": "Cooldown",
                "verdict": "Block",
                "message": "Acted on 3 min ago. It is over at 08:47 UTC.",
            }
        ],
    )
    approve = (
        "kubectl -n shop annotate incident checkout-5xx "
        "incidentcommander.dev/approve=rollback-8a54ab5f"
    )
    base: dict[str, Any] = {
        "apiVersion": "incidentcommander.dev/v1alpha1",
        "kind": "Incident",
        "metadata": {
            "name": "checkout-5xx",
            "namespace": "shop",
            "uid": "incident-uid",
            "generation": 1,
            "creationTimestamp": "2026-11-22T08:40:00Z",
        },
        "spec": {
            "title": "Checkout returns 5xx",
            "severity": "SEV2",
            "target": {"kind": "Deployment", "name": "checkout"},
            "warRoom": "https://chat.example/inc-42",
            "impact": {
                "symptom": "Some payments fail",
                "summary": "Customers cannot pay",
                "usersAffectedPercent": 30,
                "customerReported": True,
            },
        },
        "status": {
            "observedGeneration": 1,
            "phase": "AwaitingApproval",
            "severity": "SEV2",
            "summary": "28 % of 23.5 req/s fail (limit 5 %). Recommended: Roll back Deployment "
            f"checkout. alice decides until 08:55 UTC: {approve}",
            "commands": [approve],
            "roles": {"commander": "alice", "comms": "carol"},
            "runbook": {"name": "deployment-regression", "namespace": "incident-commander"},
            "milestones": {"startedAt": "2026-11-22T08:30:00Z"},
            "updates": {"nextDueAt": "2026-11-22T08:50:00Z", "count": 0},
            "conditions": [
                {"type": "Ready", "status": "True", "reason": "Handled", "message": "see summary"},
                {"type": "Acknowledged", "status": "False", "reason": "Waiting", "message": "…"},
            ],
            "diagnosis": {
                "round": 1,
                "finishedAt": "2026-11-22T08:40:05Z",
                "findings": [
                    {
                        "step": step,
                        "check": check,
                        "verdict": verdict,
                        "reason": reason,
                        "message": message,
                        "at": "2026-11-22T08:40:05Z",
                    }
                    for step, check, verdict, reason, message in findings
                ],
            },
            "proposals": [restart, proposal()],
            "timeline": [
                entry(
                    0, "IncidentDeclared", "SEV2: Checkout returns 5xx. Target Deployment/checkout."
                ),
                *(entry(n, "DiagnosisStepFinished", f"step {n}: Passed.") for n in range(1, 8)),
                entry(8, "NoteAdded", "first complaint\x1b[31m of a customer " * 4, actor="bob"),
            ],
        },
    }
    return merged(base, over)
