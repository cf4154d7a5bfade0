"""An Incident as it changes: `kubectl get --watch` beside this process, begun anew when it ends."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Final, Self

from .exits import Code, Ended
from .kubectl import Body, Kubectl, Said, code_of, explained

__all__ = ["Watch", "documents"]

_PAUSE: Final = 2.0
_CHUNK: Final = 65536


class Watch:
    """What kubectl says of one Incident, as it says it.

    Parameters
    ----------
    kubectl
        Of the namespace.
    name
        Of the Incident.
    """

    def __init__(self, kubectl: Kubectl, name: str) -> None:
        self._line = kubectl.words("get", "incident", name, "--watch", "-o", "json")
        self._arrived: queue.Queue[Body | Ended] = queue.Queue()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.trouble = ""
        """Why nothing is seen just now; empty while all is well."""

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        with self._lock:
            if self._process is not None:
                self._process.kill()
        self._reader.join()

    def next(self, timeout: float) -> Body | None:
        """Wait for the next change; None where there was none in that time.

        Raises
        ------
        Ended
            If the Incident is gone.
        """
        with contextlib.suppress(queue.Empty):
            found = self._arrived.get(timeout=timeout)
            if isinstance(found, Ended):
                raise found
            return found
        return None

    def _read(self) -> None:
        while not self._closing.is_set():
            with self._lock:
                if self._closing.is_set():
                    return
                process = self._process = subprocess.Popen(  # noqa: S603 - the person's own kubectl
                    self._line,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    encoding="utf-8",
                )
            with process:
                self._take(process)
            # A watch ends by itself after a while, which is no trouble.
            self._closing.wait(_PAUSE)

    def _take(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is None or process.stderr is None:
            return
        for body in documents(process.stdout):
            self.trouble = ""
            self._arrived.put(body)
        said = Said(process.wait(), "", process.stderr.read())
        if said.code and not self._closing.is_set():
            self.trouble = explained(said)
            if code_of(said) is Code.NOT_FOUND:
                self._arrived.put(Ended(Code.NOT_FOUND, explained(said)))
                self._closing.set()


def documents(stream: IO[str]) -> Iterator[Body]:
    """Read JSON documents that follow each other, as kubectl prints them."""
    text = ""
    while piece := stream.readline(_CHUNK):
        text += piece
        # Only the last line of a document begins with its brace.
        if text.endswith("\n") and piece.startswith("}"):
            body: Body = json.loads(text)
            text = ""
            yield body
