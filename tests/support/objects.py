"""Objects as a person writes them: plain dictionaries, the least that the API server accepts."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

__all__ = [
    "COMPLETE",
    "OPERATOR",
    "complete_postmortem",
    "drafted",
    "entry",
    "incident",
    "largest_entry",
    "page_ref",
    "postmortem",
    "runbook",
]

Body = dict[str, Any]

OPERATOR = "system:serviceaccount:incident-commander:incident-commander"
"""The user name of the operator where the chart is installed under its usual names."""

_API_VERSION = "incidentcommander.dev/v1alpha1"


def incident(namespace: str, name: str = "checkout-5xx", **spec: Any) -> Body:
    """Give an Incident about ``Deployment/checkout``; further fields of its spec are added."""
    return {
        "apiVersion": _API_VERSION,
        "kind": "Incident",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "title": "Checkout returns 5xx",
            "target": {"kind": "Deployment", "name": "checkout"},
            **spec,
        },
    }


def runbook(namespace: str, name: str = "deployment-regression", **spec: Any) -> Body:
    """Give a Runbook with one diagnosis step; further fields of its spec are added."""
    return {
        "apiVersion": _API_VERSION,
        "kind": "Runbook",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "title": "A release broke the service",
            "diagnosis": [{"name": "pods", "podStatus": {}}],
            **spec,
        },
    }


def postmortem(namespace: str, name: str = "checkout-5xx", **spec: Any) -> Body:
    """Give a Postmortem that says nothing yet; fields of its spec are added."""
    return {
        "apiVersion": _API_VERSION,
        "kind": "Postmortem",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"incidentRef": {"name": "checkout-5xx"}, **spec},
    }


def drafted(postmortem: Body, uid: str = "incident-uid") -> Body:
    """Give it with the mark that the operator leaves where it drafted or adopted one."""
    owner = {
        "apiVersion": _API_VERSION,
        "kind": "Incident",
        "name": postmortem["spec"]["incidentRef"]["name"],
        "uid": uid,
    }
    return {**postmortem, "metadata": {**postmortem["metadata"], "ownerReferences": [owner]}}


def complete_postmortem(namespace: str, name: str = "checkout-5xx", **spec: Any) -> Body:
    """Give a Postmortem that people completed and set Final."""
    return postmortem(namespace, name, **{**deepcopy(COMPLETE), "state": "Final", **spec})


COMPLETE: Final[Body] = {
    "author": "team checkout",
    "summary": "A release broke checkout. A third of the customers could not pay. It was rolled back.",
    "impact": {
        "usersAffected": "30 %",
        "duration": "45 min",
        "revenue": "N/A",
        "errorBudgetConsumed": "12 % of the month",
        "supportTickets": "7",
    },
    "whatHappened": "Discounts were switched on for carts that have none.",
    "contributingFactors": {
        "immediate": "Revision 2 divides by the number of discounts.",
        "underlying": "No test has a cart without discounts.",
        "systemic": "Flags are switched on everywhere at once.",
    },
    "fiveWhys": ["it failed", "it divided", "no test", "no such data", "flags go everywhere"],
    "wentWell": ["Rolled back within 12 min."],
    "wentPoorly": ["No alert.", "No scribe."],
    "actionItems": [
        {"id": "AI-1", "action": "Add the test", "owner": "checkout", "due": "2026-12-01"},
        {"id": "AI-2", "action": "Add the alert", "owner": "sre", "due": "2026-12-08T12:00:00Z"},
    ],
    "lessons": "Flags go to one region first.",
    "followUpReviewAt": "2026-12-09T15:00:00Z",
}
"""The spec of a Postmortem that lacks nothing."""


def entry(seq: int, **fields: Any) -> Body:
    """Give a timeline entry."""
    return {
        "seq": seq,
        "at": "2026-11-22T08:00:00Z",
        "phase": "Diagnosing",
        "reason": "DiagnosisStepFinished",
        "actor": "operator",
        "message": f"step {seq}",
        **fields,
    }


def largest_entry(seq: int, letter: str = "m") -> Body:
    """Give an entry that has every field and the 1400 characters that an entry may have."""
    return entry(
        seq,
        reason="R" * 64,
        actor=letter * 256,
        message=letter * 512,
        step=letter * 56,
        eventTime="2026-11-22T08:00:00Z",
        evidence={"query": letter * 512, "verdict": "Failed"},
    )


def page_ref(first: int, last: int) -> Body:
    """Give what an Incident lists of a TimelinePage."""
    return {
        "name": f"checkout-5xx-{first}",
        "fromSeq": first,
        "toSeq": last,
        "sha256": "0" * 64,
    }
