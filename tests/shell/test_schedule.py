"""The schedule ends when it is told to, whatever happens in the same moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from incidentcommander.schedule import Schedule
from tests.support.build import NOW


@pytest.mark.parametrize("minutes", [None, 1])
async def test_a_cancellation_in_the_moment_of_a_new_time_is_not_swallowed(
    minutes: int | None,
) -> None:
    schedule: Schedule[str] = Schedule(lambda _: None, lambda: NOW)
    if minutes:
        schedule.at("later", NOW + timedelta(minutes=minutes))
    running = asyncio.create_task(schedule.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    # As when the last look ends, and the process with it.
    schedule.at("one", NOW + timedelta(hours=1))
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=5)

    assert running in done
    assert running.cancelled()
