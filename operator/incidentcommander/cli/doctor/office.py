"""Examines the operator: whether it runs, takes Incidents up, sees Prometheus, and who hears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from ...command_line import Blank, Pair, as_json, line
from ..kubectl import Body
from ..names import FROZEN
from ..objects import ago, name_of, namespace_of, status_of, when
from .findings import Desk, Finding, Health, unread

__all__ = ["attention", "channels", "deployment", "handling", "metrics"]

_GRACE: Final = 30.0
_DEPLOYMENT: Final = "incident-commander"
_SECRET: Final = "incident-commander-channels"  # noqa: S105 - the name of an object
_PROMETHEUS: Final = "prometheus.url=http://PROMETHEUS:9090"
_URL: Final = "INCIDENT_COMMANDER_PROMETHEUS_URL"
_ASKING: Final = frozenset({"errorRate", "promQL"})


def deployment(desk: Desk) -> Iterator[Finding]:
    """Look at the operator's Deployment."""
    said = desk.kubectl.attempt(
        "get", "deployment", _DEPLOYMENT, "-n", desk.office, "-o", "json", everywhere=True
    )
    if said.code:
        words = said.err.strip()
        if "(NotFound)" in words:
            message = (
                f"no Deployment {_DEPLOYMENT} in {desk.office}: it runs elsewhere, or not at all"
            )
            mend = desk.kubectl.spoken("doctor", "--operator-namespace", Blank("namespace"))
            yield Finding("operator", Health.UNKNOWN, message, mend)
        else:
            yield unread("operator", said, f"Deployment {_DEPLOYMENT} in {desk.office}")
        return
    yield from _settings(said.json, desk)
    status, wanted = said.json.get("status") or {}, said.json["spec"].get("replicas", 1)
    ready = status.get("readyReplicas", 0)
    if wanted and ready >= wanted:
        yield Finding("operator", Health.GOOD, f"{ready} of {wanted} ready in {desk.office}")
        return
    if wanted:
        mend = desk.typed("logs", f"deployment/{_DEPLOYMENT}", "--tail=50")
    else:
        mend = desk.typed("scale", f"deployment/{_DEPLOYMENT}", "--replicas=1")
    yield Finding("operator", Health.BAD, f"{ready} of {wanted} ready in {desk.office}", mend)


def _settings(deployed: Body, desk: Desk) -> Iterator[Finding]:
    containers = deployed["spec"]["template"]["spec"]["containers"]
    told = {e["name"]: e.get("value", "") for c in containers for e in c.get("env") or []}
    if told.get(_URL) == "":
        message = "the operator was not told where it is: checks of metrics end in Error"
        mend = desk.upgrade(_PROMETHEUS)
        yield Finding("Prometheus", Health.BAD, message, mend)


def handling(found: Sequence[Body], at: datetime, desk: Desk) -> Iterator[Finding]:
    """Look whether Incidents are taken up."""
    waiting = [i for i in found if not _current(i) and _old(i, at)]
    if waiting:
        names = ", ".join(f"{namespace_of(i)}/{name_of(i)}" for i in waiting[:5])
        message = f"not taken up by the operator: {names}. Does it run, and watch this namespace?"
        mend = desk.typed("logs", f"deployment/{_DEPLOYMENT}", "--tail=50")
        yield Finding("handling", Health.BAD, message, mend)
    elif found:
        yield Finding("handling", Health.GOOD, f"all {len(found)} open Incidents are taken up")
    else:
        message = "no Incident is open here, so nothing tells whether the operator works"
        yield Finding("handling", Health.NOTE, message)


def attention(found: Sequence[Body], at: datetime, desk: Desk) -> Iterator[Finding]:
    """Say what the Incidents themselves complain of."""
    for incident in found:
        for condition in status_of(incident).get("conditions") or []:
            kind, state = condition["type"], condition["status"]
            if (kind, state) in {("Stalled", "True"), ("ApprovalGuarded", "False")}:
                message = f"{namespace_of(incident)}/{name_of(incident)}: {condition['message']}"
                mend = desk.kubectl.typed("show", incident)
                yield Finding(kind, Health.BAD, message, mend)
        if status_of(incident).get("phase") not in FROZEN:
            for channel in status_of(incident).get("channels") or []:
                since = when(channel.get("failingSince"))
                if since is not None:
                    message = f"has taken nothing for {ago(since, at)}: {channel.get('error', '')}"
                    yield Finding(f"channel {channel['name']}", Health.BAD, message)


def metrics(found: Sequence[Body], desk: Desk) -> Iterator[Finding]:
    """Look at Prometheus as the operator sees it: by the newest finding that asked it."""
    asked = [
        (finding["at"], finding)
        for incident in found
        for finding in (status_of(incident).get("diagnosis") or {}).get("findings") or []
        if finding["check"] in _ASKING or finding["reason"] == "PrometheusUnavailable"
    ]
    if not asked:
        message = "no open Incident has asked it yet, so nothing tells what the operator sees"
        yield Finding("Prometheus", Health.UNKNOWN, message)
        return
    newest: dict[str, Any] = max(asked, key=lambda pair: str(pair[0]))[1]
    if newest["verdict"] == "Error":
        mend = desk.upgrade(_PROMETHEUS)
        yield Finding("Prometheus", Health.BAD, newest["message"], mend)
    else:
        yield Finding("Prometheus", Health.GOOD, f"answered: {newest['message']}")


def channels(desk: Desk) -> Iterator[Finding]:
    """Look whether each channel that a policy names has its URL in the Secret."""
    said = desk.kubectl.attempt("get", "responsepolicies", "-A", "-o", "json", everywhere=True)
    if said.code:
        yield unread("channels", said, "the ResponsePolicies of all namespaces")
        return
    named = {c["name"] for p in said.json["items"] for c in p["spec"].get("channels") or []}
    if not named:
        message = "no ResponsePolicy names a channel: updates stand in the timeline and in Events"
        yield Finding("channels", Health.NOTE, message)
        return
    template = "go-template={{range $key, $value := .data}}{{$key}} {{end}}"
    secret = desk.kubectl.attempt(
        "get", "secret", _SECRET, "-n", desk.office, "-o", template, everywhere=True
    )
    missing = sorted(named - set(secret.out.split()))
    if secret.code and "(NotFound)" not in secret.err:
        yield unread("channels", secret, f"Secret {_SECRET} in {desk.office}")
    elif missing:
        message = f"no URL for {', '.join(missing)} in Secret {_SECRET} in {desk.office}"
        yield Finding("channels", Health.BAD, message, _told(missing, desk, secret.code == 0))
    else:
        yield Finding("channels", Health.GOOD, f"a URL for each of {', '.join(sorted(named))}")


def _told(missing: Sequence[str], desk: Desk, there: bool) -> str:  # noqa: FBT001 - is it there?
    """Give the command that says where channels lead; the others in the Secret stay."""
    if there:
        urls = as_json({"stringData": dict.fromkeys(missing, "<url>")})
        return desk.typed("patch", f"secret/{_SECRET}", "-p", urls)
    literals = [Pair(f"--from-literal={name}", Blank("url")) for name in missing]
    new = ("create", "secret", "generic", _SECRET, "-n", desk.office)
    return str(line("kubectl", *new, *literals))


def _current(incident: Body) -> bool:
    seen = status_of(incident).get("observedGeneration") or 0
    return bool(seen >= incident["metadata"].get("generation", 0))


def _old(incident: Body, at: datetime) -> bool:
    created = when(incident["metadata"].get("creationTimestamp"))
    return created is not None and (at - created).total_seconds() > _GRACE
