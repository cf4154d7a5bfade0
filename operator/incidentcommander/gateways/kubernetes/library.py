"""Runbooks and ResponsePolicies as last seen, and their ``Ready`` condition.

Followed by watches of our own that start with a list, so that what was deleted while nobody looked
is gone here too. The core looks things up in it without waiting. It judges nothing itself
(``core/runbooks.py`` does).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from ...api.common import Condition, ConditionStatus, ObjectMeta
from ...api.notices import Audience
from ...api.policy import ResponsePolicy
from ...api.runbook import Runbook
from ...core.diagnosis import runbooks as judge
from ...core.record import policies
from ...errors import OperatorError
from ...foreign import inside
from .apart import Apart, wrong_with
from .client import Client, Raw
from .paths import path_of
from .shelves import Shelf, key_of
from .watch import Watch

__all__ = ["KubernetesLibrary"]

_MOST_JUDGED: Final = 10_000
"""Generations of Runbooks to remember a verdict of; beyond it all are judged anew."""
_PLURALS: Final = {Runbook: "runbooks", ResponsePolicy: "responsepolicies"}
_LOG = logging.getLogger(__name__)


class KubernetesLibrary:
    """Satisfies ``core.case.Library``.

    Parameters
    ----------
    client
        The connection to the API server.
    namespaces
        Namespaces to follow; none: all.
    changed
        Called after every change that can matter to an Incident.
    clock
        The current time.
    """

    def __init__(
        self,
        client: Client,
        namespaces: Sequence[str],
        changed: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._notify = changed
        self._clock = clock
        self._usable: dict[str, bool] = {}
        self._owed: asyncio.Queue[tuple[str, ObjectMeta, Condition]] = asyncio.Queue()
        self._apart = {k: Apart(k.__name__, _LOG) for k in (Runbook, ResponsePolicy)}
        self._runbooks: list[Shelf[Runbook]] = []
        self._policies: list[Shelf[ResponsePolicy]] = []
        self.watches: Final[list[Watch]] = []
        for namespace in namespaces or ("",):
            runbooks = Shelf(Runbook, self._judge_runbook, partial(self._failed, Runbook))
            policies = Shelf(
                ResponsePolicy, self._judge_policy, partial(self._failed, ResponsePolicy)
            )
            self._runbooks.append(runbooks)
            self._policies.append(policies)
            self._follow(runbooks, path_of("runbooks", namespace))
            self._follow(policies, path_of("responsepolicies", namespace))

    def _follow(self, shelf: Shelf[Any], path: str) -> None:
        def listed(items: Sequence[Raw]) -> None:
            shelf.replace(items)
            self._notify()

        def happened(event: str, raw: Raw) -> None:
            key = key_of(raw)
            before = shelf.kept.get(key)
            shelf.take(event, raw)
            after = shelf.kept.get(key)
            # A change of status alone (our own condition) concerns nobody.
            if _generation(before) != _generation(after):
                self._notify()

        self.watches.append(Watch(self._client, path, listed, happened))

    # --- core.case.Library -----------------------------------------------------------------------

    def runbooks(self, namespace: str) -> Sequence[Runbook]:
        """Usable ones in that namespace."""
        found = [
            r
            for shelf in self._runbooks
            for (where, _), r in shelf.kept.items()
            if where == namespace
        ]
        return [r for r in found if self._usable.get(_identity(r), False)]

    def runbook(self, namespace: str, name: str) -> Runbook | None:
        """One, usable or not."""
        found = (shelf.kept.get((namespace, name)) for shelf in self._runbooks)
        return next((r for r in found if r is not None), None)

    def policy(self, namespace: str, name: str) -> ResponsePolicy | None:
        """One."""
        found = (shelf.kept.get((namespace, name)) for shelf in self._policies)
        return next((p for p in found if p is not None), None)

    def unreadable(self, namespace: str) -> Collection[str]:
        """Name those there that are nothing this version can read."""
        shelves = [("Runbook", s) for s in self._runbooks] + [
            ("ResponsePolicy", s) for s in self._policies
        ]
        return sorted(
            f"{kind} {name}"
            for kind, s in shelves
            for where, name in s.unread
            if where == namespace
        )

    def outward(self, namespace: str) -> frozenset[str]:
        """Name the channels that policies of a namespace have for others than those who work."""
        return frozenset(
            channel.name
            for shelf in self._policies
            for (where, _), policy in shelf.kept.items()
            if where == namespace
            for channel in policy.spec.channels
            if channel.audience is not Audience.INTERNAL
        )

    # --- life ------------------------------------------------------------------------------------

    async def load(self) -> None:
        """List everything once. Raises OperatorError."""
        await asyncio.gather(*(watch.refresh() for watch in self.watches))

    async def run(self) -> None:
        """Follow changes and write conditions, for ever."""
        await asyncio.gather(*(watch.run() for watch in self.watches), self._write_conditions())

    def _judge_runbook(self, runbook: Runbook) -> None:
        identity = _identity(runbook)
        if identity not in self._usable:
            if len(self._usable) > _MOST_JUDGED:
                self._usable.clear()
            self._usable[identity] = not judge.problems(runbook)
        ready = judge.ready_condition(runbook, self._clock())
        self._owe("runbooks", runbook.metadata, runbook.status.conditions, ready)

    def _judge_policy(self, policy: ResponsePolicy) -> None:
        ready = policies.ready_condition(policy, self._clock())
        self._owe("responsepolicies", policy.metadata, policy.status.conditions, ready)

    def _failed(self, kind: type[Runbook | ResponsePolicy], raw: Raw, error: Exception) -> None:
        """Say what is wrong with one where its author looks; it is not used."""
        self._apart[kind].left_out(raw, error)
        found = inside(raw, "metadata")
        meta = ObjectMeta(
            name=key_of(raw)[1],
            namespace=key_of(raw)[0],
            uid=str(inside(found, "uid") or ""),
            generation=inside(found, "generation") or 0,
        )
        self._usable[f"{meta.uid}/{meta.generation}"] = False
        ready = Condition(
            type="Ready",
            status=ConditionStatus.FALSE,
            observed_generation=meta.generation,
            last_transition_time=self._clock(),
            reason="Unreadable",
            message=f"It is not used: {wrong_with(error)}",
        )
        self._owe(_PLURALS[kind], meta, list(_conditions_in(raw)), ready)

    def _owe(self, plural: str, meta: ObjectMeta, has: list[Condition], ready: Condition) -> None:
        old = next((c for c in has if c.type == ready.type), None)
        same = old is not None and (
            (old.status, old.reason, old.message, old.observed_generation)
            == (ready.status, ready.reason, ready.message, ready.observed_generation)
        )
        if not same:
            since = old.last_transition_time if old and old.status is ready.status else None
            kept_since = ready.model_copy(
                update={"last_transition_time": since or ready.last_transition_time}
            )
            self._owed.put_nowait((plural, meta, kept_since))

    async def _write_conditions(self) -> None:
        while True:
            plural, meta, condition = await self._owed.get()
            try:
                await self._write(plural, meta, condition)
            except OperatorError as error:
                # Its next change, or the next list, tries again.
                _LOG.warning("%s %s/%s: %s", plural, meta.namespace, meta.name, error)
            except Exception:  # noqa: BLE001 - one of them must not stop the others
                _LOG.exception("no condition for %s %s/%s", plural, meta.namespace, meta.name)

    async def _write(self, plural: str, meta: ObjectMeta, condition: Condition) -> None:
        await self._client.request(
            "PATCH",
            path_of(plural, meta.namespace, meta.name, "status"),
            body={
                "metadata": {"uid": meta.uid},
                "status": {
                    "observedGeneration": meta.generation,
                    "conditions": [condition.to_api()],
                },
            },
            content_type="application/merge-patch+json",
        )


def _identity(runbook: Runbook) -> str:
    return f"{runbook.metadata.uid}/{runbook.metadata.generation}"


def _generation(kept: Runbook | ResponsePolicy | None) -> tuple[str, int] | None:
    return (kept.metadata.uid, kept.metadata.generation) if kept else None


def _conditions_in(raw: Raw) -> Iterator[Condition]:
    """Give the conditions of an object that cannot be read as a whole."""
    found = inside(raw, "status", "conditions")
    for condition in found if isinstance(found, list) else ():
        try:
            yield Condition.model_validate(condition)
        except ValidationError:
            continue
