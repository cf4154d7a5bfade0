"""Who else is about the same target: open Incidents, and ended ones that changed it lately.

The runner keeps it up to date and asks it in every turn; looking one target up costs no more with
many Incidents of others. It decides nothing: ``core/breaker.py`` judges neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ..api.common import Phase, TargetRef
from ..api.incident import Incident
from ..core.case import Neighbour
from ..observed.workloads import IncidentRef

__all__ = ["Neighbours"]

_REMEMBERED: Final = timedelta(days=1)
"""No policy's window of attempts is expected to be longer."""
_Key = tuple[str, TargetRef]
"""Namespace and target."""


class Neighbours:
    """What Incidents of one target have to know of each other."""

    def __init__(self) -> None:
        self._key_of: dict[IncidentRef, _Key] = {}
        self._open: dict[_Key, dict[IncidentRef, Neighbour]] = {}
        self._ended: dict[_Key, dict[str, Neighbour]] = {}

    def of(self, incident: Incident) -> tuple[Neighbour, ...]:
        """Give the others of the same target, as far as they were looked at yet."""
        name, key = incident.metadata.name, (incident.metadata.namespace, incident.target)
        return tuple(
            neighbour for ref, neighbour in self._open.get(key, {}).items() if ref.name != name
        ) + tuple(
            neighbour for ended, neighbour in self._ended.get(key, {}).items() if ended != name
        )

    def take_notice(self, ref: IncidentRef, incident: Incident) -> Sequence[IncidentRef]:
        """Note how an open one stands; give those that have to look because of it.

        These are the others of its target, where this one is new, or begins or ends to act on it.
        """
        key, now = (ref.namespace, incident.target), Neighbour.of(incident)
        before = self._forget(ref) if self._key_of.get(ref) != key else self._open[key][ref]
        self._key_of[ref] = key
        others = self._open.setdefault(key, {})
        others[ref] = now
        self._remember_elsewhere(key, now)
        if before is not None and before.acting == now.acting and before.phase is now.phase:
            return ()
        return [other for other in others if other != ref]

    def end(self, ref: IncidentRef, now: datetime) -> None:
        """It is gone or has ended: what it changed counts for a while."""
        key = self._key_of.get(ref)
        last = self._forget(ref)
        if key is not None and last is not None:
            self._remember(key, last, now)

    def recall(self, incident: Incident, now: datetime) -> None:
        """Note one that ended before this process began."""
        key = (incident.metadata.namespace, incident.target)
        self._remember(key, Neighbour.of(incident), now)
        self._remember_elsewhere(key, Neighbour.of(incident))

    def _forget(self, ref: IncidentRef) -> Neighbour | None:
        key = self._key_of.pop(ref, None)
        if key is None:
            return None
        found = self._open[key].pop(ref)
        if not self._open[key]:
            del self._open[key]
        return found

    def _remember(self, key: _Key, neighbour: Neighbour, now: datetime) -> None:
        oldest = now - _REMEMBERED
        for known, ended in list(self._ended.items()):
            for name in [n for n, kept in ended.items() if kept.changed_at[-1] <= oldest]:
                del ended[name]
            if not ended:
                del self._ended[known]
        if neighbour.changed_at and neighbour.changed_at[-1] > oldest:
            as_ended = replace(neighbour, phase=Phase.CLOSED, acting="")
            self._ended.setdefault(key, {})[neighbour.name] = as_ended

    def _remember_elsewhere(self, key: _Key, neighbour: Neighbour) -> None:
        """What it changed while it was about another target still counts there."""
        namespace, _ = key
        targets = {TargetRef(kind=c.target.kind, name=c.target.name) for c in neighbour.changes}
        for place in {(namespace, target) for target in targets} - {key}:
            self._remember(place, neighbour, neighbour.changes[-1].at)
