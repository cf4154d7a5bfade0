"""Examines the admission guard: whether it refuses a forgery, and whether all of it is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..exits import Code
from ..kubectl import code_of
from ..names import GROUP, GUARD_LABEL, GUARD_POLICIES, MARKER_POLICY, STAMP_POLICY
from .findings import Desk, Finding, Health, unread

__all__ = ["guard", "proof"]

_VALIDATING: Final = "validatingadmissionpolicies"
_MUTATING: Final = "mutatingadmissionpolicies"


def proof(desk: Desk) -> Iterator[Finding]:
    """Try what the guard must refuse, as a dry run: an Incident that comes with its approval."""
    forged = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Incident",
        "metadata": {"name": "doctor-probe", "annotations": {f"{GROUP}/approve": "forged"}},
        "spec": {"title": "probe", "target": {"kind": "Deployment", "name": "none"}},
    }
    said = desk.kubectl.attempt(
        "create", "--dry-run=server", "-f", "-", stdin=json.dumps(forged, indent=2)
    )
    if said.code == 0:
        message = "a forged approval was let in (as a dry run): no approval means anything now"
        yield Finding("guard", Health.BAD, message, desk.upgrade())
    elif code_of(said) is Code.REFUSED:
        yield Finding("guard", Health.GOOD, "a forged approval was refused (as a dry run)")
    else:
        yield unread("guard", said, "whether a forged approval is refused")


def guard(desk: Desk) -> Iterator[Finding]:
    """Look whether the admission policies and their bindings are there and deny."""
    kinds = f"{_VALIDATING},validatingadmissionpolicybindings"
    said = desk.kubectl.attempt(
        "get", kinds, "-l", f"{GUARD_LABEL}=true", "-o", "json", everywhere=True
    )
    if said.code:
        yield unread("guard", said, "the admission policies")
        return
    items = said.json["items"]
    problems = [*_gone(items), *_weak(items)]
    if problems:
        yield Finding("guard", Health.BAD, "; ".join(problems), desk.upgrade())
    else:
        yield Finding("guard", Health.GOOD, f"{len(GUARD_POLICIES)} policies, bound, and they deny")
    yield from _stamp(desk)


def _gone(items: list[Mapping[str, Any]]) -> Iterator[str]:
    policies = {i["metadata"]["name"] for i in items if not i["kind"].endswith("Binding")}
    bound = {i["spec"]["policyName"] for i in items if i["kind"].endswith("Binding")}
    for name in GUARD_POLICIES:
        if name not in policies:
            yield f"policy {name} is missing"
        elif name not in bound:
            yield f"policy {name} is bound by nothing"


def _weak(items: list[Mapping[str, Any]]) -> Iterator[str]:
    for item in items:
        name, spec = item["metadata"]["name"], item["spec"]
        if item["kind"].endswith("Binding"):
            if "Deny" not in spec.get("validationActions", []):
                yield f"binding {name} does not deny"
            if spec.get("matchResources"):
                yield f"binding {name} does not hold for everything: it has matchResources"
        elif spec.get("failurePolicy", "Fail") != "Fail" and name != MARKER_POLICY:
            yield f"policy {name} lets requests through when it cannot be judged"


def _stamp(desk: Desk) -> Iterator[Finding]:
    both = f"{_MUTATING},mutatingadmissionpolicybindings"
    said = desk.kubectl.attempt(
        "get", both, "-l", f"{GUARD_LABEL}=true", "-o", "name", everywhere=True
    )
    if said.code == 0 and said.out.count(STAMP_POLICY) > 1:
        yield Finding("stamp", Health.GOOD, "the API server writes the name beside each request")
    else:
        message = "the API server writes no names: people sign, and the plugin does it for you"
        yield Finding("stamp", Health.NOTE, message)
