"""The list of scenarios: each has a name, one sentence, and what it shows.

A scenario is a function of a ``Scene``; its docstring is the sentence, its decorator says what it
shows. Importing the modules that define scenarios fills the list; the order is that of the list in
the documents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from tests.scenarios.scene import Scene

__all__ = [
    "SCENARIOS",
    "Group",
    "Scenario",
    "guard",
    "request",
    "runbook",
    "together",
    "trap",
    "verdict",
]

Play: TypeAlias = "Callable[[Scene], None]"


class Group(StrEnum):
    """What a scenario is mainly about."""

    RUNBOOK = "Runbooks"
    TRAP = "Traps of kubectl"
    GUARD = "Guards"
    VERDICT = "Verdicts"
    TOGETHER = "Incidents beside each other"
    REQUEST = "Requests while something is under way"


@dataclass(frozen=True)
class Scenario:
    """One story that is played on the local cluster."""

    name: str
    group: Group
    about: str
    """The Runbook, the trap, the guard or the verdict."""
    sentence: str
    play: Play
    guards: tuple[str, ...] = ()
    """Guards that it shows, by the name that stands in a proposal."""
    slow: bool = False
    """Begun first, since it waits for something that takes its time."""


SCENARIOS: Final[list[Scenario]] = []


def runbook(
    name: str, *, guards: tuple[str, ...] = (), slow: bool = False
) -> Callable[[Play], Play]:
    """Register a scenario of a shipped Runbook."""
    return _registered(Group.RUNBOOK, name, guards, slow=slow)


def trap(
    number: int, about: str, *, guards: tuple[str, ...] = (), slow: bool = False
) -> Callable[[Play], Play]:
    """Register a scenario of one of the traps that come with copying kubectl blindly."""
    return _registered(Group.TRAP, f"{number} {about}", guards, slow=slow)


def guard(name: str, *also: str, slow: bool = False) -> Callable[[Play], Play]:
    """Register a scenario of a guard, and of others that it shows on the way."""
    return _registered(Group.GUARD, name, (name, *also), slow=slow)


def verdict(name: str, *, slow: bool = False) -> Callable[[Play], Play]:
    """Register a scenario of a verdict."""
    return _registered(Group.VERDICT, name, (), slow=slow)


def together(
    about: str, *, guards: tuple[str, ...] = (), slow: bool = False
) -> Callable[[Play], Play]:
    """Register a scenario of several Incidents."""
    return _registered(Group.TOGETHER, about, guards, slow=slow)


def request(
    key: str, *, guards: tuple[str, ...] = (), slow: bool = False
) -> Callable[[Play], Play]:
    """Register a scenario of what people say while something is under way."""
    return _registered(Group.REQUEST, key, guards, slow=slow)


def _registered(
    group: Group, about: str, guards: tuple[str, ...], *, slow: bool
) -> Callable[[Play], Play]:
    def register(play: Play) -> Play:
        name = play.__name__
        sentence = " ".join((play.__doc__ or "").split())
        assert sentence.endswith("."), f"scenario {name} needs one sentence as its docstring"
        assert all(s.name != name for s in SCENARIOS), f"there are two scenarios {name}"
        SCENARIOS.append(Scenario(name, group, about, sentence, play, guards, slow))
        return play

    return register
