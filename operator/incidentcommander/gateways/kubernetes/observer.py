"""Answers needs, all at once: the ``Observer`` of the shell.

It groups what is asked of one workload around one fresh read, and passes queries and proofs to the
gateways that know them. It judges nothing, and a failure becomes an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Final, Protocol, TypeAlias

from ...api.common import TargetKind
from ...errors import OperatorError
from ...observed.needs import (
    Answer,
    AutoscalersNeed,
    BudgetsNeed,
    ConfigurationNeed,
    DryRunNeed,
    Facts,
    Need,
    PodsNeed,
    ProofNeed,
    QueryNeed,
    RevisionsNeed,
    WarningsNeed,
    WorkloadNeed,
)
from ...observed.workloads import GuardProof, Missing, Pod, Scalar, Unavailable, Workload
from ...said import Said
from .client import Client, Raw
from .convert import owners_of_pods, pods_from, revisions_from, selector_of, workload_from
from .dry_runs import DryRuns
from .pages import items_of, pages
from .paths import PLURALS, path_of
from .surroundings import Surroundings

__all__ = ["KubernetesObserver", "Prover", "Querier"]

_PAGE: Final = "500"
_log = logging.getLogger(__name__)
_said: Final = Said()

_Ask: TypeAlias = Callable[[], Awaitable[Answer]]
"""Begun only when its turn comes: a reading may be given up before that."""
_Key: TypeAlias = tuple[TargetKind, str, str]
_TargetNeed: TypeAlias = (
    WorkloadNeed | RevisionsNeed | PodsNeed | ConfigurationNeed | BudgetsNeed | DryRunNeed
)


class Querier(Protocol):
    """Asks Prometheus."""

    async def query(self, need: QueryNeed, now: datetime, /) -> Scalar | Unavailable:
        """Answer one query. Never raises."""


class Prover(Protocol):
    """Proves the guard."""

    async def prove(self, need: ProofNeed, now: datetime, /) -> GuardProof | Unavailable:
        """Prove it on one Incident. Never raises."""


class KubernetesObserver:
    """Reads workloads, what is around them, metrics and the guard."""

    def __init__(self, client: Client, metrics: Querier, guard: Prover) -> None:
        self._client = client
        self._metrics = metrics
        self._guard = guard
        self._surroundings = Surroundings(client)
        self._dry_runs = DryRuns(client)

    async def observe(
        self, needs: Collection[Need], now: datetime, known: Facts | None = None
    ) -> Mapping[Need, Answer]:
        """Give an answer to every need. Never raises: what cannot be asked is ``Unavailable``.

        ``known``: answers from a moment ago. A workload among them is not read again.
        """
        targets: dict[_Key, list[_TargetNeed]] = defaultdict(list)
        single: dict[Need, _Ask] = {}
        for need in dict.fromkeys(needs):
            match need:
                case QueryNeed():
                    single[need] = partial(self._metrics.query, need, now)
                case ProofNeed():
                    single[need] = partial(self._guard.prove, need, now)
                case AutoscalersNeed():
                    single[need] = partial(self._surroundings.autoscalers, need)
                case WarningsNeed():
                    single[need] = partial(self._surroundings.warnings, need)
                case DryRunNeed(autoscaler=name) if name:
                    single[need] = partial(self._dry_runs.of_autoscaler, need)
                case _:
                    targets[need.kind, need.namespace, need.name].append(need)
        groups = [self._target(key, asked, known or Facts()) for key, asked in targets.items()]
        answers, *by_target = await asyncio.gather(_all(single), *groups)
        for found in by_target:
            answers.update(found)
        return answers

    async def _target(
        self, key: _Key, needs: Iterable[_TargetNeed], known: Facts
    ) -> dict[Need, Answer]:
        """Answer everything about one workload from one read of it: the known one, or a fresh one.

        What is acted on is tested in the patch, so that a moment's age does no harm.
        """
        workload: Answer = known.workload(WorkloadNeed(*key))
        if not isinstance(workload, Workload):
            workload = await _guarded(f"{key[0]}/{key[2]}", partial(self._workload, key))
        if not isinstance(workload, Workload):
            # What there is not, or what cannot be read, has no history and no pods either.
            return dict.fromkeys(needs, workload)
        history = _once(partial(self._history, workload))
        return await _all({n: partial(self._about, workload, n, history) for n in needs})

    async def _about(
        self, workload: Workload, need: _TargetNeed, history: Callable[[], Awaitable[list[Raw]]]
    ) -> Answer:
        match need:
            case WorkloadNeed():
                return workload
            case RevisionsNeed():
                return revisions_from(workload, await history())
            case PodsNeed():
                return await self._pods(workload, history)
            case ConfigurationNeed():
                return await self._surroundings.configuration(workload)
            case BudgetsNeed():
                return await self._surroundings.budgets(workload)
            case DryRunNeed():
                return await self._dry_runs.of_workload(workload, need)

    async def _workload(self, key: _Key) -> Answer:
        kind, namespace, name = key
        raw = await self._client.get(path_of(PLURALS[kind], namespace, name))
        if raw is None:
            return Missing(f"there is no {kind} {name} in namespace {namespace}")
        return workload_from(kind, raw)

    async def _history(self, workload: Workload) -> list[Raw]:
        deployment = workload.kind is TargetKind.DEPLOYMENT
        return await self._list("replicasets" if deployment else "controllerrevisions", workload)

    async def _pods(
        self, workload: Workload, history: Callable[[], Awaitable[list[Raw]]]
    ) -> tuple[Pod, ...]:
        """Give the pods that it controls, by uid: selectors overlap, and names can be chosen."""
        between = workload.kind is TargetKind.DEPLOYMENT
        pods, owners = await asyncio.gather(
            self._list("pods", workload), history() if between else _nothing()
        )
        return pods_from(pods, owners_of_pods(workload, owners))

    async def _list(self, plural: str, workload: Workload) -> list[Raw]:
        # resourceVersion=0: from the server's cache, which spares 80 ms right after a write. What
        # is acted on is read fresh and tested in the patch.
        query = {"labelSelector": selector_of(workload), "resourceVersion": "0", "limit": _PAGE}
        listed = pages(self._client, path_of(plural, workload.namespace), query)
        return [item async for page in listed for item in items_of(page)]


def _once(ask: Callable[[], Awaitable[list[Raw]]]) -> Callable[[], Awaitable[list[Raw]]]:
    """Let several wait for one reading."""
    task: asyncio.Future[list[Raw]] | None = None

    async def read() -> list[Raw]:
        nonlocal task
        if task is None:
            task = asyncio.ensure_future(ask())
        return await task

    return read


async def _nothing() -> list[Raw]:
    return []


async def _all(questions: Mapping[Need, _Ask]) -> dict[Need, Answer]:
    answers = await asyncio.gather(*(_guarded(_what(need), ask) for need, ask in questions.items()))
    return dict(zip(questions, answers, strict=True))


def _what(need: Need) -> str:
    match need:
        case QueryNeed():
            return f"query {need.query}"
        case ProofNeed():
            return "the guard"
        case _:
            subject = type(need).__name__.removesuffix("Need").lower()
            return f"{subject} of {need.kind}/{need.name}"


async def _guarded(what: str, ask: _Ask) -> Answer:
    try:
        return await ask()
    except OperatorError as error:
        return Unavailable(what, str(error))
    except Exception as error:  # noqa: BLE001 - one bad object must not stop the others
        if _said.first(what, type(error).__name__):
            _log.exception("%s could not be answered", what)
        return Unavailable(what, f"a bug of the operator (see its log): {type(error).__name__}")
