"""Which approved deletions are to be made, and when none is any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from incidentcommander.actions.follow_up import PodDeletion, deletions, deletions_due, named
from tests.actions.sets import NEW, OLD, numbered, situation

BROKEN = numbered(2, NEW, ready=False)
PARAMETERS = {"toUid": "rev6-uid", **named([BROKEN])}
CHANGED = {"updateRevision": OLD}


def test_deletions_are_read_from_the_parameters_of_a_plan() -> None:
    pods = [numbered(10, NEW), BROKEN]

    assert deletions({"toUid": "x", **named(pods)}) == (
        PodDeletion("checkout-10", "checkout-10-uid"),
        PodDeletion("checkout-2", "checkout-2-uid"),
    )


@pytest.mark.parametrize(
    ("status", "pods", "due"),
    [
        pytest.param(CHANGED, [BROKEN], True, id="the change is observed, the pod as it was"),
        pytest.param(
            {**CHANGED, "observedGeneration": 6}, [BROKEN], False, id="it would come back as it was"
        ),
        pytest.param(CHANGED, [numbered(2, NEW)], False, id="it became ready"),
        pytest.param(CHANGED, [replace(BROKEN, deleting=True)], False, id="it is being deleted"),
        pytest.param(CHANGED, [replace(BROKEN, uid="next")], False, id="it is another pod"),
        pytest.param(CHANGED, [replace(BROKEN, revision=OLD)], False, id="it is what it should be"),
        pytest.param(CHANGED, [], False, id="it is gone"),
        pytest.param(
            CHANGED, [numbered(1, NEW, ready=False)], False, id="nobody approved this one"
        ),
    ],
)
def test_a_deletion_is_due_when(status: dict[str, Any], pods: list[Any], *, due: bool) -> None:
    where = situation(status=status, pods=pods)
    expected = (PodDeletion("checkout-2", "checkout-2-uid"),) if due else ()

    assert deletions_due(PARAMETERS, where) == expected
