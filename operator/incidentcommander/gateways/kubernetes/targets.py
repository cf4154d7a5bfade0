"""Wakes Incidents when their target changes: the ``Targets`` of the shell.

The runner names the workloads that matter; one watch for each kind (and watched namespace) hears
of their changes, by metadata only. It reads nothing else, and what woke an Incident is not told.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, TypeAlias

from ...api.common import TargetKind
from ...observed.workloads import IncidentRef
from ...settings import Settings
from .client import Client, Raw
from .paths import PLURALS, path_of
from .shelves import key_of
from .watch import Watch

__all__ = ["TargetWatches"]

_log = logging.getLogger(__name__)

_Target: TypeAlias = tuple[TargetKind, str, str]
_Scope: TypeAlias = tuple[TargetKind, str]


class TargetWatches:
    """Watches of workloads, begun when the first Incident needs one of that kind."""

    def __init__(
        self, client: Client, settings: Settings, wake: Callable[[IncidentRef], None]
    ) -> None:
        self._client = client
        self._namespaces: Final = settings.watch_namespaces
        self._wake = wake
        self._target_of: dict[tuple[str, str], _Target] = {}
        self._interested: defaultdict[_Target, dict[tuple[str, str], IncidentRef]] = defaultdict(
            dict
        )
        self._tasks: dict[_Scope, asyncio.Task[None]] = {}

    def follow(self, ref: IncidentRef, kind: TargetKind, namespace: str, name: str) -> None:
        """Wake ``ref`` from now on whenever that workload changes, and for no other."""
        target = (kind, namespace, name)
        key = (ref.namespace, ref.name)
        if self._target_of.get(key) != target:
            self.forget(ref)
            self._target_of[key] = target
        self._interested[target][key] = ref
        self._watch((kind, namespace if self._namespaces else ""))

    def forget(self, ref: IncidentRef) -> None:
        """Wake it no more."""
        key = (ref.namespace, ref.name)
        target = self._target_of.pop(key, None)
        if target is None:
            return
        followers = self._interested[target]
        followers.pop(key, None)
        if not followers:
            del self._interested[target]

    async def close(self) -> None:
        """End all watches."""
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _watch(self, scope: _Scope) -> None:
        if scope in self._tasks:
            return
        kind, namespace = scope
        watch = Watch(
            self._client,
            path_of(PLURALS[kind], namespace),
            on_list=partial(self._missed, scope),
            on_event=partial(self._changed, kind),
            whole=False,
            metadata_only=True,
        )
        task = asyncio.create_task(watch.run(), name=f"watch {PLURALS[kind]} {namespace}".strip())
        task.add_done_callback(partial(self._ended, scope))
        self._tasks[scope] = task

    def _ended(self, scope: _Scope, task: asyncio.Task[None]) -> None:
        if self._tasks.get(scope) is not task:
            return  # closed
        _log.error("%s ended: it begins again", task.get_name())
        del self._tasks[scope]
        self._watch(scope)

    def _missed(self, scope: _Scope, _: Sequence[Raw]) -> None:
        """After a gap anything may have changed."""
        kind, namespace = scope
        for target in list(self._interested):
            if target[0] is kind and namespace in {"", target[1]}:
                self._wake_all(self._interested[target].values())

    def _changed(self, kind: TargetKind, _: str, found: Raw) -> None:
        target = (kind, *key_of(found))
        if target in self._interested:
            self._wake_all(self._interested[target].values())

    def _wake_all(self, refs: Iterable[IncidentRef]) -> None:
        for ref in list(refs):
            self._wake(ref)
