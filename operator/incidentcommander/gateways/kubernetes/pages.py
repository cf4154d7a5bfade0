"""Lists, page by page: whoever reads a list of any length reads it through here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Protocol

from .client import Raw

__all__ = ["PAGE", "items_of", "pages"]

PAGE: Final = "500"
"""As kubectl and client-go ask for."""


class Asks(Protocol):
    """What sends a request."""

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = ..., accept: str = ...
    ) -> Raw:
        """Send it once."""


async def pages(
    client: Asks,
    path: str,
    query: Mapping[str, str] | None = None,
    accept: str = "application/json",
) -> AsyncIterator[Raw]:
    """Give a list's pages, each as the API server sent it. Raises as ``Client.request``.

    ``query`` may say another ``limit``, and ``resourceVersion``: which holds for the first page.
    """
    asked = {"limit": PAGE, **(query or {})}
    while True:
        page = await client.request("GET", path, query=asked, accept=accept)
        yield page
        more = page["metadata"].get("continue")
        if not more:
            return
        asked = {key: value for key, value in asked.items() if key != "resourceVersion"}
        asked["continue"] = more


def items_of(page: Raw) -> Sequence[Raw]:
    """Give the objects on a page."""
    return page.get("items") or []
