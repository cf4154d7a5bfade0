"""Asks what a write would leave: server-side dry runs, of workloads and of their autoscalers.

``observer`` passes these questions on. What the API server refuses is an answer; other failures
raise as ``Client.request``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from ...errors import ForbiddenError, GoneError, InvalidResourceError
from ...observed.needs import DryRunNeed
from ...observed.workloads import AUTOSCALERS, DryRun, Missing, Refused, Workload
from .client import FIELD_MANAGER, JSON_PATCH, Client
from .errors import AlreadyExistsError
from .paths import PLURALS, path_of

__all__ = ["DryRuns"]

_DRY: Final = {"dryRun": "All", "fieldManager": FIELD_MANAGER}

Body: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class DryRuns:
    """Sends writes that change nothing."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def of_workload(self, workload: Workload, need: DryRunNeed) -> DryRun | Refused | Missing:
        """Patch the workload that was just read."""
        path = path_of(PLURALS[need.kind], need.namespace, need.name)
        return await self._tried("PATCH", path, json.loads(need.patch), workload.raw)

    async def of_autoscaler(self, need: DryRunNeed) -> DryRun | Refused | Missing:
        """Patch the HPA, or make it."""
        if need.body:
            path = path_of(AUTOSCALERS, need.namespace)
            return await self._tried("POST", path, json.loads(need.body), {})
        path = path_of(AUTOSCALERS, need.namespace, need.autoscaler)
        before = await self._client.get(path)
        if before is None:
            return Missing(f"there is no HPA {need.autoscaler} in namespace {need.namespace}")
        return await self._tried("PATCH", path, json.loads(need.patch), before)

    async def _tried(
        self, method: str, path: str, body: Body, before: Mapping[str, Any]
    ) -> DryRun | Refused | Missing:
        content_type = JSON_PATCH if method == "PATCH" else "application/json"
        try:
            after = await self._client.request(
                method, path, body=body, content_type=content_type, query=_DRY
            )
        except GoneError as error:
            return Missing(str(error))
        except AlreadyExistsError as error:
            return Refused("AlreadyExists", str(error))
        except ForbiddenError as error:
            return Refused("Forbidden", str(error))
        except InvalidResourceError as error:
            return Refused("Invalid", str(error))
        return DryRun(before=before, after=after)
