"""Settings come from the environment, and a bad one is named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidentcommander.settings import Settings, SettingsError


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"INCIDENT_COMMANDER_HTTP_PORT": " "}) == Settings()


def test_every_variable_is_read() -> None:
    found = Settings.from_environment(
        {
            "INCIDENT_COMMANDER_NAMESPACE": "ops",
            "INCIDENT_COMMANDER_SERVICE_ACCOUNT": "ic",
            "INCIDENT_COMMANDER_WATCH_NAMESPACES": "shop, bank,,shop",
            "INCIDENT_COMMANDER_PROMETHEUS_URL": "http://prometheus:9090",
            "INCIDENT_COMMANDER_PROMETHEUS_TIMEOUT": "2s",
            "INCIDENT_COMMANDER_PROMETHEUS_TENANT_PARAMETER": "namespace",
            "INCIDENT_COMMANDER_PROMETHEUS_TENANT_HEADER": "X-Scope-OrgID",
            "INCIDENT_COMMANDER_CHANNELS_SECRET": "pagers",
            "INCIDENT_COMMANDER_HTTP_PORT": "0",
            "INCIDENT_COMMANDER_HTTP_HOST": "127.0.0.1",
            "INCIDENT_COMMANDER_LOG_LEVEL": "debug",
            "INCIDENT_COMMANDER_CONNECTIONS": "8",
            "INCIDENT_COMMANDER_REQUEST_TIMEOUT": "3s",
            "INCIDENT_COMMANDER_PAGE_AT": "32",
            "INCIDENT_COMMANDER_GUARD_PROOF_TTL": "500ms",
        }
    )

    assert found.user == "system:serviceaccount:ops:ic"
    assert found.watch_namespaces == ("shop", "bank")
    assert found.channels_secret == "pagers"
    assert found.prometheus_timeout == timedelta(seconds=2)
    assert found.guard_proof_ttl == timedelta(milliseconds=500)
    assert (found.http_port, found.http_host, found.log_level) == (0, "127.0.0.1", "DEBUG")
    assert (found.connections, found.page_at) == (8, 32)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("HTTP_PORT", "http", "'http' cannot be used"),
        ("HTTP_PORT", "70000", "'70000' cannot be used"),
        # What Kubernetes injects for a Service that is called incident-commander-http.
        ("HTTP_PORT", "tcp://10.0.0.1:80", "cannot be used"),
        ("PROMETHEUS_TIMEOUT", "10", "is not a duration such as 90s"),
        ("PROMETHEUS_TIMEOUT", "0s", "it must be more than 0s"),
        ("PROMETHEUS_URL", "prometheus:9090", "cannot be used"),
        ("PROMETHEUS_TENANT_HEADER", "X: y", "cannot be used"),
        ("WATCH_NAMESPACES", "shop,Shop", "cannot be used"),
        ("LOG_LEVEL", "loud", "'LOUD' cannot be used"),
        ("NAMESPACE", "-", "cannot be used"),
    ],
)
def test_a_bad_value_names_its_variable(variable: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=f"INCIDENT_COMMANDER_{variable}") as caught:
        Settings.from_environment({f"INCIDENT_COMMANDER_{variable}": value})

    assert words in str(caught.value)


def test_a_password_in_a_bad_url_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"INCIDENT_COMMANDER_PROMETHEUS_URL": "ftp://a:hunter2@x"})

    assert "hunter2" not in str(caught.value)
