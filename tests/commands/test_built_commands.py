"""The lint that forbids commands put together by hand: what it finds, and that nothing is left."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.built_commands import main, problems


@pytest.mark.parametrize(
    "source",
    [
        'f"kubectl -n {space} get pods"',
        'f"See kubectl -n {space} describe incident {name}"',
        'f"until then: argocd app set {app} --sync-policy none"',
        'f"what it installed: helm -n {space} history {release}"',
        'f"flux -n {space} suspend {kind} {name}"',
        '"kubectl -n " + space',
        '"helm " + "history " + release',
        '("until then: " "argocd app set " + app)',
        '"kubectl -n %s get pods" % space',
        '"kubectl -n {} get pods".format(space)',
        '" ".join(["kubectl", "-n", space])',
        '" ".join(["kubectl get", *words])',
        'f"{GROUP}: kubectl\\n{words}"',
        'f"annotate with incidentcommander.dev/severity={level}"',
        'f"annotate incident {name}"',
        'def f():\n    return f"To clear: kubectl {verb}"',
    ],
)
def test_a_command_by_hand_is_found(source: str) -> None:
    assert len(problems(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        '"kubectl -n shop get pods"',
        'f"To clear: {line}"',
        'kubectl(space, "get", "pods")',
        'f"It says {number} replicas: the next kubectl apply scales it back."',
        'f"As with kubectl, annotations are dropped: {names}"',
        'f"It was made by kubectl apply. Now it has {number}"',
        '", ".join(names)',
        '"%d of %d" % (1, 2)',
        '"""kubectl {name} in a docstring"""',
        'f"{path}/kubectl"',
    ],
)
def test_what_holds_nobodys_words_is_none(source: str) -> None:
    assert problems(source) == []


def test_nothing_in_the_product_is_put_together_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out


def test_it_is_part_of_make_lint() -> None:
    run = subprocess.run(["make", "-n", "lint"], capture_output=True, text=True, check=True).stdout

    assert "tools.built_commands" in run
    assert sys.executable
