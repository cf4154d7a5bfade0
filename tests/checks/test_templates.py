"""Query templates: what they may say, and that a value never leaves its quotes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidentcommander.api.incident import IncidentSpec
from incidentcommander.checks.promql_text import query_problem
from incidentcommander.checks.scope import SAMPLE
from incidentcommander.checks.templates import (
    MAX_OUTPUT,
    TemplateProblem,
    render,
    template_problem,
)
from tests.support.build import ERRORS, subject

ALERT = {"name": "HighErrorRate", "labels": {"pod": "a.b", "items": "x", "team": 'a"}) or 1\n'}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            '{kind="{{ target.kind }}",n="{{ target.name }}",ns="{{ target.namespace }}"}',
            '{kind="Deployment",n="checkout",ns="shop"}',
            id="the target has kind, name and namespace",
        ),
        pytest.param(
            "{{ incident.name }} {{ incident.severity }} {{ incident.drill }}",
            "checkout-5xx SEV2 false",
            id="the incident has its spec, name and namespace",
        ),
        pytest.param(
            "{{ alert.labels.pod }} {{ labels.pod }} {{ alert.name }}",
            "a.b a.b HighErrorRate",
            id="alert labels are reached by either path",
        ),
        pytest.param("{{ labels.items }}", "x", id="a label named like a method is the label"),
        pytest.param(
            '"{{ labels.team }}"',
            r'"a\x22}) or 1\n"',
            id="quotes and newlines of a value are escaped",
        ),
        pytest.param(
            '"{{ labels.pod | regex_escape }}-.*"',
            r'"a\\.b-.*"',
            id="a value can be quoted for a regular expression",
        ),
        pytest.param("{{ labels.zone | default('eu') }}", "eu", id="a default fills a gap"),
        pytest.param(
            "{{ incident.impact.summary | default('-') }}", "-", id="an absent part has defaults"
        ),
        pytest.param(
            "{% if incident.severity == 'SEV1' %}a{% else %}b{% endif %}", "b", id="if is allowed"
        ),
        pytest.param("rate(x[5m]) * 2 % 3", "rate(x[5m]) * 2 % 3", id="plain PromQL is untouched"),
        pytest.param("{{ 3 }}{{ 0.5 }}", "30.5", id="numbers are written as they are"),
        pytest.param("{{ target.name | replace('check', '') }}", "out", id="replace is allowed"),
    ],
)
def test_render(text: str, expected: str) -> None:
    assert render(text, subject(spec={"alert": ALERT})) == expected
    assert template_problem(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("{{ target.nmae }}", "target.nmae is not defined", id="misspelt field"),
        pytest.param("{{ traget.name }}", "traget is not defined", id="misspelt name"),
        pytest.param("{{ target['nmae'] }}", "target.nmae is not defined", id="misspelt key"),
        pytest.param(
            "{{ target.name.upper }}", "'upper' of a text is not defined", id="no methods of texts"
        ),
        pytest.param("{{ target.name", "line 1: unexpected end", id="unclosed braces"),
        pytest.param("\n{% if %}", "line 2: ", id="the line of a syntax error is named"),
        pytest.param("{{ target }}", "target is a mapping", id="a mapping is no value"),
        pytest.param("{{ [1] }}", "list is neither a text nor a number", id="nor is a list"),
        pytest.param("{{ self }}", "self is not defined", id="no access to the template itself"),
        pytest.param("{{ 'a' * 10**9 }}", "can have no arithmetic", id="no arithmetic"),
        pytest.param("{{ '%9999999d' % 1 }}", "can have no arithmetic", id="no formatting"),
        pytest.param("{% for x in 'ab' %}{% endfor %}", "can have no loops", id="no loops"),
        pytest.param("{{ range(10**9) }}", "can have no", id="no calls"),
        pytest.param("{% set a = 'x' %}{{ a }}", "can have no assignments", id="no assignments"),
        pytest.param("{% macro m() %}{% endmacro %}", "can have no macros", id="no macros"),
        pytest.param("{% include 'x' %}", "can have no such tags", id="no other templates"),
        pytest.param("{{ target.name | center(10) }}", "no filter 'center'", id="unknown filter"),
        pytest.param("{{ target is odd }}", "no test 'odd'", id="unknown test"),
        pytest.param("{{ target.name | replace }}", "missing", id="arguments of a filter missing"),
        pytest.param("{{ target.name > 3 }}", "not supported", id="values that do not compare"),
        pytest.param("{{ " + "(" * 2000 + ")" * 2000 + "}}", "too deep", id="nested too deeply"),
        pytest.param("{{ " + "(" * 5000 + ")" * 5000 + "}}", "at most 4096", id="too long"),
        pytest.param(
            "{{ 'aaaaaaaa'" + "|replace('a', 'aaaaaaaa')" * 20 + " }}", "too long", id="growth"
        ),
    ],
)
def test_refused(text: str, said: str) -> None:
    assert said in (template_problem(text) or "")
    with pytest.raises(TemplateProblem):
        render(text, subject())


def test_a_typo_is_found_in_a_branch_that_is_not_taken() -> None:
    text = "{% if incident.drill %}{{ target.nmae }}{% endif %}"
    assert render(text, subject()) == ""
    assert "target.nmae is not defined" in (template_problem(text) or "")


def test_a_missing_label_is_a_problem_of_the_incident_not_of_the_runbook() -> None:
    assert template_problem("{{ labels.zone }}") is None
    with pytest.raises(TemplateProblem, match=r"labels\.zone is not defined; labels has no values"):
        render("{{ labels.zone }}", subject())


def test_a_query_cannot_be_longer_than_allowed() -> None:
    labels = {f"l{n}": "x" * 500 for n in range(9)}
    text = "".join(f"{{{{ {name} }}}}" for name in (f"labels.{key}" for key in labels))
    with pytest.raises(TemplateProblem, match=f"at most {MAX_OUTPUT}"):
        render(text, subject(spec={"alert": {"name": "A", "labels": labels}}))


def test_the_sample_has_every_field_of_the_spec() -> None:
    fields = {field.alias for field in IncidentSpec.model_fields.values()}
    assert fields <= SAMPLE["incident"].keys()


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_value_never_leaves_its_quotes(value: str) -> None:
    alert = {"name": "A", "labels": {"x": value}}
    for quote in ('"', "'", "`"):
        text = render(f"up{{a={quote}{{{{ labels.x }}}}{quote}}}", subject(spec={"alert": alert}))
        inside = text.removeprefix(f"up{{a={quote}").removesuffix(f"{quote}}}")
        assert quote not in inside
        assert "\n" not in inside
        assert query_problem(text) is None


@settings(deadline=None)
@given(st.text(alphabet="{}%# |.'\"()[]targename0", max_size=30))
def test_judging_a_template_is_total(text: str) -> None:
    problem = template_problem(text)
    assert problem is None or problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(ERRORS.replace("{{ target.namespace }}", "a"), None, id="a usual query"),
        pytest.param("sum(x", "the bracket ( at character 4 is not closed", id="open bracket"),
        pytest.param("x)", "the bracket ) at character 2 closes nothing", id="extra bracket"),
        pytest.param("sum(x]", "the bracket ] at character 6 closes nothing", id="wrong bracket"),
        pytest.param('x{a="b}', 'the quote " at character 5 is not closed', id="open quote"),
        pytest.param("x{a='b\n'}", "the quote ' at character 5 is not closed", id="broken line"),
        pytest.param(r'x{a="\"("}', None, id="brackets and escaped quotes within quotes"),
        pytest.param("x{a=`\\`}", None, id="backticks have no escapes"),
        pytest.param("x # (", None, id="brackets in a comment"),
        pytest.param(" # only\n", "the query is empty", id="only a comment"),
        pytest.param("", "the query is empty", id="nothing"),
    ],
)
def test_query_problem(text: str, expected: str | None) -> None:
    assert query_problem(text) == expected
