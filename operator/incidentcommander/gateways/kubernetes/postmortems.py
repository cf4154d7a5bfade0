"""Reads and drafts Postmortems for the runner: the ``PostmortemStore`` of the shell.

What stands in a draft is decided in ``core/postmortem.py``. Drafting may be done twice (a crash comes
between creating and recording): the second time finds the first one's work.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from ...api.base import FIELD_MANAGER, GROUP, VERSION
from ...api.incident import Incident, TimelineEntry
from ...api.page import TimelinePage
from ...api.postmortem import Postmortem, PostmortemSpec
from ...core.postmortem.draft import draft
from ...core.postmortem.existing import Existing, belongs
from ...core.postmortem.redraft import DRAFTED_ANNOTATION, adopted, marks, redrafted
from ...errors import InvalidResourceError, UnavailableError
from ...foreign import ForeignError, parsed
from ...observed.needs import PostmortemNeed
from ...observed.workloads import Missing, Unavailable
from ...ports import Drafted
from .apart import Apart, wrong_with
from .client import MERGE_PATCH, Client, Raw
from .errors import AlreadyExistsError
from .pages import items_of, pages
from .paths import path_of

__all__ = ["Postmortems", "owner_reference", "read_postmortem", "whole_timeline"]

_PLURAL: Final = "postmortems"
_STRICT: Final = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
_SUFFIX: Final = 5
_PAGE: Final = "20"
"""Postmortems read at once: each can be large."""

_LOG = logging.getLogger(__name__)
_PAGES: Final = Apart("TimelinePage", _LOG)


class Postmortems:
    """The Postmortems at the API server."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._apart = Apart("Postmortem", _LOG)

    async def get(self, need: PostmortemNeed) -> Postmortem | Missing | Unavailable:
        """Read one fresh (quorum)."""
        raw = await self._client.get(path_of(_PLURAL, need.namespace, need.name))
        what = f"Postmortem {need.namespace}/{need.name}"
        if raw is None:
            return Missing(what)
        try:
            return read_postmortem(raw)
        except InvalidResourceError as error:
            return Unavailable(what, str(error))

    async def draft(self, incident: Incident, now: datetime) -> Drafted:
        """Make sure that there is a Postmortem of this Incident, and say how it came about.

        One that was drafted before is drafted again, a Draft of others is adopted: what they wrote
        stays and is named, the rest is drafted. What is Final, or was carried on by others without
        having been adopted, is left alone and named.
        """
        entries = await whole_timeline(self._client, incident)
        wanted = draft(incident, entries, now)
        found = await self._existing(incident)
        if found.own is not None:
            return await self._again(found.own, wanted)
        if found.adoptable is not None:
            return await self._adopt(found.adoptable, incident, wanted)
        how = f"drafted from {len(entries)} timeline entries"
        strangers = "".join(f". {said}" for said in found.left_alone)
        return Drafted(await self._create(incident, wanted), f"{how}{strangers}")

    async def _create(self, incident: Incident, wanted: PostmortemSpec) -> str:
        meta = incident.metadata
        names = (meta.name, f"{meta.name}-{meta.uid[:_SUFFIX]}")
        # Whoever takes names beforehand does not foresee the last one: the API server draws it.
        drawn = {"generateName": f"{meta.name}-"}
        for name in (*({"name": n} for n in names), drawn):
            try:
                made = await self._client.request(
                    "POST",
                    path_of(_PLURAL, meta.namespace),
                    body=_body(incident, name, wanted),
                    query=_STRICT,
                )
            except AlreadyExistsError:
                # Of an older Incident of that name, or a stranger's.
                continue
            return str(made["metadata"]["name"])
        raise UnavailableError(f"no name is free for the Postmortem of Incident {meta.name}")

    async def _existing(self, incident: Incident) -> Existing:
        """Go through all that say they are about this Incident; the one with its name first.

        There may be many, and each can be large: no more than these are kept.
        """
        meta, found = incident.metadata, Existing()
        query = {"fieldSelector": f"spec.incidentRef.name={meta.name}", "limit": _PAGE}
        async for page in pages(self._client, path_of(_PLURAL, meta.namespace), query):
            for each in self._apart.each(items_of(page), read_postmortem):
                if belongs(each, incident):
                    found.take(each, incident)
        return found

    async def _adopt(
        self, found: Postmortem, incident: Incident, wanted: PostmortemSpec
    ) -> Drafted:
        """Make a Draft of others the one that is owed. The mark is one that only we can write."""
        meta = found.metadata
        # Marks on what others wrote are theirs, too: nothing there is ours.
        changes, new = adopted(found.spec, wanted), marks(wanted)
        marked = json.dumps({name: new[name] for name in changes if name in new})
        owners = _owners(incident.metadata.name, incident.metadata.uid)
        await self._write(found, changes, marked, owners)
        theirs = ", ".join(
            sorted(found.spec.to_api().keys() - changes.keys() - {"incidentRef", "state"})
        )
        how = "a Draft was there already, by others (who wrote it is not known): adopted. "
        return Drafted(
            meta.name,
            f"{how}Theirs: {theirs or 'nothing'}; the rest was drafted, and what the timeline proves in any case",
        )

    async def _again(self, found: Postmortem, wanted: PostmortemSpec) -> Drafted:
        """Draft anew what people did not touch."""
        meta = found.metadata
        kept = "it was there already and is kept as it is"
        before = _marks_of(found)
        if not before:
            return Drafted(meta.name, kept)
        changes = redrafted(found.spec, before, wanted)
        if not changes:
            return Drafted(meta.name, kept)
        new = marks(wanted)
        marked = {**before, **{name: new[name] for name in changes}}
        await self._write(found, changes, json.dumps(marked))
        told = ", ".join(sorted(changes))
        return Drafted(meta.name, f"it was there already; nobody had touched {told}: drafted anew")

    async def _write(
        self,
        found: Postmortem,
        changes: Mapping[str, Any],
        marked: str,
        owners: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Write fields of one that is there, if it is still the one that was read."""
        meta = found.metadata
        metadata: dict[str, Any] = {
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
            "annotations": {DRAFTED_ANNOTATION: marked},
        }
        if owners:
            metadata["ownerReferences"] = list(owners)
        await self._client.request(
            "PATCH",
            path_of(_PLURAL, meta.namespace, meta.name),
            body={"metadata": metadata, "spec": dict(changes)},
            content_type=MERGE_PATCH,
            query=_STRICT,
        )


async def whole_timeline(client: Client, incident: Incident) -> list[TimelineEntry]:
    """Read all entries of an Incident, those on its pages too."""
    namespace, found = incident.metadata.namespace, list[TimelineEntry]()
    for ref in incident.status.timeline_pages:
        raw = await client.get(path_of("timelinepages", namespace, ref.name))
        if raw is None:
            # Purged by hand: what is left is told.
            _LOG.warning("TimelinePage %s/%s is gone", namespace, ref.name)
            continue
        for page in _PAGES.each([raw], TimelinePage.model_validate):
            found += page.spec.entries
    return [*found, *incident.status.timeline]


def read_postmortem(raw: Mapping[str, Any]) -> Postmortem:
    """Read a Postmortem. Raises InvalidResourceError if it is none that this version knows."""
    try:
        return Postmortem.model_validate(raw)
    except ValidationError as error:
        meta = raw["metadata"]
        raise InvalidResourceError(
            f"Postmortem {meta.get('namespace')}/{meta['name']}: {wrong_with(error)}"
        ) from error


def _marks_of(postmortem: Postmortem) -> Mapping[str, str]:
    try:
        found = parsed(postmortem.metadata.annotations.get(DRAFTED_ANNOTATION, "{}"))
    except ForeignError:
        return {}
    return found if isinstance(found, dict) else {}


def owner_reference(kind: str, name: str, uid: str) -> dict[str, Any]:
    """Give a reference that lets an object go with its owner."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": False,
        "blockOwnerDeletion": False,
    }


def _body(incident: Incident, name: Mapping[str, str], spec: PostmortemSpec) -> Raw:
    meta = incident.metadata
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Postmortem",
        "metadata": {
            **name,
            "namespace": meta.namespace,
            "annotations": {DRAFTED_ANNOTATION: json.dumps(marks(spec))},
            "ownerReferences": _owners(meta.name, meta.uid),
        },
        "spec": spec.to_api(),
    }


def _owners(name: str, uid: str) -> Sequence[dict[str, Any]]:
    return [owner_reference("Incident", name, uid)]
