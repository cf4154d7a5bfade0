"""The objects of one kind as last seen, by namespace and name, each read apart from the others.

``library`` keeps Runbooks and ResponsePolicies on them. What cannot be read is not there, and is
passed on so that it can be said where its author looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from ...api.policy import ResponsePolicy
from ...api.runbook import Runbook
from ...foreign import inside
from .client import Raw

__all__ = ["Key", "Shelf", "key_of"]

Kept = TypeVar("Kept", Runbook, ResponsePolicy)
Key = tuple[str, str]


class Shelf(Generic[Kept]):
    """All objects of one kind in one namespace (or all).

    Parameters
    ----------
    model
        What they are read as.
    changed
        Called with each that was read.
    failed
        Called with each that could not be read, or over which ``changed`` stumbled, and why.
    """

    def __init__(
        self,
        model: type[Kept],
        changed: Callable[[Kept], None],
        failed: Callable[[Raw, Exception], None],
    ) -> None:
        self.kept: dict[Key, Kept] = {}
        self.unread: set[Key] = set()
        """What is there and cannot be read."""
        self._model: type[Kept] = model
        self._changed: Callable[[Kept], None] = changed
        self._failed: Callable[[Raw, Exception], None] = failed

    def replace(self, items: Sequence[Raw]) -> None:
        """Take a whole list: what is not in it is gone. Until all is read, what was there stays."""
        new: dict[Key, Kept] = {}
        self.unread.clear()
        for raw in items:
            self._put(new, raw)
        self.kept = new

    def take(self, event: str, raw: Raw) -> None:
        """Take one change."""
        if event == "DELETED":
            self.kept.pop(key_of(raw), None)
            self.unread.discard(key_of(raw))
        else:
            self._put(self.kept, raw)

    def _put(self, kept: dict[Key, Kept], raw: Raw) -> None:
        kept.pop(key_of(raw), None)
        self.unread.add(key_of(raw))
        try:
            found = self._model.model_validate(raw)
            self.unread.discard(key_of(raw))
            # It is there from here on: that it cannot be judged makes it unusable, not unknown.
            kept[key_of(raw)] = found
            self._changed(found)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is about this object
            self._failed(raw, error)


def key_of(raw: Raw) -> Key:
    """Give namespace and name of an object, whatever it is otherwise."""
    meta = inside(raw, "metadata")
    return (str(inside(meta, "namespace") or ""), str(inside(meta, "name") or ""))
