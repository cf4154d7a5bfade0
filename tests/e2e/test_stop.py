"""The operator is ended while it works: in order, by itself, and without a false alarm in its log."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.e2e.conftest import Hire, Open
from tests.e2e.shop import Shop

STOPS = 5
HUNG = 30.0
"""Seconds after which a process that was asked to end is hanging. It ends itself after 2.5."""


@pytest.fixture(scope="module")
def shop(hire: Hire, open_shop: Open) -> Shop:
    """A shop with an operator of its own, which is at work on an Incident."""
    shop = open_shop(lambda namespace: hire(WATCH_NAMESPACES=namespace)).furnish()
    shop.in_trouble()
    shop.until_phase("AwaitingApproval")
    return shop


def ended(shop: Shop) -> str:
    """End the operator as Kubernetes does, start it again, and give what it logged at its end."""
    operator = shop.office.operator
    before = operator.log.stat().st_size
    os.kill(operator.pid, signal.SIGTERM)
    try:
        code = operator.wait(HUNG)
    except subprocess.TimeoutExpired:
        pytest.fail(f"it hangs:\n{operator.log.read_text()[-2000:]}")
    said = operator.log.read_bytes()[before:].decode()
    assert code == 0, said
    shop.office.revive()
    return said


def test_it_ends_by_itself_while_it_watches_and_looks_again_after_the_next_start(
    shop: Shop,
) -> None:
    for number in range(STOPS):
        shop.say("alice", "note", f"before stop {number}")
        said = ended(shop)
        assert "SIGTERM: winding up" in said
        assert "ERROR" not in said, said
        assert "begins again" not in said, said
    shop.say("alice", "note", "after the last")
