"""No word of others steers a terminal or hides text: not in a status, whatever it came in by."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidentcommander.api.incident import IncidentStatus
from incidentcommander.cleaning import clean, clean_line, is_clean
from incidentcommander.core.legible import legible_status
from incidentcommander.core.requests.reading import KEYS
from incidentcommander.errors import ForbiddenError, UnavailableError
from incidentcommander.logs import LogLines
from tests.support import build
from tests.support.play import Play

HOSTILE = {
    "escape code": "\x1b[2J",
    "bell": "\x07",
    "C1": "\x9b31m",
    "delete": "\x7f",
    "carriage return": "good\rbad",
    "right to left": "\u202egpj.exe",
    "isolate": "\u2066a\u2069",
    "zero width": "d\u200bue to",
    "joiner": "a\u200db",
    "byte order": "\ufeffx",
    "line separator": "a\u2028b",
    "soft hyphen": "a\u00adb",
    "tag": "a\U000e0041b",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_not_seen_is_seen(text: str) -> None:
    shown = clean(text)

    assert is_clean(shown)
    assert "\N{REPLACEMENT CHARACTER}" in shown
    assert len(shown) == len(text)
    assert clean(shown) == shown


@pytest.mark.parametrize("text", ["Zahlungen schlagen fehl", "支払い", "a\tb\nc", "👩 ok", "°·“”…"])
def test_words_of_all_languages_stay(text: str) -> None:
    assert clean(text) == text


def test_one_line_stays_one_line() -> None:
    assert clean_line("a\r\nb\tc\x1bd") == "a b c\N{REPLACEMENT CHARACTER}d"


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    return [text for each in value for text in _texts(each)] if isinstance(value, list) else []


hostile = st.lists(st.sampled_from([*HOSTILE.values(), "words "]), min_size=1, max_size=4).map(
    "".join
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=hostile, key=st.sampled_from(KEYS))
def test_no_entry_lets_an_unseen_character_into_a_status(text: str, key: str) -> None:
    """Title, impact, roles, what people say, names of images, pods, refusals, templates."""
    roles = {"commander": f"c{text}", "scribe": text}
    impact = {"symptom": text, "summary": text}
    play = Play(
        spec={"title": f"t{text}", "impact": impact, "roles": roles, "warRoom": "https://x"}
    )
    own = {"audience": "Internal", "kind": "First", "subject": f"s{text}", "text": f"t{text}"}
    ops = {"name": "ops", "audience": "Internal"}
    play.under(channels=[ops, {"name": "page", "audience": "External"}], templates=[own]).tick()
    play.world.release(f"registry.example/shop/checkout:{text}")
    play.world.pods = (build.pod(name=f"p{text}"),)
    play.say(key, f"scale {text}: {text}").after(minutes=6)

    shown = play.status.to_api()
    assert [t for t in _texts(shown) if not is_clean(t)] == []
    assert IncidentStatus.model_validate(json.loads(json.dumps(shown))) == play.status


def test_what_stands_in_the_timeline_already_is_never_touched() -> None:
    """The API server refuses any change of an entry: an old one would end the Incident's record."""
    play = Play().tick()
    old = play.status.timeline[0].model_copy(update={"message": "stored before: \x1b[2J"})
    kept = play.status.model_copy(update={"timeline": [old], "summary": "\x1b"})

    shown = legible_status(kept)

    assert shown.timeline == [old]
    assert shown.summary == "\N{REPLACEMENT CHARACTER}"


def test_a_status_that_is_legible_is_left_as_it_is() -> None:
    status = Play().tick().status

    assert legible_status(status) is status


@pytest.mark.parametrize("error", [ForbiddenError, UnavailableError])
def test_a_refusal_is_cleaned_where_it_comes_in(error: type[Exception]) -> None:
    assert str(error("denied: \x1b[2J\nERROR fake")) == (
        "denied: \N{REPLACEMENT CHARACTER}[2J ERROR fake"
    )


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nERROR forged line", "\u202e"])
def test_ed_forges_a_line_of_the_log(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "refused: %s", (text,), None)

    line = LogLines().format(record)

    assert is_clean(line)
    assert "\n" not in line


def test_a_traceback_keeps_its_lines() -> None:
    try:
        int("\x1b[2J" * 2)
    except ValueError as error:
        told = (type(error), ValueError("\x1b[2J"), error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "", 0, "a bug", (), told)

    text = LogLines().format(record)

    assert is_clean(text)
    assert len(text.splitlines()) > 2
