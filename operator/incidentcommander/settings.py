"""What can be set from outside: environment variables ``INCIDENT_COMMANDER_*``, read once.

``main`` reads them before anything else and hands the values on; each has a Helm value.
It looks at nothing but the mapping it is given: no files, no network, no defaults from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .api.base import Duration

__all__ = ["PREFIX", "Settings", "SettingsError"]

PREFIX: Final = "INCIDENT_COMMANDER_"

_DNS_LABEL: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_DNS_NAME: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"


class SettingsError(ValueError):
    """A variable has a value that cannot be used. The message names every such variable."""


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    return value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("it must be more than 0s")
    return value


_Label = Annotated[str, Field(max_length=63, pattern=_DNS_LABEL)]
_Wait = Annotated[Duration, AfterValidator(_positive)]
_HeaderName = Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9-]*$")]


class Settings(BaseModel):
    """The operator's settings. The name of a variable is the prefix and the field in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: _Label = "incident-commander"
    """Where the operator, and the Runbooks and policies for every namespace, live."""
    service_account: Annotated[str, Field(max_length=253)] = "incident-commander"
    """Name of its ServiceAccount: the only identity that may write a status."""
    watch_namespaces: Annotated[tuple[_Label, ...], BeforeValidator(_split)] = ()
    """Namespaces whose Incidents are handled; none means all."""

    prometheus_url: Annotated[str, Field(pattern=r"^(https?://[^\s]+)?$")] = ""
    """Root URL of Prometheus (or Thanos, Mimir); empty: there is none."""
    prometheus_timeout: _Wait = timedelta(seconds=10)
    prometheus_tenant_parameter: Annotated[str, Field(max_length=128)] = ""
    """Query parameter that carries the Incident's namespace (prom-label-proxy: ``namespace``)."""
    prometheus_tenant_header: _HeaderName = ""
    """Header that carries it (Mimir: ``X-Scope-OrgID``, Thanos: ``THANOS-TENANT``)."""

    channels_secret: Annotated[str, Field(max_length=253, pattern=_DNS_NAME)] = (
        "incident-commander-channels"  # noqa: S105 - its name
    )
    """Name of the Secret, beside the operator, with the URLs of the channels."""
    notices_per_hour: Annotated[int, Field(ge=0, le=100_000)] = 600
    """Most notices in an hour of the Incidents of one namespace, each counted for each channel; more
    wait. 0: no limit."""

    http_host: str = ""
    """Address to listen on; empty: all."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of health and metrics; 0 turns them off."""
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = (
        "INFO"
    )

    connections: Annotated[int, Field(ge=2, le=256)] = 24
    """Most requests to the API server at once (watches have connections of their own)."""
    request_timeout: _Wait = timedelta(seconds=10)
    page_at: Annotated[int, Field(ge=32, le=112)] = 64
    """Entries in the Incident at which older ones move to a TimelinePage."""
    reopen_within: _Wait = timedelta(hours=24)
    """How long a Dismissed or Merged Incident can be reopened; then it gets the label `closed`."""
    guard_proof_ttl: _Wait = timedelta(seconds=5)
    """How long one proof of the guard serves all Incidents of a namespace."""

    report_config_maps: bool = True
    """Whether Postmortems are rendered into ConfigMaps."""

    @property
    def user(self) -> str:
        """The Kubernetes user name of the operator."""
        return f"system:serviceaccount:{self.namespace}:{self.service_account}"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings; a variable that is empty counts as absent.

        Raises
        ------
        SettingsError
            If a value cannot be used.
        """
        given = {field: environ.get(_variable(field), "").strip() for field in cls.model_fields}
        try:
            return cls.model_validate({name: value for name, value in given.items() if value})
        except ValidationError as error:
            lines = [_explain(problem) for problem in error.errors()]
            raise SettingsError("; ".join(dict.fromkeys(lines))) from error


def _variable(field: str) -> str:
    return f"{PREFIX}{field.upper()}"


def _explain(problem: Any) -> str:
    field = str(problem["loc"][0])
    # The URL may carry a password: never repeat it.
    shown = "" if field == "prometheus_url" else f" {problem['input']!r}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{_variable(field)}{shown} cannot be used: {message}"
