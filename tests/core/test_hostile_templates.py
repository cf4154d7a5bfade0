"""Templates by which an author tries to stop the operator: a problem of that one field, at once.

The same table for queries (Runbooks) and for the words of notices (ResponsePolicies).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidentcommander.api.notices import Audience, NoticeKind
from incidentcommander.api.policy import ResponsePolicySpec, Template
from incidentcommander.checks.templates import (
    TemplateProblem,
    render,
    sample_rendering,
    template_problem,
)
from incidentcommander.core.communication.templates import (
    InternalFacts,
    template_problems,
    written,
)
from tests.support.build import subject

BOMBS = {
    "110 blocks within each other": "{%if 1%}" * 110 + "up" + "{%endif%}" * 110,
    "40 blocks within each other": "{%if 1%}" * 40 + "up" + "{%endif%}" * 40,
    "not, 230 times": "{{" + " not" * 230 + " 1 }}",
    "not, 90 times": "{{" + " not" * 90 + " 1 }}",
    "500 brackets": "{{" + "(" * 500 + "1" + ")" * 500 + "}}",
    "either or, 100 times": "{{ " + "1 if 1 else (" * 100 + "1" + ")" * 100 + " }}",
    "and, 150 times": "{{ 1" + " and 1" * 150 + " }}",
    "a filter, 120 times": "{{ 'a'" + "|trim" * 120 + " }}",
    "1000 joined texts": "{{ 1" + "~1" * 1000 + " }}",
    "4200 characters": "x" * 4200,
    "repeated a billion times": "{{ 'a' * 10**9 }}",
    "repeated a billion times, as a list": "{{ [1] * 10**9 }}",
    "padded to a gigabyte by a filter": "{{ 'a' | center(10**9) }}",
    "padded to a gigabyte by a format": "{{ '%1000000000d' % 1 }}",
    "the filter format": "{{ '%1000000000d' | format(1) }}",
    "a method": "{{ 'a'.ljust(10**9) }}",
    "loops within loops": "{% for a in 'xxxxxxxxxxxx' %}" * 5 + "{% endfor %}" * 5,
    "a range": "{% for a in range(10**9) %}{% endfor %}",
    "a power": "{{ 9 ** 9 ** 9 }}",
    "a number of 5000 digits": "{{ " + "9" * 4090 + " }}{{ " + "9" * 5000,
    "a surrogate": "{{ '\ud800' }}{{",
    "a null byte": "{{ \0 }}",
}
NAMES = ("query", "words")


def in_query(text: str) -> str:
    return template_problem(text) or ""


def policy(text: str) -> ResponsePolicySpec:
    # As stored by an API server that knew other limits: nothing was checked on the way in.
    own = Template.model_construct(
        audience=Audience.INTERNAL, kind=NoticeKind.UPDATE, subject=None, text=text
    )
    return ResponsePolicySpec.model_construct(templates=[own])


def in_words(text: str) -> str:
    return next(iter(template_problems(policy(text))), "")


@pytest.mark.parametrize("judged", [in_query, in_words], ids=NAMES)
@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_an_authors_bomb_is_a_problem_of_its_field(judged: Callable[[str], str], text: str) -> None:
    began = time.perf_counter()
    problem = judged(text)

    assert problem
    assert len(problem) < 300
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_an_authors_bomb_is_not_run_where_it_is_used_all_the_same(text: str) -> None:
    """An Incident pins its policy; and a Runbook can be named that is not Ready."""
    with pytest.raises(TemplateProblem):
        render(text, subject())
    with pytest.raises(TemplateProblem):
        sample_rendering(text)

    facts = InternalFacts(status="Investigating", impact="few", actions="none", next_update="now")
    words, problem = written(policy(text), Audience.INTERNAL, NoticeKind.UPDATE, facts)

    assert words[1] == "STATUS: Investigating | IMPACT: few | ACTIONS: none | NEXT UPDATE: now"
    assert "cannot be used" in (problem or "")


@pytest.mark.parametrize(
    "text",
    [
        "{% if 1 %}" * 8 + "up" + "{% endif %}" * 8,
        "{{ 'a' | default('b') | trim | lower | upper }}",
        "{{ 'a'" + " ~ 'b'" * 40 + " }}",
        "up" * 1000,
    ],
)
def test_what_people_write_in_earnest_is_no_bomb(text: str) -> None:
    assert not in_query(text)
    assert not in_words(text)


PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{%",
        "%}",
        "if 1",
        "if",
        "not ",
        "(",
        ")",
        "~",
        "|trim",
        "'a'",
        "*",
        "[",
        "]",
        "in",
    ]
) | st.sampled_from(
    ["for", "endfor", "endif", "{#", "#}", ".x", "-", "raw", "else", " ", "9" * 30, "1 if 1 else "]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=120).map("".join))
def test_judging_any_template_is_total(text: str) -> None:
    in_query(text)
    in_words(text)
