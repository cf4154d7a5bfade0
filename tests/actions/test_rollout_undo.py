"""The undo: where it goes back to, what forbids it, and what it writes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidentcommander.actions import Situation, all_actions
from incidentcommander.actions.rollout_undo import ACTION
from incidentcommander.api.base import MARKER_ANNOTATION
from incidentcommander.api.runbook import RolloutRestartAction
from incidentcommander.observed.workloads import Revision, significant_hash
from tests.actions.jsonpatch import TestFailedError, apply
from tests.actions.undo import LAST_APPLIED, blocks, plan, restarted, situation, warnings
from tests.support.build import NOW, history, revision, template, workload


def test_it_is_found_by_the_name_that_runbooks_use() -> None:
    assert all_actions()["rolloutUndo"] is ACTION


# --- the destination -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("revisions", "failing", "destination"),
    [
        pytest.param(
            [revision(6, "a:1"), revision(7, "a:2")], [], 6, id="the revision before this one"
        ),
        pytest.param([revision(3, "a:1"), revision(9, "a:2")], [], 3, id="numbers may have gaps"),
        pytest.param(
            [revision(5, "a:1"), revision(6, "a:2"), revision(7, pod_template=restarted("a:2"))],
            [],
            5,
            id="a restart of the bad release is passed over",
        ),
        pytest.param(
            [revision(5, "a:1"), revision(6, pod_template=restarted("a:1")), revision(7, "a:2")],
            [],
            6,
            id="of one release, its newest revision",
        ),
        pytest.param(
            [revision(5, "a:1"), revision(6, "a:2"), revision(7, "a:3")],
            ["a:2", "a:3"],
            5,
            id="a release that was seen failing is passed over",
        ),
        pytest.param(
            [
                revision(4, "a:1"),
                revision(5, pod_template=restarted("a:2")),
                revision(6, "a:3"),
            ],
            ["a:2"],
            4,
            id="seen failing holds for its restarts too",
        ),
        pytest.param(
            [revision(0, "a:0"), revision(7, "a:2")], [], None, id="an unnumbered ReplicaSet"
        ),
        pytest.param([revision(7, "a:2")], [], None, id="a first release"),
        pytest.param(
            [revision(6, "a:1"), revision(7, "a:2")], ["a:1"], None, id="all others seen failing"
        ),
        pytest.param(
            [revision(6, "a:2"), revision(7, pod_template=restarted("a:2"))],
            [],
            None,
            id="only restarts",
        ),
    ],
)
def test_it_goes_back_to(
    revisions: list[Revision], failing: list[str], destination: int | None
) -> None:
    found = plan(situation(revisions, failing=failing))

    assert found.parameters.get("toRevision") == (str(destination) if destination else None)
    assert blocks(found) == ([] if destination else ["NoHistory"])


def test_a_revision_that_is_newer_than_the_running_template_is_no_way_back() -> None:
    older, newer = revision(6, "a:1"), revision(7, "a:2")
    where = situation([revision(5, "a:0"), older, newer])
    where = replace(where, workload=workload(spec={"template": older.template}))

    assert plan(where).parameters["toRevision"] == "5"


def test_the_plan_is_absolute() -> None:
    found = plan(situation())

    assert found.parameters == {
        "fromRevision": "7",
        "fromHash": situation().workload.template_hash,
        "toRevision": "6",
        "toName": "checkout-rev6",
        "toUid": "rev6-uid",
        "toHash": history()[0].template_hash,
        "annotations": "{}",
    }
    assert found.depends_on == {
        "targetUid": "workload-uid",
        "templateHash": found.parameters["fromHash"],
        "destinationHash": found.parameters["toHash"],
        "paused": "false",
        "strategy": "RollingUpdate",
    }


def test_the_plan_reads_well() -> None:
    revisions = [
        revision(4, "r.example/shop/app:0", annotations={"kubernetes.io/change-cause": "first"}),
        revision(5, "r.example/shop/app:1", annotations={"kubernetes.io/change-cause": "tax"}),
        revision(6, "r.example/shop/app:2"),
        revision(7, pod_template=restarted("r.example/shop/app:2")),
    ]
    found = plan(situation(revisions))

    assert found.summary == (
        "Roll back Deployment checkout from revision 7 (app:2) to revision 5 (app:1)"
    )
    assert found.reason == (
        'Revision 5 (app:1, created 2026-11-17T08:30:00Z, "tax") is the newest release before '
        "revision 7. Passed over: revision 6 (app:2, created 2026-11-18T08:30:00Z): the same "
        "release, restarted. Also there: revision 4 (app:0, created 2026-11-16T08:30:00Z, "
        '"first").'
    )
    assert found.command == "kubectl -n shop rollout undo deployment/checkout --to-revision=5"


def test_texts_fit_into_their_fields() -> None:
    cause = {"kubernetes.io/change-cause": "c" * 5000}
    revisions = [revision(n, f"app:{n}-{'x' * 400}", annotations=cause) for n in range(1, 40)]
    found = plan(
        situation(revisions, metadata={"annotations": {f"a{n}" * 40: "" for n in range(50)}})
    )

    assert max(len(found.summary), len(found.reason)) <= 512
    assert len(found.command) <= 1024


# --- a pinned destination ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to_revision", "blocked", "warned"),
    [
        pytest.param(5, [], [], id="an older one is taken as it is"),
        pytest.param(6, [], ["SameRelease"], id="the same release before its restart"),
        pytest.param(7, ["AlreadyThere"], [], id="kubectl skips the current one"),
        pytest.param(4, ["SeenFailing"], [], id="one that was seen failing"),
        pytest.param(3, ["NoHistory"], [], id="one that is gone"),
    ],
)
def test_a_pinned_revision(to_revision: int, blocked: list[str], warned: list[str]) -> None:
    revisions = [
        revision(4, "a:0"),
        revision(5, "a:1"),
        revision(6, "a:2"),
        revision(7, pod_template=restarted("a:2")),
    ]
    found = plan(situation(revisions, failing=["a:0"]), to_revision)

    assert (blocks(found), warnings(found)) == (blocked, warned)


# --- drift ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("over", "revisions", "drifted"),
    [
        pytest.param({}, history(), False, id="nothing changed"),
        pytest.param(
            {"metadata": {"generation": 9, "resourceVersion": "999"}, "spec": {"replicas": 9}},
            history(),
            False,
            id="scaled meanwhile",
        ),
        pytest.param({"metadata": {"uid": "other"}}, history(), True, id="made anew"),
        pytest.param({"spec": {"paused": True}}, history(), True, id="paused meanwhile"),
        pytest.param(
            {"spec": {"template": template("a:hotfix")}}, history(), True, id="a new release"
        ),
        pytest.param({}, history()[1:], True, id="the destination is gone"),
        pytest.param(
            {}, (replace(history()[0], number=8), history()[1]), False, id="only renumbered"
        ),
    ],
)
def test_the_plan_is_void_when(
    over: dict[str, Any], revisions: tuple[Revision, ...], *, drifted: bool
) -> None:
    found = plan(situation())
    live = Situation(workload=workload(**over), revisions=revisions)

    assert (ACTION.depends_on(found.parameters, live) != found.depends_on) is drifted


def test_a_destination_that_is_gone_cannot_be_written() -> None:
    found = plan(situation())
    live = Situation(workload=workload(), revisions=history()[1:])

    with pytest.raises(LookupError, match="rev6-uid"):
        ACTION.change(found.parameters, live, "p-1", NOW)


def test_parameters_of_another_action_pin_nothing() -> None:
    assert ACTION.plan(RolloutRestartAction(), situation()).parameters["toRevision"] == "6"


# --- what is written -----------------------------------------------------------------------------

KEPT = {
    LAST_APPLIED: "{}",
    "deployment.kubernetes.io/revision": "7",
    "deployment.kubernetes.io/revision-history": "1,3",
}


def test_it_writes_the_template_and_the_annotations_as_kubectl_does() -> None:
    old = revision(
        6,
        "a:1",
        annotations={
            "kubernetes.io/change-cause": "old",
            "deployment.kubernetes.io/desired-replicas": "3",
            "restored": "yes",
            MARKER_ANNOTATION: "earlier",
        },
    )
    where = situation(
        [old, revision(7, "a:2")],
        metadata={"annotations": {**KEPT, "kubernetes.io/change-cause": "new", "lost": "x"}},
    )
    found = plan(where)
    after = apply(ACTION.change(found.parameters, where, "rollback-1", NOW), where.workload.raw)

    assert after["spec"] == {**where.workload.spec, "template": old.template}
    assert after["metadata"]["annotations"] == {
        **KEPT,
        "kubernetes.io/change-cause": "old",
        "restored": "yes",
        MARKER_ANNOTATION: "rollback-1",
    }


def test_an_annotation_that_nobody_was_shown_is_not_dropped() -> None:
    where = situation()
    patch = ACTION.change(plan(where).parameters, where, "m", NOW)
    live = workload(metadata={"annotations": {"team/lock": "x"}}).raw

    with pytest.raises(TestFailedError, match="annotations"):
        apply(patch, live)


images = st.sampled_from(["a:1", "a:2", "a:3"])
releases = st.lists(st.tuples(images, st.booleans()), min_size=1, max_size=6)


@settings(deadline=None, max_examples=50)
@given(releases=releases, failing=st.lists(images, max_size=2))
def test_whatever_the_history(releases: list[tuple[str, bool]], failing: list[str]) -> None:
    revisions = [
        revision(n, pod_template=restarted(image, f"t{n}") if again else template(image))
        for n, (image, again) in enumerate(releases, 1)
    ]
    where = situation(revisions, failing=failing)
    found = plan(where)

    assert ACTION.depends_on(found.parameters, where) == found.depends_on
    if "toUid" not in found.parameters:
        assert blocks(found)
        return
    patch = ACTION.change(found.parameters, where, "m", NOW)
    assert [op["path"] for op in patch[:2]] == ["/metadata/uid", "/metadata/generation"]
    after = apply(patch, where.workload.raw)
    here = significant_hash(after["spec"]["template"])
    assert here != significant_hash(where.workload.template)
    assert here not in where.failing
    after["metadata"]["generation"] += 1  # as the API server does for a changed spec
    with pytest.raises(TestFailedError):
        apply(patch, after)


def test_annotations_are_written_as_they_were_planned() -> None:
    revisions = [
        revision(6, "a:1", annotations={"kubernetes.io/change-cause": "first"}),
        revision(7, "a:2", annotations={"kubernetes.io/change-cause": "second"}),
    ]
    shown = {"kubernetes.io/change-cause": "second", "note": "x"}
    found = plan(situation(revisions, metadata={"annotations": shown}))
    assert json.loads(found.parameters["annotations"]) == {
        "kubernetes.io/change-cause": "first",
        "note": None,
    }

    revisions[0] = revision(6, "a:1", annotations={"kubernetes.io/change-cause": "ed", "evil": "x"})
    later = situation(revisions, metadata={"annotations": {**shown, "team": "pay"}})
    patch = ACTION.change(found.parameters, later, "marker", NOW)

    value = next(op["value"] for op in patch if op["path"] == "/metadata/annotations")
    written = [op["value"] for op in patch if op["path"] == "/metadata/annotations"][-1]
    assert value.items() >= {**shown, "team": "pay"}.items()
    assert written == {
        "kubernetes.io/change-cause": "first",
        "team": "pay",
        **{k: v for k, v in value.items() if k.startswith("deployment.kubernetes.io/")},
        MARKER_ANNOTATION: "marker",
    }


def test_more_annotations_than_a_plan_holds_are_left_alone() -> None:
    many = {f"example.com/a-long-name-{number}": "x" for number in range(20)}
    where = situation(metadata={"annotations": many})
    found = plan(where)

    assert found.parameters["annotations"] == "left alone"
    patch = ACTION.change(found.parameters, where, "marker", NOW)
    paths = [op["path"] for op in patch if op["op"] != "test"]
    assert paths == ["/spec/template", "/metadata/annotations/incidentcommander.dev~1applied"]
