"""Keeping the object small: older timeline entries move to TimelinePage objects."""

from __future__ import annotations

from typing import Final

from ...api.incident import Incident, IncidentStatus, PageRef
from ...api.page import TimelinePageSpec
from ...observed.workloads import digest
from ..effects import AddPage
from ..timeline_room import pages_left

__all__ = ["page_due", "paged"]

_KEEP: Final = 16
"""Entries that stay in the object, so that `kubectl describe` still shows what led here."""


def page_due(incident: Incident, page_at: int) -> AddPage | None:
    """Give the page to write now, if the object holds ``page_at`` entries or more.

    It always holds as many: whatever is said between writing and listing it, and whoever crashes
    there, the page is the same. Where no more can be listed, the entries stay in the object.
    """
    entries = incident.status.timeline
    if len(entries) < page_at or not pages_left(incident.status):
        return None
    older = entries[: page_at - _KEEP]
    meta, first, last = incident.metadata, older[0].seq, older[-1].seq
    sha256 = digest([e.to_api() for e in older])
    name = f"{meta.name}-{first}-{last}"
    return AddPage(
        name=name,
        spec=TimelinePageSpec(
            incident=meta.name,
            incident_uid=meta.uid,
            from_seq=first,
            to_seq=last,
            sha256=sha256,
            entries=older,
        ),
        ref=PageRef(name=name, from_seq=first, to_seq=last, sha256=sha256),
    )


def paged(status: IncidentStatus, page: AddPage) -> IncidentStatus:
    """List the page and let its entries go, in one write."""
    return status.model_copy(
        update={
            "timeline": [e for e in status.timeline if e.seq > page.ref.to_seq],
            "timeline_pages": [*status.timeline_pages, page.ref],
        }
    )
