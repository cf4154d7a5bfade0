"""Keeps secrets out of what people are shown of a workload.

Used for diffs, which end up in the status of an Incident, readable by many. Environment variables,
arguments and annotations are judged by their names, URLs by their shape; masking too much is the
safe side. That a value changed stays visible.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

__all__ = ["masked"]

Path: TypeAlias = tuple[str, ...]

_SENSITIVE: Final = re.compile(
    r"pass|pwd|token|secret|key|credential|auth|private|cert|dsn|cookie|salt|signature"
    r"|connection_?string",
    re.IGNORECASE,
)
_ASSIGNMENT: Final = re.compile(r"(?<![\w.-])([\w.-]+)=(\S+)")
_USER_IN_URL: Final = re.compile(r"(?<=://)([^/\s:@]*:)([^/\s@]+)(?=@)")


def masked(before: Any, after: Any) -> tuple[Any, Any]:
    """Copy two states of one object without the secrets in them.

    As in ``kubectl diff`` of a Secret: ``***`` where they are the same, ``*** (before)`` and
    ``*** (after)`` where they differ.
    """
    old, new = _secrets(before), _secrets(after)
    changed = {path for path, value in old.items() if new.get(path, value) != value}

    def mask(side: str) -> Callable[[Path, str], str]:
        return lambda path, _: f"*** ({side})" if path in changed else "***"

    return _walk(before, (), mask("before")), _walk(after, (), mask("after"))


def _secrets(document: Any) -> Mapping[Path, str]:
    found: dict[Path, str] = {}

    def note(path: Path, value: str) -> str:
        found[path] = value
        return value

    _walk(document, (), note)
    return found


def _walk(node: Any, path: Path, mask: Callable[[Path, str], str]) -> Any:
    match node:
        case dict():
            return {k: _member(node, k, (*path, k), mask) for k in node}
        case list() if path and path[-1] in {"args", "command"}:
            return _arguments(node, path, mask)
        case list():
            named = [(*path, _name(item, index)) for index, item in enumerate(node)]
            return [_walk(item, where, mask) for item, where in zip(node, named, strict=True)]
        case str():
            return _USER_IN_URL.sub(lambda m: m[1] + mask((*path, m[1]), m[2]), node)
        case _:
            return node


def _member(node: dict[str, Any], key: str, path: Path, mask: Callable[[Path, str], str]) -> Any:
    value = node[key]
    if not isinstance(value, str) or not value:
        return _walk(value, path, mask)
    # Variables and HTTP headers are pairs of name and value.
    named = str(node.get("name", "")) if key == "value" else ""
    annotation = key if path[-2:-1] == ("annotations",) else ""
    if _SENSITIVE.search(f"{named} {annotation}"):
        return mask(path, value)
    return _walk(value, path, mask)


def _arguments(node: list[Any], path: Path, mask: Callable[[Path, str], str]) -> list[Any]:
    """Mask what follows ``--token``, and every ``token=…``."""
    result: list[Any] = []
    flag = ""
    for index, item in enumerate(node):
        argument = str(item)
        where = (*path, flag or str(index))
        if flag and not argument.startswith("-"):
            result.append(mask(where, argument))
        else:
            result.append(_assignments(argument, where, mask))
        is_flag = argument.startswith("-") and not re.search(r"[=\s]", argument)
        flag = argument if is_flag and _SENSITIVE.search(argument) else ""
    return result


def _assignments(argument: str, path: Path, mask: Callable[[Path, str], str]) -> Any:
    flag, is_assigned, rest = argument.partition("=")
    if is_assigned and re.fullmatch(r"-\S+", flag) and _SENSITIVE.search(flag):
        return f"{flag}={mask((*path, flag), rest)}"

    def replace(match: re.Match[str]) -> str:
        name, value = match[1], match[2]
        return f"{name}={mask((*path, name), value)}" if _SENSITIVE.search(name) else match[0]

    return _walk(_ASSIGNMENT.sub(replace, argument), path, mask)


def _name(item: Any, index: int) -> str:
    # Containers and variables are told apart by name: their order may change.
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else str(index)
