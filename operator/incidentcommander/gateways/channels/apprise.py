"""Sends one notice to one channel, by Apprise.

The postman calls it and decides when. Apprise is synchronous: it runs on few threads for each
channel, with a time-out, so that a channel that hangs costs itself and nothing else. It never
raises, and neither a URL nor a token ever leaves it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from ...api.notices import Notice
from ...deliveries.serving import Serving
from ...observed.workloads import Sent
from ..prometheus.threads import AllStuckError, BoundedThreads
from .failures import overhear
from .services import NoServiceError, Service
from .urls import ChannelError, Channels

__all__ = ["Notifier"]

_THREADS: Final = 4
_WITHIN: Final = 20.0
"""Longer than Apprise waits for a connection and an answer: 4 s each, unless the URL says more."""


class Notifier:
    """Satisfies ``ports.Carrier``.

    Parameters
    ----------
    channels
        The URLs.
    within
        Seconds for one URL.
    home
        The operator's namespace, whose policies may name every channel.
    outward
        Gives the channels that these policies name as External or Executive.
    """

    def __init__(
        self,
        channels: Channels,
        within: float = _WITHIN,
        *,
        home: str,
        outward: Callable[[], Collection[str]],
    ) -> None:
        self._channels = channels
        self._within = within
        self._home = home
        self._outward = outward
        self._threads: dict[str, BoundedThreads] = {}

    async def send(self, channel: str, notice: Notice, done: frozenset[str]) -> Sent:
        """Send it once to each URL of the channel that has not taken it yet. Never raises."""
        try:
            listed = await self._channels.namespaces(channel)
            serving = Serving(channel, self._home, listed, channel in self._outward())
            if why := serving.refusal(notice):
                return Sent(why, done, refused=True)
            urls = await self._channels.urls(channel)
        except ChannelError as error:
            return Sent(str(error), done)
        problem = ""
        for url in urls:
            mark = hashlib.sha256(url.encode()).hexdigest()
            if mark in done:
                continue
            if why := await self._try(channel, url, notice):
                problem = problem or why
            else:
                done |= {mark}
        return Sent(problem, done)

    async def _try(self, channel: str, url: str, notice: Notice) -> str:
        """Give what kept one URL from taking it; nothing: it did."""
        threads = self._threads.setdefault(
            channel, BoundedThreads(_THREADS, _THREADS, f"to {channel}")
        )
        try:
            return await threads.run(partial(_send, url, notice), self._within)
        except NoServiceError:
            return f"a value of the key {channel} is no Apprise URL"
        except TimeoutError:
            return f"no answer within {self._within:g} s"
        except AllStuckError:
            return f"not tried: {_THREADS} earlier tries have had no answer in {self._within:g} s"
        except Exception as error:  # noqa: BLE001 - whatever the libraries raise is no delivery
            # Its text can hold the URL.
            return f"the delivery failed: {type(error).__name__}"


def _send(url: str, notice: Notice) -> str:
    with overhear() as complaints:
        service = Service(url)
        if service.send(notice):
            return ""
        return complaints.sentence(service.name, url)
