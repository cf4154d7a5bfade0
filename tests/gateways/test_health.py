"""The kubelet gets an answer, whatever is wrong."""

from __future__ import annotations

import socket

import aiohttp

from incidentcommander.http.health import HealthServer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def get(port: int, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.text()


async def test_all_is_well_or_what_is_wrong() -> None:
    wrong: list[str] = []
    port = free_port()
    async with HealthServer("127.0.0.1", port, alive=lambda: (), ready=lambda: wrong):
        assert await get(port, "/healthz") == (200, "ok\n")
        assert await get(port, "/readyz") == (200, "ok\n")
        wrong.append("the library is not loaded")
        assert await get(port, "/readyz") == (503, "the library is not loaded\n")
        assert await get(port, "/healthz") == (200, "ok\n")


async def test_a_probe_with_a_bug_fails_instead_of_hanging() -> None:
    def broken() -> list[str]:
        raise ZeroDivisionError

    port = free_port()
    async with HealthServer("", port, alive=broken, ready=broken):
        status, text = await get(port, "/healthz")

    assert status == 503
    assert "see the log" in text


async def test_port_zero_serves_nothing() -> None:
    async with HealthServer("", 0, alive=lambda: (), ready=lambda: ()) as server:
        assert server._runner is None
