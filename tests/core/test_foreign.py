"""JSON of others is read within bounds, and whatever it is, only one error comes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidentcommander.foreign import DEEPEST, LONGEST, ForeignError, inside, parsed

HOSTILE = {
    "nothing": "",
    "no JSON": "{'a': 1}",
    "120,000 opened brackets": "[" * 120_000,
    "120,000 brackets, closed": "[" * 120_000 + "]" * 120_000,
    "nested maps": '{"a":' * 500 + "1" + "}" * 500,
    "one deeper than is read": "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
    "a text that is never closed": '"' + '\\"' * 200_000,
    "a backslash at the end": '"\\',
    "a number of 5000 digits": "9" * 5000,
    "a number without end": "1e999",
    "not a number": '{"replicas": NaN}',
    "half a surrogate pair": '"\\ud800"',
    "half a surrogate pair as a key": '{"\\uDFFF": 1}',
    "bytes that are no text": b"\xff\xfe",
    "too long": " " * LONGEST + "1",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_json_or_too_much_gives_the_one_error(text: str | bytes) -> None:
    with pytest.raises(ForeignError) as caught:
        parsed(text)

    assert len(str(caught.value)) < 80
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, 2.5, null, true, "x"]}',
        "[" * DEEPEST + "]" * DEEPEST,
        '"brackets in a text count for nothing: ' + "[" * 500 + '"',
        '"a quote \\" and [ after it"',
        '"\\ud83d\\ude00"',
        '[{"a": []}' + ', {"b": {}}' * 1000 + "]",
    ],
)
def test_what_is_json_is_read(text: str) -> None:
    assert parsed(text) == json.loads(text)


@given(st.text() | st.binary() | st.text(alphabet='[]{}",:\\0eu-d8'))
def test_nothing_but_the_one_error_ever_leaves(text: str | bytes) -> None:
    try:
        found = parsed(text)
    except ForeignError:
        return
    json.dumps(found, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("spec", "containers", 0, "image"), "shop:1"),
        (("spec", "containers", 1, "image"), None),
        (("spec", "containers", "image"), None),
        (("spec", 0), None),
        (("spec", "none", "deeper"), None),
        ((), {"spec": {"containers": [{"image": "shop:1"}]}}),
    ],
)
def test_inside_looks_without_failing(path: tuple[str | int, ...], expected: Any) -> None:
    assert inside({"spec": {"containers": [{"image": "shop:1"}]}}, *path) == expected
