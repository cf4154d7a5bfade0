"""TimelinePage: the older entries of an Incident's timeline. Immutable, written by the operator."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from .base import ApiModel, Name
from .common import ObjectMeta
from .incident import MAX_ENTRIES, TimelineEntry

__all__ = ["TimelinePage", "TimelinePageSpec"]


class TimelinePageSpec(ApiModel):
    """A closed piece of a timeline."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                {"rule": "self == oldSelf", "message": "a TimelinePage is immutable"},
                {
                    "rule": "self.entries.size() == self.toSeq - self.fromSeq + 1 && "
                    "self.entries.all(i, v, v.seq == self.fromSeq + i)",
                    "message": "entries must be all those from fromSeq to toSeq, in order",
                    "fieldPath": ".entries",
                },
            ]
        }
    }

    incident: Name = Field(description="Name of the Incident, in this namespace.")
    incident_uid: Annotated[str, Field(max_length=64)] = Field(description="Its uid.")
    from_seq: Annotated[int, Field(ge=0)] = Field(description="seq of the first entry.")
    to_seq: Annotated[int, Field(ge=0)] = Field(description="seq of the last entry.")
    sha256: Annotated[str, Field(max_length=64)] = Field(
        description="SHA-256 over the canonical JSON of the entries."
    )
    entries: Annotated[list[TimelineEntry], Field(min_length=1, max_length=MAX_ENTRIES)] = Field(
        description="The entries, oldest first."
    )


class TimelinePage(ApiModel):
    """Older entries of an Incident's timeline."""

    metadata: ObjectMeta
    spec: TimelinePageSpec
