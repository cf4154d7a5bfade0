"""The diff that people read before they approve: complete, short, and without secrets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_commander.api.base import MARKER_ANNOTATION
from incident_commander.core.diff import DIFF_LENGTH, diff
from tests.support.build import template, workload_raw

Env = dict[str, str]


def changed(before: Env, after: Env) -> str:
    """The diff of a change of environment variables."""
    old, new = (workload_raw(spec={"template": template(env=env)}) for env in (before, after))
    return diff(old, new)


def of_container(before: dict[str, Any], after: dict[str, Any]) -> str:
    """The diff of a change of the container."""
    return diff(_with_container(before), _with_container(after))


def _with_container(part: dict[str, Any]) -> dict[str, Any]:
    body = template()
    body["spec"]["containers"][0] |= part
    return workload_raw(spec={"template": body})


def signed(text: str) -> list[str]:
    """The changed lines, without indentation."""
    lines = [line for line in text.splitlines() if line[:1] in "+-"]
    return [line[0] + line[1:].strip() for line in lines[2:]]


def test_it_reads_like_kubectl_diff() -> None:
    old, new = (workload_raw(spec={"template": template(image)}) for image in ("app:2", "app:1"))

    assert diff(old, new) == (
        "--- Deployment/checkout (now)\n"
        "+++ Deployment/checkout (after)\n"
        "@@ -18,5 +18,5 @@\n"
        "         app: checkout\n"
        "     spec:\n"
        "       containers:\n"
        "-      - image: app:2\n"
        "+      - image: app:1\n"
        "         name: app\n"
    )


@pytest.mark.parametrize(
    "over",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"status": {"replicas": 9}}, id="the status"),
        pytest.param({"metadata": {"resourceVersion": "9", "generation": 9}}, id="counters"),
        pytest.param({"metadata": {"uid": "x", "managedFields": [{"a": 1}]}}, id="bookkeeping"),
        pytest.param({"metadata": {"annotations": {MARKER_ANNOTATION: "p-1"}}}, id="our marker"),
    ],
)
def test_no_difference_is_shown_for(over: dict[str, Any]) -> None:
    assert diff(workload_raw(), workload_raw(**over)) == ""


def test_the_first_annotation_of_all_may_be_our_marker() -> None:
    bare = workload_raw(metadata={"annotations": None})
    marked = workload_raw(
        metadata={
            "annotations": {MARKER_ANNOTATION: "p", "deployment.kubernetes.io/revision": None}
        }
    )

    assert diff(bare, marked) == ""


def test_all_of_a_new_object_is_shown() -> None:
    made = {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "uid": "u"}, "spec": {}}

    assert diff({}, made) == (
        "--- HorizontalPodAutoscaler/web (now)\n"
        "+++ HorizontalPodAutoscaler/web (after)\n"
        "@@ -0,0 +1,4 @@\n"
        "+kind: HorizontalPodAutoscaler\n"
        "+metadata:\n"
        "+  name: web\n"
        "+spec: {}\n"
    )


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "DB_PASS", "apiToken", "CLIENT_SECRET", "AWS_ACCESS_KEY_ID", "CREDENTIALS"],
)
def test_a_secret_is_masked_and_its_change_is_seen(name: str) -> None:
    text = changed({name: "hunter1"}, {name: "hunter2"})

    assert signed(text) == ["-value: '*** (before)'", "+value: '*** (after)'"]
    assert "hunter" not in text


def test_a_secret_that_stays_shows_no_change() -> None:
    text = changed({"PASSWORD": "hunter1", "A": "1"}, {"PASSWORD": "hunter1", "A": "2"})

    assert signed(text) == ["-value: '1'", "+value: '2'"]
    assert "value: '***'" in text


def test_a_new_secret_is_masked() -> None:
    assert signed(changed({"A": "1"}, {"A": "1", "TOKEN": "hunter2"})) == [
        "+- name: TOKEN",
        "+value: '***'",
    ]


def test_other_variables_are_shown() -> None:
    assert signed(changed({"MODE": "a"}, {"MODE": "b"})) == ["-value: a", "+value: b"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            {"args": ["--api-token", "hunter1"]},
            {"args": ["--api-token", "hunter2"]},
            ["-- '*** (before)'", "+- '*** (after)'"],
            id="the argument after a flag",
        ),
        pytest.param(
            {"args": ["--password=hunter 1"]},
            {"args": ["--password=hunter 2"]},
            ["-- --password=*** (before)", "+- --password=*** (after)"],
            id="a flag with its value",
        ),
        pytest.param(
            {"command": ["sh", "-c", "TOKEN=hunter1 run"]},
            {"command": ["sh", "-c", "TOKEN=hunter2 run"]},
            ["-- TOKEN=*** (before) run", "+- TOKEN=*** (after) run"],
            id="an assignment in a script",
        ),
        pytest.param(
            {"env": [{"name": "DB", "value": "postgres://u:hunter1@db/x"}]},
            {"env": [{"name": "DB", "value": "postgres://u:hunter2@db/x"}]},
            [
                "-value: postgres://u:*** (before)@db/x",
                "+value: postgres://u:*** (after)@db/x",
            ],
            id="the password in a URL",
        ),
        pytest.param(
            {"args": ["--token", "--verbose", "a"]},
            {"args": ["--token", "--verbose", "b"]},
            ["-- a", "+- b"],
            id="a flag without a value masks nothing",
        ),
        pytest.param(
            {"env": [{"name": "TOKEN", "value": "hunter1"}]},
            {"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            ["-value: '***'", "+valueFrom:", "+secretKeyRef:", "+key: k", "+name: s"],
            id="a reference to a Secret is no secret",
        ),
    ],
)
def test_secrets_elsewhere_in_a_container(
    before: dict[str, Any], after: dict[str, Any], expected: list[str]
) -> None:
    text = of_container(before, after)

    assert signed(text) == expected
    assert "hunter" not in text


def test_secrets_in_annotations_are_masked() -> None:
    last_applied = "kubectl.kubernetes.io/last-applied-configuration"
    notes = {"vault/token": "hunter1", last_applied: '{"hunter": 1}'}
    old = workload_raw(metadata={"annotations": notes})
    new = workload_raw(metadata={"annotations": {**notes, "vault/token": "hunter2"}})
    text = diff(old, new)

    assert signed(text) == ["-vault/token: '*** (before)'", "+vault/token: '*** (after)'"]
    assert "hunter" not in text
    assert "last-applied-configuration: (13 characters)" in text


def test_containers_are_told_apart_by_name() -> None:
    old = workload_raw(spec={"template": template(env={"TOKEN": "a"})})
    new = workload_raw(spec={"template": template(env={"TOKEN": "a"})})
    sidecar = {"name": "sidecar", "env": [{"name": "TOKEN", "value": "b"}]}
    new["spec"]["template"]["spec"]["containers"].insert(0, sidecar)

    assert "(before)" not in diff(old, new)


# --- length --------------------------------------------------------------------------------------


def test_what_does_not_fit_is_counted() -> None:
    before, after = ({f"V{n}": f"{side}{n}" for n in range(500)} for side in "ab")
    text = changed(before, after)

    assert len(text) <= DIFF_LENGTH
    *shown, last = text.splitlines()
    left = int(last.removeprefix("… (").removesuffix(" more lines)"))
    # Header, hunk and three lines of context on either side; name, old and new value of each.
    assert len(shown) + left == 2 + 1 + 2 + 3 * 500 + 2


def test_a_long_line_is_cut_with_a_count() -> None:
    text = changed({"A": "x" * 1000}, {"A": "y" * 1000})

    assert all(len(line) < 450 for line in text.splitlines())
    assert signed(text)[0].endswith("… (618 more characters)")


def test_texts_of_several_lines_are_blocks() -> None:
    assert signed(changed({"A": "one\ntwo"}, {"A": "one\nthree"})) == ["-two", "+three"]


def test_differences_far_down_are_not_passed_over_in_silence() -> None:
    before = {f"V{n}": "" for n in range(1500)}
    text = changed({**before, "LAST": "a"}, {**before, "LAST": "b"})

    assert text == "… (there are differences after line 2000)\n"


@settings(deadline=None, max_examples=50)
@given(
    values=st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60)), max_size=30),
    length=st.integers(100, 600),
)
def test_it_always_fits(values: list[tuple[str, str]], length: int) -> None:
    old, new = (
        workload_raw(
            spec={"template": template(env={f"V{n}": v[side] for n, v in enumerate(values)})}
        )
        for side in (0, 1)
    )

    assert len(diff(old, new, length)) <= length
