"""What a change would do, as people read it: a unified diff of YAML, like ``kubectl diff``.

Made of the two states that a server-side dry run gives, and shown in the proposal. Leaves out what
the API server or the operator itself writes, and secrets; fits into the field that holds it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from ..api.base import MARKER_ANNOTATION
from .masking import masked

__all__ = ["DIFF_LENGTH", "diff"]

DIFF_LENGTH: Final = 8192
"""What ``Proposal.diff`` may hold."""
_LINE_LENGTH: Final = 400
_NOTE_LENGTH: Final = 40
_COMPARED: Final = 2000
"""Lines of each side that are compared: the time grows with the square of them."""
_SERVER_FIELDS: Final = frozenset(
    {
        "creationTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, as kubectl does."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def diff(before: Mapping[str, Any], after: Mapping[str, Any], length: int = DIFF_LENGTH) -> str:
    """Write the unified diff of two raw objects; empty where nothing changes.

    An empty ``before`` is an object that is made.
    """
    old, new = (_yaml(document) for document in masked(_bare(before), _bare(after)))
    name = f"{after.get('kind', 'Object')}/{after['metadata'].get('name', '')}"
    lines = difflib.unified_diff(
        old[:_COMPARED], new[:_COMPARED], f"{name} (now)", f"{name} (after)", lineterm=""
    )
    shown = [_line(text) for text in lines]
    if old[_COMPARED:] != new[_COMPARED:]:
        shown.append(f"… (there are differences after line {_COMPARED})")
    return _fitted(shown, length)


def _bare(raw: Mapping[str, Any]) -> dict[str, Any]:
    if not raw:
        return {}
    metadata = {k: v for k, v in raw["metadata"].items() if k not in _SERVER_FIELDS}
    annotations = dict(metadata.pop("annotations", None) or {})
    annotations.pop(MARKER_ANNOTATION, None)
    if _LAST_APPLIED in annotations:
        # All of the manifest, secrets included, in one line.
        annotations[_LAST_APPLIED] = f"({len(annotations[_LAST_APPLIED])} characters)"
    if annotations:
        metadata["annotations"] = annotations
    return {**{k: v for k, v in raw.items() if k != "status"}, "metadata": metadata}


def _yaml(document: dict[str, Any]) -> list[str]:
    if not document:
        return []
    text = yaml.dump(
        document, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=2**20, indent=2
    )
    return text.splitlines()


def _line(text: str) -> str:
    rest = len(text) - _LINE_LENGTH
    return f"{text[:_LINE_LENGTH]}… ({rest} more characters)" if rest > 0 else text


def _fitted(lines: Sequence[str], length: int) -> str:
    kept: list[str] = []
    room = length
    for index, line in enumerate(lines):
        left = len(lines) - index
        room -= len(line) + 1
        if room < (_NOTE_LENGTH if left > 1 else 0):
            return "\n".join([*kept, f"… ({left} more lines)"]) + "\n"
        kept.append(line)
    return "".join(f"{line}\n" for line in kept)
