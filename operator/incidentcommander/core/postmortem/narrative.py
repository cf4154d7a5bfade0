"""An Incident as it is told afterwards: its whole timeline, people by role, and words for times.

Read by the draft of the Postmortem. No name of a person gets past ``Cast``: blame is for systems.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ...api.common import Verdict
from ...api.incident import Incident, IncidentStatus, Milestones, Proposal, Roles, TimelineEntry
from ..evolve import KUBERNETES, OPERATOR

__all__ = ["ROLES", "Cast", "Story", "clean", "in_words", "source"]

ROLES: Final[Mapping[str, str]] = {
    "commander": "the commander",
    "tech_lead": "the technical lead",
    "comms": "communications",
    "scribe": "the scribe",
}
_MACHINES: Final = {OPERATOR: "the operator", KUBERNETES: "Kubernetes"}
_MINUTE: Final = 60
_HOUR: Final = 3600
_COMMAND: Final = re.compile(
    r"(?:(?<=[.;!?])\s[^.;!?]*?)?\s*[:;,(]?\s*"
    r"\b(?:kubectl|argocd app|flux (?:-n|suspend|resume)|helm (?:-n|history))\s.*$",
    re.DOTALL,
)
"""A command, with the clause that introduces it."""
_CHANGED: Final = re.compile(r"^[^:]+: Failed \((?:Recent\w*|\w*Changed?\w*)\)")
_TWICE: Final = re.compile(r"\bcommander the commander\b")


@dataclass(frozen=True, slots=True)
class Cast:
    """Who took part: user names, and the roles that stand for them."""

    roles: Mapping[str, str]

    @classmethod
    def of(cls, incident: Incident, entries: Sequence[TimelineEntry]) -> Cast:
        """Collect everybody who is known by name."""
        status, found = incident.status, dict[str, str]()
        for roles in (status.roles, incident.spec.roles):
            found = {**_named(roles), **found}
        approvers = {e.actor for e in entries if e.reason == "ApprovalGranted"}
        others = {e.actor for e in entries} | {
            said.by for said in (status.approval, status.root_cause) if said is not None
        }
        for name in others - found.keys() - _MACHINES.keys():
            found[name] = _unnamed(name, approvers)
        return cls(found)

    def role(self, name: str) -> str:
        """Give the role of an actor."""
        return _MACHINES.get(name) or self.roles.get(name, "a responder")

    def told(self, text: str) -> str:
        """Put roles where a text names people."""
        names = sorted((n for n in self.roles if n), key=len, reverse=True)
        if not names:
            return text
        # Not within a longer word: the user `bob` is no part of the workload `bob-web`.
        pattern = "|".join(re.escape(name) for name in names)
        told = re.sub(
            rf"(?<![\w.@/:-])({pattern})(?:@[\w.-]+\w)?(?![\w@/-]|[.:]\w)",
            lambda match: self.roles[match.group(1)],
            text,
        )
        return _TWICE.sub("with a commander", told)


def _named(roles: Roles | None) -> dict[str, str]:
    if roles is None:
        return {}
    # Who holds two of them is told by the first.
    held = [(getattr(roles, field), role) for field, role in ROLES.items()]
    return {name: role for name, role in reversed(held) if name}


def _unnamed(name: str, approvers: set[str]) -> str:
    if name.startswith("system:"):
        return "an automation"
    return "an approver" if name in approvers else "a responder"


@dataclass(frozen=True, slots=True)
class Story:
    """One Incident with all its entries, oldest first."""

    incident: Incident
    entries: tuple[TimelineEntry, ...]
    cast: Cast
    now: datetime

    @classmethod
    def of(cls, incident: Incident, entries: Sequence[TimelineEntry], now: datetime) -> Story:
        """Tell that Incident."""
        ordered = tuple(sorted(entries, key=lambda e: e.seq))
        return cls(incident, ordered, Cast.of(incident, ordered), now)

    @property
    def status(self) -> IncidentStatus:
        """Its status."""
        return self.incident.status

    @property
    def milestones(self) -> Milestones:
        """Its milestones."""
        return self.status.milestones or Milestones()

    @property
    def target(self) -> str:
        """The workload, for people."""
        return f"{self.incident.target.kind} {self.incident.target.name}"

    def having(self, *reasons: str) -> list[TimelineEntry]:
        """Give the entries with these reasons."""
        return [e for e in self.entries if e.reason in reasons]

    def last(self, *reasons: str) -> TimelineEntry | None:
        """Give the newest entry with one of these reasons."""
        found = self.having(*reasons)
        return found[-1] if found else None

    @property
    def trouble(self) -> list[TimelineEntry]:
        """What failed in the diagnosis that the last remediation rests on, one entry per step."""
        acted = self.last("RemediationStarted", "ResolvedByPeople")
        failed = [
            e
            for e in self.having("DiagnosisStepFinished")
            if e.evidence and e.evidence.verdict is Verdict.FAILED
        ]
        before = [e for e in failed if acted is None or e.seq < acted.seq] or failed
        return list({e.step: e for e in before}.values())

    @property
    def symptoms(self) -> list[TimelineEntry]:
        """Give the same without what says that something changed: that is no symptom."""
        return [e for e in self.trouble if not _CHANGED.search(e.message)]

    @property
    def fix(self) -> Proposal | None:
        """The remediation that held, where one did."""
        approval = self.status.approval
        return self.status.proposal(approval.proposal) if approval else None


def clean(text: str) -> str:
    """Leave out commands: they were for that hour. One line."""
    return " ".join(_COMMAND.sub("", text).split())


def source(*entries: TimelineEntry) -> str:
    """Say where something stands: ``(#4, #7)``."""
    told = dict.fromkeys(f"#{e.seq}" for e in entries)
    return f"({', '.join(told)})"


def in_words(time: timedelta) -> str:
    """Say how long: ``40 s``, ``12 min``, ``3 h 5 min``."""
    seconds = max(0, round(time.total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    hours, rest = divmod(round(seconds / _MINUTE), _MINUTE)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
