"""A reminder as a Kubernetes Event on its Postmortem.

``reviews`` sends it. Its name is made of the item and the day, so that whatever dies when, it is there once.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any, Final

from ...api.base import FIELD_MANAGER, GROUP, VERSION
from ...api.postmortem import Postmortem
from ...core.postmortem.overdue import Reminder

__all__ = ["event_of"]

_CONTROLLER: Final = f"{GROUP}/operator"
_NOTE_BYTES: Final = 1000


def event_of(postmortem: Postmortem, reminder: Reminder) -> dict[str, Any]:
    """Give the Event."""
    meta = postmortem.metadata
    at = reminder.at.astimezone(UTC)
    what = "".join(c if c.isalnum() else "-" for c in reminder.item.lower()).strip("-")
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "namespace": meta.namespace,
            "name": f"{meta.name}.{meta.uid[:8]}.{what or 'postmortem'}.{at:%Y%m%d}",
        },
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "regarding": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Postmortem",
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
        },
        "reason": "ActionItemOverdue" if reminder.item else "PostmortemOverdue",
        "action": "Remind",
        "type": "Warning",
        "note": reminder.text.encode()[:_NOTE_BYTES].decode(errors="ignore"),
        "reportingController": _CONTROLLER,
        "reportingInstance": FIELD_MANAGER,
    }
