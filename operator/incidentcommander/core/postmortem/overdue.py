"""What stands of a Postmortem: its conditions, what is overdue, and of whom to remind people.

Pure: the Postmortem, when it is due and the time in; its status, the reminders to give now, and when
to look again out. It goes on long after the Incident is Closed: action items are tracked until done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ...api.common import Condition, ConditionStatus
from ...api.postmortem import (
    ActionItem,
    ActionStatus,
    Postmortem,
    PostmortemDisplay,
    PostmortemState,
    PostmortemStatus,
    Reminded,
)
from ..wording import cut
from .completeness import holes

__all__ = ["Judgement", "Reminder", "is_overdue", "judge", "overdue_items"]

_EVERY: Final = timedelta(days=1)
_DAY: Final = 10
"""Characters of a date without a time."""
_Observed = tuple[str, bool, str, str]


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder, as it goes to an Event and to channels."""

    item: str
    """The action item; empty: the Postmortem itself."""
    at: datetime
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows."""

    status: PostmortemStatus
    """To be written once the reminders are given."""
    reminders: tuple[Reminder, ...]
    again_at: datetime | None
    """When it changes by itself; None: never."""


def judge(postmortem: Postmortem, due_at: datetime | None, now: datetime) -> Judgement:
    """Say how a Postmortem stands now."""
    before, spec = postmortem.status, postmortem.spec
    final = spec.state is PostmortemState.FINAL
    status = before.model_copy(
        update={
            "observed_generation": postmortem.metadata.generation,
            "due_at": due_at,
            "completed_at": before.completed_at or (now if final else None),
        }
    )
    late = overdue_items(postmortem, now)
    reminders = tuple(_reminders(postmortem, status, now))
    given = {r.item: r for r in reminders}
    alive = {i.id for i in late} | ({""} if _late(postmortem, status, now) else set())
    kept = [r for r in before.reminders if r.item in alive and r.item not in given]
    status = status.model_copy(
        update={
            "conditions": _conditions(postmortem, status, now),
            "open_items": sum(i.status is not ActionStatus.DONE for i in spec.action_items),
            "overdue_items": [i.id for i in late],
            "reminders": [*kept, *(Reminded(item=r.item, at=r.at) for r in reminders)],
            "display": _display(postmortem, status, now),
        }
    )
    return Judgement(status, reminders, _again_at(postmortem, status, now))


def is_overdue(postmortem: Postmortem, now: datetime) -> bool:
    """Whether its time is up and it was never Final."""
    return _late(postmortem, postmortem.status, now)


def overdue_items(postmortem: Postmortem, now: datetime) -> list[ActionItem]:
    """Give the action items that are not done and whose due date is over."""
    ends = [(item, _ends(item)) for item in postmortem.spec.action_items]
    return [
        item
        for item, end in ends
        if item.status is not ActionStatus.DONE and end is not None and end <= now
    ]


def _ends(item: ActionItem) -> datetime | None:
    """Give the moment from which an action item is overdue: a day counts to its end, in UTC."""
    if item.due is None:
        return None
    try:
        return _moment(item.due)
    except (ValueError, OverflowError):
        # Stored under another schema: no moment that there ever is.
        return None


def _moment(text: str) -> datetime:
    try:
        due = datetime.fromisoformat(text)
    except ValueError:
        # A day that the calendar does not have, such as February 30: the last that it may mean.
        year, month = int(text[:4]), int(text[5:7])
        return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    if len(text) == _DAY:
        return due.replace(tzinfo=UTC) + timedelta(days=1)
    return due.astimezone(UTC)


def _late(postmortem: Postmortem, status: PostmortemStatus, now: datetime) -> bool:
    final = postmortem.spec.state is PostmortemState.FINAL or status.completed_at is not None
    return not final and status.due_at is not None and status.due_at <= now


def _reminders(
    postmortem: Postmortem, status: PostmortemStatus, now: datetime
) -> Iterator[Reminder]:
    last = {r.item: r.at for r in status.reminders}
    name, about = postmortem.metadata.name, postmortem.spec.incident_ref.name

    def due(item: str) -> bool:
        return item not in last or now >= last[item] + _EVERY

    if _late(postmortem, status, now) and due(""):
        yield Reminder(
            "",
            now,
            f"Postmortem {name} is overdue",
            f"Postmortem {name} of Incident {about} was due {status.due_at:%Y-%m-%d %H:%M} UTC and is "
            f"{postmortem.spec.state}. The incident is not over until it is Final.",
        )
    for item in overdue_items(postmortem, now):
        if due(item.id):
            yield Reminder(
                item.id,
                now,
                f"Action item {item.id} of Postmortem {name} is overdue",
                f"{item.priority} {item.id} of Postmortem {name} (Incident {about}) was due "
                f"{item.due}, owner {item.owner or 'nobody'}, {item.status}: {cut(item.action, 400)}",
            )


def _conditions(postmortem: Postmortem, status: PostmortemStatus, now: datetime) -> list[Condition]:
    before = {c.type: c for c in status.conditions}
    found = []
    for kind, holds, reason, message in _observed(postmortem, status, now):
        value = ConditionStatus.TRUE if holds else ConditionStatus.FALSE
        old = before.get(kind)
        since = old.last_transition_time if old and old.status is value else now
        found.append(
            Condition(
                type=kind,
                status=value,
                observed_generation=postmortem.metadata.generation,
                last_transition_time=since,
                reason=reason,
                message=cut(message, 1024),
            )
        )
    return found


def _observed(
    postmortem: Postmortem, status: PostmortemStatus, now: datetime
) -> Iterator[_Observed]:
    state = postmortem.spec.state
    final = state is PostmortemState.FINAL
    yield (
        "Complete",
        final,
        str(state),
        "" if final else _to_write(postmortem),
    )
    late = _late(postmortem, status, now)
    until = f"due {status.due_at:%Y-%m-%d %H:%M} UTC" if status.due_at else "no due date is known"
    yield "Overdue", late, "Late" if late else "InTime", until
    items = overdue_items(postmortem, now)
    told = "; ".join(f"{i.id} was due {i.due}, owner {i.owner or 'nobody'}" for i in items)
    yield "ActionItemsOverdue", bool(items), "Late" if items else "InTime", told


def _to_write(postmortem: Postmortem) -> str:
    lacking = holes(postmortem.spec)
    if not lacking:
        return "nothing is lacking: set spec.state to Final"
    return f"before spec.state can be Final, write: {', '.join(lacking)}"


def _display(postmortem: Postmortem, status: PostmortemStatus, now: datetime) -> PostmortemDisplay:
    items = len(overdue_items(postmortem, now))
    told = [
        "Postmortem" if _late(postmortem, status, now) else "",
        f"{items} action item{'s' if items > 1 else ''}" if items else "",
    ]
    return PostmortemDisplay(
        due=f"{status.due_at:%Y-%m-%d %H:%M} UTC" if status.due_at else None,
        overdue=", ".join(filter(None, told)),
    )


def _again_at(postmortem: Postmortem, status: PostmortemStatus, now: datetime) -> datetime | None:
    times = [status.due_at] if status.due_at and status.completed_at is None else []
    times += [
        end
        for item in postmortem.spec.action_items
        if item.status is not ActionStatus.DONE and (end := _ends(item)) is not None
    ]
    ahead = [time for time in times if time > now]
    return min([*ahead, *(r.at + _EVERY for r in status.reminders)], default=None)
