"""Asks Prometheus for one number at a time.

``observer`` calls it for every query of a check. The client library is synchronous: it runs on few
threads with time-outs, so that a hung Prometheus costs answers and nothing else. It never raises,
and never repeats a URL that may carry a password.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from ...api.base import format_duration
from ...observed.needs import QueryNeed
from ...observed.workloads import Scalar, Unavailable
from ...settings import Settings
from .results import NoNumberError, explain, scalar_from
from .threads import AllStuckError, BoundedThreads

__all__ = ["NOT_CONFIGURED", "Metrics"]

NOT_CONFIGURED: Final = (
    "no Prometheus is configured: set INCIDENT_COMMANDER_PROMETHEUS_URL (Helm value prometheus.url)"
)
_THREADS: Final = 6
_SHARE: Final = 4
"""Of these, for one namespace: its slow queries leave some to the others."""
_SERIES: Final = "100"
"""Series that Prometheus shall send at most: one is wanted, and a careless query matches millions."""

_log = logging.getLogger(__name__)


class Metrics:
    """Instant queries to Prometheus."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = BoundedThreads(_THREADS, _SHARE, "prometheus")
        self._connected: Any = None
        self._lock = threading.Lock()

    async def query(self, need: QueryNeed, now: datetime) -> Scalar | Unavailable:
        """Answer one query. Never raises."""
        if not self._settings.prometheus_url:
            return Unavailable("Prometheus", NOT_CONFIGURED)
        patience = self._settings.prometheus_timeout.total_seconds()
        try:
            return scalar_from(
                await self._threads.run(self._call(need, now), patience, need.namespace)
            )
        except TimeoutError:
            return self._unavailable(f"no answer within {self._patience}")
        except AllStuckError:
            return self._unavailable(
                f"not asked: {_SHARE} or more earlier queries have had no answer within {self._patience}"
            )
        except NoNumberError as error:
            return self._unavailable(str(error))
        except Exception as error:  # noqa: BLE001 - whatever the libraries raise is no answer
            _log.debug("Query %r failed", need.query, exc_info=True)
            return self._unavailable(explain(error, self._patience))

    @property
    def _patience(self) -> str:
        return format_duration(self._settings.prometheus_timeout)

    def _unavailable(self, message: str) -> Unavailable:
        url = urlsplit(self._settings.prometheus_url)
        host = url.netloc.rpartition("@")[2]
        return Unavailable("Prometheus", f"Prometheus at {url.scheme}://{host}: {message}")

    def _call(self, need: QueryNeed, now: datetime) -> Callable[[], Any]:
        seconds = self._settings.prometheus_timeout.total_seconds()
        params = {"timeout": f"{seconds:g}s", "limit": _SERIES}
        if need.offset:
            params["time"] = f"{(now - need.offset).timestamp():.3f}"
        if self._settings.prometheus_tenant_parameter:
            params[self._settings.prometheus_tenant_parameter] = need.namespace

        def call() -> Any:
            return self._as_tenant(need.namespace).custom_query(
                need.query, params=params, timeout=seconds
            )

        return call

    def _as_tenant(self, namespace: str) -> Any:
        connection = self._connect()
        if not self._settings.prometheus_tenant_header:
            return connection
        # A shallow copy shares the connections; the library has no headers for one query.
        connection = copy.copy(connection)
        connection.headers = {self._settings.prometheus_tenant_header: namespace}
        return connection

    def _connect(self) -> Any:
        with self._lock:
            if self._connected is None:
                from prometheus_api_client import PrometheusConnect
                from urllib3.util.retry import Retry

                # By default the library tries four times, each with the whole time-out.
                self._connected = PrometheusConnect(
                    url=self._settings.prometheus_url.rstrip("/"), retry=Retry(total=0, read=False)
                )
            return self._connected
