"""Words of others call nobody up in chats, and no link hides behind other words there."""

from __future__ import annotations

import pytest

from incidentcommander.deliveries.mentions import harmless

MENTIONS = [
    "@everyone leave",
    "x@everyone",
    "@here",
    "@channel now",
    "@all",
    "@room",
    "<!channel> now",
    "<!here|here>",
    "<!subteam^S1>",
    "<@U012AB3CD> call me",
    "<#C024BE7LR>",
    "<users/all>",
    "<at>bob</at>",
    "<https://evil.example|the status page>",
    "[the status page](https://evil.example)",
    "![](https://evil.example/seen.png)",
    "@**alice**",
    "@bob:matrix.example",
]


@pytest.mark.parametrize("text", MENTIONS)
def test_ed_calls_nobody_up_and_hides_no_link(text: str) -> None:
    shown = harmless(text)
    assert "<" not in shown
    assert "](" not in shown
    assert "@" not in shown
    assert harmless(shown) == shown


@pytest.mark.parametrize(
    "text", ["5 < 6 and a > b", "mail bob@shop.example", "[1] (see there)", "40 % fail: checkout"]
)
def test_plain_words_stay(text: str) -> None:
    assert harmless(text) == text
