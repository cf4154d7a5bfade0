"""Metrics for scenarios: the cluster's own Prometheus, unless a scenario says otherwise.

What nobody measures on the local cluster (throttling), and a Prometheus that says nothing or breaks
down, is told by the scenario for its own namespace; every other question is asked for real.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

from typing_extensions import override

from tests.support.prometheus import Broken, FakePrometheus, Load, vector

__all__ = ["Asked", "Metrics", "Teller", "requests", "share_of_errors"]

_NAMESPACE: Final = re.compile(r'namespace="([^"]*)"')
_OF_REQUESTS: Final = re.compile(r"^(errors|requests)\{|http_requests_total")
_OF_ERRORS: Final = re.compile(r"^errors\{|code=~")
_TIMEOUT: Final = 10.0


class Asked(NamedTuple):
    """One question about a namespace."""

    query: str
    past: bool
    """Whether it is about an earlier time."""


Teller: TypeAlias = Callable[[Asked], float | Broken | None]
"""Gives the answer; None: no data."""


class Metrics(FakePrometheus):
    """Passes questions on to a real Prometheus, except where a namespace has a teller."""

    def __init__(self, real: str) -> None:
        super().__init__()
        self._real: Final = real
        self._tellers: Final[dict[str, Teller]] = {}

    def tell(self, namespace: str, teller: Teller | None) -> None:
        """Answer questions about that namespace so; None: by the real Prometheus again."""
        if teller is None:
            self._tellers.pop(namespace, None)
        else:
            self._tellers[namespace] = teller

    def number(self, query: str) -> float | None:
        """Ask the real Prometheus for one number."""
        answer = json.loads(self._ask({"query": query}).body)
        result = answer.get("data", {}).get("result", [])
        return float(result[0]["value"][1]) if result else None

    @override
    def respond(self, parameters: Mapping[str, str]) -> Broken:
        query = parameters.get("query", "")
        found = _NAMESPACE.search(query)
        teller = self._tellers.get(found.group(1)) if found else None
        if teller is None:
            return self._ask(parameters)
        told = teller(Asked(query, "time" in parameters))
        if isinstance(told, Broken):
            return told
        return Broken(body=vector(() if told is None else (str(told),)))

    def _ask(self, parameters: Mapping[str, str]) -> Broken:
        url = f"{self._real}/api/v1/query?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
                return Broken(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Broken(error.code, error.read().decode())


def requests(load: Callable[[Asked], Load]) -> Teller:
    """Tell of requests and how many of them fail; the load of the past may be another one."""

    def teller(asked: Asked) -> float | None:
        if not _OF_REQUESTS.search(asked.query):
            return None
        said = load(asked)
        return said.errors if _OF_ERRORS.search(asked.query) else said.requests

    return teller


def share_of_errors(namespace: str, name: str) -> str:
    """Give the query for the share of failing requests of the last seconds."""
    mine = f'namespace="{namespace}",deployment="{name}"'
    return (
        f'sum(rate(http_requests_total{{{mine},code=~"5.."}}[5s]))'
        f" / sum(rate(http_requests_total{{{mine}}}[5s]))"
    )
