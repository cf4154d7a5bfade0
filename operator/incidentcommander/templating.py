"""Templates of people: Jinja2 within bounds, for queries and for the words of notices alike.

Each use has a ``Language``: what may stand in it, and how long its text may get. Whatever is wrong
with a template, to read, to compile or to fill in, is a ``TemplateProblem`` of that one template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import Environment, Template, TemplateError, TemplateSyntaxError, nodes

__all__ = ["DEEPEST", "LONGEST", "MOST_NODES", "Language", "TemplateProblem"]

LONGEST: Final = 4096
"""Most characters of a template; the schemas allow less."""
DEEPEST: Final = 32
"""Most levels of its tree. Python itself compiles no more than 100 levels of indentation."""
MOST_NODES: Final = 1000
"""Most parts of its tree: what filling it in costs grows with them, since there are no loops."""
_REFUSED: Final[Mapping[type[nodes.Node], str]] = {
    nodes.For: "loops",
    nodes.Call: "calls",
    nodes.Assign: "assignments",
    nodes.AssignBlock: "assignments",
    nodes.Macro: "macros",
    nodes.BinExpr: "arithmetic",
    nodes.UnaryExpr: "arithmetic",
}


class TemplateProblem(Exception):  # noqa: N818 - it is a finding for people, not a failure of ours
    """A template cannot be used, or not for this Incident. The message says why and where."""


class Language:
    """What one use of templates understands.

    Parameters
    ----------
    environment
        Its filters, tests and manners.
    allowed
        The kinds of nodes that may stand in a template; loops are never among them.
    what
        What its templates are called, for messages.
    gives
        The same of what comes of one.
    longest
        Most characters that may come of one.
    """

    def __init__(
        self,
        environment: Environment,
        allowed: tuple[type[nodes.Node], ...],
        what: str,
        gives: str,
        longest: int,
    ) -> None:
        self._environment = environment
        self._allowed = allowed
        self._what = what
        self._gives = gives
        self._longest = longest
        self._compiled = lru_cache(maxsize=1024)(self._compile)

    def parsed(self, text: str) -> nodes.Template:
        """Read a template; nothing of it is compiled or filled in.

        Raises
        ------
        TemplateProblem
            If it is malformed, too large, or says what this language does not have.
        """
        if len(text) > LONGEST:
            raise TemplateProblem(f"it has {len(text)} characters; at most {LONGEST} are allowed")
        try:
            tree = self._environment.parse(text)
        except Exception as error:
            raise TemplateProblem(_described(error)) from error
        for count, (depth, node) in enumerate(_walk(tree)):
            if depth > DEEPEST:
                raise TemplateProblem(
                    f"line {node.lineno}: it is nested too deeply: more than {DEEPEST} levels"
                )
            if count > MOST_NODES:
                raise TemplateProblem(f"it has more than {MOST_NODES} parts")
            self._check(node)
        return tree

    def filled(self, text: str, values: Mapping[str, Any]) -> str:
        """Fill a template in.

        Raises
        ------
        TemplateProblem
            If it cannot be used, lacks a value, or gives a text that is too long.
        """
        template = self._compiled(text)
        try:
            result = template.render(values)
        except Exception as error:
            raise TemplateProblem(_described(error)) from error
        if len(result) > self._longest:
            raise TemplateProblem(
                f"{self._gives} has {len(result)} characters when filled in; at most "
                f"{self._longest} are allowed"
            )
        return result

    def _compile(self, text: str) -> Template:
        # What must not run must not be compiled either: Jinja folds constants while it compiles.
        tree = self.parsed(text)
        try:
            return self._environment.from_string(tree)
        except Exception as error:
            raise TemplateProblem(_described(error)) from error

    def _check(self, node: nodes.Node) -> None:
        if not isinstance(node, self._allowed):
            what = next((w for kind, w in _REFUSED.items() if isinstance(node, kind)), "such tags")
            raise TemplateProblem(f"line {node.lineno}: {self._what} can have no {what}")
        if isinstance(node, nodes.Filter):
            _check_name(node, "filter", node.name, self._environment.filters)
        if isinstance(node, nodes.Test):
            _check_name(node, "test", node.name, self._environment.tests)


def _check_name(node: nodes.Node, what: str, name: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        raise TemplateProblem(
            f"line {node.lineno}: there is no {what} {name!r}; there are {', '.join(sorted(known))}"
        )


def _walk(tree: nodes.Node) -> Iterator[tuple[int, nodes.Node]]:
    waiting = [(0, tree)]
    while waiting:
        depth, node = waiting.pop()
        yield depth, node
        waiting.extend((depth + 1, child) for child in node.iter_child_nodes())


def _described(error: Exception) -> str:
    match error:
        case TemplateProblem():
            return str(error)
        case TemplateSyntaxError():
            return f"line {error.lineno}: {error.message}"
        case TemplateError():
            return str(error.message)
        case RecursionError() | MemoryError() | SyntaxError():
            # Python's own words are about code that nobody wrote.
            return "it is nested too deeply"
        case _:
            return str(error) or type(error).__name__
