"""The outbox: notices that channels have not taken yet.

A notice is written in the same step as what it tells, so that a crash loses neither. What came of
it is known from ``Case.deliveries``; a channel that is down costs an entry and holds nothing up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from ...api.base import format_duration
from ...api.common import Severity
from ...api.incident import MAX_NOTICES, IncidentStatus
from ...api.notices import Audience, ChannelState, Notice, NoticeKind
from ...api.policy import Channel
from ...cleaning import clean, clean_line
from ...observed.workloads import Delivery
from ..case import Case
from ..evolve import Draft, next_seq
from ..timeline_room import room
from ..wording import cut, sentence

__all__ = ["add", "channels_for", "give_up_at", "recipients", "settled"]

_GIVEN_UP_AFTER: Final = timedelta(hours=24)
_TRIES: Final = 3
"""A channel that has refused this often in a row is said to be failing."""
_SUBJECT: Final = 160
_TEXT: Final = 1280
_ERROR: Final = 256


def channels_for(case: Case, draft: Draft, audience: Audience) -> list[Channel]:
    """Give the channels of an audience for Incidents of this severity; drills have no outsiders."""
    if audience is Audience.EXTERNAL and case.incident.spec.drill:
        return []
    return case.policy.whole.channels_for(audience, draft.status.severity or Severity.SEV2)


def recipients(case: Case, draft: Draft, audience: Audience, kind: NoticeKind) -> list[str]:
    """Name the channels that get a notice: the last words go to whoever was told before, too."""
    names = [channel.name for channel in channels_for(case, draft, audience)]
    if kind is NoticeKind.RESOLVED and draft.status.updates:
        told = draft.status.updates.told
        own = [c.name for c in case.policy.whole.channels if c.audience is audience]
        names += [name for name in own if name in told and name not in names]
    return names


def add(
    case: Case,
    draft: Draft,
    kind: NoticeKind,
    audience: Audience,
    words: tuple[str, str],
    channels: Sequence[str],
) -> Draft:
    """Put a notice (subject, text) into the outbox, for these channels."""
    if not channels:
        return draft
    draft = _room(draft)
    notice = Notice(
        id=f"{case.incident.metadata.uid[:8]}-{_number(draft, kind)}{audience[:2].lower()}",
        kind=kind,
        audience=audience,
        subject=cut(clean_line(words[0]), _SUBJECT),
        text=cut(clean(words[1]), _TEXT),
        at=case.now,
        channels=list(channels),
        policy_namespace=case.policy.namespace,
    )
    return draft.set(outbox=[*draft.status.outbox, notice])


def _number(draft: Draft, kind: NoticeKind) -> str:
    """Give what tells this notice from others: the entry that goes with it, or else the time."""
    seq = next_seq(draft.status)
    # That a Postmortem is due is told without an entry; 48 hours later the number may be the same.
    has_entry = kind is not NoticeKind.POSTMORTEM_DUE and room(draft.status) is None
    return f"{seq}" if has_entry else f"{seq}-{draft.now:%Y%m%d%H%M%S}{kind[:2].lower()}"


def _room(draft: Draft) -> Draft:
    """Let a notice go where the outbox is full: the oldest update, since newer ones say more.

    What it said stands in the timeline.
    """
    full = draft.status.outbox
    if len(full) < MAX_NOTICES:
        return draft
    oldest = next((n for n in full if n.kind is NoticeKind.UPDATE), full[0])
    kept = [n for n in full if n is not oldest]
    return _abandoned(draft.set(outbox=kept), oldest, f"{MAX_NOTICES} notices wait already")


def settled(case: Case, draft: Draft) -> Draft:
    """Take up what became of notices: taken, refused again and again, given up."""
    if not draft.status.outbox:
        return draft
    known = {(d.notice, d.channel): d for d in case.deliveries}
    for notice in draft.status.outbox:
        for channel in notice.channels:
            if delivery := known.get((notice.id, channel)):
                draft = _heard(draft, delivery)
    left = []
    for notice in draft.status.outbox:
        waiting = [c for c in notice.channels if not _taken(known.get((notice.id, c)))]
        kept = notice.model_copy(update={"channels": waiting})
        if waiting and case.now >= notice.at + _GIVEN_UP_AFTER:
            draft = _abandoned(draft, kept, f"{format_duration(_GIVEN_UP_AFTER)} are over")
        elif waiting:
            left.append(kept)
    return draft if left == draft.status.outbox else draft.set(outbox=left)


def give_up_at(status: IncidentStatus) -> datetime | None:
    """Give the time at which the oldest notice is given up."""
    return status.outbox[0].at + _GIVEN_UP_AFTER if status.outbox else None


def _taken(delivery: Delivery | None) -> bool:
    """Whether there is nothing more to try: it was taken, or the channel is not for it."""
    return delivery is not None and (delivery.refused or not delivery.problem)


def _heard(draft: Draft, delivery: Delivery) -> Draft:
    """Note how a channel does, with an entry where that changes."""
    states = {c.name: c for c in draft.status.channels}
    state = states.get(delivery.channel) or ChannelState(name=delivery.channel)
    failing = state.failing_since is not None
    if delivery.refused:
        return _not_served(draft, state, delivery)
    if not delivery.problem:
        fine = ChannelState(name=delivery.channel, last_at=delivery.at)
        draft = _noted(draft, fine)
        if not failing:
            return draft
        return draft.add("DeliveryRestored", f"Channel {delivery.channel} takes notices again.")
    if failing or delivery.tries < _TRIES:
        return draft
    since = delivery.since or delivery.at
    bad = state.model_copy(update={"failing_since": since, "error": cut(delivery.problem, _ERROR)})
    return _noted(draft, bad).add(
        "DeliveryFailed",
        f"Channel {delivery.channel} has not taken notices since {since:%H:%M:%S} UTC "
        f"({delivery.tries} tries): {sentence(cut(delivery.problem, 300))} It is tried again; "
        "nothing waits for it. Tell people another way.",
    )


def _not_served(draft: Draft, state: ChannelState, delivery: Delivery) -> Draft:
    """Say once that the channel does not serve the policy that names it."""
    said = cut(delivery.problem, _ERROR)
    if state.error == said:
        return draft
    return _noted(draft, state.model_copy(update={"error": said})).add(
        "DeliveryRefused",
        f"Nothing is sent to channel {delivery.channel}: {sentence(cut(delivery.problem, 380))} Take "
        "it out of the policy, or ask who runs the operator.",
    )


def _noted(draft: Draft, state: ChannelState) -> Draft:
    others = [c for c in draft.status.channels if c.name != state.name]
    return draft.set(channels=[*others, state][-8:])


def _abandoned(draft: Draft, notice: Notice, why: str) -> Draft:
    return draft.add(
        "DeliveryAbandoned",
        f"Given up, since {why}: {notice.kind} notice {notice.id} of {notice.at:%H:%M} UTC never "
        f"reached {', '.join(notice.channels)}. Tell people another way. It said: {notice.text}",
    )
