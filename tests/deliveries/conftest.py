"""Fixtures: places to send to, closed again after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.sinks import HttpSink, MailSink


@pytest.fixture
def http() -> Iterator[HttpSink]:
    """An HTTP server."""
    sink = HttpSink()
    sink.start()
    yield sink
    sink.stop()


@pytest.fixture
def mail() -> Iterator[MailSink]:
    """A mail server."""
    sink = MailSink()
    sink.start()
    yield sink
    sink.stop()
