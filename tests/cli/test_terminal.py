"""At a terminal: questions, colours, and a screen that is redrawn."""

from __future__ import annotations

import io
import json
import re

import pytest

from incidentcommander.cli.stream import documents
from incidentcommander.cli.view.spans import Line, line, plain
from incidentcommander.cli.watching import fitting
from tests.e2e.shop import V1, Shop
from tests.support.plugin import Plugin

GREEN = "\x1b[32m"


def test_declare_asks_for_what_is_missing(shop: Shop, plugin: Plugin) -> None:
    shop.deploy()
    answers = "Checkout is slow\nDeployment/checkout\nSEV3\n\n"

    said = plugin.at(shop.namespace).answering("declare", "--wait", "0", answers=answers)

    assert said.code == 0, said.out
    assert "deployment/checkout" in said.out  # what there is to choose from
    created = re.search(r"incidentcommander\.dev/(checkout-is-slow-\S+) created", said.out)
    assert created is not None
    spec = shop.incident(created.group(1))["spec"]
    assert (spec["title"], spec["severity"]) == ("Checkout is slow", "SEV3")
    assert "impact" not in spec


def test_approve_shows_everything_and_asks(shop: Shop, alice: Plugin) -> None:
    shop.in_trouble()

    refused = alice.answering("approve", "checkout", answers="n\n")

    assert refused.code == 2
    assert "Nothing was approved." in refused.out
    assert f"{GREEN}    +      - image: {V1}" in refused.out.replace(f"    {GREEN}", f"{GREEN}    ")
    assert shop.image() != V1

    agreed = alice.answering("approve", "checkout", "--wait", "60", answers="y\n")

    assert agreed.code == 0, agreed.out
    assert "RemediationApplied" in agreed.out
    watched = alice.answering("show", "checkout", "--watch", answers="")
    assert watched.code == 0
    # Its last screen stays when that of the watch is gone.
    assert "Resolved" in watched.out.rpartition("\x1b[?1049l")[2]


def lines(count: int) -> list[Line]:
    """So many lines."""
    return [line(f"line {number}") for number in range(count)]


@pytest.mark.parametrize(
    ("count", "height", "shown"),
    [(5, 24, 5), (30, 30, 30), (40, 24, 24), (200, 24, 24)],
)
def test_what_is_too_high_loses_its_middle(count: int, height: int, shown: int) -> None:
    fitted = fitting(lines(count), 80, height)

    assert len(fitted) == shown
    assert (fitted[0], fitted[-1]) == (line("line 0"), line(f"line {count - 1}"))
    if shown < count:
        assert f"… {count - shown + 1} lines" in plain(fitted)


def test_a_line_wider_than_the_terminal_counts_as_several() -> None:
    fitted = fitting([line("x" * 800), *lines(20)], 80, 24)

    assert sum(1 + (len(plain([each])) - 1) // 80 for each in fitted) <= 24


def test_documents_are_read_as_kubectl_prints_them() -> None:
    bodies = [{"a": "}\n}"}, {"b": {"c": [1]}}, {"d": "x" * 70000}]
    text = "".join(json.dumps(body, indent=4) + "\n" for body in bodies)

    assert list(documents(io.StringIO(text))) == bodies
