"""The Postmortem that an Incident owes: whether it is to be drafted, the record of that, and whose one is.

The shell creates the Postmortem: first the object, then the record of it, so that a crash in between
repeats nothing.
"""

from __future__ import annotations

from datetime import datetime

from ...api.common import Phase
from ...api.incident import Incident, IncidentStatus, PostmortemRef
from ...api.postmortem import Postmortem
from ..evolve import Draft
from ..record.conditions import derive
from ..wording import edit_postmortem

__all__ = ["draft_due", "drafted", "owned_by"]


def owned_by(postmortem: Postmortem, incident_uid: str) -> bool:
    """Whether the operator drafted or adopted it for that Incident.

    The mark is an ownerReference: the guard lets nobody else write one.
    """
    owners = postmortem.metadata.owner_references
    return any(o.get("kind") == "Incident" and o.get("uid") == incident_uid for o in owners)


def draft_due(incident: Incident) -> bool:
    """Whether a Postmortem is owed and none is known yet."""
    owed = incident.status.postmortem
    return incident.status.phase is Phase.RESOLVED and owed is not None and owed.name is None


def drafted(
    incident: Incident, name: str, how: str, now: datetime, guard: str | None = None
) -> IncidentStatus:
    """Record the Postmortem that was drafted or found open, under that guard."""
    owed = incident.status.postmortem or PostmortemRef()
    due = f" It is due {owed.due_at:%Y-%m-%d %H:%M} UTC." if owed.due_at else ""
    edit = edit_postmortem(incident.metadata.namespace, name)
    draft = Draft(incident.status, now).add(
        "PostmortemDrafted",
        f"Postmortem {name}: {how}.{due} Complete it and set spec.state to Final: {edit}",
        changes={"postmortem": owed.model_copy(update={"name": name, "guard": guard})},
    )
    return derive(incident, draft.status, now)
