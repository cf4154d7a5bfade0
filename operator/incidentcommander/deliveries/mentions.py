"""Keeps words of others from calling people up, or hiding a link, in the chats that they are sent to.

Whoever may write a title or a summary could write ``@everyone``, ``<!channel>`` or a link behind other
words. Each chat has its own way; none of them takes what this leaves, and people read the same. It
is for chats alone: mails and webhooks get the words as they are. Pure.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["harmless"]

_AT: Final = "\N{FULLWIDTH COMMERCIAL AT}"
_LESS: Final = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"
_EVERYBODY: Final = re.compile(
    r"@(?=(?:everyone|everybody|here|channel|all|room|team|group|online|topic|stream)(?!\w))",
    re.IGNORECASE,
)
"""Words that mean everybody count in the middle of a word, too: Discord does not look before them."""
_SOMEBODY: Final = re.compile(r"(?<![\w.+-])@(?=\S)")
"""``@bob``, ``@**bob**``, ``@bob:matrix.example``; the middle of a mail address is none."""
_BRACKETED: Final = re.compile(
    r"<(?=[!@#]|/?at\b|users/|spaces/|[a-z][a-z0-9+.-]*:|/?a\b|img\b)", re.IGNORECASE
)
"""``<!channel>``, ``<@U1>``, ``<users/all>``, ``<at>``, and Slack's ``<https://…|other words>``."""
_MASKED: Final = re.compile(r"\](?=[(\[:])")
"""``[other words](https://…)`` of Markdown, and its images."""


def harmless(text: str) -> str:
    """Give a text that no chat takes for a mention or a link with other words on it."""
    text = _BRACKETED.sub(_LESS, text)
    text = _MASKED.sub("] ", text)
    return _SOMEBODY.sub(_AT, _EVERYBODY.sub(_AT, text))
