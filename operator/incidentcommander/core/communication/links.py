"""Links, addresses and requests for secrets in words for outsiders.

Who may say something to customers in the name of the organisation could send them elsewhere, or ask
them for what only a fraud asks for. So words with a link, an address, a telephone number or such a
request are held back, unless the policy lists where its links may lead. A list of forms, not a
reader: it holds back some harmless words and says which, so that they are written otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from ...cleaning import REPLACEMENT

__all__ = ["leading_elsewhere"]

_DOTS: Final = "\u00b7\u0387\u2022\u2024\u2027\u2219\u22c5\u30fb\u3002\ua4f8\ufe52\uff0e\uff61"
"""Characters that look like a dot, or that browsers take for one."""
_AS_DOT: Final = str.maketrans(dict.fromkeys(_DOTS, ".") | {"|": "/", "\u2215": "/", "\u2044": "/"})
_BRACKETED: Final = re.compile(r"\s*[\[({<]\s*(dot|at|\.|@|:|/+)\s*[\])}>]\s*", re.IGNORECASE)
"""``evil[.]example``, ``evil (dot) example``, ``http[:]//``."""
_WORDS: Final = {"dot": ".", "at": "@"}
_URL: Final = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_TRAILING: Final = ".,;:!?)]}"
_LINK: Final = re.compile(
    r"(?:\b[a-z][a-z0-9+-]{1,20}\s?:\s?//\S*"
    r"|\b(?:h\w{1,2}ps?|mailto|tel|sms|javascript|data|whatsapp|tg|skype|sip)\s?:\s?\S+"
    r"|\bwww\d?\.\S*)",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"\S*@\s?[\w*]\S*")
_DOMAIN: Final = re.compile(
    r"(?<![\w.-])(?:[^\W_](?:[\w-]*[^\W_])?\s?\.)+(?:xn--[a-z0-9-]+|[^\W\d_]{2,24})(?![\w-])"
)
_NUMBERED: Final = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])|\[[0-9a-f]*:[0-9a-f:]+\]"
)
"""An address on the network in figures."""
_TIMES: Final = re.compile(r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}:\d{2}(?::\d{2})?\b")
_PHONE: Final = re.compile(r"(?<![\w.,])\(?[+0]?\d(?:[\s./()-]{0,3}\d){6,}(?![\w%])")
_THOUSANDS: Final = re.compile(r"[1-9]\d{0,2}(?:[ .]\d{3})+")
_SECRETS: Final = (
    r"card(?:holder)?(?:'s)? (?:numbers?|details|data|info\w*)|(?:credit|debit|bank|gift) ?cards?|"
    r"cv[vc]2?|pins?(?: codes?| numbers?)?|passwords?|passcodes?|pass ?phrases?|logins?|"
    r"log-?in (?:details|data)|credentials|(?:one[- ]time|security|verification|sms) codes?|otps?|"
    r"ibans?|(?:bank|account|payment) (?:numbers?|details|data)|social security|ssn|"
    r"(?:seed|recovery) (?:phrases?|words?|codes?)|private keys?|api keys?|tokens?|wallets?|"
    r"bitcoins?|crypto\w*|dates? of birth|passports?"
)
_ASKED: Final = re.compile(
    r"(?<!cannot )(?<!can't )(?<!unable to )(?<!could not )(?<!failed to )\b"
    r"(?:send|e-?mail|text|give|share|enter|provide|tell|reply|confirm|verify|submit|type|fill|"
    r"update|transfer|pay|need|require|read|disclose)\b[^.!?]{0,60}?\b(?:" + _SECRETS + r")\b",
    re.IGNORECASE,
)
_CALL: Final = re.compile(
    r"\b(?:call|phone|dial|ring|text|sms|whatsapp)\b[^.!?]{0,30}?\d[\d\s-]{2,}", re.IGNORECASE
)


def leading_elsewhere(text: str, allowed: Sequence[str] = ()) -> str | None:
    """Say what in a text leads outsiders elsewhere, with the words; None where nothing does.

    Parameters
    ----------
    text
        As it is to be sent.
    allowed
        Beginnings of links that outsiders may get, each ``https://<host>[/<path>]``.
    """
    if REPLACEMENT in text:
        return "it has characters that nobody can see"
    plain = _BRACKETED.sub(_unbracketed, _plain(text))
    rest = _URL.sub(lambda found: _without(found[0], allowed), plain)
    for pattern, what in (
        (_LINK, "a link"),
        (_ADDRESS, "an address or a mention"),
        (_NUMBERED, "an address"),
        (_DOMAIN, "what reads as the address of a site"),
        (_CALL, "a telephone number"),
    ):
        if found := pattern.search(rest):
            return f"it has {what} (“{_shown(found[0])}”)"
    if number := _telephone(_TIMES.sub(" ; ", rest)):
        return f"it has what reads as a telephone or card number (“{_shown(number)}”)"
    if found := _ASKED.search(rest):
        return f"it asks for what only a fraud asks for (“{_shown(found[0])}”)"
    return None


def _plain(text: str) -> str:
    """Write letters, dots and slashes in one way."""
    return " ".join(
        unicodedata.normalize("NFKC", text.translate(_AS_DOT)).translate(_AS_DOT).split()
    )


def _unbracketed(found: re.Match[str]) -> str:
    return _WORDS.get(found[1].lower(), found[1])


def _without(url: str, allowed: Sequence[str]) -> str:
    """Take a link out that may stay."""
    link = url.rstrip(_TRAILING)
    return " " + url[len(link) :] if any(_begins(link, prefix) for prefix in allowed) else url


def _begins(link: str, prefix: str) -> bool:
    head, rest = link[: len(prefix)], link[len(prefix) :]
    if head != prefix or not link.isascii() or "@" in link or "\\" in link:
        return False
    if ".." in rest or "//" in rest or "%" in rest:
        return False
    # https://status.example must not allow https://status.example.evil.example
    return prefix.endswith("/") or not rest or rest[0] in "/?#"


def _telephone(text: str) -> str | None:
    for found in _PHONE.finditer(text):
        number = found[0].strip()
        if not (_THOUSANDS.fullmatch(number) and sum(map(str.isdigit, number)) < 10):  # noqa: PLR2004
            return number
    return None


def _shown(words: str) -> str:
    return words.strip() if len(words) <= 60 else f"{words.strip()[:60]}…"  # noqa: PLR2004
