"""Whatever stands where Prometheus should stand, a query gives a number or a readable reason."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typing_extensions import override

from incidentcommander.gateways.prometheus.queries import NOT_CONFIGURED, Metrics
from incidentcommander.gateways.prometheus.threads import AllStuckError, BoundedThreads
from incidentcommander.observed.needs import QueryNeed
from incidentcommander.observed.workloads import Scalar, Unavailable
from incidentcommander.settings import Settings

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def vector(*values: str) -> str:
    series = [{"metric": {"pod": str(n)}, "value": [1, v]} for n, v in enumerate(values)]
    return said({"resultType": "vector", "result": series})


def said(data: Any) -> str:
    return json.dumps({"status": "success", "data": data})


class Stub(ThreadingHTTPServer):
    """Answers every query with what the test wants."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.code = 200
        self.answer = vector("1")
        self.hold = threading.Event()
        self.hold.set()
        self.asked: list[tuple[dict[str, list[str]], dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_GET(self) -> None:
        self.server.asked.append((parse_qs(urlsplit(self.path).query), dict(self.headers)))
        self.server.hold.wait(30)
        body = self.server.answer.encode()
        try:
            self.send_response(self.server.code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass  # whoever asked has given up

    @override
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.hold.set()
    server.shutdown()
    server.server_close()


def metrics(url: str, timeout: float = 2.0, **over: Any) -> Metrics:
    return Metrics(
        Settings(prometheus_url=url, prometheus_timeout=timedelta(seconds=timeout), **over)
    )


async def ask(asked: Metrics, **over: Any) -> Scalar | Unavailable:
    return await asked.query(QueryNeed(**{"query": "up", "namespace": "shop", **over}), NOW)


async def test_without_a_url_it_says_which_setting_is_needed() -> None:
    assert await ask(metrics("")) == Unavailable("Prometheus", NOT_CONFIGURED)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (vector("0.25"), Scalar(0.25)),
        (vector(), Scalar(None, series=0)),
        (vector("1", "2", "3"), Scalar(None, series=3)),
        (vector("+Inf"), Scalar(math.inf)),
        (vector("-Inf"), Scalar(-math.inf)),
        (said({"resultType": "scalar", "result": [1700000000.5, "42"]}), Scalar(42.0)),
    ],
)
async def test_a_result_becomes_a_number_and_a_count(
    answer: str, expected: Scalar, stub: Stub
) -> None:
    stub.answer = answer

    assert await ask(metrics(stub.url)) == expected


async def test_not_a_number_is_passed_on(stub: Stub) -> None:
    stub.answer = vector("NaN")

    found = await ask(metrics(stub.url))

    assert isinstance(found, Scalar)
    assert found.value is not None
    assert math.isnan(found.value)


_ERROR = json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error: no )"})


@pytest.mark.parametrize(
    ("code", "answer", "words"),
    [
        (400, _ERROR, "it answered 400: parse error: no )"),
        (500, "<html><h1>Oops</h1></html>", "it answered 500: Oops"),
        (503, "", "it answered 503"),
        (200, "<html><body>Sign in</body></html>", "is no JSON"),
        (200, "", "is no JSON"),
        (200, "[]", "no result of a query"),
        (200, '{"status":"success"}', "no result of a query"),
        (200, '{"data":{"result":"ok"}}', "no result of a query"),
        (200, '{"data":{"result":null}}', "no result of a query"),
        (200, said({"result": [{"metric": {}, "values": [[1, "1"]]}]}), "a range"),
        (200, said({"result": [{"metric": {}, "histogram": [1, {}]}]}), "a histogram"),
        (200, said({"result": [{"metric": {}, "value": [1, "many"]}]}), "no number"),
        (200, said({"result": [1, "some text"]}), "no number"),
        (200, said({"result": [{"metric": {}}]}), "no number"),
    ],
)
async def test_anything_else_is_unavailable_and_readable(
    code: int, answer: str, words: str, stub: Stub
) -> None:
    stub.code, stub.answer = code, answer

    found = await ask(metrics(stub.url))

    assert isinstance(found, Unavailable)
    assert words in found.message
    assert stub.url in found.message
    assert len(stub.asked) == 1  # never asked twice


async def test_a_refused_connection_is_unavailable_without_the_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    found = await ask(metrics(f"http://admin:hunter2@127.0.0.1:{port}/prom"))

    assert isinstance(found, Unavailable)
    assert "cannot connect: Connection refused" in found.message
    assert f"http://127.0.0.1:{port}" in found.message
    assert "hunter2" not in repr(found)


async def test_a_name_that_does_not_resolve_is_unavailable() -> None:
    found = await ask(metrics("http://prometheus.invalid:9090"))

    assert isinstance(found, Unavailable)
    assert "http://prometheus.invalid:9090: cannot connect" in found.message


async def test_a_slow_answer_is_given_up_after_the_time_out(stub: Stub) -> None:
    stub.hold.clear()

    # The stub holds it for ever: that there is an answer at all is the point.
    found = await ask(metrics(stub.url, timeout=0.3))

    assert isinstance(found, Unavailable)
    assert "no answer within 300ms" in found.message


async def test_a_hung_prometheus_does_not_pile_up_and_recovers(stub: Stub) -> None:
    stub.hold.clear()
    asked = metrics(stub.url, timeout=0.5)

    first = await asyncio.gather(*(ask(asked) for _ in range(100)))

    assert all(isinstance(answer, Unavailable) for answer in first)
    assert threading.active_count() < 30
    stub.hold.set()
    for _ in range(50):
        if await ask(asked) == Scalar(1.0):
            return
        await asyncio.sleep(0.1)
    raise AssertionError


async def test_a_trickling_answer_is_given_up_and_later_queries_are_refused_at_once() -> None:
    """A server that sends a byte now and then never trips a time-out between two bytes."""
    stop = threading.Event()

    def trickle(listener: socket.socket) -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not stop.wait(0.05):
                connection.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=trickle, args=(listener,), daemon=True).start()
        # Long beside the pauses between two bytes, also on a machine that is busy.
        asked = metrics(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=2)
        await asyncio.gather(*(ask(asked) for _ in range(6)))

        found = await ask(asked)

        stop.set()
        # Not asked at all: it did not wait for the time-out to be over.
        assert isinstance(found, Unavailable)
        assert "not asked: 4 or more earlier queries have had no answer" in found.message


async def test_the_event_loop_is_not_blocked_meanwhile(stub: Stub) -> None:
    stub.hold.clear()
    asked = metrics(stub.url, timeout=0.5)
    queries = asyncio.gather(*(ask(asked) for _ in range(10)))
    longest, before = 0.0, time.monotonic()
    while not queries.done():
        await asyncio.sleep(0.01)
        now = time.monotonic()
        longest, before = max(longest, now - before), now

    assert longest < 0.3


async def test_an_offset_asks_about_that_time(stub: Stub) -> None:
    await ask(metrics(stub.url), query='up{a="b"}', offset=timedelta(hours=1))

    parameters, _ = stub.asked[0]
    assert parameters["query"] == ['up{a="b"}']
    assert float(parameters["time"][0]) == (NOW - timedelta(hours=1)).timestamp()


async def test_the_namespace_goes_with_every_query_where_it_is_wanted(stub: Stub) -> None:
    both = metrics(
        stub.url,
        prometheus_tenant_parameter="namespace",
        prometheus_tenant_header="X-Scope-OrgID",
    )

    await asyncio.gather(ask(both, namespace="shop"), ask(both, namespace="bank"))
    await ask(metrics(stub.url))

    seen = {
        (parameters.get("namespace", [""])[0], headers.get("X-Scope-OrgID"))
        for parameters, headers in stub.asked
    }
    assert seen == {("shop", "shop"), ("bank", "bank"), ("", None)}


async def test_credentials_in_the_url_are_sent(stub: Stub) -> None:
    url = stub.url.replace("http://", "http://admin:hunter2@")

    assert await ask(metrics(url)) == Scalar(1.0)
    assert stub.asked[0][1]["Authorization"].startswith("Basic ")


async def test_the_slow_queries_of_an_author_leave_threads_to_other_namespaces() -> None:
    held = threading.Event()
    threads = BoundedThreads(6, 4, "test")
    his = [asyncio.create_task(threads.run(held.wait, 30.0, "other")) for _ in range(24)]
    await asyncio.sleep(0.1)

    assert await threads.run(lambda: "answered", 10.0, "shop") == "answered"

    held.set()
    await asyncio.gather(*his)


async def test_his_queries_that_hang_are_his_alone() -> None:
    held = threading.Event()
    threads = BoundedThreads(6, 4, "test")
    for _ in range(4):
        with pytest.raises(TimeoutError):
            await threads.run(held.wait, 0.05, "other")

    with pytest.raises(AllStuckError):
        await threads.run(held.wait, 30.0, "other")
    assert await threads.run(lambda: "answered", 10.0, "shop") == "answered"
    held.set()
