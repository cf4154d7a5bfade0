"""Query templates: Jinja2, reduced to what a query needs, with every value escaped for PromQL.

``render`` is called by the checks when they name what to ask; ``template_problem`` judges a
template without an Incident. Templates come from whoever may write a Runbook and their values from
whoever may fire an alert, so the language has no loops, calls, assignments or arithmetic: its cost
is bounded by its length (``templating``), and a value cannot leave the quotes it was put in.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from jinja2 import StrictUndefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from typing_extensions import override

from ..templating import Language, TemplateProblem
from .base import Subject
from .escaping import MAX_OUTPUT, escaped, regex_escaped, replaced
from .scope import SAMPLE, Scope, scope_of

__all__ = ["MAX_OUTPUT", "TemplateProblem", "render", "sample_rendering", "template_problem"]

_ALLOWED: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.If,
    nodes.CondExpr,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Concat,
    nodes.Keyword,
    nodes.Tuple,
    nodes.List,
)
_TESTS: Final = ("defined", "undefined", "none", "string", "number", "eq", "ne", "in")


class _Missing(StrictUndefined):
    """An undefined value that says its whole path."""

    @property
    @override
    def _undefined_message(self) -> str:
        path, owner = self._undefined_name, self._undefined_obj
        if isinstance(owner, str):
            return f"{path!r} of a text is not defined"
        if not isinstance(owner, Scope):
            return f"{path} is not defined; there are {', '.join(SAMPLE)}"
        known = ", ".join(sorted(owner)[:12]) or "no values"
        return f"{owner.path}.{path} is not defined; {owner.path} has {known}"


class _Environment(ImmutableSandboxedEnvironment):
    """Only mappings can be looked into, and a key is never mistaken for a method."""

    @override
    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return self.undefined(obj=obj, name=attribute)

    @override
    def getitem(self, obj: Any, argument: Any) -> Any:
        return self.getattr(obj, str(argument))


def render(text: str, subject: Subject) -> str:
    """Fill a template in for this Incident.

    Raises
    ------
    TemplateProblem
        If it is malformed, asks for something that this Incident does not have, or gives a text
        that is too long.
    """
    return _language().filled(text, scope_of(subject.incident))


def sample_rendering(text: str) -> str:
    """Fill a template in for an invented Incident that has everything.

    Raises
    ------
    TemplateProblem
        If it cannot be used for any Incident.
    """
    return _language().filled(text, SAMPLE)


def template_problem(text: str) -> str | None:
    """Say what makes a template unusable whatever the Incident, or None.

    Labels and annotations of alerts may have any name; everything else is known beforehand, so a
    misspelt name is found even in a branch that is seldom taken.
    """
    try:
        tree = _language().parsed(text)
        for node in tree.find_all((nodes.Name, nodes.Getattr, nodes.Getitem)):
            _resolve(node)
        sample_rendering(text)
    except TemplateProblem as problem:
        return str(problem)
    return None


def _resolve(node: nodes.Node) -> Any:
    """Look a path such as ``target.name`` up in the sample; None where it is not constant."""
    if isinstance(node, nodes.Name):
        return _found(SAMPLE, node.name, node)
    if isinstance(node, nodes.Getattr):
        return _found(_resolve(node.node), node.attr, node)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return _found(_resolve(node.node), str(node.arg.value), node)
    return None


def _found(owner: Any, key: str, node: nodes.Node) -> Any:
    if not isinstance(owner, Scope):
        return None
    if key not in owner:
        undefined = _Missing(obj=owner if owner.path else None, name=key)
        raise TemplateProblem(f"line {node.lineno}: {undefined._undefined_message}")  # noqa: SLF001
    return owner[key]


@cache
def _language() -> Language:
    environment = _Environment(undefined=_Missing, finalize=escaped)
    given = environment.filters
    environment.filters = {name: given[name] for name in ("default", "d", "lower", "upper", "trim")}
    environment.filters |= {"replace": replaced, "regex_escape": regex_escaped}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    environment.globals = {}
    return Language(environment, _ALLOWED, "a query template", "the query", MAX_OUTPUT)
