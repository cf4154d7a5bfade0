"""What an action leaves is what kubectl leaves, on a real API server with its controllers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from incidentcommander.actions.patching import guarded_patch
from incidentcommander.api.base import MARKER_ANNOTATION
from incidentcommander.api.common import TargetKind
from incidentcommander.gateways.kubernetes.convert import workload_from
from tests.parity.cases import DEPLOYMENTS
from tests.parity.set_cases import DAEMON_SETS, STATEFUL_SETS
from tests.parity.twins import MARKER, Case, Outcome, Stage
from tests.support.api import Api
from tests.support.objects import OPERATOR

CASES = (*DEPLOYMENTS, *STATEFUL_SETS, *DAEMON_SETS)
SIDE_BY_SIDE = 24


# --- what the patches rely on --------------------------------------------------------------------


def bare(name: str) -> dict[str, object]:
    """A StatefulSet: no controller gives it annotations, as it does a Deployment."""
    labels = {"app": name}
    pod = {"containers": [{"name": "c", "image": "app:1"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def test_where_there_are_no_annotations_the_map_is_added(api: Api, namespace: str) -> None:
    raw = api.create("statefulsets", bare("none"), namespace).expect_ok()
    patch = guarded_patch(workload_from(TargetKind.STATEFUL_SET, raw), marker="m")
    after = (
        api.as_user(OPERATOR, "system:masters")
        .patch("statefulsets", "none", [dict(o) for o in patch], namespace)
        .expect_ok()
    )

    assert after["metadata"]["annotations"] == {MARKER_ANNOTATION: "m"}


def test_a_map_that_came_meanwhile_is_not_wiped_out(api: Api, namespace: str) -> None:
    raw = api.create("statefulsets", bare("late"), namespace).expect_ok()
    patch = guarded_patch(workload_from(TargetKind.STATEFUL_SET, raw), marker="m")
    api.merge("statefulsets", "late", {"metadata": {"annotations": {"a": "b"}}}, namespace)
    answer = api.as_user(OPERATOR, "system:masters").patch(
        "statefulsets", "late", [dict(o) for o in patch], namespace
    )

    answer.expect_refused()
    assert answer.reason == "Invalid"


def test_a_map_that_went_meanwhile_stops_the_patch(api: Api, namespace: str) -> None:
    body = bare("gone") | {"metadata": {"name": "gone", "annotations": {"a": "b"}}}
    raw = api.create("statefulsets", body, namespace).expect_ok()
    patch = guarded_patch(workload_from(TargetKind.STATEFUL_SET, raw), marker="m")
    api.merge("statefulsets", "gone", {"metadata": {"annotations": {"a": None}}}, namespace)

    api.as_user(OPERATOR, "system:masters").patch(
        "statefulsets", "gone", [dict(o) for o in patch], namespace
    ).expect_refused()


# --- the same as kubectl -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outcomes(stage: Stage, request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Outcome]]]:
    """All chosen cases, being played side by side: almost all of their time is waiting."""
    # Other folders have parameters of that name, too.
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    cases = [call.params.get("case") for call in calls if call]
    chosen = {case.name for case in cases if isinstance(case, Case)}
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {case.name: pool.submit(stage.play, case) for case in CASES if case.name in chosen}


def of(ending: str) -> list[object]:
    return [pytest.param(case, id=case.name) for case in CASES if case.ending == ending]


@pytest.mark.parametrize("case", of("same"))
def test_the_same_is_left(case: Case, outcomes: dict[str, Future[Outcome]]) -> None:
    outcome = outcomes[case.name].result()

    assert (outcome.said.code, outcome.refused, outcome.blocks) == (0, False, []), outcome.said
    assert outcome.answer is not None
    outcome.answer.expect_ok()
    assert outcome.ours == outcome.theirs
    assert outcome.marker == MARKER


@pytest.mark.parametrize("case", of("refused"))
def test_what_kubectl_refuses_is_blocked(case: Case, outcomes: dict[str, Future[Outcome]]) -> None:
    outcome = outcomes[case.name].result()

    assert outcome.refused, outcome.said.out
    assert outcome.blocks == [case.guard]


@pytest.mark.parametrize("case", of("stricter"))
def test_what_kubectl_would_do_but_makes_no_sense_is_blocked(
    case: Case, outcomes: dict[str, Future[Outcome]]
) -> None:
    outcome = outcomes[case.name].result()

    assert not outcome.refused, outcome.said.err
    assert outcome.blocks == [case.guard]
