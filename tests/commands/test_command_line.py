"""The one builder of command lines: what it quotes, and what it gives no command for."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidentcommander.command_line import (
    LONGEST,
    Blank,
    Line,
    Name,
    Pair,
    Syntax,
    Word,
    argocd,
    as_json,
    both,
    fitted,
    flux,
    helm,
    kubectl,
    line,
    texts,
)

HOSTILE = [
    "web$(touch PWNED)",
    "checkout; touch PWNED #",
    "checkout`touch PWNED`",
    "a && touch PWNED",
    "a|touch PWNED",
    "a > PWNED",
    "a\ntouch PWNED",
    "a\rtouch PWNED",
    "a'b",
    'a"b',
    "a\\",
    "--as=alice",
    "-n",
    "$HOME",
    "*",
    "~",
    "!!",
    "a b",
    "",
    "Ünicode",
    "a\u202eb",
    "a\u00a0b",
    "a\x1b[2J",
    "a\x00b",
    "a.",
    "a..b",
    "A",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("syntax", Syntax)
def test_what_is_no_name_gives_no_command(text: str, syntax: Syntax) -> None:
    refused = kubectl("shop", "edit", "scaledobject", Name(text, syntax))

    assert refused.text == ""
    assert not refused
    assert str(refused) == "no command is given, since its name is malformed"
    assert refused.field == "# no command is given, since its name is malformed"


@pytest.mark.parametrize("build", [kubectl, helm, flux])
@pytest.mark.parametrize("text", [*HOSTILE, "a.b", "a" * 64])
def test_what_is_no_namespace_gives_no_command(build: type, text: str) -> None:
    assert str(build(text, "get", "pods")) == (
        "no command is given, since its namespace is malformed"
    )


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        (Name("web"), "web"),
        (Name("web.example-1.com"), "web.example-1.com"),
        (Name("a" * 253), "a" * 253),
        (Name("r" * 53, Syntax.RELEASE), "r" * 53),
        (Name("team/checkout", Syntax.APPLICATION), "team/checkout"),
    ],
)
def test_a_name_that_is_one_stands_as_it_is(name: Name, typed: str) -> None:
    assert str(argocd("app", "get", name)) == f"argocd app get {typed}"


@pytest.mark.parametrize(
    "name",
    [
        Name("a" * 254),
        Name("r" * 54, Syntax.RELEASE),
        Name("team/checkout"),
        Name("a/b/c", Syntax.APPLICATION),
        Name("a.b", Syntax.NAMESPACE),
    ],
)
def test_a_name_that_is_too_long_or_of_another_kind_gives_none(name: Name) -> None:
    assert not argocd("app", "get", name)


@pytest.mark.parametrize(
    ("word", "typed"),
    [
        ("two words", "'two words'"),
        ("key=two words", "key='two words'"),
        ("--to-revision=7", "--to-revision=7"),
        (3, "3"),
        (Blank("what you saw"), '"<what you saw>"'),
        (
            Pair("incidentcommander.dev/dismiss", Blank("why")),
            'incidentcommander.dev/dismiss="<why>"',
        ),
        (Pair("deployment", Name("checkout"), "/"), "deployment/checkout"),
        (as_json({"spec": {"replicas": 3}}), """'{"spec":{"replicas":3}}'"""),
        ("CONTAINER=IMAGE", "CONTAINER=IMAGE"),
        ("it's", "'it'\"'\"'s'"),
        ("", "''"),
    ],
)
def test_words_are_quoted_where_a_shell_needs_it_and_stay_readable(word: Word, typed: str) -> None:
    assert str(kubectl("shop", "x", word)) == f"kubectl -n shop x {typed}"


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[2J", "a\u202eb", "a\u2028b", "a\tb", "a\x85b"])
def test_free_text_that_nobody_can_type_gives_no_command(text: str) -> None:
    assert str(kubectl("shop", "annotate", Pair("note", text))) == (
        "no command is given, since it holds characters that nobody can type"
    )


def test_a_command_is_whole_or_there_is_none() -> None:
    most = LONGEST - len("kubectl -n shop ")

    assert len(kubectl("shop", "x" * most).text) == LONGEST
    assert str(kubectl("shop", "x" * (most + 1))) == "no command is given, since it is too long"


def test_two_commands_are_one_only_if_there_are_two() -> None:
    first, none = kubectl("shop", "get", "pods"), kubectl("shop", "get", Name("$(x)"))

    assert str(both(first, first)) == "kubectl -n shop get pods && kubectl -n shop get pods"
    assert both(first, none) == none
    assert both(none, first) == none
    assert not both(kubectl("shop", "x" * 900), kubectl("shop", "y" * 900))


def test_only_programs_that_people_know_are_typed() -> None:
    with pytest.raises(ValueError, match="not to be typed"):
        line("curl", "evil.example")


@pytest.mark.parametrize("hint", ["", "$(x)", 'a"b', "A", "a\nb"])
def test_a_hint_is_ours_and_never_anybodys_text(hint: str) -> None:
    with pytest.raises(ValueError, match="no hint"):
        Blank(hint)


def test_fields_hold_the_commands_that_there_are_each_once() -> None:
    first, none = kubectl("shop", "get", "pods"), kubectl("$(x)", "get", "pods")

    assert texts([first, none, first]) == ["kubectl -n shop get pods"]


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short: kubectl get", 100, "short: kubectl get"),
        ("word " * 20 + "Do: kubectl get .", 80, "word " * 12 + "word…: kubectl get ."),
        ("w" * 100 + "kubectl get" + "v" * 40, 80, "w" * 79 + "…"),
        ("no command in it " * 9, 40, "no command in it no command in it no co…"),
    ],
)
def test_a_text_is_cut_and_a_command_in_it_is_not(text: str, limit: int, expected: str) -> None:
    assert fitted(text, limit, ["kubectl get"]) == expected


def test_of_several_commands_the_first_stays_whole_and_the_others_are_left_out() -> None:
    text = f"{'w' * 90} do: helm history, then: kubectl get"

    assert fitted(text, 90, ["kubectl get", "helm history"]) == f"{'w' * 76}…: kubectl get"


@given(st.text(max_size=300), st.integers(60, 200), st.text("k'x ", min_size=1, max_size=120))
def test_whatever_is_cut_fits_and_holds_the_whole_command_or_nothing_of_it(
    text: str, limit: int, rest: str
) -> None:
    command = f"kubectl -n shop {rest}"
    cut = fitted(f"{text}{command}", limit, [command])

    assert len(cut) <= limit
    assert command in cut or "kubectl -n shop" not in cut.replace(text, "")


_words = st.one_of(
    st.text(),
    st.integers(),
    st.builds(Name, st.text(), st.sampled_from(Syntax)),
    st.builds(Name, st.from_regex(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", fullmatch=True)),
    st.builds(Pair, st.text(), st.text()),
    st.builds(Pair, st.text(), st.builds(Name, st.text()), st.sampled_from("/=")),
    st.sampled_from([Blank("why"), Pair("note", Blank("what you saw"))]),
)


@given(st.lists(_words, max_size=6))
def test_a_shell_reads_exactly_the_words_that_were_given_or_there_is_no_command(
    words: list[Word],
) -> None:
    built = kubectl("shop", *words)

    if built:
        assert shlex.split(built.text) == ["kubectl", "-n", "shop", *map(_plain, words)]
        assert built.text.isprintable()
    else:
        assert built.problem


def _plain(word: Word) -> str:
    match word:
        case Pair(key, value, between):
            return f"{key}{between}{_plain(value)}"
        case Blank(hint):
            return f"<{hint}>"
        case Name(text):
            return text
        case _:
            return str(word)


def test_a_line_says_of_itself_whether_there_is_one() -> None:
    assert bool(Line("kubectl get")) is True
    assert bool(Line("", "why")) is False
