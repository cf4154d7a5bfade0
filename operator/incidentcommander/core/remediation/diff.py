"""What a change would do, as people read it: a unified diff of YAML, like ``kubectl diff``.

Made of the two states that a server-side dry run gives, and shown in the proposal. What decides over
what runs comes first: images with their registries, commands, rights, volumes, names of variables.
Leaves out what the API server or the operator itself writes, and secrets; fits into the field that
holds it, and says where it hides something.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml
from typing_extensions import override

from ...api.base import MARKER_ANNOTATION
from .essentials import apart
from .masking import masked

__all__ = ["DIFF_LENGTH", "Shown", "diff"]

DIFF_LENGTH: Final = 8192
"""What ``Proposal.diff`` may hold."""
_LINE_LENGTH: Final = 400
_NOTE_LENGTH: Final = 40
_CONTEXTS: Final = (3, 1)
"""Unchanged lines around a change; fewer where it would not fit."""
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
    """Writes texts of several lines as blocks, as kubectl does, and everything in its place."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


@dataclass(frozen=True, slots=True)
class Shown:
    """A diff as it is shown, and whether it is all."""

    text: str
    cut: bool = False
    """Whether lines, or ends of lines, are left out."""
    cut_early: bool = False
    """Whether some of what decides over what runs is left out."""


def diff(
    before: Mapping[str, Any], after: Mapping[str, Any], salt: str, length: int = DIFF_LENGTH
) -> Shown:
    """Write the unified diff of two raw objects; empty where nothing changes.

    An empty ``before`` is an object that is made. ``salt`` is that of ``masked``.
    """
    old, new = (apart(document) for document in masked(_bare(before), _bare(after), salt))
    head = f"{after.get('kind', 'Object')}/{after['metadata'].get('name', '')}"
    header = [f"--- {head} (now)", f"+++ {head} (after)"]
    first, rest = ((_yaml(o), _yaml(n)) for o, n in zip(old, new, strict=True))
    for context in _CONTEXTS:
        early, late = _hunks(*first, context, length), _hunks(*rest, context, _LINE_LENGTH)
        lines = [*header, *early.lines, *late.lines] if early.lines or late.lines else []
        if sum(len(line) + 1 for line in lines) <= length:
            break
    text, left = _fitted(lines, length)
    cut_early = early.cut or left > len(late.lines)
    return Shown(text, cut=cut_early or left > 0 or late.cut, cut_early=cut_early)


@dataclass(frozen=True, slots=True)
class _Hunks:
    """The differences of one half of an object."""

    lines: list[str]
    cut: bool
    """Whether a change is not shown to its end, however much room there is."""


def _hunks(old: list[str], new: list[str], context: int, longest: int) -> _Hunks:
    """Compare, with that many unchanged lines around each change."""
    found = difflib.unified_diff(old[:_COMPARED], new[:_COMPARED], lineterm="", n=context)
    full = list(found)[2:]
    shown = [_line(text, longest) for text in full]
    far = old[_COMPARED:] != new[_COMPARED:]
    if far:
        shown.append(f"… (there are differences after line {_COMPARED})")
    return _Hunks(shown, far or any(len(t) > longest for t in full if t[0] in "+-"))


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


def _yaml(document: Mapping[str, Any]) -> list[str]:
    if not document:
        return []
    text = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**20, indent=2
    )
    return [_visible(line) for line in text.splitlines()]


def _visible(text: str) -> str:
    """Spell out characters that are not seen, or that turn the order of others around."""
    if text.isprintable():
        return text
    return "".join(c if c == "\t" or c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _line(text: str, longest: int) -> str:
    rest = len(text) - longest
    return f"{text[:longest]}… ({rest} more characters)" if rest > 0 else text


def _fitted(lines: Sequence[str], length: int) -> tuple[str, int]:
    """Give what fits, and how many lines do not."""
    kept: list[str] = []
    room = length
    for index, line in enumerate(lines):
        left = len(lines) - index
        room -= len(line) + 1
        if room < (_NOTE_LENGTH if left > 1 else 0):
            return "\n".join([*kept, f"… ({left} more lines)"]) + "\n", left
        kept.append(line)
    return "".join(f"{line}\n" for line in kept), 0
