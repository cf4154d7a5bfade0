"""Notices: what is sent to people over channels, and how far each channel has come.

They stand in an Incident's status until every channel has taken them: an outbox, so that nothing
is lost when a channel or the operator is down.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from .base import ApiModel, Timestamp

__all__ = ["Audience", "ChannelName", "ChannelState", "Notice", "NoticeKind"]

ChannelName = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
"""Name of a channel: a key of the Secret that holds their URLs."""


class Audience(StrEnum):
    """Who reads a channel."""

    INTERNAL = "Internal"
    EXTERNAL = "External"
    EXECUTIVE = "Executive"


class NoticeKind(StrEnum):
    """What a notice is about."""

    FIRST = "First"
    UPDATE = "Update"
    RESOLVED = "Resolved"
    ESCALATION = "Escalation"
    POSTMORTEM_DUE = "PostmortemDue"


class Notice(ApiModel):
    """One message that is on its way."""

    id: Annotated[str, Field(max_length=64)] = Field(
        description="Stands in the message: the same one may arrive twice, never not at all."
    )
    kind: NoticeKind = Field(description="First, Update, Resolved, Escalation or PostmortemDue.")
    audience: Audience = Field(description="Whom it was written for.")
    subject: Annotated[str, Field(max_length=160)] = Field(description="Its subject line.")
    text: Annotated[str, Field(max_length=1280)] = Field(description="Its text.")
    at: Timestamp = Field(description="When it was written.")
    channels: Annotated[list[ChannelName], Field(max_length=8)] = Field(
        description="Channels that have not taken it yet."
    )
    policy_namespace: Annotated[str, Field(max_length=63)] | None = Field(
        default=None, description="Namespace of the policy that names the channels."
    )


class ChannelState(ApiModel):
    """How a channel does."""

    name: ChannelName = Field(description="Name of the channel.")
    last_at: Timestamp | None = Field(
        default=None, description="When it took a notice of this Incident last."
    )
    failing_since: Timestamp | None = Field(
        default=None, description="When it began to refuse, as long as it does."
    )
    error: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="What it said."
    )
