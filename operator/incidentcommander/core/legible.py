"""The one gate of words into a status: whatever a decision wrote, people can read it as it stands.

``decide`` passes every new status through it, ``evolve`` every new entry, since what stands in the
timeline already is never touched. What comes in is cleaned where that is known to be foreign; here it
is known to be ours, so that nothing has to be remembered by whoever writes a message.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from ..api.incident import IncidentStatus
from ..cleaning import clean, is_clean

__all__ = ["legible", "legible_status"]

_ENTRIES: Final = "timeline"
_COMPARED: Final = frozenset({"parameters", "depends_on", "rejected", "fought_by", "labels"})
"""Fields that are held against the world later: other words there would be other facts."""
_ESCAPED: Final = re.compile(r"\\(?:[bfr]|u00)")
"""A control character in JSON. Those that are no ASCII stand in it as they are."""
Model = TypeVar("Model", bound=BaseModel)


def legible_status(status: IncidentStatus) -> IncidentStatus:
    """Give the status with all its words legible, but for its timeline; the same if they were."""
    try:
        shown = status.model_dump_json(exclude={_ENTRIES, "timeline_pages"})
    except PydanticSerializationError:
        # Half a character, of which no text can be written.
        return legible(status)
    return status if is_clean(shown) and not _ESCAPED.search(shown) else legible(status)


def legible(model: Model) -> Model:
    """Give a model with all its words legible; the same if they were."""
    new = {}
    for name in type(model).model_fields:
        if name == _ENTRIES or name in _COMPARED:
            continue
        old = getattr(model, name)
        found = _of(old)
        if found is not old:
            new[name] = found
    return model.model_copy(update=new) if new else model


def _of(value: Any) -> Any:
    match value:
        case str() if not is_clean(value):
            return clean(value)
        case BaseModel():
            return legible(value)
        case list():
            found = [_of(each) for each in value]
            return value if all(a is b for a, b in zip(found, value, strict=True)) else found
        case dict():
            shown = {key: _of(each) for key, each in value.items()}
            return value if all(shown[key] is each for key, each in value.items()) else shown
        case _:
            return value
