"""The connection: what refusals mean, who we are, how many connections, on a real server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kopf
import pytest
import yaml
from kopf._cogs.clients.auth import APIContext
from kubernetes.aio.config import incluster_config

from cluster import Cluster
from incidentcommander.errors import (
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidResourceError,
    UnavailableError,
)
from incidentcommander.gateways.kubernetes.client import JSON_PATCH, MERGE_PATCH, Client
from incidentcommander.gateways.kubernetes.errors import (
    AlreadyExistsError,
    Answered,
    ExpiredError,
    FailedTestError,
    UnknownResourceError,
    refusal,
)
from incidentcommander.gateways.kubernetes.paths import asked, path_of
from incidentcommander.settings import Settings
from tests.support.api import Api
from tests.support.objects import incident

TEST = {"op": "test", "path": "/metadata/uid", "value": "another"}
NO_SUCH_PATH = {"op": "add", "path": "/status/nothing/-", "value": 1}


@pytest.fixture
def path(api: Api, namespace: str) -> str:
    api.create("incidents", incident(namespace)).expect_ok()
    return path_of("incidents", namespace, "checkout-5xx")


async def test_what_does_not_exist_is_none_to_a_reader_and_gone_to_a_writer(
    client: Client, namespace: str
) -> None:
    path = path_of("incidents", namespace, "nope")

    assert await client.get(path) is None
    with pytest.raises(GoneError, match=f"patch incidents/nope in namespace {namespace}"):
        await client.request("PATCH", path, body={}, content_type=MERGE_PATCH)


@pytest.mark.parametrize("path", ["/apis/nope.dev/v1/things", "/apis/apps/v1/things"])
async def test_a_resource_that_is_not_served_is_not_an_absent_object(
    path: str, admin: Client
) -> None:
    with pytest.raises(UnknownResourceError, match="list things"):
        await admin.get(path)


async def test_a_failed_test_is_told_from_a_refused_schema(client: Client, path: str) -> None:
    for operation in (TEST, NO_SUCH_PATH):
        with pytest.raises(FailedTestError):
            await client.request("PATCH", path, body=[operation], content_type=JSON_PATCH)

    wrong = {"spec": {"severity": "SEV9"}}
    with pytest.raises(InvalidResourceError, match=r"spec\.severity"):
        await client.request(
            "PATCH",
            path,
            body=wrong,
            content_type=MERGE_PATCH,
            query={"fieldManager": "test", "dryRun": "All"},
        )


async def test_an_unknown_field_is_named_without_the_whole_object(
    client: Client, path: str
) -> None:
    with pytest.raises(InvalidResourceError) as caught:
        await client.request(
            "PATCH",
            f"{path}/status",
            body=[{"op": "add", "path": "/status", "value": {"colour": "red"}}],
            content_type=JSON_PATCH,
            query={"fieldValidation": "Strict"},
        )

    assert 'strict decoding error: unknown field "status.colour"' in str(caught.value)
    assert "managedFields" not in str(caught.value)


async def test_a_stale_resource_version_is_a_conflict(client: Client, path: str) -> None:
    with pytest.raises(ConflictError) as caught:
        await client.request(
            "PATCH", path, body={"metadata": {"resourceVersion": "1"}}, content_type=MERGE_PATCH
        )

    assert not isinstance(caught.value, FailedTestError)


async def test_what_rbac_forbids_names_verb_and_resource(client: Client, namespace: str) -> None:
    with pytest.raises(ForbiddenError, match=r"list secrets .*403.*cannot list resource"):
        await client.request("GET", path_of("secrets", namespace))


async def test_an_object_of_the_same_name_already_exists(client: Client, namespace: str) -> None:
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "twice", "namespace": namespace},
        "eventTime": "2026-11-22T08:00:00.000000Z",
        "regarding": {"kind": "Pod", "namespace": namespace, "name": "x"},
        "reason": "Test",
        "action": "Test",
        "type": "Normal",
        "note": "x",
        "reportingController": "test.dev/test",
        "reportingInstance": "x",
    }
    await client.request("POST", path_of("events", namespace), body=event)

    with pytest.raises(AlreadyExistsError):
        await client.request("POST", path_of("events", namespace), body=event)


@pytest.mark.filterwarnings("ignore:Sending a large body")
@pytest.mark.parametrize("size", [1_700_000, 2_500_000, 3_500_000])
async def test_what_is_too_large_is_invalid_and_not_the_servers_fault(
    size: int, api: Api, admin: Client, namespace: str
) -> None:
    api.create("deployments", _deployment(namespace)).expect_ok()
    containers = [{"name": "a", "image": "a", "args": ["x" * size]}]
    patch = [{"op": "add", "path": "/spec/template/spec/containers", "value": containers}]
    with pytest.raises(InvalidResourceError):
        await admin.request(
            "PATCH",
            path_of("deployments", namespace, "big"),
            body=patch,
            content_type=JSON_PATCH,
        )


def _deployment(namespace: str) -> dict[str, Any]:
    labels = {"app": "big"}
    return {
        "metadata": {"name": "big", "namespace": namespace},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "a", "image": "a"}]},
            },
        },
    }


@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (429, "", UnavailableError),
        (500, "boom", UnavailableError),
        (503, "", UnavailableError),
        (504, "", UnavailableError),
        (401, "", UnavailableError),
        (410, "", ExpiredError),
        (400, "", InvalidResourceError),
        (413, "", InvalidResourceError),
        (415, "", InvalidResourceError),
        (500, "etcdserver: request is too large", InvalidResourceError),
        (403, "<html>a proxy</html>", ForbiddenError),
        (404, "404 page not found", UnknownResourceError),
        (409, "[]", ConflictError),
        (422, "", InvalidResourceError),
    ],
)
def test_every_code_has_a_meaning_whatever_the_body(
    code: int, body: str, expected: type[Exception]
) -> None:
    error = refusal(Answered("get pods", code, body))

    assert type(error) is expected
    assert f"get pods: the API server answered {code}" in str(error)


@pytest.mark.parametrize(
    ("header", "body", "expected"),
    [
        ("7", "", 7.0),
        (None, json.dumps({"details": {"retryAfterSeconds": 3}}), 3.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "", None),
        (None, "", None),
    ],
)
def test_when_to_come_back(header: str | None, body: str, expected: float | None) -> None:
    error = refusal(Answered("get pods", 429, body, header))

    assert isinstance(error, UnavailableError)
    assert error.retry_after == expected


@pytest.mark.parametrize(
    ("method", "path", "query", "text"),
    [
        ("GET", path_of("pods", "shop"), {}, "list pods in namespace shop"),
        ("GET", path_of("incidents"), {"watch": "true"}, "watch incidents"),
        ("GET", path_of("incidents", "shop", "a"), {}, "get incidents/a in namespace shop"),
        (
            "PATCH",
            path_of("incidents", "shop", "a", "status"),
            {},
            "patch incidents/a/status in namespace shop",
        ),
        ("POST", path_of("events", "shop"), {}, "create events in namespace shop"),
        ("GET", "/api/v1/namespaces/shop", {}, "get namespaces/shop"),
    ],
)
def test_a_request_has_a_name_for_people(
    method: str, path: str, query: dict[str, str], text: str
) -> None:
    assert asked(method, path, query).text == text


async def test_a_dead_server_is_unavailable_and_named(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "server", "https://127.0.0.1:1")

    with pytest.raises(UnavailableError, match=r"list pods: .* https://127\.0\.0\.1:1"):
        await client.get(path_of("pods"))


async def test_requests_are_counted_by_verb_and_resource_but_watches_are_not(
    client: Client, path: str, namespace: str
) -> None:
    await client.get(path)
    await client.get(path)
    await client.request("GET", path_of("pods", namespace))
    async for _ in client.watch(path_of("incidents", namespace), {"timeoutSeconds": "1"}):
        pass

    assert client.requests == {("get", "incidents"): 2, ("list", "pods"): 1}


async def test_connections_are_bounded(kubeconfig: Path, path: str, quiet: None) -> None:
    client = await Client.connect(Settings(connections=3), str(kubeconfig))

    await asyncio.gather(*(client.get(path) for _ in range(60)))

    assert sum(len(connections) for connections in client._pool._conns.values()) <= 3
    await client.close()


async def test_a_token_that_was_renewed_is_taken_up_at_once(
    kubeconfig: Path, token_file: Path, settings: Settings, path: str, tmp_path: Path, quiet: None
) -> None:
    mine = tmp_path / "token"
    mine.write_text("expired")
    config = yaml.safe_load(kubeconfig.read_text())  # noqa: ASYNC240
    config["users"][0]["user"]["tokenFile"] = str(mine)
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    client = await Client.connect(settings, str(tmp_path / "kubeconfig"))

    with pytest.raises(UnavailableError, match="401"):
        await client.get(path)
    mine.write_text(token_file.read_text())  # noqa: ASYNC240

    assert await client.get(path) is not None
    await client.close()


async def test_in_a_pod_the_service_account_is_used(
    cluster: Cluster,
    token_file: Path,
    settings: Settings,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
    quiet: None,
) -> None:
    server = urlsplit(cluster.server)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(server.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token_file))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(cluster.pki / "ca.crt"))
    client = await Client.connect(settings, "/no/such/kubeconfig")

    assert await client.get(path) is not None

    # What the kubelet put there meanwhile is read again when its time has come.
    token_file.write_text(f"{token_file.read_text().strip()}\n")  # noqa: ASYNC240
    client._authentication._read_at = float("-inf")
    assert await client.get(path) is not None
    await client.close()


async def test_kopf_may_close_its_session_and_ours_goes_on(client: Client, path: str) -> None:
    for _ in range(2):
        info = kopf.AiohttpSession(server=client.server, aiohttp_session=client.new_session())
        context = APIContext(info)
        async with context.session.get(client.server + path) as response:
            assert response.status == 200
        await context.close()

    assert await client.get(path) is not None


async def test_without_credentials_it_says_how_to_give_some(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="set KUBECONFIG"):
        await Client.connect(Settings(), str(tmp_path / "nope"))
