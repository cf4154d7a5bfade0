"""Words of others steer no terminal, hide nothing and turn nothing around, wherever they came in."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidentcommander.cleaning import REPLACEMENT, clean, clean_line, cleaned, is_clean
from incidentcommander.core.evolve import Draft
from incidentcommander.core.legible import legible_status
from incidentcommander.errors import UnavailableError
from tests.support.build import NOW, incident

ESCAPE = "\x1b]0;owned\x07\x1b[2J"
BIDI = "\u202egpj.exe\u202c"
HIDDEN = "pay\u200bments \u2066x\u2069 \ufeff"
HOSTILE = [ESCAPE, BIDI, HIDDEN, "\x9b31m", "a\x00b", "\u2028next", "\U000e0041tag", "\ud800"]


def harmful(text: str) -> list[str]:
    """Characters that nobody sees, but line feeds and tabs."""
    categories = {"Cc", "Cf", "Zl", "Zp", "Cs"}
    return [c for c in text if unicodedata.category(c) in categories and c not in "\n\t"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_nobody_sees_is_seen_afterwards(text: str) -> None:
    shown = clean(f"image {text} refused")
    assert harmful(shown) == []
    assert REPLACEMENT in shown


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_clean_once_and_for_all(text: str) -> None:
    shown = clean(text)
    # Soft hyphens of some scripts and the like are letters to their readers: format characters
    # that neither hide nor turn anything stay.
    assert all(not 0 <= ord(c) < 0x20 or c in "\n\t" for c in shown)
    assert not set(shown) & set("\x1b\x7f\x9b\u202e\u2066\u200b\ufeff\u2028")
    assert is_clean(shown)
    assert clean(shown) == shown
    assert "\n" not in clean_line(text)


def test_plain_words_of_any_script_stay_as_they_are() -> None:
    for text in ("Checkout returns 5xx", "Käufe, 支払い, оплата", "line\n\tnext", "1 < 2 & `x` $y"):
        assert clean(text) == text


def test_json_is_cleaned_through_and_through_but_for_its_keys() -> None:
    given = {"note": ESCAPE, "list": [BIDI, 3, None], "map": {"k\x1b": "v\x1b"}}
    assert cleaned(given)["map"] == {"k\x1b": f"v{REPLACEMENT}"}
    assert all(is_clean(str(v)) for v in (cleaned(given)["note"], cleaned(given)["list"][0]))


@pytest.mark.parametrize("text", HOSTILE)
def test_ed_puts_it_into_an_entry_and_the_timeline_stays_legible(text: str) -> None:
    draft = Draft(incident().status, NOW).add("NoteAdded", f"said {text}", actor=f"ed{text}")
    entry = draft.status.timeline[-1]
    assert harmful(entry.message) == harmful(entry.actor) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_ed_names_an_image_so_and_the_status_stays_legible(text: str) -> None:
    status = incident().status.model_copy(update={"summary": f"image {text}"})
    assert harmful(legible_status(status).summary or "") == []


def test_a_legible_status_is_the_very_same() -> None:
    status = incident().status.model_copy(update={"summary": "all is well\nhere"})
    assert legible_status(status) is status


@pytest.mark.parametrize("text", HOSTILE)
def test_a_refusal_that_quotes_it_is_legible(text: str) -> None:
    assert harmful(str(UnavailableError(f"denied: {text}"))) == []
