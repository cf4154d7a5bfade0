"""What stands between a draft and Final: one refusal per hole, each says what to write there."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.support.api import Answer, Api
from tests.support.objects import complete_postmortem, postmortem

pytestmark = pytest.mark.usefixtures("crds")

NAME = "checkout-5xx"
Body = dict[str, Any]


def without(path: str) -> Body:
    """Give a complete Postmortem that lacks one field."""
    body = complete_postmortem("")
    *parents, last = path.split(".")
    at: Any = body["spec"]
    for part in parents:
        at = at[int(part)] if part.isdigit() else at[part]
    del at[last]
    return body


def with_(path: str, value: Any) -> Body:
    """Give a complete Postmortem with another value in one field."""
    body = complete_postmortem("")
    *parents, last = path.split(".")
    at: Any = body["spec"]
    for part in parents:
        at = at[int(part)] if part.isdigit() else at[part]
    at[last] = value
    return body


TEXTS = {
    "author": "who answers for it",
    "summary": "what happened, who was affected",
    "impact.usersAffected": "number or share of users",
    "impact.duration": "how long it lasted",
    "impact.revenue": "or N/A",
    "impact.errorBudgetConsumed": "or N/A",
    "impact.supportTickets": "or N/A",
    "whatHappened": "the chain of failures",
    "contributingFactors.immediate": "the direct trigger",
    "contributingFactors.underlying": "why the trigger was possible",
    "contributingFactors.systemic": "which gap in organisation or process",
    "lessons": "what future decisions are to take from it",
}
LISTS = {
    "fiveWhys": "five answers",
    "wentWell": "what worked",
    "wentPoorly": "slow, confusing or broken",
    "actionItems": "who will do what by when",
}


def finished(api: Api, namespace: str, body: Body) -> Answer:
    """Create it as a draft, then set it Final."""
    body["metadata"]["namespace"] = namespace
    drafted = deepcopy(body)
    drafted["spec"]["state"] = "Draft"
    api.create("postmortems", drafted).expect_ok()
    return api.merge("postmortems", NAME, {"spec": {"state": "Final"}}, namespace)


def test_a_complete_one_becomes_final(api: Api, namespace: str) -> None:
    finished(api, namespace, complete_postmortem("")).expect_ok()


def test_a_complete_one_may_be_final_at_once(api: Api, namespace: str) -> None:
    api.create("postmortems", complete_postmortem(namespace)).expect_ok()


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize("hole", ["", "  \n", "TODO", "TODO: ask", " \n TODO later"])
def test_a_text_that_says_nothing_is_refused(
    api: Api, namespace: str, path: str, hole: str
) -> None:
    # An author is one line.
    said = hole.replace("\n", " ") if path == "author" else hole
    finished(api, namespace, with_(path, said)).expect_refused(
        f"spec.{path}", f"Final needs {path}: ", TEXTS[path]
    )


@pytest.mark.parametrize("path", [*TEXTS, *LISTS])
def test_what_is_absent_is_refused(api: Api, namespace: str, path: str) -> None:
    finished(api, namespace, without(path)).expect_refused(
        f"spec.{path}", f"Final needs {path}: ", {**TEXTS, **LISTS}[path]
    )


@pytest.mark.parametrize("path", LISTS)
def test_an_empty_list_is_refused(api: Api, namespace: str, path: str) -> None:
    finished(api, namespace, with_(path, [])).expect_refused(f"Final needs {path}: ", LISTS[path])


@pytest.mark.parametrize("path", ["fiveWhys.3", "wentWell.0", "wentPoorly.1"])
def test_a_point_that_is_a_placeholder_is_refused(api: Api, namespace: str, path: str) -> None:
    body = complete_postmortem("")
    name, _, index = path.partition(".")
    body["spec"][name][int(index)] = "TODO: Why? → what made it so?"

    finished(api, namespace, body).expect_refused(f"Final needs {name}: ", LISTS[name])


def test_four_whys_are_not_five(api: Api, namespace: str) -> None:
    body = with_("fiveWhys", ["one", "two", "three", "four"])

    finished(api, namespace, body).expect_refused("Final needs fiveWhys: five answers")


def test_a_follow_up_review_is_needed(api: Api, namespace: str) -> None:
    finished(api, namespace, without("followUpReviewAt")).expect_refused(
        "spec.followUpReviewAt", "when the follow-up review takes place"
    )


@pytest.mark.parametrize(
    ("field", "says"),
    [("owner", "the owner"), ("due", "the due date"), ("action", "the action")],
)
def test_an_action_item_without_it_is_refused(
    api: Api, namespace: str, field: str, says: str
) -> None:
    finished(api, namespace, without(f"actionItems.1.{field}")).expect_refused(
        "spec.actionItems", f"Final needs {says} of every action item"
    )


@pytest.mark.parametrize(("field", "value"), [("owner", "TODO"), ("owner", " "), ("action", "")])
def test_an_action_item_with_a_hole_is_refused(
    api: Api, namespace: str, field: str, value: str
) -> None:
    finished(api, namespace, with_(f"actionItems.1.{field}", value)).expect_refused(
        f"Final needs the {field} of every action item"
    )


def test_all_holes_are_said_at_once(api: Api, namespace: str) -> None:
    drafted = postmortem(namespace)
    api.create("postmortems", drafted).expect_ok()

    said = api.merge("postmortems", NAME, {"spec": {"state": "Final"}}, namespace)

    said.expect_refused(*(f"Final needs {path}: " for path in (*TEXTS, *LISTS)))


@pytest.mark.parametrize("state", ["Draft", "Review"])
def test_a_draft_may_have_holes(api: Api, namespace: str, state: str) -> None:
    api.create("postmortems", postmortem(namespace, state=state)).expect_ok()


# --- afterwards ----------------------------------------------------------------------------------


def change(api: Api, namespace: str, **spec: Any) -> Answer:
    return api.merge("postmortems", NAME, {"spec": spec}, namespace)


def items(**over: Any) -> list[Body]:
    found: list[Body] = complete_postmortem("")["spec"]["actionItems"]
    return [{**found[0], **over}, *found[1:]]


@pytest.mark.parametrize(
    "over",
    [
        {"status": "Done"},
        {"ticket": "https://tickets.example/1"},
        {"owner": "somebody else"},
        {"due": "2027-01-01"},
        {"priority": "P0"},
    ],
)
def test_action_items_of_a_final_one_are_worked_on(api: Api, namespace: str, over: Body) -> None:
    api.create("postmortems", complete_postmortem(namespace)).expect_ok()

    change(api, namespace, actionItems=items(**over)).expect_ok()


@pytest.mark.parametrize(
    "over", [{"action": "something else"}, {"owner": None}, {"due": None}, {"id": "AI-9"}]
)
def test_an_action_item_of_a_final_one_does_not_get_lost(
    api: Api, namespace: str, over: Body
) -> None:
    api.create("postmortems", complete_postmortem(namespace)).expect_ok()
    wanted = [{k: v for k, v in item.items() if v is not None} for item in items(**over)]

    change(api, namespace, actionItems=wanted).expect_refused("spec.actionItems")


def test_an_action_item_may_be_added_to_a_final_one(api: Api, namespace: str) -> None:
    api.create("postmortems", complete_postmortem(namespace)).expect_ok()
    more = {"id": "AI-7", "action": "Ask others", "owner": "sre", "due": "2026-12-24"}

    change(api, namespace, actionItems=[*items(), more]).expect_ok()
    change(api, namespace, actionItems=items()).expect_refused("are kept until they are Done")


@pytest.mark.parametrize(
    "spec", [{"summary": "another"}, {"lessons": "others"}, {"impact": {"revenue": "more"}}]
)
def test_the_rest_of_a_final_one_is_frozen(api: Api, namespace: str, spec: Body) -> None:
    api.create("postmortems", complete_postmortem(namespace)).expect_ok()

    change(api, namespace, **spec).expect_refused("changes in its actionItems only", "Review")
    change(api, namespace, state="Review", **spec).expect_ok()


def test_a_postmortem_stays_with_its_incident(api: Api, namespace: str) -> None:
    api.create("postmortems", postmortem(namespace)).expect_ok()

    change(api, namespace, incidentRef={"name": "other"}).expect_refused("incidentRef is immutable")


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({"due": "tomorrow"}, "a day such as 2026-12-01"),
        ({"due": "2026-13-01"}, "a day such as 2026-12-01"),
        ({"priority": "P4"}, '"P0", "P1", "P2", "P3"'),
        ({"status": "Open"}, '"NotStarted", "InProgress", "Done"'),
    ],
)
def test_a_wrong_value_is_refused(api: Api, namespace: str, item: Body, says: str) -> None:
    api.create("postmortems", postmortem(namespace, actionItems=items(**item))).expect_refused(
        "spec.actionItems[0]", says
    )


def test_two_action_items_of_one_id_are_refused(api: Api, namespace: str) -> None:
    twice = items() + items()[:1]

    api.create("postmortems", postmortem(namespace, actionItems=twice)).expect_refused("Duplicate")
