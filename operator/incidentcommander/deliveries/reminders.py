"""Reminders of Postmortems over channels: what is overdue, also long after the Incident is Closed.

An Incident has its outbox; a Postmortem's reminders are repeated every day until they are heeded,
so that they are kept in memory only. The Event of the same reminder is the record.
"""

from __future__ import annotations

from typing import Final

from ..api.incident import Incident
from ..api.notices import Audience, Notice, NoticeKind
from ..api.postmortem import Postmortem
from ..cleaning import clean, clean_line
from ..core.postmortem.overdue import Reminder
from ..observed.workloads import IncidentRef
from ..ports import Postman

__all__ = ["Reminders"]

_MARK: Final = "postmortem/"
"""Begins the name of what is posted here: no Incident has a slash in its name."""
_MOST: Final = 24
_SUBJECT: Final = 160
_TEXT: Final = 1280


class Reminders:
    """Posts reminders, and drops them once they are taken."""

    def __init__(self) -> None:
        self.postman: Postman
        self._open: dict[IncidentRef, list[Notice]] = {}

    def remind(self, postmortem: Postmortem, incident: Incident | None, reminder: Reminder) -> None:
        """Send one to the internal channels of the policy that its Incident ran under."""
        channels = _channels(incident)
        if not channels:
            return
        meta = postmortem.metadata
        ref = IncidentRef(meta.namespace, f"{_MARK}{meta.name}", meta.uid)
        notice = Notice(
            id=f"{meta.uid[:8]}-{reminder.item[:24]}-{reminder.at:%Y%m%d}",
            kind=NoticeKind.POSTMORTEM_DUE,
            audience=Audience.INTERNAL,
            subject=clean_line(reminder.subject)[:_SUBJECT],
            text=clean(reminder.text)[:_TEXT],
            at=reminder.at,
            channels=channels,
            policy_namespace=incident.status.policy.namespace
            if incident and incident.status.policy
            else None,
        )
        self._open[ref] = [*self._open.get(ref, []), notice][-_MOST:]
        self.postman.post(ref, self._open[ref])

    def settled(self, ref: IncidentRef) -> bool:
        """Take notice of deliveries; False where ``ref`` is an Incident's and none of ours."""
        if not ref.name.startswith(_MARK):
            return False
        taken = {
            (d.notice, d.channel)
            for d in self.postman.deliveries(ref)
            if d.refused or not d.problem
        }
        left = []
        for notice in self._open.pop(ref, []):
            waiting = [c for c in notice.channels if (notice.id, c) not in taken]
            if waiting:
                left.append(notice.model_copy(update={"channels": waiting}))
        if left:
            self._open[ref] = left
        self.postman.post(ref, left)
        return True


def _channels(incident: Incident | None) -> list[str]:
    policy = incident.status.policy if incident else None
    if incident is None or policy is None:
        return []
    severity = incident.status.severity or incident.spec.severity
    return [c.name for c in policy.whole.channels_for(Audience.INTERNAL, severity)]
