"""When an ended Incident gets the label that ends its watch: until then it can be reopened."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidentcommander.api.common import Phase
from incidentcommander.core.case import Limits
from tests.support import build
from tests.support.play import Play
from tests.support.shell import Shell


@pytest.mark.parametrize(
    ("phase", "hours", "labelled"),
    [
        ("Closed", 0, True),
        ("Dismissed", 23, False),
        ("Dismissed", 24, True),
        ("Merged", 0, False),
        ("Merged", 23, False),
        ("Merged", 24, True),
    ],
)
async def test_only_a_closed_one_is_left_at_once(
    phase: str,
    hours: int,
    labelled: bool,  # noqa: FBT001 - a column of the table
) -> None:
    shell = Shell()
    play = Play(world=shell.world).tick().say("dismiss", "nothing")
    status = play.status.model_copy(update={"phase": Phase(phase), "outbox": []})
    ref = shell.store.put(play.incident.model_copy(update={"status": status}))
    shell.world.now += timedelta(hours=hours)

    await shell.tick(ref)

    assert shell.store.labelled == (["checkout-5xx"] if labelled else [])


def test_a_merged_one_is_looked_at_again_when_it_is_to_be_left() -> None:
    play = Play().tick()
    play.world.others["other"] = build.incident(metadata={"name": "other"})
    play.merge("other").after(hours=1)

    assert play.decisions[-1].wake_at == build.NOW + timedelta(hours=24)


async def test_how_long_a_dismissed_one_can_be_reopened_is_a_setting() -> None:
    shell = Shell(limits=Limits(reopen_within=timedelta(hours=1)))
    ref = shell.store.put(Play(world=shell.world).tick().say("dismiss", "nothing").incident)
    shell.world.now += timedelta(hours=1)

    await shell.tick(ref)

    assert shell.store.labelled == ["checkout-5xx"]
