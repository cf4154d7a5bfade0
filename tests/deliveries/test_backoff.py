"""Waits grow, differ, and end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidentcommander.deliveries.backoff import LONGEST, SHORTEST, is_due, pause
from tests.support.desk import NOW


@pytest.mark.parametrize(
    ("failures", "least", "most"),
    [(1, 1, 2), (2, 2, 4), (3, 4, 8), (4, 8, 16), (5, 16, 32), (6, 30, 60), (500, 30, 60)],
)
def test_the_wait_doubles_up_to_a_minute(failures: int, least: int, most: int) -> None:
    assert pause(failures, 0.0) == timedelta(seconds=least)
    assert pause(failures, 1.0) == timedelta(seconds=most)


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_every_wait_is_between_a_second_and_a_minute(failures: int, chance: float) -> None:
    assert SHORTEST <= pause(failures, chance) <= LONGEST


def test_a_time_has_come_or_cannot_be_true() -> None:
    second = timedelta(seconds=1)
    assert is_due(None, NOW)
    assert is_due(NOW, NOW)
    assert not is_due(NOW + second, NOW)
    assert not is_due(NOW + LONGEST, NOW)
    assert is_due(NOW + LONGEST + second, NOW)
