"""Ed may annotate the target, label it and own its autoscaler: none of his words is run by anybody.

His words are held against harmless ones in their place: each command is the same, word by word, with
his one word there; or it is not given at all.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .hostile import SHELL, WHERE, commands, plans

_HARMLESS = {word: f"harmless-{word}" for word in WHERE}
_OF_OWNERS = {"GitOpsOwned", "HelmOwned", "KedaOwned"}
_PROGRAMS = ("kubectl", "helm", "argocd", "flux")


def _is_name(word: str, text: str) -> bool:
    """Whether the text may be the name of such a thing, judged another way than the product does."""
    most = {"release": 53, "release-namespace": 63, "flux-namespace": 63}.get(word, 253)
    parts = text.split(".")
    proper = all(p and p[0] != "-" and p[-1] != "-" and not set(p) - _LETTERS for p in parts)
    dotted = len(parts) > 1 and word.endswith("namespace")
    return proper and not dotted and len(text) <= most


_LETTERS = set("abcdefghijklmnopqrstuvwxyz0123456789-")


def _may_be_typed(word: str, text: str) -> bool:
    free = word in {"cause", "metric", "container", "annotation"}
    return _is_name(word, text) if not free else (word != "cause" or text[:64].isprintable())


def _expected(word: str, text: str) -> list[list[str]]:
    """Give the commands of the harmless target, with that one word for the harmless one."""
    mark, found = _HARMLESS[word], []
    for command in commands({word: mark}):
        words = shlex.split(command)
        if not any(mark in each for each in words):
            found.append(words)
        elif _may_be_typed(word, text):
            told = json.dumps(text)[1:-1] if word == "metric" else text
            found.append([each.replace(mark, told) for each in words])
    return found


@given(
    st.sampled_from([w for w in WHERE if w not in {"cause", "metric"}]),
    st.one_of(st.text(min_size=1), st.sampled_from(SHELL), st.from_regex(r"[a-z-]{1,60}")),
)
def test_a_command_has_the_words_that_it_would_have_and_no_other(word: str, text: str) -> None:
    if set(text) & set(":_/"):  # Argo CD's tracking id ends there
        text = re.sub("[:_/]", "$(", text)

    assert [shlex.split(c) for c in commands({word: text})] == _expected(word, text)


@pytest.mark.parametrize("text", SHELL)
def test_a_change_cause_is_one_word_or_the_command_is_left_out(text: str) -> None:
    assert [shlex.split(c) for c in commands({"cause": text})] == _expected("cause", text)


@pytest.mark.parametrize("text", SHELL)
def test_a_metric_of_the_autoscaler_is_part_of_one_word(text: str) -> None:
    assert [shlex.split(c) for c in commands({"metric": text})] == _expected("metric", text)


@pytest.mark.parametrize("text", SHELL)
@pytest.mark.parametrize("word", ["application", "instance", "release", "scaledobject", "flux"])
def test_ed_names_his_release_like_a_command_and_no_text_offers_it(word: str, text: str) -> None:
    told = [g for p in plans({word: text}) for g in p.guards if g.name in _OF_OWNERS]

    assert told
    for guard in told:
        assert guard.commands == []
        assert "no command is given, since its name is malformed" in guard.message
        assert guard.message.isprintable()


def test_the_harmless_words_do_come_back_in_commands() -> None:
    # Else all of the above would hold of nothing.
    inert = {"container", "annotation"}
    offered = {w for w in WHERE if any(m in c for m in [_HARMLESS[w]] for c in commands({w: m}))}
    alone = {"release-namespace", "flux-namespace"}

    assert offered == set(WHERE) - inert - alone
    assert any(
        "harmless-ns" in c for c in commands({"release": "web", "release-namespace": "harmless-ns"})
    )
    assert any(
        "harmless-ns" in c for c in commands({"flux": "web", "flux-namespace": "harmless-ns"})
    )


@pytest.mark.parametrize("text", SHELL)
@pytest.mark.parametrize("word", ["release-namespace", "flux-namespace"])
def test_a_namespace_that_is_none_gives_no_command(word: str, text: str) -> None:
    said = {word.partition("-")[0]: "web", word: text}

    told = [g for p in plans(said) for g in p.guards if g.name in _OF_OWNERS]

    assert told
    assert all(g.commands == [] and "its namespace is malformed" in g.message for g in told)


def test_the_namespace_of_an_application_stands_before_its_name() -> None:
    assert "argocd app set team-a/web --sync-policy none" in commands({"application": "team-a_web"})


def test_a_command_in_a_message_is_whole_or_left_out() -> None:
    for text in (*SHELL, "x" * 5000, "y" * 200):
        said = dict.fromkeys(WHERE, text)
        for guard in (g for plan in plans(said) for g in plan.guards):
            for command in guard.commands:
                assert command in guard.message or "see commands" in guard.message


@pytest.mark.parametrize("text", SHELL)
def test_alice_pastes_every_command_and_nothing_of_eds_is_run(text: str, tmp_path: Path) -> None:
    log = _programs(tmp_path)
    found = [c for word in WHERE for c in commands({word: text})]
    found += commands(dict.fromkeys(WHERE, text))
    (tmp_path / "here").mkdir()

    for command in dict.fromkeys(found):
        log.write_text("")
        subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path / "here",
            env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path)},
            check=True,
            capture_output=True,
        )
        ran = log.read_bytes().decode().split("\0\n")[:-1]

        assert [line.split("\0") for line in ran] == [shlex.split(command)]
    assert list((tmp_path / "here").iterdir()) == []
    assert not list(tmp_path.rglob("*PWNED*"))


def _programs(where: Path) -> Path:
    """Put programs on the path that write down with which words they were called."""
    (where / "bin").mkdir()
    for program in _PROGRAMS:
        path = where / "bin" / program
        path.write_text(
            f'#!/bin/bash\nprintf "%s\\0" {program} "$@" >> {where}/log\necho >> {where}/log\n'
        )
        path.chmod(0o755)
    return where / "log"
