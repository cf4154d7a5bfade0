"""Words of others, without what steers terminals, hides text or turns it around.

Whoever may write a refusal, an image name, a note or a title could put escape codes, direction marks
or invisible characters into it. Each of these becomes one U+FFFD: something that people see, as long
as what it stands for, and the same however often it is done. So it does not matter whether a text is
cut before or after. It is for words alone: what is compared or sent to a workload is never cleaned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["INVISIBLE", "LINE_BREAKS", "REPLACEMENT", "clean", "clean_line", "cleaned", "is_clean"]

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
LINE_BREAKS: Final = ((0x09, 0x0A),)
"""Controls that texts of several lines have: tab and line feed."""
_CONTROLS: Final = ((0x00, 0x08), (0x0B, 0x1F), (0x7F, 0x9F))
_UNSEEN: Final = (
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x180E, 0x180E)),
    # Zero-width, direction marks, line and paragraph separator, overrides and isolates.
    *((0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F)),
    *((0x3164, 0x3164), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB)),
    *((0x1D173, 0x1D17A), (0xE0000, 0xE007F)),
)
INVISIBLE: Final = (*_CONTROLS, *_UNSEEN)
"""Ranges of characters that no text needs: both ends belong to them."""
_LONE: Final = ((0xD800, 0xDFFF),)
"""Halves of a character: no text can be written with them."""


def _class(*ranges: tuple[int, int]) -> re.Pattern[str]:
    return re.compile("[" + "".join(f"{chr(a)}-{chr(b)}" for a, b in ranges) + "]")


_TEXT: Final = _class(*INVISIBLE, *_LONE)
_LINE: Final = _class(*INVISIBLE, *_LONE, *LINE_BREAKS)


def clean(text: str) -> str:
    """Make every character seen; line feeds and tabs stay."""
    return _TEXT.sub(REPLACEMENT, text.replace("\r\n", "\n"))


def clean_line(text: str) -> str:
    """Make every character seen, and one line of it: breaks and tabs become blanks."""
    return _TEXT.sub(REPLACEMENT, re.sub(r"[\r\n\t]+", " ", text))


def is_clean(text: str) -> bool:
    """Whether ``clean`` has nothing to do."""
    return _TEXT.search(text) is None


def cleaned(value: Any) -> Any:
    """Give a JSON value with all of its texts clean, keys excepted."""
    match value:
        case str():
            return clean(value)
        case Mapping():
            return {key: cleaned(each) for key, each in value.items()}
        case Sequence():
            return [cleaned(each) for each in value]
        case _:
            return value
