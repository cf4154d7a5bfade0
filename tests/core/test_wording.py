"""Whole sentences, and commands that can be copied."""

from __future__ import annotations

import pytest

from incidentcommander.core.wording import sentence, sentences
from tests.support.play import Play


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("All pods are ready", "All pods are ready."),
        ("Is it?", "Is it?"),
        ("", ""),
        ("To clear: kubectl -n shop rollout resume deployment/a", None),
        ("bob decides: kubectl -n shop annotate incident a x/approve=rollback-1a2b3c4d", None),
        ("Until then: argocd app set shop --sync-policy none", None),
        ("See: kubectl get pods. Then wait", "See: kubectl get pods. Then wait."),
    ],
)
def test_a_sentence_ends_with_a_stop_and_a_command_with_nothing(
    text: str, expected: str | None
) -> None:
    assert sentence(text) == (text if expected is None else expected)


def test_sentences_follow_each_other() -> None:
    assert (
        sentences(["It fails", " ", "See: kubectl get pods"]) == "It fails. See: kubectl get pods"
    )


def test_the_summary_ends_with_the_command_to_type() -> None:
    play = Play(spec={"roles": {"commander": "alice"}}).tick()

    assert play.status.summary.endswith(f"approve={play.open('rollback')}")
