"""Whether a revision is what its controller recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from incidentcommander.actions import Situation
from incidentcommander.observed.workloads import Revision
from tests.actions.undo import blocks, plan, situation, warnings
from tests.support.build import OLD_IMAGE, ago, history, managed, merged, revision

MADE: dict[str, Any] = {
    "f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {"f:spec": {"f:containers": {}}}}
}
WRITTEN: dict[str, Any] = {"f:spec": {"f:template": {"f:spec": {"f:serviceAccountName": {}}}}}
SCALED: dict[str, Any] = {"f:spec": {"f:replicas": {}}}


def by(made: Revision, *entries: tuple[str, dict[str, Any]]) -> Revision:
    """The same revision, written by these clients."""
    fields = [managed(name, ago(minutes=9), what) for name, what in entries]
    return replace(made, raw=merged(made.raw, {"metadata": {"managedFields": fields}}))


def going_back(*entries: tuple[str, dict[str, Any]], **over: Any) -> Situation:
    """An old revision with these writers, and a new one of the controller."""
    old, new = history()
    found = (replace(by(old, *entries), **over), by(new, ("kube-controller-manager", MADE)))
    return situation(found)


@pytest.mark.parametrize(
    ("entries", "blocked", "warned"),
    [
        pytest.param([("kube-controller-manager", MADE)], [], [], id="the controller's"),
        pytest.param(
            [("kube-controller-manager", MADE), ("kube-controller-manager", SCALED)],
            [],
            [],
            id="scaled since",
        ),
        pytest.param(
            [("kube-controller-manager", MADE), ("kubectl-scale", SCALED)],
            [],
            [],
            id="scaled by somebody",
        ),
        pytest.param(
            [("kube-controller-manager", MADE), ("kubectl-edit", WRITTEN)],
            [],
            ["RevisionEdited"],
            id="ed edits it",
        ),
        pytest.param([("kubectl-create", MADE)], [], ["RevisionUnseen"], id="ed makes one like it"),
        pytest.param([], [], ["RevisionUnseen"], id="ed removes the names of its writers"),
    ],
)
def test_who_wrote_it(
    entries: list[tuple[str, dict[str, Any]]], blocked: list[str], warned: list[str]
) -> None:
    found = plan(going_back(*entries))

    assert (blocks(found), warnings(found)) == (blocked, warned)


def test_where_no_writers_are_kept_nothing_is_held_against_it() -> None:
    found = plan(situation())

    assert (blocks(found), warnings(found)) == ([], [])


def test_a_name_that_the_controller_does_not_give_is_said() -> None:
    where = going_back(("kube-controller-manager", MADE), name="checkout-evil")

    assert warnings(plan(where)) == ["RevisionUnseen"]


@pytest.mark.parametrize(
    ("image", "blocked"),
    [
        pytest.param(OLD_IMAGE, [], id="as it was"),
        pytest.param("evil.example/x/checkout:v1", ["RevisionEdited"], id="ed edits it"),
    ],
)
def test_what_was_noted_of_it_decides(image: str, blocked: list[str]) -> None:
    noted = {r.uid: r.template_hash for r in history()}
    now = (revision(6, image, created_at=ago(days=5)), history()[1])
    found = plan(replace(situation(now), noted=noted))

    assert blocks(found) == blocked


def test_it_says_how_to_look_at_it() -> None:
    found = plan(going_back(("k", MADE), ("kubectl, after alice approved it", WRITTEN)))
    guard = next(g for g in found.guards if g.name == "RevisionEdited")

    assert guard.commands == ["kubectl -n shop rollout history deployment/checkout --revision=6"]
    assert "by “kubectl, after alice approved it” as that client calls itself" in guard.message
