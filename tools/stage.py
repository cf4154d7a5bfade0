"""The stage of the demo: commands run and shown, numbers asked of Prometheus, patience.

`tools.demo` tells its story with it. It knows nothing of incidents.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import textwrap
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

__all__ = ["Stage", "UnexpectedError"]

_BOLD: Final = "1"
_DIM: Final = "2"
_GREEN: Final = "32"
_RED: Final = "31"
_POLL: Final = 0.25
_PRINT_EVERY: Final = 2.0
_COMMAND_TIMEOUT: Final = 180.0

T = TypeVar("T")


class UnexpectedError(Exception):
    """Something went otherwise than the story says.

    Parameters
    ----------
    expected
        What should have been.
    seen
        What was there instead.
    """

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected: {expected}\nseen:     {seen}")


@dataclass
class Stage:
    """Where the story is shown: a terminal and one cluster.

    Parameters
    ----------
    root
        The checkout: commands run there.
    programs
        Folder that comes first in the PATH.
    kubeconfig
        Of the administrator.
    prometheus_url
        Root URL of Prometheus.
    """

    root: Path
    programs: Path
    kubeconfig: Path
    prometheus_url: str
    colours: bool = field(default_factory=lambda: sys.stdout.isatty() and not _no_colour())
    _scenes: int = field(default=0, init=False)
    _after_gap: bool = field(default=False, init=False)
    _began: float = field(default_factory=time.monotonic, init=False)

    @property
    def width(self) -> int:
        """Columns to fill."""
        return max(80, min(shutil.get_terminal_size((120, 24)).columns, 160))

    @property
    def seconds(self) -> float:
        """Seconds since the curtain rose."""
        return time.monotonic() - self._began

    # --- showing ----------------------------------------------------------------------------

    def scene(self, title: str) -> None:
        """Begin the next numbered part."""
        self._scenes += 1
        self._paragraph(self._in(_BOLD, f"== {self._scenes}. {title}"))

    def say(self, text: str) -> None:
        """Tell what happens, as a paragraph."""
        self._paragraph(textwrap.fill(text, self.width))

    def good(self, text: str) -> None:
        """Tell what was proven."""
        self._paragraph(self._in(_GREEN, textwrap.fill(f"ok: {text}", self.width)))

    def bad(self, text: str) -> None:
        """Tell what went wrong."""
        self._paragraph(self._in(_RED, text))

    def show(self, command: str) -> None:
        """Show a command that somebody else runs."""
        self.line(self._in(_BOLD, f"$ {command}"))

    def line(self, text: str) -> None:
        """Print something as it is."""
        print(text, flush=True)
        self._after_gap = False

    def _paragraph(self, text: str) -> None:
        if not self._after_gap:
            print()
        print(f"{text}\n", flush=True)
        self._after_gap = True

    # --- doing ------------------------------------------------------------------------------

    def run(self, command: str, *, kubeconfig: Path | None = None, refused: bool = False) -> str:
        """Run a command, shown as a user types it, with what it really says.

        Parameters
        ----------
        kubeconfig
            Of the person who types it; by default the administrator's.
        refused
            Whether it has to fail.

        Raises
        ------
        UnexpectedError
            If it failed, or did not although it had to.
        """
        self.show(command)
        code, said = self._said(command, kubeconfig or self.kubeconfig)
        if said:
            self.line(said)
        if refused != (code != 0):
            wanted = "to be refused" if refused else "to succeed"
            raise UnexpectedError(f"`{command}` {wanted}", said or f"exit code {code}")
        return said

    def ask(self, command: str) -> Any:
        """Run a kubectl command with ``-o json`` behind the scenes; None where it failed."""
        code, said = self._said(f"{command} -o json", self.kubeconfig)
        return json.loads(said) if code == 0 else None

    def _said(self, command: str, kubeconfig: Path) -> tuple[int, str]:
        environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PATH": os.pathsep.join([str(self.programs), os.environ.get("PATH", "")]),
        }
        # Looked up here: Popen itself searches the PATH of this process.
        words = shlex.split(command)
        words[0] = shutil.which(words[0], path=environment["PATH"]) or words[0]
        done = subprocess.run(
            words,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=_COMMAND_TIMEOUT,
        )
        return done.returncode, done.stdout.strip("\n")

    def query(self, promql: str) -> float | None:
        """Ask Prometheus for one number; None where it has none."""
        asked = urllib.parse.urlencode({"query": promql})
        url = f"{self.prometheus_url}/api/v1/query?{asked}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own URL
                found = json.load(answer)["data"]["result"]
        except OSError:
            return None
        return float(found[0]["value"][1]) if found else None

    def until(
        self,
        what: str,
        look: Callable[[], T],
        good: Callable[[T], bool],
        *,
        timeout: float,
        shown: Callable[[T], str] = str,
    ) -> T:
        """Look until it is good, and show on the way what is seen.

        Raises
        ------
        UnexpectedError
            If it is not good in time.
        """
        deadline = time.monotonic() + timeout
        printed, last = 0.0, ""
        while True:
            seen = look()
            done = good(seen)
            text = shown(seen)
            if text and text != last and (done or time.monotonic() - printed >= _PRINT_EVERY):
                self.line(self._in(_DIM, f"  {time.strftime('%H:%M:%S')}  {text}"))
                printed, last = time.monotonic(), text
            if done:
                return seen
            if time.monotonic() > deadline:
                raise UnexpectedError(f"{what} within {timeout:.0f} s", shown(seen) or "nothing")
            time.sleep(_POLL)

    def _in(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colours else text


def _no_colour() -> bool:
    return bool(os.environ.get("NO_COLOR"))
