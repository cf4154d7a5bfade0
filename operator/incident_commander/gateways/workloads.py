"""Sends the one patch that an approval allows: the ``Workloads`` of the shell.

The intent stands in the Incident before this is called. One request, never repeated: what a lost
answer means is found out by reading the target, not by asking again.
"""

from __future__ import annotations

from ..errors import ConflictError, ForbiddenError, GoneError, InvalidResourceError, OperatorError
from ..ports import Applied, Change, Outcome, Stale
from ..values import Refused, Unavailable
from .client import FIELD_MANAGER, JSON_PATCH, Client
from .paths import PLURALS, path_of

__all__ = ["KubernetesWorkloads"]


class KubernetesWorkloads:
    """The workloads at the API server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def apply(self, change: Change) -> Outcome:
        """Send the patch once. Never raises."""
        try:
            raw = await self._client.request(
                "PATCH",
                path_of(PLURALS[change.kind], change.namespace, change.name),
                body=change.patch,
                content_type=JSON_PATCH,
                query={"fieldManager": FIELD_MANAGER},
            )
        except (ConflictError, GoneError) as error:
            return Stale(str(error))
        except ForbiddenError as error:
            return Refused("Forbidden", str(error))
        except InvalidResourceError as error:
            return Refused("Invalid", str(error))
        except OperatorError as error:
            return Unavailable(f"{change.kind}/{change.name}", str(error))
        meta = raw["metadata"]
        return Applied(int(meta["generation"]), meta["resourceVersion"])
