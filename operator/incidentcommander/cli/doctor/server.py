"""Examines the API server: its version, its clock against this one, our kinds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from ...command_line import line
from ..names import GROUP, KINDS
from ..objects import span
from .findings import Desk, Finding, Health

__all__ = ["clock", "kinds", "skew", "version"]

_OLDEST: Final = 33
_STAMPS: Final = 36
_SKEW: Final = 5.0
_DATE: Final = re.compile(r"^\s*Date: (.+ GMT)\s*$", re.MULTILINE)


def version(desk: Desk) -> Iterator[Finding]:
    """Look whether the API server answers, and is new enough."""
    said = desk.kubectl.attempt("version", "-o", "json")
    server = (json.loads(said.out) if said.out.strip() else {}).get("serverVersion")
    if not server:
        words = said.err.strip() or "it did not answer"
        mend = str(line(*desk.kubectl.words("cluster-info", everywhere=True)))
        yield Finding("API server", Health.BAD, words, mend)
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
        yield Finding("kinds", Health.BAD, message, desk.upgrade())
        return
    served = {r["name"] for r in said.json["resources"] if "/" not in r["name"]}
    missing = [kind for kind in KINDS if kind not in served]
    if missing:
        yield Finding("kinds", Health.BAD, f"not served: {', '.join(missing)}", desk.upgrade())
    else:
        yield Finding("kinds", Health.GOOD, f"served: {', '.join(sorted(served))}")
