"""Completion by the Tab key: kubectl asks ``kubectl_complete-incident`` for what could come next.

It prints one word a line, with what it means behind a tab, and asks the API server where names
are wanted. It says nothing else, since whoever types sees it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Final

import click

from .commands import HELP
from .kubectl import Body, Kubectl
from .names import SEVERITIES
from .plugin import group

__all__ = ["completions", "main"]

_NO_FILES: Final = ":4"
"""The directive of cobra by which a shell offers no files beside this."""
_SPACED: Final = frozenset({"-n", "--namespace"})
_OF_CLUSTER: Final = ("--context", "--kubeconfig", "--cluster", "--user", "--as", "--as-group")


def main() -> None:
    """Print what could come next after the words that were typed."""
    words = sys.argv[1:] or [""]
    for word, text in completions(words[:-1], words[-1]):
        print(f"{word}\t{text}" if text else word)
    print(_NO_FILES)


def completions(typed: Sequence[str], beginning: str) -> Iterator[tuple[str, str]]:
    """Give words that begin so, each with what it means."""
    for word, text in _possible(typed, beginning):
        if word.startswith(beginning):
            yield word, text


def _possible(typed: Sequence[str], beginning: str) -> Iterator[tuple[str, str]]:
    kubectl, words = _split(typed)
    context = click.Context(group)
    command = group.get_command(context, words[0]) if words else None
    if command is None:
        yield from [] if words else HELP.items()
    elif beginning.startswith("-"):
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield parameter.opts[-1], parameter.help or ""
    else:
        yield from _arguments(kubectl, words)


def _split(typed: Sequence[str]) -> tuple[Kubectl, list[str]]:
    """Tell kubectl's flags from the words."""
    namespace, flags, words = "", [], []
    rest = iter(typed)
    for word in rest:
        name, equals, value = word.partition("=")
        if name in _SPACED:
            namespace = value if equals else next(rest, "")
        elif name in _OF_CLUSTER:
            flags.append(word if equals else f"{word}={next(rest, '')}")
        elif not word.startswith("-"):
            words.append(word)
    return Kubectl(namespace, tuple(flags), quiet=True), words


def _arguments(kubectl: Kubectl, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    command, given = words[0], words[1:]
    if not given and command not in {"declare", "list", "doctor"}:
        for incident in _asked(kubectl, "incidents").get("items", []):
            yield incident["metadata"]["name"], incident["spec"]["title"]
    elif len(given) == 1 and command in {"approve", "reject"}:
        status = _asked(kubectl, "incident", given[0]).get("status") or {}
        for proposal in status.get("proposals") or []:
            if proposal["state"] == "Proposed":
                yield proposal["id"], proposal["summary"]
    elif len(given) == 1 and command == "severity":
        yield from ((level, "") for level in SEVERITIES)


def _asked(kubectl: Kubectl, *what: str) -> Body:
    said = kubectl.attempt("get", *what, "-o", "json", shown=False)
    return said.json if said.code == 0 else {}
