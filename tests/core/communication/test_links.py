"""What outsiders must not be sent to, or asked for: table of what is held back and what is not."""

from __future__ import annotations

import pytest

from incidentcommander.core.communication.links import leading_elsewhere
from tests.support.play import Play

ELSEWHERE = {
    "Please send your card number to http://evil.example to get a refund": "http://evil.example",
    "See https://status.evil.example/x": "https://status.evil.example/x",
    "Log in again at hxxps://evil.example": "hxxps",
    "Go to evil[.]example now": "evil.example",
    "Go to evil (dot) example now": "evil.example",
    "Visit evil.example for a refund": "evil.example",
    "Visit evil。example for a refund": "evil.example",
    "Visit evil\uff0eexample for a refund": "evil.example",
    "www.evil.example helps": "www.evil.example",
    "Write to refunds@evil.example": "refunds@evil.example",
    "Write to refunds [at] evil [dot] example": "refunds@evil.example",
    "javascript:alert(1)": "javascript",
    "Open //evil.example/x": "evil.example",
    "Go to 203.0.113.9 for help": "203.0.113.9",
    "Go to 10.0.0.1 for help": "10.0.0.1",
    "Go to [2001:db8::1] for help": "[2001:db8::1]",
    "Visit ⓔⓥⓘⓛ.ⓔⓧⓐⓜⓟⓛⓔ for a refund": "evil.example",
    "Open ftp:||evil now": "ftp",
    "Open ftp:\u2215\u2215evil now": "ftp",
    "Open ftp:\u2044\u2044evil now": "ftp",
    "Write to help@evil": "help@evil",
    "Text 61234 for a refund": "61234",
    "Our new line: +44 20 7946 0018": "44 20 7946 0018",
    "Have 4 111 111 111 at hand": "4 111 111 111",
    "Have 4111 1111 1111 1111 at hand": "4111 1111 1111 1111",
    "Visit xn--80ak6aa92e.xn--p1ai now": "xn--80ak6aa92e.xn--p1ai",
    "Open mailto:refunds now": "mailto",
    "Open tel:112 now": "tel",
    "Go to www.evil1 now": "www.evil1",
    "Log in again at hxxp:evil": "hxxp",
    "Call +44 20 7946 0018": "44 20 7946 0018",
    "Call us: 0800-555-0199": "0800-555-0199",
    "Please confirm your password": "password",
    "Reply with your card details": "card details",
    "Send us the one-time code that you get": "one-time code",
    "Pa\ufffdy here": "nobody can see",
}
HARMLESS = [
    "Some payments fail. We are working on it.",
    "Since 08:45 UTC on 2026-11-22 searches are slow",
    "About 12,500 of 1.200.000 customers see errors, 0.5 % of all",
    "Version 2.14.3 of the app works",
    "Customers cannot log in; passwords are not affected",
    "Card payments fail; other payments work",
    "We are unable to send confirmation e-mails",
    "Orders 1001 to 1099 are delayed by 30 minutes. We are sorry",
]


@pytest.mark.parametrize(("text", "words"), ELSEWHERE.items())
def test_ed_cannot_send_outsiders_elsewhere(text: str, words: str) -> None:
    why = leading_elsewhere(text)
    assert why is not None
    assert words in why


@pytest.mark.parametrize("text", HARMLESS)
def test_what_users_need_to_know_is_said(text: str) -> None:
    assert leading_elsewhere(text) is None


ALLOWED = ["https://status.example/shop"]


@pytest.mark.parametrize(
    "link",
    [
        "https://status.example/shop",
        "https://status.example/shop/42",
        "https://status.example/shop?x=1",
    ],
)
def test_links_that_the_policy_lists_may_stay(link: str) -> None:
    assert leading_elsewhere(f"We tell more at {link}.", ALLOWED) is None


@pytest.mark.parametrize(
    "link",
    [
        "https://status.example.evil.example/shop",
        "https://status.example/shopping",
        "https://status.example/shop@evil.example",
        "https://status.example/shop/@evil.example",
        "https://status.example/shop/\\evil.example",
        "https://status.example/shop//evil.example",
        "https://status.example/shop/\u0435vil",
        "https://status.example/shop/../login",
        "https://status.example/shop/%2e%2e/login",
        "http://status.example/shop",
        "https://STATUS.example/shop",
        "https://evil.example/?https://status.example/shop",
    ],
)
def test_what_only_looks_like_a_listed_link_is_held_back(link: str) -> None:
    assert leading_elsewhere(f"We tell more at {link}.", ALLOWED) is not None


def _outside(play: Play) -> str:
    return " ".join(n.subject + n.text for n in play.status.outbox if n.audience == "External")


def _shop(impact: dict[str, str], **policy: object) -> Play:
    roles = {"commander": "alice", "comms": "ed"}
    play = Play(spec={"severity": "SEV2", "impact": impact, "roles": roles})
    page = {"name": "status-page", "audience": "External"}
    return play.under(channels=[page], **policy).tick()


def test_ed_as_comms_sends_customers_to_his_own_site() -> None:
    play = _shop({"symptom": "some payments fail"}).after(minutes=5)
    play.say("update-external", "Please send your card number to http://evil.example now", by="ed")

    assert "held back, since it has a link (“http://evil.example”)" in play.last("RequestRefused")
    assert "spec.allowedLinks" in play.last("RequestRefused")
    assert "evil" not in _outside(play)


def test_ed_hides_the_word_that_speculates_behind_a_zero_width_blank() -> None:
    play = _shop({"symptom": "some payments fail"}).after(minutes=5)
    play.say("update-external", "fails d\u200bue to our deploy", by="ed")

    assert "characters that nobody can see" in play.last("RequestRefused")


def test_ed_writes_his_link_into_the_impact() -> None:
    play = _shop({"symptom": "pay at evil[.]example", "summary": "all, see https://evil.example"})
    play.after(minutes=5).after(minutes=60)

    assert len(play.all_of("ExternalTextWithheld")) == 2
    assert "evil" not in _outside(play)


def test_what_has_unseen_characters_is_withheld_once_and_not_at_every_look() -> None:
    play = _shop({"symptom": "some pay\u202ements fail"}).after(minutes=5).after(minutes=60)

    assert len(play.all_of("ExternalTextWithheld")) == 1


def test_carol_names_the_status_page_that_the_policy_lists() -> None:
    play = _shop({"symptom": "some payments fail"}, allowedLinks=["https://status.example"])
    play.after(minutes=5).say("update-external", "more at https://status.example/1", by="carol")

    assert "https://status.example/1" in _outside(play)
