"""The words of notices: built-in ones in the fixed form of the process, or the policy's templates.

What outsiders read is made from ``PublicFacts`` alone, a type that has no field for a cause, a
title or a name: what is not in it cannot get out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Final

from jinja2 import StrictUndefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from typing_extensions import override

from ...api.notices import Audience, NoticeKind
from ...api.policy import ResponsePolicySpec
from ...api.policy import Template as OwnWords
from ...templating import Language, TemplateProblem

__all__ = [
    "UNKNOWN",
    "Facts",
    "InternalFacts",
    "PublicFacts",
    "Words",
    "template_problems",
    "written",
]

UNKNOWN: Final = "not known yet, we are investigating"
"""What is said of an impact that nobody has described."""
Words = tuple[str, str]
"""Subject and text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFacts:
    """What outsiders may be told."""

    id: str = ""
    """Part of the subject, so that mails about one incident stand together."""
    symptom: str = ""
    impact: str = ""
    status: str = ""
    actions: str = ""
    next_update: str = ""
    """As ``08:45 UTC``."""
    cadence: str = ""
    """As ``30 minutes``."""
    minutes: str = ""
    """Whole minutes from the beginning of the impact, once it is over."""
    follow_up: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalFacts(PublicFacts):
    """What the organisation itself is told."""

    name: str = ""
    namespace: str = ""
    title: str = ""
    severity: str = ""
    target: str = ""
    commander: str = ""
    summary: str = ""
    war_room: str = ""
    escalation: str = ""
    """What has not happened in time, and since when."""
    postmortem: str = ""
    due: str = ""
    drill: str = ""
    """``DRILL: `` for a drill, else empty."""


Facts = PublicFacts | InternalFacts

_FIRST: Final = (
    "We are aware of {{ symptom }}. Impact: {{ impact }}. Investigating. "
    "Next update in {{ cadence }}."
)
_UPDATE: Final = (
    "STATUS: {{ status }} | IMPACT: {{ impact }} | ACTIONS: {{ actions }} | "
    "NEXT UPDATE: {{ nextUpdate }}"
)
_ROOM: Final = "{% if warRoom %} War room: {{ warRoom }}{% endif %}"
_ROOM_AFTER_TIME: Final = "{% if warRoom %}. War room: {{ warRoom }}{% endif %}"
_RESOLVED: Final = (
    "{{ status }}. {{ actions }} Duration: {{ minutes }} minutes."
    "{% if followUp %} {{ followUp }}{% endif %}"
)
_SUBJECT: Final = "{{ drill }}[{{ severity }}] {{ name }}: {{ title }}"
_OUTSIDE: Final = "Service status {{ id }}: "

_BUILT_IN: Final[Mapping[tuple[Audience, NoticeKind], Words]] = {
    (Audience.INTERNAL, NoticeKind.FIRST): (_SUBJECT, _FIRST + _ROOM),
    (Audience.INTERNAL, NoticeKind.UPDATE): (_SUBJECT, _UPDATE + _ROOM_AFTER_TIME),
    (Audience.INTERNAL, NoticeKind.RESOLVED): (f"{_SUBJECT} (over)", _RESOLVED),
    (Audience.INTERNAL, NoticeKind.ESCALATION): (
        f"ESCALATION {_SUBJECT}",
        "{{ escalation }} Incident {{ name }} in {{ namespace }}: {{ summary }}" + _ROOM,
    ),
    (Audience.INTERNAL, NoticeKind.POSTMORTEM_DUE): (
        f"{_SUBJECT} (postmortem)",
        (
            "The postmortem {{ postmortem }} of Incident {{ name }} in {{ namespace }} is due at "
            "{{ due }}. An incident is not over until it is done."
        ),
    ),
    (Audience.EXTERNAL, NoticeKind.FIRST): (f"{_OUTSIDE}investigating", _FIRST),
    (Audience.EXTERNAL, NoticeKind.UPDATE): (f"{_OUTSIDE}update", _UPDATE),
    (Audience.EXTERNAL, NoticeKind.RESOLVED): (f"{_OUTSIDE}resolved", _RESOLVED),
}


def written(
    spec: ResponsePolicySpec, audience: Audience, kind: NoticeKind, facts: Facts
) -> tuple[Words, str | None]:
    """Give subject and text, and why a template of the policy could not be used, if so."""
    built_in = _BUILT_IN[_like(audience), kind]
    words = _filled(built_in[0], facts), _filled(built_in[1], facts)
    own = _own(spec, audience, kind)
    if own is None:
        return words, None
    try:
        subject, text = _filled(own.subject or "", facts), _filled(own.text, facts)
    except TemplateProblem as problem:
        return words, f"the template for {audience} {kind} cannot be used: {problem}"
    if not text:
        # No channel takes an empty text.
        return words, f"the template for {audience} {kind} gives no text here"
    return (subject or words[0], text), None


def _own(spec: ResponsePolicySpec, audience: Audience, kind: NoticeKind) -> OwnWords | None:
    """Find the policy's words; executives read the internal ones where they have none."""
    own = {(t.audience, t.kind): t for t in spec.templates}
    return own.get((audience, kind)) or own.get((_like(audience), kind))


def template_problems(spec: ResponsePolicySpec) -> tuple[str, ...]:
    """Say which templates cannot be used; each text starts with the field's path."""
    found = []
    for index, template in enumerate(spec.templates):
        path = f"spec.templates[{index}]"
        if (_like(template.audience), template.kind) not in _BUILT_IN:
            found.append(f"{path}.kind: {template.audience} notices have no kind {template.kind}")
            continue
        sample = PublicFacts() if template.audience is Audience.EXTERNAL else InternalFacts()
        for name, text in (("subject", template.subject), ("text", template.text)):
            if text and (problem := _problem(text, sample)):
                found.append(f"{path}.{name}: {problem}")
    return tuple(found)


def _like(audience: Audience) -> Audience:
    """Executives read the internal words unless the policy has others for them."""
    return Audience.INTERNAL if audience is Audience.EXECUTIVE else audience


# --- Jinja2, reduced to filling in -----------------------------------------------------------------

_ALLOWED: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Name),
    *(nodes.Const, nodes.Filter, nodes.Keyword, nodes.Compare, nodes.Operand),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Concat),
)
_FILTERS: Final = ("default", "lower", "upper", "trim", "capitalize")
_LONGEST: Final = 65_536
"""Far more than is ever sent: what is sent is cut to what its channel takes."""


class _Environment(ImmutableSandboxedEnvironment):
    """Texts only: nothing in them can be looked into."""

    @override
    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.undefined(obj=obj, name=attribute)


@cache
def _language() -> Language:
    environment = _Environment(undefined=StrictUndefined, keep_trailing_newline=False)
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.tests = {}
    environment.globals = {}
    what = "a template only fills in words, it"
    return Language(environment, _ALLOWED, what, "the text", _LONGEST)


def _filled(text: str, facts: Facts) -> str:
    lines = _language().filled(text, _named(facts)).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines).strip()


def _named(facts: Facts) -> dict[str, str]:
    """Name the facts as templates do: in camelCase, as everywhere in YAML."""
    return {_camel(name): value for name, value in asdict(facts).items()}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _problem(text: str, sample: Facts) -> str | None:
    try:
        for node in _language().parsed(text).find_all(nodes.Name):
            if node.name not in _named(sample):
                known = ", ".join(sorted(_named(sample)))
                return f"line {node.lineno}: there is no {node.name}; there are {known}"
        _filled(text, sample)
    except TemplateProblem as problem:
        return str(problem)
    return None
