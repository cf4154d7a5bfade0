"""The command ``kubectl incident``: its commands, and how each of them ends."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Final

import click

from .commands import HELP, MODULES
from .exits import Ended
from .options import kubectl_flags
from .view.spans import clean

if TYPE_CHECKING:
    from typing_extensions import override
else:

    def override(method):  # noqa: ANN001, ANN202 - typing_extensions takes longer than all of this
        """Stand in for the decorator, which does nothing when run."""
        return method


__all__ = ["group", "main"]

_HELP: Final = """Lead incidents from the command line.

Without a NAME the only open Incident of the namespace is meant. Every call of kubectl is printed on
stderr; -q leaves that out. kubectl's own flags (-n, --context, --kubeconfig, --as …) are passed on.

\b
Exit codes: 0 done, 1 error of kubectl or the API server, 2 wrong usage,
3 refused by the operator or by the admission guard, 4 not found,
5 sent, but not taken within --wait.
"""


class _Group(click.Group):
    """Imports a command when it is needed: whoever lists does not wait for what examines."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(MODULES)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(HELP.items()))

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = MODULES.get(cmd_name)
        if module is None:
            return None
        found: tuple[click.Command, ...] = importlib.import_module(
            f".{module}", __package__
        ).COMMANDS
        return next(command for command in found if command.name == cmd_name)


@click.group(
    cls=_Group,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@kubectl_flags
def group() -> None:
    """Hold the commands together."""


def main() -> None:
    """Run it, and end with a code that says how it went."""
    for stream in (sys.stdout, sys.stderr):
        # People write what they like; a terminal of another age shows a question mark for it.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        group(prog_name="kubectl incident")
    except Ended as ended:
        click.echo(clean(ended.message), err=True)
        sys.exit(int(ended.code))


if __name__ == "__main__":
    main()
