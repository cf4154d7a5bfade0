"""kubectl as a child process: everything the plugin does is a call that a person could type.

Each call is printed on stderr, so that the plugin teaches how to do without it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..command_line import Name, Word, line, quoted
from .exits import Code, Ended
from .names import COMMAND

__all__ = ["Body", "Kubectl", "Said", "code_of", "explained"]

Body: TypeAlias = dict[str, Any]
"""An object as the API server gives it."""

_GUARD: Final = "'incident-commander-"
"""Part of the name of each of our policies, as the API server quotes it in a refusal."""
_NO_KIND: Final = ("the server doesn't have a resource type", "no matches for kind")


@dataclass(frozen=True, slots=True)
class Said:
    """How one call ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Body:
        """The object that was printed."""
        body: Body = json.loads(self.out)
        return body


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with the global flags that were given to the plugin.

    Parameters
    ----------
    namespace
        As given by ``-n``; empty: that of the context.
    flags
        The other global flags, passed on as they are.
    quiet
        Print no calls.
    """

    namespace: str = ""
    flags: tuple[str, ...] = ()
    quiet: bool = False

    def words(self, *arguments: str, everywhere: bool = False) -> list[str]:
        """Give the whole command line, global flags first."""
        spaced = ["-n", self.namespace] if self.namespace and not everywhere else []
        return ["kubectl", *self.flags, *spaced, *arguments]

    def typed(self, verb: str, incident: Body, *rest: Word) -> str:
        """Give a command of this plugin about an Incident, to be copied whole."""
        meta = incident["metadata"]
        return self.spoken(verb, Name(meta["name"]), *rest, "-n", Name(meta["namespace"]))

    def spoken(self, *words: Word) -> str:
        """Give a command of this plugin, with the flags that choose the cluster."""
        return str(line(*COMMAND.split(), *words, *self.flags))

    def attempt(
        self,
        *arguments: str,
        stdin: str | None = None,
        extra: Sequence[str] = (),
        shown: bool = True,
        everywhere: bool = False,
    ) -> Said:
        """Run it, whatever the outcome.

        Parameters
        ----------
        extra
            Flags that are added and not printed: they change the output only.
        shown
            Print the call.
        everywhere
            Leave the namespace out: the object has none, or the call names its own.
        """
        words = self.words(*arguments, everywhere=everywhere)
        if shown:
            self.print(words, stdin)
        try:
            done = subprocess.run(  # noqa: S603 - the person's own kubectl and words
                [*words, *extra], input=stdin, capture_output=True, encoding="utf-8", check=False
            )
        except FileNotFoundError as error:
            raise Ended(Code.ERROR, "kubectl is not on the PATH: install it") from error
        return Said(done.returncode, done.stdout, done.stderr)

    def ask(
        self,
        *arguments: str,
        stdin: str | None = None,
        extra: Sequence[str] = (),
        shown: bool = True,
    ) -> Said:
        """Run it, and end with kubectl's own words where it failed."""
        said = self.attempt(*arguments, stdin=stdin, extra=extra, shown=shown)
        if said.code:
            raise Ended(code_of(said), explained(said))
        return said

    def json(self, *arguments: str, shown: bool = True) -> Body:
        """Run it with ``-o json`` and give what it printed."""
        return self.ask(*arguments, "-o", "json", shown=shown).json

    def print(self, words: Sequence[str], stdin: str | None = None) -> None:
        """Show a call as one would type it."""
        if self.quiet:
            return
        typed = "$ " + " ".join(quoted(word) for word in words)
        if stdin is not None:
            typed += f" <<'EOF'\n{stdin.rstrip()}\nEOF"
        dim = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        print(f"\033[2m{typed}\033[0m" if dim else typed, file=sys.stderr, flush=True)


def code_of(said: Said) -> Code:
    """Tell from kubectl's words how the command ends."""
    if "denied request" in said.err and _GUARD in said.err:
        return Code.REFUSED
    if "(NotFound)" in said.err:
        return Code.NOT_FOUND
    return Code.ERROR


def explained(said: Said) -> str:
    """Give kubectl's own words whole, with what to do where it cannot know."""
    words = said.err.strip() or said.out.strip() or f"it ended with code {said.code}: kubectl"
    if any(part in words for part in _NO_KIND):
        look = line(*COMMAND.split(), "doctor")
        return f"{words}\nIncidents are not served here. What is missing: {look}"
    return words
