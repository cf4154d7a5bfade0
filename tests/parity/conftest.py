"""The stage of the parity tests: two namespaces, shared by all cases."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.parity.settling import Board
from tests.parity.twins import Stage
from tests.support.api import Api
from tests.support.kubectl import Kubectl


@pytest.fixture(scope="session")
def stage(api: Api, kubectl: Kubectl) -> Iterator[Stage]:
    """Two namespaces with a kubectl that writes times in UTC, as we do."""
    names = [f"parity-{uuid.uuid4().hex[:8]}-{who}" for who in ("kubectl", "ours")]
    for name in names:
        api.create("namespaces", {"metadata": {"name": name}}).expect_ok()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", "UTC")
        yield Stage(api, kubectl, (names[0], names[1]), Board(api))
    # In threads of their own: the connection of this one may have been idle for too long.
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: api.delete("namespaces", name), names))
