"""Who the operator is, and which API server it talks to.

``client`` asks it for the server, the TLS context and the ``Authorization`` header of each request.
It never sends a request itself, except what a credential plugin of a kubeconfig does.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from typing import Any, Final

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from ...errors import UnavailableError

__all__ = ["Authentication"]

_REFRESH_AFTER: Final = 60.0
"""Seconds; projected tokens live for an hour at least, and are renewed well before."""

_log = logging.getLogger(__name__)


class Authentication:
    """Server, TLS and credentials, kept fresh for as long as the process lives."""

    def __init__(self, configuration: Any, loader: Any) -> None:
        self._configuration = configuration
        self._loader = loader
        self._read_at = time.monotonic()
        self._lock = asyncio.Lock()
        self.server: Final[str] = configuration.host.rstrip("/")
        self.proxy: Final[str | None] = configuration.proxy
        self.tls_server_name: Final[str | None] = configuration.tls_server_name
        self.tls: Final = _tls(configuration) if self.server.startswith("https") else None

    @classmethod
    async def load(cls, kubeconfig: str | None = None) -> Authentication:
        """Use the pod's ServiceAccount, else the current context of a kubeconfig.

        Parameters
        ----------
        kubeconfig
            Its path; default: ``KUBECONFIG``, else ``~/.kube/config``.

        Raises
        ------
        UnavailableError
            If there is neither.
        """
        # A plain call of the class gives a copy of the process-wide default.
        configuration = type.__call__(Configuration)
        try:
            load_incluster_config(client_configuration=configuration)
        except ConfigException as not_in_a_pod:
            try:
                loader = await load_kube_config(
                    kubeconfig, client_configuration=configuration, persist_config=False
                )
            except (ConfigException, OSError, TypeError) as error:
                raise UnavailableError(
                    f"no way to the API server: not in a pod ({not_in_a_pod}), "
                    f"and no usable kubeconfig ({error}): set KUBECONFIG"
                ) from error
            return cls(configuration, loader)
        return cls(configuration, None)

    async def authorization(self) -> str:
        """Value of the ``Authorization`` header; empty where a client certificate speaks."""
        if time.monotonic() - self._read_at > _REFRESH_AFTER:
            await self.refresh()
        return str(self._configuration.api_key.get("BearerToken", "")).strip()

    async def refresh(self) -> bool:
        """Read the credentials again, and say whether they are others than before."""
        before = self._configuration.api_key.get("BearerToken", "")
        async with self._lock:
            self._read_at = time.monotonic()
            try:
                await self._reload()
            except (ConfigException, OSError, ValueError) as error:
                # The old ones may well go on working; if not, requests say so.
                _log.warning("Credentials cannot be read again: %s", error)
        return bool(self._configuration.api_key.get("BearerToken", "") != before)

    async def _reload(self) -> None:
        if self._loader is not None:
            # Reads token files and runs plugins again; certificates stay as they were.
            await self._loader.load_and_set(self._configuration)
        elif self._configuration.refresh_api_key_hook is not None:
            self._configuration.refresh_api_key_hook(self._configuration)


def _tls(configuration: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    # Authorities of many clusters lack extensions that Python 3.13 asks for by default.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
