"""What is overdue, who is reminded and how often, by a given clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidentcommander.api.postmortem import Postmortem, PostmortemSpec
from incidentcommander.core.postmortem.completeness import holes
from incidentcommander.core.postmortem.overdue import Judgement, is_overdue, judge, overdue_items
from incidentcommander.core.postmortem.redraft import adopted, marks, redrafted
from tests.support.objects import COMPLETE, complete_postmortem
from tests.support.objects import postmortem as written

DUE = datetime(2026, 11, 24, 8, 45, tzinfo=UTC)
DAY = timedelta(days=1)


def model(body: dict[str, Any]) -> Postmortem:
    return Postmortem.model_validate(body)


def conditions(found: Judgement) -> dict[str, str]:
    return {c.type: str(c.status) for c in found.status.conditions}


def later(postmortem: Postmortem, found: Judgement) -> Postmortem:
    """Give it with the status that was written, as it is stored."""
    return postmortem.model_copy(
        update={"status": found.status.model_validate(found.status.to_api())}
    )


def test_a_draft_is_overdue_after_its_time_and_reminds_once_a_day() -> None:
    postmortem = model(written("shop"))

    before = judge(postmortem, DUE, DUE - timedelta(seconds=1))
    assert conditions(before)["Overdue"] == "False"
    assert before.reminders == ()
    assert before.again_at == DUE
    assert before.status.display is not None
    assert before.status.display.due == "2026-11-24 08:45 UTC"

    at = judge(later(postmortem, before), DUE, DUE)
    assert conditions(at) == {"Complete": "False", "Overdue": "True", "ActionItemsOverdue": "False"}
    assert [r.item for r in at.reminders] == [""]
    assert "was due 2026-11-24 08:45 UTC and is Draft" in at.reminders[0].text
    assert at.again_at == DUE + DAY

    again = later(postmortem, at)
    assert judge(again, DUE, DUE + timedelta(hours=23)).reminders == ()
    assert judge(again, DUE, DUE + timedelta(hours=23)).status == at.status, "no needless write"
    assert len(judge(again, DUE, DUE + DAY).reminders) == 1
    assert is_overdue(again, DUE)


def test_what_is_lacking_stands_in_the_condition() -> None:
    found = judge(model(written("shop")), DUE, DUE)

    assert "write: author, summary, impact.usersAffected" in found.status.conditions[0].message


def test_a_final_one_is_complete_and_never_overdue_again() -> None:
    postmortem = model(complete_postmortem("shop"))
    found = judge(postmortem, DUE, DUE - DAY)
    assert conditions(found)["Complete"] == "True"
    assert found.status.completed_at == DUE - DAY

    reworked = later(postmortem, found)
    reworked = reworked.model_copy(
        update={
            "spec": PostmortemSpec.model_validate({**reworked.spec.to_api(), "state": "Review"})
        }
    )
    after = judge(reworked, DUE, DUE + DAY)
    assert conditions(after)["Complete"] == "False"
    assert conditions(after)["Overdue"] == "False"
    assert after.status.completed_at == DUE - DAY


@pytest.mark.parametrize(
    ("due", "ends"),
    [
        ("2026-12-01", datetime(2026, 12, 2, tzinfo=UTC)),
        ("2026-12-31", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-12-01T12:00:00Z", datetime(2026, 12, 1, 12, tzinfo=UTC)),
        ("2026-12-01T12:00:00+02:00", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-02-30", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-12-31T00:00:00.123456789Z", datetime(2026, 12, 31, 0, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_an_action_item_is_overdue_when_its_day_or_moment_is_over(due: str, ends: datetime) -> None:
    item = {"id": "AI-1", "action": "x", "owner": "y", "due": due}
    postmortem = model(written("shop", actionItems=[item]))

    assert overdue_items(postmortem, ends - timedelta(seconds=1)) == []
    assert [i.id for i in overdue_items(postmortem, ends)] == ["AI-1"]


def test_action_items_are_tracked_until_done() -> None:
    postmortem = model(complete_postmortem("shop"))
    now = datetime(2026, 12, 10, tzinfo=UTC)

    found = judge(postmortem, None, now)

    assert conditions(found)["ActionItemsOverdue"] == "True"
    assert (found.status.open_items, found.status.overdue_items) == (2, ["AI-1", "AI-2"])
    assert [r.item for r in found.reminders] == ["AI-1", "AI-2"]
    assert "was due 2026-12-01, owner checkout, NotStarted: Add the test" in found.reminders[0].text
    assert found.status.display is not None
    assert found.status.display.overdue == "2 action items"
    assert found.again_at == now + DAY

    items = [{**item, "status": "Done"} for item in COMPLETE["actionItems"]]
    done = model(
        {**complete_postmortem("shop", actionItems=items), "status": found.status.to_api()}
    )
    after = judge(done, None, now + DAY)
    assert conditions(after)["ActionItemsOverdue"] == "False"
    assert (after.status.open_items, after.status.reminders, after.again_at) == (0, [], None)


def test_one_is_reminded_of_though_the_other_was_an_hour_ago() -> None:
    postmortem = model(complete_postmortem("shop"))
    first = judge(postmortem, None, datetime(2026, 12, 8, 11, tzinfo=UTC))
    assert [r.item for r in first.reminders] == ["AI-1"]
    assert first.again_at == datetime(2026, 12, 8, 12, tzinfo=UTC)

    second = judge(later(postmortem, first), None, datetime(2026, 12, 8, 12, tzinfo=UTC))

    assert [r.item for r in second.reminders] == ["AI-2"]


@pytest.mark.parametrize(
    ("over", "lacks"),
    [
        ({}, []),
        ({"author": "TODO"}, ["author"]),
        ({"summary": " "}, ["summary"]),
        ({"impact": {}}, [f"impact.{name}" for name in COMPLETE["impact"]]),
        ({"fiveWhys": ["a", "b", "TODO: c", "d", "e"]}, ["fiveWhys (4 of 5)"]),
        ({"wentWell": []}, ["wentWell"]),
        ({"wentPoorly": ["", "x"]}, ["wentPoorly"]),
        ({"actionItems": []}, ["actionItems"]),
        (
            {"actionItems": [{"id": "AI-7", "action": "x"}]},
            ["actionItems AI-7: owner", "actionItems AI-7: due"],
        ),
        ({"followUpReviewAt": None}, ["followUpReviewAt"]),
        ({"contributingFactors": {"immediate": "x"}},
         ["contributingFactors.underlying", "contributingFactors.systemic"]),
    ],
)  # fmt: skip
def test_holes_are_named(over: dict[str, Any], lacks: list[str]) -> None:
    assert holes(model(complete_postmortem("shop", **over)).spec) == lacks


# --- drafting again ------------------------------------------------------------------------------


def spec(**over: Any) -> PostmortemSpec:
    return model(written("shop", **over)).spec


def test_only_what_nobody_touched_is_drafted_anew() -> None:
    first = spec(summary="one", lessons="TODO", wentWell=["a"])
    edited = spec(summary="one", lessons="by people", wentWell=["a"], author="sre")
    second = spec(summary="two", lessons="TODO again", wentWell=["a"], wentPoorly=["new"])

    assert redrafted(edited, marks(first), second) == {"summary": "two", "wentPoorly": ["new"]}


def test_what_people_emptied_stays_empty() -> None:
    first = spec(summary="one", wentWell=["a"])

    assert redrafted(spec(summary="one"), marks(first), spec(summary="one", wentWell=["b"])) == {}


def test_the_same_draft_changes_nothing() -> None:
    same = spec(summary="one", wentWell=["a"])

    assert redrafted(same, marks(same), same) == {}


def test_ed_writes_the_facts_beforehand_and_they_are_drafted_over() -> None:
    wanted = spec(
        summary="ours",
        severity="SEV1",
        startedAt="2026-11-22T08:00:00Z",
        timeline=[{"at": "2026-11-22T08:00:00Z", "event": "It broke", "source": "#1"}],
        impact={"duration": "45 min", "measured": ["errors: 40 % (#4)"], "revenue": "TODO"},
    )
    his = spec(
        summary="It was alice",
        severity="SEV4",
        drill=True,
        startedAt="2026-11-22T09:00:00Z",
        timeline=[{"at": "2026-11-22T08:00:00Z", "event": "alice caused it", "source": "#4"}],
        impact={"duration": "1 s", "measured": ["errors: 0 % (#4)"], "usersAffected": "nobody"},
    )

    changes = adopted(his, wanted)

    facts = wanted.to_api()
    assert {f: changes[f] for f in ("severity", "startedAt", "timeline")} == {
        f: facts[f] for f in ("severity", "startedAt", "timeline")
    }
    assert changes["drill"] == facts.get("drill")
    assert changes["impact"] == {"duration": "45 min", "measured": ["errors: 40 % (#4)"]}
    assert "summary" not in changes, "prose is people's"
