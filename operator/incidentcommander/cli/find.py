"""Which Incident is meant: by its name, or the only open one."""

from __future__ import annotations

from collections.abc import Sequence

from .exits import Code, Ended
from .kubectl import Body, Kubectl, Said, code_of, explained
from .names import CLOSED_LABEL, FROZEN
from .objects import name_of, status_of
from .terminal import say
from .view.listing import severity_of

__all__ = ["INCIDENTS", "bare", "find", "missing", "open_ones"]

INCIDENTS = "incidents.incidentcommander.dev"
_SAME = f"{CLOSED_LABEL}!=true"


def bare(name: str) -> str:
    """Give the name out of ``inc/checkout-5xx``, as ``-o name`` and kubectl write it."""
    return name.rpartition("/")[2]


def find(kubectl: Kubectl, name: str | None) -> Body:
    """Read the Incident of that name; without one, the only one that is open."""
    if not name:
        return _the_only(kubectl)
    said = kubectl.attempt("get", "incident", bare(name), extra=("-o", "json"))
    if said.code == 0:
        return said.json
    if code_of(said) is not Code.NOT_FOUND:
        raise Ended(code_of(said), explained(said))
    raise missing(kubectl, bare(name), explained(said))


def missing(kubectl: Kubectl, name: str, words: str) -> Ended:
    """Say that there is none of that name here, and where there is."""
    field = f"--field-selector=metadata.name={name}"
    said = kubectl.attempt(
        "get", "incidents", "-A", field, "-o", "json", shown=False, everywhere=True
    )
    elsewhere = said.json["items"] if said.code == 0 else []
    lines = [
        f"It is in namespace {i['metadata']['namespace']}: add -n {i['metadata']['namespace']}"
        for i in elsewhere
    ]
    return Ended(
        Code.NOT_FOUND,
        "\n".join([words, *(lines or [f"What there is: {kubectl.spoken('list', '-A')}"])]),
    )


def open_ones(kubectl: Kubectl, *, everywhere: bool = False, ended: bool = False) -> list[Body]:
    """Read the Incidents of the namespace, or of all; those that have ended only if asked for."""
    where = ["-A"] if everywhere else []
    which = [] if ended else ["-l", _SAME]
    said = kubectl.attempt(
        "get", "incidents", *where, *which, extra=("-o", "json"), everywhere=everywhere
    )
    if said.code:
        raise Ended(code_of(said), f"{explained(said)}{_one_of_them(said, everywhere=everywhere)}")
    found: list[Body] = said.json["items"]
    return [i for i in found if ended or status_of(i).get("phase") not in FROZEN]


def _one_of_them(said: Said, *, everywhere: bool) -> str:
    if everywhere and "(Forbidden)" in said.err:
        return "\nWhere you may read some namespaces only: -n <namespace> instead of -A"
    return ""


def _the_only(kubectl: Kubectl) -> Body:
    found = open_ones(kubectl)
    if len(found) == 1:
        say(f"The only open Incident here: {name_of(found[0])}")
        return found[0]
    where = f"namespace {kubectl.namespace}" if kubectl.namespace else "this namespace"
    if not found:
        raise Ended(
            Code.NOT_FOUND,
            f"No Incident is open in {where}. In all: {kubectl.spoken('list', '-A')}",
        )
    raise Ended(Code.USAGE, f"Several are open in {where}: say which.\n{_listed(found)}")


def _listed(found: Sequence[Body]) -> str:
    return "\n".join(f"  {name_of(i)}  {severity_of(i)}  {i['spec']['title']}" for i in found)
