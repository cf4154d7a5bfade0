"""Reads and writes Incidents: the ``IncidentStore`` of the shell.

Every write carries the uid and the resourceVersion of what was read, so that nothing is written
over somebody else's change. What to write is decided elsewhere; nothing is retried here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from ...api.base import CLOSED_LABEL, GROUP, VERSION
from ...api.incident import Incident, IncidentStatus
from ...api.page import TimelinePage, TimelinePageSpec
from ...errors import ConflictError, InvalidResourceError
from ...observed.workloads import IncidentRef
from ...ports import MetadataChange
from .apart import Apart, wrong_with
from .client import FIELD_MANAGER, JSON_PATCH, MERGE_PATCH, Client
from .errors import AlreadyExistsError
from .pages import items_of, pages
from .paths import path_of

__all__ = ["Incidents", "read_incident"]

_LARGEST: Final = 1024 * 1024
"""Bytes of a status."""
_STORED: Final = 1_500_000
"""Bytes of a whole Incident, with what people put on it: it must not be they who end its record at a
mebibyte. etcd refuses at 1.5 MiB, and answers 500 as if the server was at fault."""
_MANAGERS: Final = 384 * 1024
"""Bytes of managedFields; those of a large status have less."""
_LOG = logging.getLogger(__name__)
_PAGE: Final = "50"
_STRICT: Final = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}


class Incidents:
    """The Incidents, and their TimelinePages, at the API server."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._apart = Apart("The ended Incident", _LOG)

    async def get(self, ref: IncidentRef) -> Incident | None:
        """Read it fresh (quorum). None where it does not exist, or has another uid."""
        raw = await self._client.get(path_of("incidents", ref.namespace, ref.name))
        if raw is None or (ref.uid and raw["metadata"]["uid"] != ref.uid):
            return None
        return read_incident(raw)

    async def ended(self, namespaces: Sequence[str]) -> list[Incident]:
        """List those that ended and whose target was changed: only these matter to others."""
        return [i async for i in self.closed(namespaces) if i.status.changed_at]

    async def closed(self, namespaces: Sequence[str]) -> AsyncIterator[Incident]:
        """Go through those that ended and are watched no more; no namespaces: in all of them."""
        for namespace in namespaces or ("",):
            # Few at a time: each can be large, and there may be many.
            query = {"labelSelector": CLOSED_LABEL, "limit": _PAGE}
            async for page in pages(self._client, path_of("incidents", namespace), query):
                for found in self._apart.each(items_of(page), read_incident):
                    yield found

    async def save_status(self, incident: Incident, status: IncidentStatus) -> Incident:
        """Replace the status if the Incident is still the one that was read; give the new one."""
        changes = _status_changes(_stored(incident.status), _stored(status))
        await self._forget_managers(incident)
        _check_size(incident, status)
        if not changes:
            return incident
        meta = incident.metadata
        raw = await self._client.request(
            "PATCH",
            path_of("incidents", meta.namespace, meta.name, "status"),
            body=[*_preconditions(incident), *changes],
            content_type=JSON_PATCH,
            query=_STRICT,
        )
        return read_incident(raw)

    async def _forget_managers(self, incident: Incident) -> None:
        """Empty managedFields that somebody has filled: nothing here needs them, and every write does.

        Whoever may patch may write them as he likes, up to what etcd takes; no rule of an admission
        policy can weigh them.

        Raises
        ------
        ConflictError
            Where they were emptied: the Incident is another one now, and is to be read again.
        """
        meta = incident.metadata
        if _bytes(meta.managed_fields) <= _MANAGERS:
            return
        _LOG.warning(
            "incident %s/%s: its managedFields are larger than %d bytes: they are emptied",
            *(meta.namespace, meta.name, _MANAGERS),
        )
        await self._client.request(
            "PATCH",
            path_of("incidents", meta.namespace, meta.name),
            body={"metadata": {"uid": meta.uid, "managedFields": [{}]}},
            content_type=MERGE_PATCH,
        )
        raise ConflictError("its managedFields were emptied")

    async def change_metadata(self, incident: Incident, change: MetadataChange) -> Incident:
        """Write annotations and labels if the Incident is still the one that was read."""
        await self._forget_managers(incident)
        annotations: dict[str, str | None] = dict.fromkeys(change.remove_annotations)
        annotations.update(change.set_annotations or {})
        meta = incident.metadata
        wanted: dict[str, Any] = {"uid": meta.uid, "resourceVersion": meta.resource_version}
        if annotations:
            wanted["annotations"] = annotations
        if change.set_labels:
            wanted["labels"] = dict(change.set_labels)
        # A merge patch: to remove an annotation that is not there is no error in it.
        raw = await self._client.request(
            "PATCH",
            path_of("incidents", meta.namespace, meta.name),
            body={"metadata": wanted},
            content_type=MERGE_PATCH,
            query=_STRICT,
        )
        return read_incident(raw)

    async def add_page(self, incident: Incident, name: str, page: TimelinePageSpec) -> None:
        """Create a TimelinePage; that it exists already with equal content is success."""
        namespace = incident.metadata.namespace
        try:
            await self._client.request(
                "POST",
                path_of("timelinepages", namespace),
                body=_page(incident, name, page),
                query=_STRICT,
            )
        except AlreadyExistsError:
            await self._compare(namespace, name, page)

    async def _compare(self, namespace: str, name: str, page: TimelinePageSpec) -> None:
        raw = await self._client.get(path_of("timelinepages", namespace, name))
        if raw is None:
            raise ConflictError(f"TimelinePage {namespace}/{name} was there and is gone")
        try:
            same = TimelinePage.model_validate(raw).spec.to_api() == page.to_api()
        except ValidationError:
            same = False
        if not same:
            raise InvalidResourceError(
                f"TimelinePage {namespace}/{name} exists with other content: it is not replaced"
            )


def read_incident(raw: Mapping[str, Any]) -> Incident:
    """Read an Incident. Raises InvalidResourceError if it is none that this version knows."""
    try:
        return Incident.model_validate(raw)
    except ValidationError as error:
        meta = raw["metadata"]
        raise InvalidResourceError(
            f"Incident {meta['namespace']}/{meta['name']}: {wrong_with(error)}"
        ) from error


def _stored(status: IncidentStatus) -> dict[str, Any]:
    """Give the status as it is stored: what is empty by default is left out."""
    return {key: value for key, value in status.to_api().items() if value not in ("", [], {})}


_NOTHING: Final = _stored(IncidentStatus())


def _preconditions(incident: Incident) -> list[dict[str, Any]]:
    meta = incident.metadata
    return [
        # Without it a status patch ignores that the Incident is another one of the same name.
        {"op": "test", "path": "/metadata/uid", "value": meta.uid},
        # To *replace* it makes the API server compare: 409, where a failed test is a bare 422.
        {"op": "replace", "path": "/metadata/resourceVersion", "value": meta.resource_version},
    ]


def _status_changes(old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:
    if old == _NOTHING:
        # There may be no status yet: a patch cannot add a field to what is absent.
        return [{"op": "add", "path": "/status", "value": new}]
    changes = [_removed(key) for key in old if key not in new]
    for key, value in new.items():
        if old.get(key) == value:
            continue
        if key == "timeline" and key in old and _begins_with(value, old[key]):
            changes.extend(_appended(entry) for entry in value[len(old[key]) :])
        else:
            changes.append({"op": "add", "path": f"/status/{key}", "value": value})
    return changes


def _removed(key: str) -> dict[str, Any]:
    return {"op": "remove", "path": f"/status/{key}"}


def _appended(entry: Any) -> dict[str, Any]:
    return {"op": "add", "path": "/status/timeline/-", "value": entry}


def _begins_with(new: list[Any], old: list[Any]) -> bool:
    return new[: len(old)] == old


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _check_size(incident: Incident, status: IncidentStatus) -> None:
    whole = incident.model_copy(update={"status": status}).to_api()
    written, size = _bytes(whole.get("status")), _bytes(whole)
    if written > _LARGEST or size > _STORED:
        meta = incident.metadata
        raise InvalidResourceError(
            f"Incident {meta.namespace}/{meta.name} would have {size} bytes, {written} of them its "
            f"status; more than {_STORED} and {_LARGEST} are not written"
        )


def _page(incident: Incident, name: str, page: TimelinePageSpec) -> dict[str, Any]:
    api_version, meta = f"{GROUP}/{VERSION}", incident.metadata
    owner = {
        "apiVersion": api_version,
        "kind": "Incident",
        "name": meta.name,
        "uid": meta.uid,
        "controller": False,
        "blockOwnerDeletion": False,
    }
    return {
        "apiVersion": api_version,
        "kind": "TimelinePage",
        "metadata": {"name": name, "namespace": meta.namespace, "ownerReferences": [owner]},
        "spec": page.to_api(),
    }
