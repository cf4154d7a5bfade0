"""Writes the rendered report of a Postmortem into a ConfigMap beside it.

``reviews`` calls it once for each generation of a Postmortem. The admission policy
``incident-commander-reports`` holds it to ConfigMaps of that name and label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from ...api.base import FIELD_MANAGER
from ...api.incident import Incident
from ...api.postmortem import Postmortem
from ...errors import InvalidResourceError
from ...report.render import html, markdown
from ...report.view import View, view
from .client import Client
from .paths import path_of
from .postmortems import owner_reference, whole_timeline

__all__ = ["MANAGED_BY", "Reports"]

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_APPLY: Final = "application/apply-patch+yaml"
_LARGEST: Final = 1_000_000
"""Bytes of both texts: a ConfigMap takes a mebibyte."""


class Reports:
    """Satisfies ``reviews.ReportWriter``."""

    def __init__(self, client: Client, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock

    async def write(self, postmortem: Postmortem, incident: Incident | None) -> str:
        """Write it; gives the ConfigMap's name. Raises OperatorError."""
        entries = await whole_timeline(self._client, incident) if incident else []
        shown = view(postmortem, incident, entries, self._clock())
        meta = postmortem.metadata
        name = f"{meta.name}-postmortem"
        await self._client.request(
            "PATCH",
            path_of("configmaps", meta.namespace, name),
            body={
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": name,
                    "namespace": meta.namespace,
                    "labels": {MANAGED_BY: FIELD_MANAGER},
                    "ownerReferences": [owner_reference("Postmortem", meta.name, meta.uid)],
                },
                "data": _texts(shown),
            },
            content_type=_APPLY,
            query={"fieldManager": FIELD_MANAGER, "force": "true"},
        )
        return name


def _texts(shown: View) -> dict[str, str]:
    """Render both; what is too large goes without the evidence, which stands in the Incident."""
    for each in (shown, replace(shown, proofs=())):
        texts = {"postmortem.md": markdown(each), "postmortem.html": html(each)}
        if sum(len(text.encode()) for text in texts.values()) <= _LARGEST:
            return texts
    raise InvalidResourceError(f"the report of {shown.incident} does not fit into a ConfigMap")
