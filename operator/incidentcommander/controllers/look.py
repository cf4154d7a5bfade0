"""One look at an Incident: ask, decide, save, carry out, again, until nothing more follows.

The one loop of the operator. The runner plays it on the API server, tests play it on worlds in
memory and die in it after every write. It decides nothing itself (``core/decide.py`` does).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol, assert_never

from ..api.incident import Incident
from ..core.case import Case
from ..core.decide import Decision, decide, required
from ..core.effects import AddPage, ChangeTarget, DraftPostmortem, MarkClosed, RemoveRequests
from ..errors import UnavailableError
from ..observed.needs import Answer, Facts, Question
from ..observed.workloads import Outcome, Stale, Unavailable

__all__ = ["MAX_TURNS", "Hands", "Rest", "look"]

MAX_TURNS: Final = 40
"""More turns than any Incident needs in one look: beyond it something goes in circles."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing more follows for now."""

    wake_at: datetime | None
    """Look again then, if nothing happens before."""
    ended: bool = False
    """It got its label: it is not looked at any more."""


class Hands(Protocol):
    """What a look does to the world. What cannot be done raises an ``OperatorError``."""

    def case(self, incident: Incident, outcome: Outcome | None) -> Case:
        """Give all that a decision may know about it; ``outcome``: of the change just made."""

    async def observe(
        self, questions: frozenset[Question], now: datetime, known: Facts
    ) -> Mapping[Question, Answer]:
        """Answer the questions."""

    async def save(
        self, case: Case, decision: Decision, facts: Facts
    ) -> tuple[Incident | None, Facts]:
        """Save the status if it is another one; None where it is not. May read ahead."""

    async def change(self, decision: Decision, change: ChangeTarget) -> Outcome:
        """Send the change of the target, once."""

    async def draft(self, case: Case) -> Incident:
        """Create the Postmortem, then record it."""

    async def remove(self, incident: Incident, requests: RemoveRequests) -> Incident:
        """Remove handled requests."""

    async def page(self, incident: Incident, page: AddPage) -> Incident:
        """Write the page, then list it."""

    async def mark(self, incident: Incident) -> None:
        """Give it the label."""

    async def mend(self, incident: Incident) -> Incident | None:
        """Take an earlier bug out of its status; None where none stands there."""


async def look(hands: Hands, incident: Incident) -> Rest:
    """Take an Incident as far as it goes by itself."""
    facts, outcome, untried = Facts(), None, False
    for _ in range(MAX_TURNS):
        case = replace(hands.case(incident, outcome), untried=untried)
        if missing := required(case, facts) - facts.keys():
            facts = facts.with_(await hands.observe(missing, case.now, facts))
            continue
        decision = decide(case, facts)
        saved, facts = await hands.save(case, decision, facts)
        untried = untried or decision.intends(case.status)
        incident = saved or incident
        if isinstance(decision.effect, ChangeTarget):
            outcome, facts = await hands.change(decision, decision.effect), Facts()
            # A failed test is the one answer that says for certain that nothing was done.
            untried = untried and isinstance(outcome, Stale)
            if isinstance(outcome, Unavailable):
                # Whether it was made is not known. The next look reads the target first.
                raise UnavailableError(outcome.message)
            continue
        outcome = None
        if saved is not None:
            continue
        if isinstance(decision.effect, DraftPostmortem):
            # What was asked about Postmortems is no longer true.
            facts = Facts()
        tidied = await _tidied(hands, case, decision)
        if isinstance(tidied, Rest):
            return tidied
        incident = tidied
    name = f"{incident.metadata.namespace}/{incident.metadata.name}"
    raise RuntimeError(f"incident {name} did not come to rest within {MAX_TURNS} turns")


async def _tidied(hands: Hands, case: Case, decision: Decision) -> Incident | Rest:
    """Carry out what follows from a status that stands."""
    incident = case.incident
    match decision.effect:
        case DraftPostmortem():
            return await hands.draft(case)
        case RemoveRequests() as requests:
            return await hands.remove(incident, requests)
        case AddPage() as page:
            return await hands.page(incident, page)
        case MarkClosed():
            await hands.mark(await hands.mend(incident) or incident)
            return Rest(None, ended=True)
        case None:
            return await hands.mend(incident) or Rest(decision.wake_at)
        case ChangeTarget():
            raise TypeError("a change of the target is sent before anything else")
        case _ as never:
            assert_never(never)
