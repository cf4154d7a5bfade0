"""Which of the Postmortems that are there already is the one that an Incident owes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ...api.incident import Incident
from ...api.postmortem import Postmortem, PostmortemState
from .owed import owned_by

__all__ = ["Existing", "belongs"]

_NAMED: Final = 3
"""Strangers named in the entry; whoever plants many does not fill it."""


@dataclass
class Existing:
    """What there is already about an Incident."""

    own: Postmortem | None = None
    """One that the operator drafted or adopted, and that is not Final."""
    adoptable: Postmortem | None = None
    """A Draft of others."""
    left_alone: list[str] = field(default_factory=list)

    def take(self, found: Postmortem, incident: Incident) -> None:
        """Keep it if it is the one to go on with; the one with the Incident's name goes first."""
        first = found.metadata.name == incident.metadata.name
        if _ours(found, incident) and not _final(found):
            self.own = found if first or self.own is None else self.own
        elif _adoptable(found, incident):
            self.adoptable = found if first or self.adoptable is None else self.adoptable
        elif len(self.left_alone) < _NAMED or first:
            said = _left_alone(found, incident)
            self.left_alone = (
                [said, *self.left_alone][:_NAMED] if first else [*self.left_alone, said]
            )


def belongs(postmortem: Postmortem, incident: Incident) -> bool:
    """Whether it is about this Incident, and not about an older one of the same name."""
    meta = incident.metadata
    said = {str(o.get("uid")) for o in postmortem.metadata.owner_references}
    if postmortem.spec.incident_ref.uid is not None:
        said.add(postmortem.spec.incident_ref.uid)
    if said:
        return meta.uid in said
    # A person wrote it.
    written, declared = postmortem.metadata.creation_timestamp, meta.creation_timestamp
    return written is None or declared is None or written >= declared


def _ours(postmortem: Postmortem, incident: Incident) -> bool:
    return owned_by(postmortem, incident.metadata.uid)


def _final(postmortem: Postmortem) -> bool:
    return postmortem.spec.state is PostmortemState.FINAL


def _adoptable(postmortem: Postmortem, incident: Incident) -> bool:
    return postmortem.spec.state is PostmortemState.DRAFT and not _ours(postmortem, incident)


def _left_alone(postmortem: Postmortem, incident: Incident) -> str:
    """Say why one that is there already is not the one that is owed."""
    name, state = postmortem.metadata.name, postmortem.spec.state
    if _ours(postmortem, incident):
        return f"Postmortem {name} is {state} from before the Incident was reopened and is kept"
    return f"Postmortem {name} ({state}) is a stranger: it was not drafted here and is left alone"
