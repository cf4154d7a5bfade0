"""The Tab key: kubectl asks the plugin for what could come next."""

from __future__ import annotations

import subprocess

import pytest

from incidentcommander.cli.completion import completions
from tests.e2e.shop import Shop
from tests.support.plugin import Plugin


def tab(plugin: Plugin, *words: str) -> list[str]:
    """What kubectl offers after these words."""
    done = subprocess.run(
        [str(plugin.programs / "kubectl"), "__complete", "incident", *words],
        env=plugin.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


def test_names_and_open_proposals_are_offered(shop: Shop, plugin: Plugin) -> None:
    shop.in_trouble()
    here = ("-n", shop.namespace)

    assert tab(plugin, "show", *here, "") == ["checkout", ":4"]
    ids = {p["id"] for p in shop.open()}
    assert {*tab(plugin, "approve", "checkout", *here, "")} == {*ids, ":4"}


@pytest.mark.parametrize(
    ("typed", "beginning", "offered"),
    [
        ([], "re", ["reject", "resolve", "report", "reopen"]),
        (["severity", "x", "--as=alice"], "SEV", ["SEV1", "SEV2", "SEV3", "SEV4"]),
        (["timeline"], "--ev", ["--evidence"]),
        (["nosuch"], "", []),
        (["declare"], "", []),
    ],
)
def test_words_are_offered(typed: list[str], beginning: str, offered: list[str]) -> None:
    assert [word for word, _ in completions(typed, beginning)] == offered
