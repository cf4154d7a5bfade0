"""JSON patch as the API server applies it, for the operations that actions use."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from incidentcommander.observed.workloads import JsonPatch


class TestFailedError(Exception):
    """A ``test`` did not hold, or a path is not there: nothing is written."""

    __test__ = False


def apply(patch: JsonPatch, document: Mapping[str, Any]) -> dict[str, Any]:
    """Give the patched copy."""
    result = copy.deepcopy(dict(document))
    for operation in patch:
        *parents, key = _keys(operation["path"])
        _operate(operation, _at(result, parents), key)
    return result


def _operate(operation: Mapping[str, Any], parent: Any, key: str) -> None:
    match operation["op"]:
        case "test":
            if parent.get(key) != operation["value"]:
                raise TestFailedError(operation["path"])
        case "replace" if key not in parent:
            raise TestFailedError(operation["path"])
        case "replace" | "add":
            parent[key] = copy.deepcopy(operation["value"])
        case unknown:
            raise NotImplementedError(unknown)


def _keys(path: str) -> list[str]:
    return [key.replace("~1", "/").replace("~0", "~") for key in path.split("/")[1:]]


def _at(document: Any, keys: list[str]) -> Any:
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            raise TestFailedError("/".join(keys))
        document = document[key]
    return document
