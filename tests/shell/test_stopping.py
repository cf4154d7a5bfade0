"""The end of the process: the first signal winds up, the second and the clock end it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

from incidentcommander.stopping import Stopping


class Exit:
    """Remembers with which codes the process was to end."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.called = threading.Event()

    def __call__(self, code: int) -> None:
        self.codes.append(code)
        self.called.set()


def unset(stopping: Stopping) -> None:
    """Take the deadline back: the process of the tests goes on."""
    assert stopping._late is not None
    stopping._late.cancel()


async def test_the_first_signal_asks_for_the_end_and_ends_nothing() -> None:
    exit_now = Exit()
    stopping = Stopping(60.0, exit_now)
    stopping.take_signals()

    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stopping.wait(), 10)
    unset(stopping)

    assert exit_now.codes == []


async def test_the_second_ends_it_at_once() -> None:
    exit_now = Exit()
    stopping = Stopping(60.0, exit_now)
    stopping.take_signals()

    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stopping.wait(), 10)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.to_thread(exit_now.called.wait, 10)
    unset(stopping)

    assert exit_now.codes == [0]


async def test_a_loop_that_is_held_up_does_not_hold_up_the_end() -> None:
    exit_now = Exit()
    stopping = Stopping(0.01, exit_now)
    stopping.take_signals()

    os.kill(os.getpid(), signal.SIGTERM)
    await stopping.wait()
    # Nothing runs on this loop until the call returns.
    assert exit_now.called.wait(10)
    unset(stopping)

    assert exit_now.codes == [0]
