"""The Secret with the channels: read under the operator's own rights, and no other one."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from incidentcommander.errors import ForbiddenError
from incidentcommander.gateways.channels.urls import ChannelError, Channels
from incidentcommander.gateways.kubernetes.client import Client
from incidentcommander.gateways.kubernetes.paths import path_of
from tests.support.api import Api

OPS, NAME = "incident-commander", "incident-commander-channels"
WHAT = f"the Secret {OPS}/{NAME}"


def data(**channels: str) -> dict[str, str]:
    return {name: base64.b64encode(text.encode()).decode() for name, text in channels.items()}


@pytest.fixture
def secret(installed: None, api: Api) -> Iterator[str]:
    """One with three channels."""
    api.create(
        "secrets",
        {
            "metadata": {"name": NAME, "namespace": OPS},
            "data": data(
                pager="json://pager.example/S3cret\n",
                chat="# the team's\n slack://A/B/C \n\nmailto://a@b.example\nslack://A/B/C\n",
                empty=" \n",
            ),
        },
    ).expect_ok()
    yield NAME
    api.delete("secrets", NAME, OPS)


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_key_is_a_channel_and_a_line_a_url(client: Client, secret: str) -> None:
    channels = Channels(client, OPS, secret, Seconds())

    assert await channels.urls("pager") == ("json://pager.example/S3cret",)
    assert await channels.urls("chat") == ("slack://A/B/C", "mailto://a@b.example")
    with pytest.raises(ChannelError, match=f"^{WHAT} has no key nobody$"):
        await channels.urls("nobody")
    with pytest.raises(ChannelError, match=f"^the key empty of {WHAT} holds no URL$"):
        await channels.urls("empty")


async def test_one_reading_serves_for_ten_seconds(client: Client, secret: str, api: Api) -> None:
    seconds = Seconds()
    channels = Channels(client, OPS, secret, seconds)
    await channels.urls("pager")
    api.merge("secrets", secret, {"data": data(pager="json://other.example")}, OPS).expect_ok()

    seconds.now = 9.9
    assert await channels.urls("pager") == ("json://pager.example/S3cret",)
    seconds.now = 10.0
    assert await channels.urls("pager") == ("json://other.example",)
    assert client.requests["get", "secrets"] == 2


async def test_without_the_secret_every_channel_says_so(client: Client, installed: None) -> None:
    with pytest.raises(ChannelError, match=f"^{WHAT} does not exist$"):
        await Channels(client, OPS, NAME, Seconds()).urls("pager")


async def test_no_other_secret_can_be_read(client: Client, secret: str, namespace: str) -> None:
    with pytest.raises(
        ChannelError, match=r"the Secret .*/other cannot be read: get secrets/other"
    ):
        await Channels(client, OPS, "other", Seconds()).urls("pager")
    with pytest.raises(ChannelError, match="cannot be read"):
        await Channels(client, namespace, NAME, Seconds()).urls("pager")
    for verb, path in (("GET", path_of("secrets", OPS)), ("DELETE", path_of("secrets", OPS, NAME))):
        with pytest.raises(ForbiddenError):
            await client.request(verb, path)


async def test_a_channel_says_whose_policies_it_serves(
    client: Client, secret: str, api: Api
) -> None:
    said = data(page="namespaces: shop payments\nforms://status.example\n", every="namespaces: *\n")
    api.merge("secrets", secret, {"data": said}, OPS).expect_ok()
    channels = Channels(client, OPS, secret, Seconds())

    assert await channels.namespaces("page") == frozenset({"shop", "payments"})
    assert await channels.urls("page") == ("forms://status.example",)
    assert await channels.namespaces("every") == frozenset({"*"})
    assert await channels.namespaces("pager") is None
