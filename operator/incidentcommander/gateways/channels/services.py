"""Makes Apprise's senders from URLs, loading the code of no more services than are used.

``notify`` calls it on a thread. Apprise imports all of its services at the first URL, which costs
about 15 MiB; those that on-call teams use are imported one by one here, and every other service works as
well, at that price. Apprise itself is imported at the first delivery.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from ...api.notices import Notice, NoticeKind
from ...cleaning import clean, clean_line
from ...deliveries.mentions import harmless

__all__ = ["KNOWN", "NoServiceError", "Service"]

KNOWN: Final[Mapping[str, tuple[str, str]]] = {
    schema: (module, name)
    for module, name, schemas in (
        ("custom_json", "NotifyJSON", ("json", "jsons")),
        ("custom_form", "NotifyForm", ("form", "forms")),
        ("custom_xml", "NotifyXML", ("xml", "xmls")),
        ("email", "NotifyEmail", ("mailto", "mailtos")),
        ("slack", "NotifySlack", ("slack",)),
        ("mattermost", "NotifyMattermost", ("mmost", "mmosts")),
        ("workflows", "NotifyWorkflows", ("workflow", "workflows")),
        ("discord", "NotifyDiscord", ("discord",)),
        ("telegram", "NotifyTelegram", ("tgram",)),
        ("ntfy", "NotifyNtfy", ("ntfy", "ntfys")),
        ("gotify", "NotifyGotify", ("gotify", "gotifys")),
        ("rocketchat", "NotifyRocketChat", ("rocket", "rockets")),
        ("pagerduty", "NotifyPagerDuty", ("pagerduty",)),
        ("opsgenie", "NotifyOpsgenie", ("opsgenie",)),
        ("google_chat", "NotifyGoogleChat", ("gchat",)),
        ("webexteams", "NotifyWebexTeams", ("wxteams", "webex")),
        ("zulip", "NotifyZulip", ("zulip",)),
    )
    for schema in schemas
}
"""Module and class of the services that are loaded alone, by the scheme of their URLs."""

_NATIVE: Final = ("slack", "workflows", "discord", "gchat")
"""Services whose own web addresses Apprise takes as well, by one of their schemes."""
_WITH_FIELDS: Final = frozenset({"custom_json", "custom_form", "custom_xml"})
"""Services that send what they are told as fields: the id gets one of its own."""
_WITH_HEADERS: Final = _WITH_FIELDS | {"email"}
_TYPES: Final = {NoticeKind.RESOLVED: "success", NoticeKind.ESCALATION: "warning"}
_loading: Final = threading.Lock()


class NoServiceError(Exception):
    """It is no URL that Apprise takes; the text does not repeat it."""


class Service:
    """One URL, ready to be sent to.

    Parameters
    ----------
    url
        As it stands in the Secret.

    Raises
    ------
    NoServiceError
        If Apprise cannot read it.
    """

    def __init__(self, url: str) -> None:
        found = _parsed(url)
        if found is None:
            raise NoServiceError
        self._plugin, self._arguments = found
        self._module = self._plugin.__module__.removeprefix("apprise.plugins.").partition(".")[0]

    @property
    def name(self) -> str:
        """What people call it: the host, where the URL has one, else the service."""
        service = str(self._plugin.service_name)
        hosted = self._plugin.protocol and "{schema}://{host}" in self._plugin.templates
        host, port = self._arguments.get("host"), self._arguments.get("port")
        if not hosted or not host:
            return service
        return f"{host}:{port}" if port else str(host)

    def send(self, notice: Notice) -> bool:
        """Send a notice once. Why it was not taken stands in what Apprise logs meanwhile.

        Raises
        ------
        NoServiceError
            If the URL lacks something that the service needs.
        """
        text, subject = clean(notice.text), clean_line(notice.subject)
        if self._module not in _WITH_HEADERS:
            text, subject = harmless(text), harmless(subject)
        if self._module in _WITH_FIELDS:
            self._add("payload", "id", notice.id)
        if self._module in _WITH_HEADERS:
            self._add("headers", _HEADERS[self._module == "email"], notice.id)
        else:
            text = f"{text}\n\nNotice {notice.id}"
        kind = _TYPES.get(notice.kind, "info")
        try:
            sender = self._plugin(**self._arguments, asset=_asset())
        except TypeError as error:
            raise NoServiceError from error
        return bool(sender.notify(body=text, title=subject, notify_type=kind, body_format="text"))

    def _add(self, where: str, key: str, value: str) -> None:
        """Put something beside what the URL says; it has the last word."""
        self._arguments[where] = {key: value, **(self._arguments.get(where) or {})}


_HEADERS: Final = {False: "Idempotency-Key", True: "X-Incident-Commander-Notice"}
"""Header that carries the id, in mail and elsewhere."""


@cache
def _asset() -> Any:
    from apprise import AppriseAsset

    return AppriseAsset(
        app_id="Incident Commander",
        app_desc="Incident Commander",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        # The answer to a redirected POST says nothing of what became of the notice.
        http_redirects=False,
    )


def _parsed(url: str) -> tuple[Any, dict[str, Any]] | None:
    """Give the class of the service and what it is made of."""
    # As Apprise does before it takes a URL apart.
    url = url.replace("/#", "/%23")
    try:
        schema = urlsplit(url).scheme.lower()
    except ValueError:
        return None
    with _loading:
        if schema in KNOWN:
            plugin = _load(schema)
            arguments = plugin.parse_url(url)
            return (plugin, arguments) if arguments else None
        for known in _NATIVE if schema in {"http", "https"} else ():
            if arguments := _load(known).parse_native_url(url):
                return _load(known), arguments
        return _any(url)


def _load(schema: str) -> Any:
    module, name = KNOWN[schema]
    return getattr(import_module(f"apprise.plugins.{module}"), name)


def _any(url: str) -> tuple[Any, dict[str, Any]] | None:
    """Ask all services that there are: this loads them."""
    from apprise.plugins import N_MGR, url_to_dict

    arguments = url_to_dict(url)  # type: ignore[no-untyped-call]
    return (N_MGR[arguments["schema"]], arguments) if arguments else None
