"""Sends the one request that an approval allows: the ``Workloads`` of the shell.

The intent stands in the Incident before this is called. One request, never repeated: what a lost
answer means is found out by reading the object, not by asking again.
"""

from __future__ import annotations

from ...errors import ConflictError, ForbiddenError, GoneError, InvalidResourceError, OperatorError
from ...observed.workloads import Refused, Unavailable, Write
from ...ports import Applied, Outcome, Stale
from .client import FIELD_MANAGER, JSON_PATCH, Client, Raw
from .paths import path_of

__all__ = ["KubernetesWorkloads"]


class KubernetesWorkloads:
    """The workloads at the API server, with their autoscalers and pods."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def apply(self, write: Write) -> Outcome:
        """Send the request once. Never raises."""
        try:
            raw = await self._send(write)
        except (ConflictError, GoneError) as error:
            # A pod with another uid, or none: the one that was to be deleted is gone.
            return Applied(0, "") if write.delete else Stale(str(error))
        except ForbiddenError as error:
            return Refused("Forbidden", str(error))
        except InvalidResourceError as error:
            return Refused("Invalid", str(error))
        except OperatorError as error:
            return Unavailable(f"{write.resource}/{write.name}", str(error))
        meta = raw.get("metadata") or {}
        # An autoscaler has no generation.
        return Applied(int(meta.get("generation") or 0), meta.get("resourceVersion", ""))

    async def _send(self, write: Write) -> Raw:
        path = path_of(write.resource, write.namespace, write.name)
        by = {"fieldManager": FIELD_MANAGER}
        if write.delete:
            options = {"preconditions": {"uid": write.delete}}
            return await self._client.request("DELETE", path, body=options)
        if write.body is not None:
            collection = path_of(write.resource, write.namespace)
            return await self._client.request("POST", collection, body=write.body, query=by)
        return await self._client.request(
            "PATCH", path, body=write.patch, content_type=JSON_PATCH, query=by
        )
