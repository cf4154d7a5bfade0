"""Manual: something that people do. Approved like any other, ended by ``confirm``.

There is nothing to send: the plan shows the instructions, and the id stands for their exact words.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from ..api.base import ApiModel
from ..api.common import TargetKind
from ..api.runbook import ManualAction
from ..observed.workloads import Write, digest
from .base import Plan, Undone
from .situation import Situation
from .traits import Traits
from .wording import cut, target_text

__all__ = ["ACTION", "Manual"]

_LINE_LENGTH: Final = 200


class Manual:
    """Have people do it."""

    name: str = "manual"
    traits: Traits = Traits(by_people=True)
    kinds: frozenset[TargetKind] = frozenset(TargetKind)

    def plan(self, spec: ApiModel, situation: Situation) -> Plan:
        """Show the instructions.

        Raises
        ------
        TypeError
            If the parameters are those of another action.
        """
        if not isinstance(spec, ManualAction):
            raise TypeError(f"manual cannot be planned from {type(spec).__name__}")
        parameters = {"instructions": digest(spec.instructions)}
        lines = [line.strip() for line in spec.instructions.splitlines() if line.strip()]
        more = f" (and {len(lines) - 1} more lines)" if lines[1:] else ""
        first = cut(lines[0], _LINE_LENGTH) if lines else "see the Runbook"
        return Plan(
            parameters=parameters,
            depends_on=self.depends_on(parameters, situation),
            summary=cut(f"By hand, for {target_text(situation.workload)}: {first}{more}"),
            reason="People do this; the operator changes nothing. Approve it before you begin, and "
            "confirm when it is done.",
            command="# by hand: see the instructions",
            instructions=spec.instructions,
        )

    def depends_on(
        self,
        parameters: Mapping[str, str],  # noqa: ARG002 -- the words are fixed
        situation: Situation,
    ) -> Mapping[str, str]:
        """Target only: what people change while they work must not void it."""
        return {"targetUid": situation.workload.uid}

    def write(
        self,
        parameters: Mapping[str, str],  # noqa: ARG002 -- there is nothing to send
        situation: Situation,  # noqa: ARG002
        marker: str,  # noqa: ARG002
        started_at: datetime,  # noqa: ARG002
    ) -> Write | None:
        """Give nothing: people do it."""
        return None

    def marker(
        self,
        parameters: Mapping[str, str],  # noqa: ARG002 -- see below
        situation: Situation,  # noqa: ARG002
    ) -> str:
        """Give none: nothing is marked."""
        return ""

    def as_planned(
        self,
        parameters: Mapping[str, str],  # noqa: ARG002 -- see below
        situation: Situation,  # noqa: ARG002
        started_at: datetime,  # noqa: ARG002
    ) -> bool:
        """No: only a person can say so."""
        return False

    def undone(
        self,
        parameters: Mapping[str, str],  # noqa: ARG002 -- see below
        situation: Situation,  # noqa: ARG002
    ) -> Undone | None:
        """Give none: what people changed is not known."""
        return None

    def reversal(
        self,
        parameters: Mapping[str, str],  # noqa: ARG002 -- see below
        situation: Situation,  # noqa: ARG002
    ) -> Plan | None:
        """Give none: what people changed is not known."""
        return None


ACTION: Final = Manual()
