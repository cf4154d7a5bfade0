"""Keeps secrets out of what people are shown of a workload, and nothing else.

Used for diffs, which end up in the status of an Incident, readable by many. Only values of
environment variables with secret-looking names are hidden, and passwords in the URLs of others:
whoever approves a change must see every command and argument. In place of a value stands a
fingerprint; that it changed stays visible, and so does what a shell would take for more than words,
since a generated password may have that, and so may a command. Only a whole command in the place of
a value is shown.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

__all__ = ["masked"]

Path: TypeAlias = tuple[str, ...]
_Mask: TypeAlias = Callable[[Path, str], str]

_SENSITIVE: Final = re.compile(
    r"pass|pwd|token|secret|key|credential|auth|private|cert|dsn|cookie|salt|signature"
    r"|connection_?string",
    re.IGNORECASE,
)
_CODE: Final = re.compile(r"[`|<>]|\$[({]|\$(?=\w)|&&|;\s|\s;")
"""What a shell would take for more than words; Kubernetes itself replaces ``$(NAME)``."""
_COMMAND: Final = re.compile(r"\$\([^)]*\s[^)]*\)|`[^`]*\s[^`]*`")
"""A command with an argument, to be run in place of the value: no password, and shown as it is."""
_USER_IN_URL: Final = re.compile(r"(?<=://)([^/\s:@]*:)([^/\s@]+)(?=@)")
_DIGITS: Final = 4
"""Of a fingerprint: enough to tell two values apart, too few to find a value by trying."""


def masked(before: Any, after: Any, salt: str) -> tuple[Any, Any]:
    """Copy two states of one object without the secrets in them.

    ``*** (1f3a)`` where they are the same, ``*** (before, 1f3a)`` and ``*** (after, 77b0)`` where
    they differ: told from the values, since fingerprints as short as these can be made alike.

    Parameters
    ----------
    before, after
        The raw objects.
    salt
        Makes fingerprints of one Incident useless for another.
    """
    old, new = _secrets(before), _secrets(after)
    changed = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}

    def mask(side: str) -> _Mask:
        return lambda path, value: _said(side if path in changed else "", value, salt)

    return _walk(before, (), mask("before")), _walk(after, (), mask("after"))


def _said(side: str, value: str, salt: str) -> str:
    """Say of a hidden value whose it is, its fingerprint, and what of it a shell would not take as is."""
    code = " ".join(dict.fromkeys(m[0].strip() for m in _CODE.finditer(value)))
    parts = (side, _fingerprint(value, salt), f"with {code}" if code else "")
    return f"*** ({', '.join(filter(None, parts))})"


def _fingerprint(value: str, salt: str) -> str:
    return hashlib.sha256(f"{salt}\0{value}".encode()).hexdigest()[:_DIGITS]


def _secrets(document: Any) -> Mapping[Path, str]:
    found: dict[Path, str] = {}

    def note(path: Path, value: str) -> str:
        found[path] = value
        return value

    _walk(document, (), note)
    return found


def _walk(node: Any, path: Path, mask: _Mask) -> Any:
    match node:
        case dict():
            return {k: _walk(v, (*path, k), mask) for k, v in node.items()}
        case list():
            names = _names(node)
            each = _variable if path and path[-1] == "env" else _walk
            return [each(v, (*path, name), mask) for v, name in zip(node, names, strict=True)]
        case _:
            return node


def _variable(node: Any, path: Path, mask: _Mask) -> Any:
    value = node.get("value") if isinstance(node, dict) else None
    if not isinstance(value, str) or not value or _COMMAND.search(value):
        return _walk(node, path, mask)
    if _SENSITIVE.search(str(node.get("name", ""))):
        return {**node, "value": mask(path, value)}

    def hidden(found: re.Match[str]) -> str:
        return found[1] + mask((*path, found[1], str(found.start())), found[2])

    return {**node, "value": _USER_IN_URL.sub(hidden, value)}


def _names(node: list[Any]) -> list[str]:
    """Tell the members of a list apart by name: their order may change, and a name may repeat."""
    seen: Counter[str] = Counter()
    names: list[str] = []
    for index, item in enumerate(node):
        name = item.get("name") if isinstance(item, dict) else None
        name = name if isinstance(name, str) else str(index)
        names.append(f"{name} {seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names
