"""Where the channels lead: the one Secret that holds their URLs, read when it is needed.

``notify`` asks it before each delivery. An answer serves for seconds, so that a mended Secret works
without a restart. What it raises is for the person on call, and never repeats a value.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Final

from ...errors import OperatorError
from ..kubernetes.client import Client
from ..kubernetes.paths import path_of

__all__ = ["ChannelError", "Channels"]

_NAMESPACES: Final = "namespaces:"
"""Begins the line of a channel's value that lists the namespaces whose policies it serves."""

_FRESH: Final = 10.0
"""Seconds for which one reading of the Secret serves."""


class ChannelError(Exception):
    """The channel leads nowhere; the text says what to mend."""


class Channels:
    """The URLs of each channel.

    Parameters
    ----------
    client
        The connection to the API server.
    namespace
        The operator's own.
    secret
        Name of the Secret: a key is a channel, its value one Apprise URL a line, and beside them
        ``namespaces: shop payments`` (or ``*``) where it serves policies of these alone.
    clock
        Seconds that only count up.
    """

    def __init__(
        self, client: Client, namespace: str, secret: str, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._path = path_of("secrets", namespace, secret)
        self._what = f"the Secret {namespace}/{secret}"
        self._clock = clock
        self._reading = asyncio.Lock()
        self._until = float("-inf")
        self._values: Mapping[str, str] = {}
        self._wrong = ""

    async def urls(self, channel: str) -> tuple[str, ...]:
        """Give the URLs of a channel, at least one.

        Raises
        ------
        ChannelError
            If there are none, or nobody knows.
        """
        lines = await self._lines(channel)
        urls = tuple(dict.fromkeys(ln for ln in lines if not ln.startswith(_NAMESPACES)))
        if not urls:
            raise ChannelError(f"the key {channel} of {self._what} holds no URL")
        return urls

    async def namespaces(self, channel: str) -> frozenset[str] | None:
        """Give the namespaces whose policies a channel says it serves; None: it says nothing.

        Raises
        ------
        ChannelError
            As ``urls``.
        """
        said = [ln for ln in await self._lines(channel) if ln.startswith(_NAMESPACES)]
        if not said:
            return None
        return frozenset(" ".join(ln.removeprefix(_NAMESPACES) for ln in said).split())

    async def _lines(self, channel: str) -> list[str]:
        async with self._reading:
            if self._clock() >= self._until:
                await self._read()
                self._until = self._clock() + _FRESH
        if self._wrong:
            raise ChannelError(self._wrong)
        if channel not in self._values:
            raise ChannelError(f"{self._what} has no key {channel}")
        lines = [line.strip() for line in _text(self._values[channel]).splitlines()]
        return [line for line in lines if line and not line.startswith("#")]

    async def _read(self) -> None:
        self._values, self._wrong = {}, ""
        try:
            raw = await self._client.get(self._path)
        except OperatorError as error:
            self._wrong = f"{self._what} cannot be read: {error}"
            return
        if raw is None:
            self._wrong = f"{self._what} does not exist"
            return
        self._values = raw.get("data") or {}


def _text(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (TypeError, ValueError, binascii.Error):
        return ""
