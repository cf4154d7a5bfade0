"""What a Postmortem still lacks before it can be Final, field by field.

The API server holds people to the same list by the rules of the kind; here it is for reading, with the
action item by its id, which no rule there can name. A test holds the two against each other.
"""

from __future__ import annotations

import re
from typing import Final

from ...api.postmortem import PLACEHOLDER, ActionItem, PostmortemSpec

__all__ = ["holes", "is_hole"]

_HOLE: Final = re.compile(rf"\s*(?:{PLACEHOLDER}|\Z)")
_IMPACT: Final = (
    *("usersAffected", "duration", "revenue"),
    *("errorBudgetConsumed", "supportTickets"),
)
_WHYS: Final = 5


def is_hole(text: object) -> bool:
    """Whether a text says nothing: absent, blank, or a placeholder."""
    return not isinstance(text, str) or _HOLE.match(text) is not None


def holes(spec: PostmortemSpec) -> list[str]:
    """Name the fields that people have to write yet, in the order of the report."""
    has = spec.to_api()
    impact, factors = has.get("impact") or {}, has.get("contributingFactors") or {}
    texts = {
        "author": has.get("author"),
        "summary": has.get("summary"),
        **{f"impact.{name}": impact.get(name) for name in _IMPACT},
        "whatHappened": has.get("whatHappened"),
        **{
            f"contributingFactors.{name}": factors.get(name)
            for name in ("immediate", "underlying", "systemic")
        },
        "lessons": has.get("lessons"),
    }
    found = [name for name, text in texts.items() if is_hole(text)]
    whys = [text for text in spec.five_whys if not is_hole(text)]
    if len(whys) < _WHYS:
        found.append(f"fiveWhys ({len(whys)} of {_WHYS})")
    for name, points in (("wentWell", spec.went_well), ("wentPoorly", spec.went_poorly)):
        if not points or any(is_hole(point) for point in points):
            found.append(name)
    found += [hole for item in spec.action_items for hole in _of_item(item)]
    if not spec.action_items:
        found.append("actionItems")
    return found if spec.follow_up_review_at else [*found, "followUpReviewAt"]


def _of_item(item: ActionItem) -> list[str]:
    lacks = {
        "action": is_hole(item.action),
        "owner": is_hole(item.owner),
        "due": item.due is None,
    }
    return [f"actionItems {item.id}: {name}" for name, lacking in lacks.items() if lacking]
