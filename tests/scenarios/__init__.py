"""Scenarios: stories of incidents on the local cluster, each in a namespace of its own."""

from __future__ import annotations

import pytest

# So that a failed assertion in a scenario says what the values were.
pytest.register_assert_rewrite("tests.scenarios.plays", "tests.scenarios.scene")
