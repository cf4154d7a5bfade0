"""The shape of a remediation action, its plan, and what planning may know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from ..api.common import TargetKind
from ..api.incident import GuardFinding
from ..command_line import Line
from ..observed.workloads import Write
from .follow_up import PodDeletion, deletions
from .situation import Situation
from .traits import Traits

if TYPE_CHECKING:
    from ..api.base import ApiModel

__all__ = ["Action", "Plan", "Undone"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What exactly would be done: absolute, so that it means the same tomorrow.

    ``parameters`` and ``depends_on`` go into the proposal's id; when a value of ``depends_on``
    changes, the plan is void. A plan with a blocking guard may have no parameters.
    """

    parameters: Mapping[str, str]
    depends_on: Mapping[str, str]
    summary: str
    """One line: `Roll back Deployment checkout from revision 7 (app:2) to revision 6 (app:1)`."""
    reason: str
    """Why this plan: how the destination was chosen."""
    command: str
    """The same by plain kubectl, with ``-n``."""
    instructions: str = ""
    """What people are to do, where there is nothing to send: shown in place of the diff."""
    guards: tuple[GuardFinding, ...] = field(default=())
    look: Line | None = None
    """Command that shows what it goes to in full, where there is one."""

    @property
    def follow_up(self) -> tuple[PodDeletion, ...]:
        """Pods to delete once the change is observed: part of what is approved."""
        return deletions(self.parameters)


@dataclass(frozen=True, slots=True)
class Undone:
    """What was changed is no longer as the plan left it: somebody else wrote the same field."""

    back: bool
    """Whether it is again as it was before the change."""
    what: str
    """What is there now, for people: ``its template is that of revision 2 again``."""
    metadata: Mapping[str, Any]
    """Of the object that was changed; empty where it is gone."""
    field: tuple[str, ...]
    """The field that was changed, by names from the root."""


class Action(Protocol):
    """One kind of remediation."""

    name: str
    """The member of ``Remediation`` that selects it, as written in YAML."""
    traits: Traits
    """How it differs from others, as far as decisions depend on that."""
    kinds: frozenset[TargetKind]
    """Kinds of workload that it can change."""

    def plan(self, spec: ApiModel, situation: Situation) -> Plan:
        """Plan with absolute parameters; what forbids it becomes a blocking guard."""

    def depends_on(self, parameters: Mapping[str, str], situation: Situation) -> Mapping[str, str]:
        """Compute again, on the live target, what a plan with these parameters depends on.

        Equal to the plan's ``depends_on`` as long as the plan still means the same.
        """

    def write(
        self,
        parameters: Mapping[str, str],
        situation: Situation,
        marker: str,
        started_at: datetime,
    ) -> Write | None:
        """Give the one request: tests, change and marker in one. None where people do it.

        Parameters
        ----------
        parameters
            The plan's parameters.
        situation
            The live target; what is changed of it is tested in the request.
        marker
            Value for the annotation ``incidentcommander.dev/applied``: the proposal's id and the
            intent's nonce.
        started_at
            Time of the intent; a restart writes it into the template.
        """

    def marker(self, parameters: Mapping[str, str], situation: Situation) -> str:
        """Give the marker that the object to be changed carries now; empty where there is none.

        Anybody may have written it: it proves nothing without the content.
        """

    def as_planned(
        self, parameters: Mapping[str, str], situation: Situation, started_at: datetime
    ) -> bool:
        """Whether the live object is what the write would have left, the marker aside."""

    def undone(self, parameters: Mapping[str, str], situation: Situation) -> Undone | None:
        """Say what became of the change, where others took it back or replaced it."""

    def reversal(self, parameters: Mapping[str, str], situation: Situation) -> Plan | None:
        """Plan the way back from a plan with these parameters; None where there is none.

        Absolute, too: the value from before stands in the parameters, and in the approved id.
        """
