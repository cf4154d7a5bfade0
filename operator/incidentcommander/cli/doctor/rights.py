"""Examines what the person may do, by ``kubectl auth can-i``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...command_line import line
from ..find import INCIDENTS
from ..names import GROUP
from .findings import Desk, Finding, Health

__all__ = ["rights"]

_QUESTIONS: Final = (
    ("read incidents", "get", INCIDENTS, "viewer"),
    ("list incidents", "list", INCIDENTS, "viewer"),
    ("read whole timelines", "get", f"timelinepages.{GROUP}", "viewer"),
    ("declare", "create", INCIDENTS, "responder"),
    ("talk to incidents", "patch", INCIDENTS, "responder"),
    ("decide", "approve", INCIDENTS, "commander"),
)


def rights(desk: Desk) -> Iterator[Finding]:
    """Ask for each thing that people do."""
    me = _me(desk)
    lacking: dict[str, list[str]] = {}
    may: list[str] = []
    for what, verb, resource, role in _QUESTIONS:
        said = desk.kubectl.attempt("auth", "can-i", verb, resource)
        if said.out.strip() == "yes":
            may.append(what)
        else:
            lacking.setdefault(role, []).append(what)
    if may:
        yield Finding("rights", Health.GOOD, f"{me} may in {desk.namespace}: {', '.join(may)}")
    for role, things in lacking.items():
        # Not everybody decides; everybody on call reads and talks.
        health = Health.NOTE if role == "commander" else Health.BAD
        message = f"{me} may not in {desk.namespace}: {', '.join(things)}. Who may grant it types:"
        binding = ("create", "rolebinding", f"{role}-{_label(me)}", "-n", desk.namespace)
        whose = (f"--clusterrole=incident-commander-{role}", _subject(me))
        mend = str(line("kubectl", *binding, *whose))
        yield Finding("rights", health, message, mend)


def _me(desk: Desk) -> str:
    said = desk.kubectl.attempt("auth", "whoami", "-o", "json", everywhere=True)
    return str(said.json["status"]["userInfo"]["username"]) if said.code == 0 else "<user>"


def _subject(name: str) -> str:
    account = name.removeprefix("system:serviceaccount:")
    return f"--user={name}" if account == name else f"--serviceaccount={account}"


def _label(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-") or "user"
