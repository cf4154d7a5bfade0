"""Examines the API server: its version, its clock against this one, our kinds, the guard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from ..names import GROUP, GUARD_LABEL, GUARD_POLICIES, KINDS, STAMP_POLICY
from ..objects import span
from .findings import Desk, Finding, Health

__all__ = ["clock", "guard", "kinds", "skew", "version"]

_OLDEST: Final = 33
_STAMPS: Final = 36
_SKEW: Final = 5.0
_DATE: Final = re.compile(r"^\s*Date: (.+ GMT)\s*$", re.MULTILINE)
_VALIDATING: Final = "validatingadmissionpolicies"
_MUTATING: Final = "mutatingadmissionpolicies"


def version(desk: Desk) -> Iterator[Finding]:
    """Look whether the API server answers, and is new enough."""
    said = desk.kubectl.attempt("version", "-o", "json")
    server = (json.loads(said.out) if said.out.strip() else {}).get("serverVersion")
    if not server:
        words = said.err.strip() or "it did not answer"
        yield Finding("API server", Health.BAD, words, "kubectl cluster-info")
        return
    minor, name = int(re.sub(r"\D", "", server["minor"])), server["gitVersion"]
    if minor < _OLDEST:
        message = f"Kubernetes {name}: 1.{_OLDEST} or newer is needed"
        yield Finding("API server", Health.BAD, message)
    else:
        how = (
            "stamps names" if minor >= _STAMPS else "people sign their requests; the plugin does it"
        )
        yield Finding("API server", Health.GOOD, f"Kubernetes {name}: {how}")


def clock(desk: Desk) -> Iterator[Finding]:
    """Hold the clock of this machine against the API server's."""
    before = datetime.now(UTC)
    said = desk.kubectl.attempt("get", "--raw", "/version", "-v=8", everywhere=True)
    after = datetime.now(UTC)
    found = _DATE.search(said.err)
    if found is None:
        yield Finding("clock", Health.UNKNOWN, "the API server did not say what time it is")
        return
    yield skew(parsedate_to_datetime(found.group(1)), before, after)


def skew(theirs: datetime, before: datetime, after: datetime) -> Finding:
    """Judge: the header has whole seconds, and was written between ``before`` and ``after``."""
    behind = (before - theirs).total_seconds() - 1
    ahead = (theirs - after).total_seconds()
    off = max(behind, ahead, 0.0)
    if off <= _SKEW:
        return Finding("clock", Health.GOOD, f"within {_SKEW:g} s of the API server's")
    direction = "ahead of" if behind > ahead else "behind"
    message = (
        f"this machine is {span(off)} {direction} the API server: what is shown as overdue or "
        "expired here may not be"
    )
    return Finding("clock", Health.BAD, message, "timedatectl set-ntp true")


def kinds(desk: Desk) -> Iterator[Finding]:
    """Look which of our kinds are served."""
    said = desk.kubectl.attempt("get", "--raw", f"/apis/{GROUP}/v1alpha1", everywhere=True)
    if said.code:
        message = f"{GROUP}/v1alpha1 is not served: {said.err.strip()}"
        yield Finding("kinds", Health.BAD, message, desk.upgrade)
        return
    served = {r["name"] for r in said.json["resources"] if "/" not in r["name"]}
    missing = [kind for kind in KINDS if kind not in served]
    if missing:
        yield Finding("kinds", Health.BAD, f"not served: {', '.join(missing)}", desk.upgrade)
    else:
        yield Finding("kinds", Health.GOOD, f"served: {', '.join(sorted(served))}")


def guard(desk: Desk) -> Iterator[Finding]:
    """Look whether the admission policies and their bindings are there and deny."""
    kinds = f"{_VALIDATING},validatingadmissionpolicybindings"
    said = desk.kubectl.attempt(
        "get", kinds, "-l", f"{GUARD_LABEL}=true", "-o", "json", everywhere=True
    )
    if said.code:
        words = said.err.strip().splitlines()
        message = f"you may not read admission policies; the Incidents say how it is: {words[-1] if words else ''}"
        yield Finding("guard", Health.UNKNOWN, message)
        return
    items = said.json["items"]
    problems = [*_gone(items), *_weak(items)]
    if problems:
        yield Finding("guard", Health.BAD, "; ".join(problems), desk.upgrade)
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
        elif spec.get("failurePolicy", "Fail") != "Fail":
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
