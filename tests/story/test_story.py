"""The story is played as the page tells it, whoever runs the operator."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeAlias

import pytest

from incidentcommander.api.notices import Audience
from incidentcommander.core.communication.speculation import speculative
from tests.story.page import PAGE, page
from tests.story.script import PEOPLE, TITLE, play
from tests.story.told import Duty, Played, World

TOLD_OTHERWISE: Final = (
    (
        "Its marker was found on the target after an interruption, and with it what was to be done.",
        "The API server confirmed it.",
    ),
    ("it was there already and is kept as it is", "drafted from 130 timeline entries"),
)
"""Whoever comes after a crash finds what was done, and says that it was found."""
_WORD: Final = re.compile(r"[a-z0-9-]+")


Plays: TypeAlias = Mapping[Duty, "Future[Played]"]


@pytest.fixture(scope="module")
def plays(world: World) -> Iterator[Plays]:
    """The story, played by each of them side by side."""

    def played(duty: Duty) -> Played:
        return asyncio.run(play(world, duty))

    with ThreadPoolExecutor(len(Duty), "story") as pool:
        yield {duty: pool.submit(played, duty) for duty in Duty}


@pytest.mark.parametrize("duty", list(Duty), ids=lambda duty: duty.name.lower())
def test_the_page_tells_what_happens(plays: Plays, duty: Duty) -> None:
    told = page(plays[duty].result())

    if duty is Duty.DYING:
        for found, made in TOLD_OTHERWISE:
            assert found in told
            told = told.replace(found, made)
    assert told == PAGE.read_text(), "to write it anew: python -m tests.story --write"


def outside(played: Played) -> Iterator[str]:
    notices = (t.notice for t in played.postbox.taken if t.notice.audience is Audience.EXTERNAL)
    yield from (f"{notice.subject} {notice.text}" for notice in notices)
    yield from (e.message for e in played.timeline if e.reason == "ExternalUpdatePosted")


def test_outsiders_read_no_cause_no_title_and_no_name(plays: Plays) -> None:
    texts = list(outside(plays[Duty.STEADY].result()))

    assert len(texts) > 20
    for text in texts:
        lower = text.lower()
        assert speculative(text) is None, text
        assert TITLE.lower() not in lower
        assert not set(_WORD.findall(lower)) & {*PEOPLE, "callback", "callbacks", "v3"}, text


def test_it_really_was_one_operator_or_many(plays: Plays) -> None:
    operators = {duty: future.result().operators for duty, future in plays.items()}

    assert operators[Duty.STEADY] == 1
    assert operators[Duty.RESTARTED] > 100
    assert operators[Duty.DYING] > 200
