"""Who plays, and what is left of a play."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from pathlib import Path

from incidentcommander.api.incident import Incident, TimelineEntry
from incidentcommander.api.postmortem import Postmortem
from tests.story.postbox import Postbox
from tests.support.api import Api
from tests.support.kubectl import Kubectl

__all__ = ["Act", "Duty", "Played", "Typed", "World"]


class Duty(Enum):
    """Who runs the operator."""

    STEADY = auto()
    """One operator from the beginning to the end."""
    RESTARTED = auto()
    """Another one before every step of the story, and after every look at the Incident."""
    DYING = auto()
    """Each dies right after its first write, and another one comes."""


@dataclass(frozen=True)
class World:
    """What plays share: the cluster with the chart, as the administrator and as the operator."""

    api: Api
    kubectl: Kubectl
    credentials: Path


@dataclass(frozen=True)
class Typed:
    """A command of a person."""

    at: datetime
    seq: int
    """Of the entry that comes next."""
    who: str
    words: str
    refused: str = ""
    """What the API server said, if it did not let it in."""


@dataclass(frozen=True)
class Act:
    """A part of the story."""

    seq: int
    """Of its first entry."""
    heading: str
    words: str


@dataclass(frozen=True)
class Played:
    """What is left of a play."""

    incident: Incident
    timeline: list[TimelineEntry]
    typed: list[Typed]
    acts: list[Act]
    postbox: Postbox
    postmortem: Postmortem
    operators: int
    looks: int
