"""Builds every command line that people are told to type: no other place puts one together.

Who pastes a command runs all that stands in it, with their own rights; but names of releases,
applications and owners are text that others wrote. So a command is a list of words: each is quoted,
what is no name of its kind is refused, and then there is no command at all, only words that say so.
Judges nothing else, and takes no command apart. ``tools/built_commands.py`` forbids
commands in other texts.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

__all__ = [
    "LONGEST",
    "Blank",
    "Line",
    "Name",
    "Pair",
    "Syntax",
    "Word",
    "argocd",
    "as_json",
    "both",
    "fitted",
    "flux",
    "helm",
    "kubectl",
    "line",
    "quoted",
    "texts",
]

LONGEST: Final = 1024
"""What a field for a command may hold; a longer one is not given, since half of one is another."""
_ROOM: Final = 48
"""Characters that must be left of a text before its command; else the command is left out."""
_ELSEWHERE: Final = "see commands"
_PROGRAMS: Final = frozenset({"argocd", "flux", "helm", "kubectl"})
_LABEL: Final = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(?:\.{_LABEL})*"
_HINT: Final = re.compile(r"[a-z][a-z ]*")
_BEFORE: Final = re.compile(r"[A-Za-z0-9: ]*")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9./_-]+")


class Syntax(Enum):
    """What a name may look like: a pattern, and the greatest length."""

    NAMESPACE = (_LABEL, 63)
    OBJECT = (_SUBDOMAIN, 253)
    RELEASE = (_SUBDOMAIN, 53)
    """Of Helm (``ValidateReleaseName``)."""
    APPLICATION = (rf"(?:{_LABEL}/)?{_SUBDOMAIN}", 253)
    """Of Argo CD, with its namespace where that is another than Argo CD's own."""

    def fits(self, text: str) -> bool:
        """Whether a text is such a name."""
        pattern, most = self.value
        return len(text) <= most and re.fullmatch(pattern, text) is not None


@dataclass(frozen=True, slots=True)
class Name:
    """A name that was read somewhere: part of a command only if it is one."""

    text: str
    syntax: Syntax = Syntax.OBJECT
    what: str = "its name"
    """What is malformed if it is none, for people."""


@dataclass(frozen=True, slots=True)
class Blank:
    """What the person fills in: ``"<reason>"``.

    In double quotes, so that a shell that gets it as it stands does not take it for a redirection.

    Parameters
    ----------
    hint
        What is to stand there.
    before
        What stands there already: ``"SEV3: <reason>"``.

    Raises
    ------
    ValueError
        If it is more than letters, digits and blanks: it is ours, never anybody's text.
    """

    hint: str
    before: str = ""

    def __post_init__(self) -> None:
        if not _HINT.fullmatch(self.hint) or not _BEFORE.fullmatch(self.before):
            raise ValueError(f"no hint for people: {self}")


@dataclass(frozen=True, slots=True)
class Pair:
    """One word of two parts: ``key=value``, or ``deployment/checkout``."""

    key: str
    value: str | int | Name | Blank
    between: str = "="


Word: TypeAlias = str | int | Name | Blank | Pair


@dataclass(frozen=True, slots=True)
class Line:
    """A command line to be copied whole, or why there is none."""

    text: str
    """Empty where there is none."""
    problem: str = ""

    # The plugin starts without typing_extensions, which takes longer to import than all of this.
    def __str__(self) -> str:  # type: ignore[explicit-override]
        return self.text or f"no command is given, since {self.problem}"

    def __bool__(self) -> bool:
        return bool(self.text)

    @property
    def field(self) -> str:
        """The same for a field that must hold one: a comment to the shell where there is none."""
        return self.text or f"# {self}"


class _RefusedError(ValueError):
    """A word that must not get into a command."""


def line(program: str, *words: Word) -> Line:
    """Put a command line together.

    Raises
    ------
    ValueError
        If the program is none that people are told to type.
    """
    if program not in _PROGRAMS:
        raise ValueError(f"{program!r} is not to be typed by anybody")
    try:
        text = " ".join([program, *(_written(word) for word in words)])
    except _RefusedError as refused:
        return Line("", str(refused))
    return Line(text) if len(text) <= LONGEST else Line("", "it is too long")


def kubectl(namespace: str, *words: Word) -> Line:
    """Give a command that means the same whatever the current namespace."""
    return line("kubectl", "-n", _space(namespace), *words)


def helm(namespace: str, *words: Word) -> Line:
    """Give one of Helm's."""
    return line("helm", "-n", _space(namespace), *words)


def flux(namespace: str, *words: Word) -> Line:
    """Give one of Flux'."""
    return line("flux", "-n", _space(namespace), *words)


def argocd(*words: Word) -> Line:
    """Give one of Argo CD's."""
    return line("argocd", *words)


def both(first: Line, second: Line) -> Line:
    """Give two commands, the second of which is run where the first went well."""
    if not (first and second):
        return Line("", first.problem or second.problem)
    text = f"{first.text} && {second.text}"
    return Line(text) if len(text) <= LONGEST else Line("", "it is too long")


def texts(lines: Iterable[Line]) -> list[str]:
    """Give the commands that there are, each once."""
    return list(dict.fromkeys(each.text for each in lines if each))


def as_json(value: Any) -> str:
    """Write a patch as one word."""
    return json.dumps(value, separators=(",", ":"))


def quoted(word: str) -> str:
    """Quote a word for a shell; of ``key=two words`` only what stands behind the sign."""
    key, equals, value = word.partition("=")
    if equals and value and _PLAIN_KEY.fullmatch(key):
        return f"{key}={shlex.quote(value)}"
    return shlex.quote(word)


def fitted(text: str, limit: int, commands: Iterable[str] = ()) -> str:
    """Shorten a text so that no command in it is cut: part of a command is another command.

    The first command stays where there is room for it; what is left out stands in ``commands``,
    the field beside the text.
    """
    if len(text) <= limit:
        return text
    kept, *others = [command for command in commands if command in text] or [""]
    for other in others:
        text = text.replace(other, _ELSEWHERE)
    before, _, after = text.rpartition(kept) if kept else (text, "", "")
    room = limit - len(f"…: {kept}{after}")
    if kept and len(text) > limit and room >= _ROOM:
        return f"{before[:room].rstrip()}…: {kept}{after}"
    text = text.replace(kept, _ELSEWHERE) if kept and len(text) > limit else text
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def _space(namespace: str) -> Name:
    return Name(namespace, Syntax.NAMESPACE, "its namespace")


def _written(word: Word) -> str:
    match word:
        case Pair(key, value, between):
            return f"{quoted(_typeable(key))}{between}{_written(value)}"
        case Blank(hint, before):
            return f'"{before}<{hint}>"'
        case Name(text, syntax, what):
            if not syntax.fits(text):
                raise _RefusedError(f"{what} is malformed")
            return quoted(text)
        case int():
            return str(word)
        case str():
            return quoted(_typeable(word))


def _typeable(word: str) -> str:
    """Refuse line breaks, what steers a terminal, and what looks like something else there."""
    if not word.isprintable():
        raise _RefusedError("it holds characters that nobody can type")
    return word
