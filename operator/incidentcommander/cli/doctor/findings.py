"""What an examination found: one line, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ...command_line import Word
from ...command_line import line as command
from ..kubectl import Kubectl, Said
from ..view.spans import Line, Style, bulleted, line

__all__ = ["Desk", "Finding", "Health", "findings_lines", "unread"]


class Health(StrEnum):
    """How it stands."""

    GOOD = "ok"
    NOTE = "note"
    """Not a problem, but good to know."""
    UNKNOWN = "unknown"
    BAD = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    health: Health
    message: str
    mend: str = ""
    """The command that mends it, where there is one."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the examination is made.

    Parameters
    ----------
    namespace
        Where incidents are to be handled.
    office
        Namespace of the operator.
    """

    kubectl: Kubectl
    namespace: str
    office: str

    def upgrade(self, *settings: str) -> str:
        """Give the command that restores what the chart installs, with other settings if told."""
        chart = ("upgrade", "--install", "incident-commander", "helm/incident-commander")
        flags = ("-n", self.office, "--create-namespace", "--reset-then-reuse-values")
        told = [word for setting in settings for word in ("--set", setting)]
        return str(command("helm", *chart, *flags, *told))

    def typed(self, *words: Word) -> str:
        """Give a command of kubectl's about the operator."""
        verb, what, *rest = words
        return str(command("kubectl", verb, what, "-n", self.office, *rest))


_STYLES: dict[Health, Style] = {
    Health.GOOD: "good",
    Health.NOTE: "dim",
    Health.UNKNOWN: "warn",
    Health.BAD: "bad",
}


def findings_lines(found: Iterable[Finding], width: int) -> list[Line]:
    """Give one line for each, and the command below it."""
    lines: list[Line] = []
    for finding in found:
        first = line(
            (finding.health.ljust(9), _STYLES[finding.health]),
            (f"{finding.name.ljust(13)} ", "bold"),
        )
        lines += bulleted(first, finding.message, width)
        if finding.mend:
            lines.append(line(" " * 24, (finding.mend, "command")))
    return lines


def unread(name: str, said: Said, what: str) -> Finding:
    """Say that something could not be looked at: for want of rights, or in kubectl's words."""
    if "(Forbidden)" in said.err:
        return Finding(name, Health.UNKNOWN, f"{what}: your rights do not reach that far")
    return Finding(name, Health.UNKNOWN, f"{what}: {said.err.strip()}")
