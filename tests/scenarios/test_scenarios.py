"""Every scenario of the list, by name."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.scenarios.plays import SCENARIOS
from tests.scenarios.registry import Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_scenario(scenario: Scenario, playing: Mapping[str, Future[None]]) -> None:
    playing[scenario.name].result()
