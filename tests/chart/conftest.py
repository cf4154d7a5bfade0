"""Fixtures: what the real helm makes of the chart, without a cluster."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Cluster

CHART = Path(__file__).parents[2] / "helm" / "incident-commander"
NAMESPACE = "incident-commander"

Body = dict[str, Any]

# The fast one, where PyYAML was built with it: the CRDs are long.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Rendered:
    """How one call of `helm template` ended."""

    code: int
    error: str
    objects: tuple[Body, ...]

    def of(self, kind: str) -> dict[str, Body]:
        """All objects of a kind by name (`namespace/name` outside the release's namespace)."""
        return {_name(o["metadata"]): o for o in self.objects if o["kind"] == kind}

    def kinds(self) -> set[str]:
        """The kinds that are there."""
        return {str(o["kind"]) for o in self.objects}


def _name(meta: Body) -> str:
    namespace = meta.get("namespace", NAMESPACE)
    return str(meta["name"]) if namespace == NAMESPACE else f"{namespace}/{meta['name']}"


Template = Callable[..., Rendered]


@pytest.fixture(scope="session")
def helm(cluster: Cluster) -> str:
    """Path of the real helm."""
    return cluster.helm


@pytest.fixture(scope="session")
def template(helm: str) -> Template:
    """Render the chart: ``template("rbac.scope=namespace", apis=("v1/Pod",))``."""

    @cache
    def run(*values: str, apis: tuple[str, ...] = ()) -> Rendered:
        line = [helm, "template", "incident-commander", str(CHART), "-n", NAMESPACE]
        line += [part for value in values for part in ("--set", value)]
        line += [part for api in apis for part in ("--api-versions", api)]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
        documents = yaml.load_all(done.stdout, Loader=_Loader) if done.returncode == 0 else ()
        return Rendered(done.returncode, done.stderr, tuple(d for d in documents if d))

    return run
