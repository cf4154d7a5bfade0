"""Options that many commands share: kubectl's own global flags, the output, patience."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from .kubectl import Kubectl

__all__ = ["in_full", "kubectl_flags", "no_questions", "output", "patience", "the_kubectl"]

F = TypeVar("F", bound=Callable[..., Any])
_KEY: Final = "incidentcommander.cli.flags"

_FLAGS: Final = (
    ("--context", "Context of the kubeconfig."),
    ("--kubeconfig", "Path of the kubeconfig."),
    ("--cluster", "Cluster of the kubeconfig."),
    ("--user", "User of the kubeconfig."),
    ("--as", "Act as this user (kubectl's impersonation)."),
    ("--as-group", "Act as in this group; may be repeated."),
    ("--as-uid", "Act as this uid."),
    ("--request-timeout", "Longest time for one request, such as 5s."),
)


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Remember a flag, wherever it stood: before the command or after it."""
    if value in (None, (), False):
        return
    context.find_root().meta.setdefault(_KEY, {})[parameter.opts[-1]] = value


def kubectl_flags(command: F) -> F:
    """Take kubectl's own global flags, to be passed on."""
    for name, text in reversed(_FLAGS):
        command = click.option(
            name,
            multiple=name == "--as-group",
            expose_value=False,
            callback=_keep,
            metavar="TEXT",
            help=text,
        )(command)
    command = click.option(
        "-q", "--quiet", is_flag=True, expose_value=False, callback=_keep, help="Print no calls."
    )(command)
    return click.option(
        "-n",
        "--namespace",
        expose_value=False,
        callback=_keep,
        metavar="TEXT",
        help="Namespace; by default that of the context.",
    )(command)


def the_kubectl() -> Kubectl:
    """Give the kubectl of this call, with the flags that were given."""
    kept: dict[str, Any] = click.get_current_context().find_root().meta.get(_KEY, {})
    words: list[str] = []
    for name, _ in _FLAGS:
        value = kept.get(name, ())
        words += [f"{name}={one}" for one in ([value] if isinstance(value, str) else value)]
    return Kubectl(kept.get("--namespace", ""), tuple(words), bool(kept.get("--quiet")))


def output(*formats: str) -> Callable[[F], F]:
    """Take ``-o``."""
    return click.option("-o", "--output", "form", type=click.Choice(formats), help="Output format.")


def patience(command: F) -> F:
    """Take ``--wait``."""
    return click.option(
        "--wait",
        type=click.FloatRange(min=0),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="Wait so long for the operator to take it; 0: do not wait.",
    )(command)


def no_questions(command: F) -> F:
    """Take ``--yes``."""
    return click.option("-y", "--yes", is_flag=True, help="Do not ask; for scripts.")(command)


def in_full(text: str) -> Callable[[F], F]:
    """Take ``--full``, with what it shows in full."""
    return click.option("--full", is_flag=True, help=text)
