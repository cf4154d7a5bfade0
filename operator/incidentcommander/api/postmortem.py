"""The Postmortem: what was learned of an Incident (``spec``), and whether that is done (``status``).

The operator drafts it from evidence, people complete it. The CEL rules are the gate before ``Final``:
one per hole, each naming the field and what to write there. What the draft could not know begins with
``TODO`` and counts as empty.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field, JsonValue

from .base import LINES, ONE_LINE, PATTERN_MESSAGE, ApiModel, Name, Person, Timestamp
from .common import Condition, ObjectMeta, Severity

__all__ = [
    "DAY_PATTERN",
    "PLACEHOLDER",
    "ActionItem",
    "ActionPriority",
    "ActionStatus",
    "ContributingFactors",
    "Postmortem",
    "PostmortemDisplay",
    "PostmortemImpact",
    "PostmortemOf",
    "PostmortemSpec",
    "PostmortemState",
    "PostmortemStatus",
    "Reminded",
    "ReportRef",
    "TimelineRow",
]

PLACEHOLDER: Final = "TODO"
"""With this word begins what the draft leaves to people."""
MAX_ROWS: Final = 200
MAX_ITEMS: Final = 32
MAX_POINTS: Final = 16
_WHYS: Final = 5

# A blank text, or one that begins with the placeholder.
_HOLE: Final = rf"^\\s*({PLACEHOLDER}|$)"
DAY_PATTERN: Final = (
    r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"(T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]))?$"
)

Point = Annotated[str, Field(max_length=1024, json_schema_extra=LINES)]
Paragraph = Annotated[str, Field(max_length=2048, json_schema_extra=LINES)]
Figure = Annotated[str, Field(max_length=512, json_schema_extra=LINES)]
Chapter = Annotated[str, Field(max_length=8192, json_schema_extra=LINES)]


class PostmortemState(StrEnum):
    """How far a Postmortem has come."""

    DRAFT = "Draft"
    REVIEW = "Review"
    FINAL = "Final"


class ActionPriority(StrEnum):
    """How soon an action item has to be done; P0 is the most urgent."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


class ActionStatus(StrEnum):
    """How far an action item has come."""

    NOT_STARTED = "NotStarted"
    IN_PROGRESS = "InProgress"
    DONE = "Done"


class PostmortemOf(ApiModel):
    """The Incident that a Postmortem is about."""

    name: Name = Field(description="Name of the Incident, in this namespace.")
    uid: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="Its uid, where the operator drafted it: another Incident of the same name is "
        "another one.",
    )


class PostmortemImpact(ApiModel):
    """What it cost. For Final each field is needed; `N/A` is an answer."""

    users_affected: Figure | None = Field(
        default=None, description="Number or share of users affected, and how."
    )
    duration: Figure | None = Field(default=None, description="From the start to the resolution.")
    revenue: Figure | None = Field(default=None, description="Estimated revenue lost, or N/A.")
    error_budget_consumed: Figure | None = Field(
        default=None, description="Share of the error budget that it used up, or N/A."
    )
    support_tickets: Figure | None = Field(
        default=None, description="Number of support tickets that it made, or N/A."
    )
    measured: Annotated[list[Point], Field(max_length=MAX_POINTS)] = Field(
        default_factory=list,
        description="Figures as they were measured, each with its source in the timeline.",
    )


class ContributingFactors(ApiModel):
    """Why it happened, on three levels."""

    immediate: Paragraph | None = Field(default=None, description="The direct trigger.")
    underlying: Paragraph | None = Field(default=None, description="Why the trigger was possible.")
    systemic: Paragraph | None = Field(
        default=None, description="Which gap in organisation or process allowed it."
    )


class TimelineRow(ApiModel):
    """One row of the Postmortem's timeline."""

    at: Timestamp = Field(description="When it happened.")
    event: Figure = Field(description="What happened; people by their role.")
    source: Annotated[str, Field(max_length=128, json_schema_extra=ONE_LINE)] = Field(
        default="",
        description="Where that stands: `#12` is the entry with seq 12 of the Incident's timeline.",
    )


class ActionItem(ApiModel):
    """Who will do what by when."""

    id: Annotated[str, Field(min_length=1, max_length=63, json_schema_extra=ONE_LINE)] = Field(
        description="Unique in this Postmortem, such as AI-1."
    )
    action: Point = Field(default="", description="What is done.")
    owner: Person | None = Field(
        default=None, description="Who does it: a person or a team. Needed for Final."
    )
    priority: ActionPriority = Field(
        default=ActionPriority.P2, description="P0 (most urgent) to P3."
    )
    due: (
        Annotated[
            str,
            Field(
                max_length=40,
                pattern=DAY_PATTERN,
                json_schema_extra={
                    PATTERN_MESSAGE: "a day such as 2026-12-01 (its end, in UTC), or a time such as "
                    "2026-12-01T12:00:00Z"
                },
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="By when: a day such as 2026-12-01 (its end, in UTC), or a time. Needed for "
        "Final.",
    )
    status: ActionStatus = Field(
        default=ActionStatus.NOT_STARTED, description="NotStarted, InProgress or Done."
    )
    ticket: Annotated[str, Field(max_length=512, json_schema_extra=ONE_LINE)] | None = Field(
        default=None, description="Where the work is tracked: a URL or a number."
    )


def _text_needed(path: str, needs: str) -> dict[str, JsonValue]:
    """Give the rule that a text is there and no placeholder, once the Postmortem is Final."""
    parts = path.split(".")
    there = [f"has(self.{'.'.join(parts[: n + 1])})" for n in range(len(parts))]
    filled = " && ".join([*there, f"!self.{path}.matches('{_HOLE}')"])
    return {
        "rule": f"self.state != 'Final' || ({filled})",
        "message": f"Final needs {path}: {needs}",
        "fieldPath": f".{path}",
    }


def _points_needed(path: str, needs: str) -> dict[str, JsonValue]:
    """Give the rule that a list says something, and has no placeholder left."""
    return {
        "rule": f"self.state != 'Final' || (has(self.{path}) && self.{path}.size() > 0 && "
        f"self.{path}.all(v, !v.matches('{_HOLE}')))",
        "message": f"Final needs {path}: {needs}",
        "fieldPath": f".{path}",
    }


def _items_needed(lacks: str, what: str, needs: str) -> dict[str, JsonValue]:
    """Give the rule that no action item lacks something.

    Which one does is more than the API server lets a message cost: the report says it.
    """
    return {
        "rule": "self.state != 'Final' || !has(self.actionItems) || "
        f"!self.actionItems.exists(i, {lacks})",
        "message": f"Final needs {what} of every action item: {needs}",
        "fieldPath": ".actionItems",
    }


def _frozen() -> str:
    """Say in CEL that everything beside the action items is as it was."""
    fields = (
        *("title", "severity", "startedAt", "resolvedAt", "drill", "author", "summary", "impact"),
        *("timeline", "whatHappened", "contributingFactors", "fiveWhys", "wentWell"),
        *("wentPoorly", "lessons", "followUpReviewAt"),
    )
    return " && ".join(
        f"has(self.{f}) == has(oldSelf.{f}) && (!has(self.{f}) || self.{f} == oldSelf.{f})"
        for f in fields
    )


_RULES: Final[list[JsonValue]] = [
    {
        "rule": "self.incidentRef == oldSelf.incidentRef",
        "message": "incidentRef is immutable: a Postmortem stays with its Incident",
        "fieldPath": ".incidentRef",
    },
    {
        "rule": f"oldSelf.state != 'Final' || self.state != 'Final' || ({_frozen()})",
        "message": "a Final Postmortem changes in its actionItems only: to rework the rest, set "
        "state back to Review first",
        "fieldPath": ".state",
    },
    {
        "rule": "oldSelf.state != 'Final' || !has(oldSelf.actionItems) || (has(self.actionItems) && "
        "oldSelf.actionItems.all(o, self.actionItems.exists(i, i.id == o.id && "
        "has(i.action) == has(o.action) && (!has(i.action) || i.action == o.action)))) || "
        "self.state != 'Final'",
        "message": "the action items of a Final Postmortem are kept until they are Done: change "
        "owner, due, priority, status or ticket, or add others",
        "fieldPath": ".actionItems",
    },
    _text_needed("author", "who answers for it"),
    _text_needed("summary", "what happened, who was affected, how it was resolved"),
    _text_needed("impact.usersAffected", "the number or share of users affected"),
    _text_needed("impact.duration", "how long it lasted"),
    _text_needed("impact.revenue", "the estimated loss, or N/A"),
    _text_needed("impact.errorBudgetConsumed", "the share of the error budget used up, or N/A"),
    _text_needed("impact.supportTickets", "their number, or N/A"),
    _text_needed("whatHappened", "the chain of failures, technically"),
    _text_needed("contributingFactors.immediate", "the direct trigger"),
    _text_needed("contributingFactors.underlying", "why the trigger was possible"),
    _text_needed("contributingFactors.systemic", "which gap in organisation or process allowed it"),
    {
        "rule": "self.state != 'Final' || (has(self.fiveWhys) && "
        f"self.fiveWhys.size() == {_WHYS} && self.fiveWhys.all(v, !v.matches('{_HOLE}')))",
        "message": "Final needs fiveWhys: five answers, each the reason of the one before, down to "
        "the system",
        "fieldPath": ".fiveWhys",
    },
    _points_needed("wentWell", "what worked in the response, at least one point"),
    _points_needed("wentPoorly", "what was slow, confusing or broken, at least one point"),
    _text_needed("lessons", "what future decisions are to take from it"),
    {
        "rule": "self.state != 'Final' || has(self.followUpReviewAt)",
        "message": "Final needs followUpReviewAt: when the follow-up review takes place, such as "
        "2026-12-01T15:00:00Z",
        "fieldPath": ".followUpReviewAt",
    },
    {
        "rule": "self.state != 'Final' || (has(self.actionItems) && self.actionItems.size() > 0)",
        "message": "Final needs actionItems: at least one, who will do what by when",
        "fieldPath": ".actionItems",
    },
    _items_needed(
        f"!has(i.action) || i.action.matches('{_HOLE}')", "the action", "say what will be done"
    ),
    _items_needed(
        f"!has(i.owner) || i.owner.matches('{_HOLE}')", "the owner", "say who will do it"
    ),
    _items_needed("!has(i.due)", "the due date", "say by when, such as 2026-12-01"),
]


class PostmortemSpec(ApiModel):
    """What was learned. Drafted from evidence, completed by people."""

    model_config: ClassVar[ConfigDict] = {"json_schema_extra": {"x-kubernetes-validations": _RULES}}

    incident_ref: PostmortemOf = Field(description="The Incident that it is about; immutable.")
    state: PostmortemState = Field(
        default=PostmortemState.DRAFT,
        description="Draft, Review or Final. The API server refuses Final as long as a section is "
        "empty or an action item lacks owner or due date; text that begins with TODO counts as "
        "empty. A Final one changes in its action items only.",
    )
    title: Annotated[str, Field(max_length=120, json_schema_extra=ONE_LINE)] = Field(
        default="", description="Title of the Incident."
    )
    severity: Severity | None = Field(
        default=None, description="The severity that the Incident had in the end."
    )
    started_at: Timestamp | None = Field(default=None, description="When the impact began.")
    resolved_at: Timestamp | None = Field(default=None, description="When it was resolved.")
    drill: bool = Field(default=False, description="Whether it was a drill.")
    author: Person | None = Field(
        default=None, description="Who answers for it: a person or a team."
    )
    summary: Annotated[str, Field(max_length=4096, json_schema_extra=LINES)] = Field(
        default="",
        description="Two or three sentences: what happened, who was affected, how it was resolved.",
    )
    impact: PostmortemImpact | None = Field(default=None, description="What it cost.")
    timeline: Annotated[list[TimelineRow], Field(max_length=MAX_ROWS)] = Field(
        default_factory=list, description="What happened when, in UTC, each row with its source."
    )
    what_happened: Chapter = Field(default="", description="The chain of failures, technically.")
    contributing_factors: ContributingFactors | None = Field(
        default=None, description="Why it happened, on three levels."
    )
    five_whys: Annotated[list[Paragraph], Field(max_length=_WHYS)] = Field(
        default_factory=list,
        description="Five answers, each the reason of the one before, down to the system. "
        "`Why …? → …` is shown as question and answer.",
    )
    went_well: Annotated[list[Point], Field(max_length=MAX_POINTS)] = Field(
        default_factory=list, description="What worked in the response."
    )
    went_poorly: Annotated[list[Point], Field(max_length=MAX_POINTS)] = Field(
        default_factory=list, description="What was slow, confusing or broken in the process."
    )
    action_items: Annotated[list[ActionItem], Field(max_length=MAX_ITEMS)] = Field(
        default_factory=list,
        description="Who will do what by when; tracked on until Done, also when the Incident is "
        "Closed.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["id"],
        },
    )
    lessons: Chapter = Field(default="", description="What future decisions are to take from it.")
    follow_up_review_at: Timestamp | None = Field(
        default=None,
        description="When the follow-up review takes place. Needed for Final, and so for closing "
        "the Incident.",
    )


class Reminded(ApiModel):
    """A reminder that was given, so that a restart does not repeat it."""

    item: Annotated[str, Field(max_length=63)] = Field(
        description="The action item that it was about; empty: the Postmortem itself."
    )
    at: Timestamp = Field(description="When.")


class ReportRef(ApiModel):
    """The rendered report."""

    config_map: Name = Field(description="Name of the ConfigMap that holds it.")
    generation: Annotated[int, Field(ge=0)] = Field(
        description="Generation of this Postmortem that was rendered."
    )


class PostmortemDisplay(ApiModel):
    """Texts for printer columns."""

    due: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="When it is due, as `2026-11-24 08:45 UTC`."
    )
    overdue: Annotated[str, Field(max_length=64)] = Field(
        default="", description="What is overdue."
    )


class PostmortemStatus(ApiModel):
    """How far it has come. Only the operator writes it."""

    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation of the spec that this status is about."
    )
    conditions: Annotated[list[Condition], Field(max_length=8)] = Field(
        default_factory=list,
        description="Complete (it is Final), Overdue (it is not, and its time is up), "
        "ActionItemsOverdue.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
    due_at: Timestamp | None = Field(default=None, description="When it is due.")
    completed_at: Timestamp | None = Field(
        default=None, description="When it was seen Final for the first time."
    )
    open_items: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Action items that are not Done."
    )
    overdue_items: Annotated[
        list[Annotated[str, Field(max_length=63)]], Field(max_length=MAX_ITEMS)
    ] = Field(default_factory=list, description="Ids of those whose due date is over.")
    reminders: Annotated[list[Reminded], Field(max_length=MAX_ITEMS + 1)] = Field(
        default_factory=list, description="The last reminder of each: at most one a day."
    )
    report: ReportRef | None = Field(default=None, description="The rendered report.")
    display: PostmortemDisplay | None = Field(
        default=None, description="Texts for printer columns."
    )


class Postmortem(ApiModel):
    """What was learned of an Incident, and who will do what about it by when."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                {
                    "rule": "self.metadata.name.size() <= 70",
                    "message": "metadata.name must have at most 70 characters: the report's "
                    "ConfigMap and Events add to it",
                    "fieldPath": ".metadata.name",
                }
            ]
        }
    }

    metadata: ObjectMeta
    spec: PostmortemSpec
    status: PostmortemStatus = Field(default_factory=PostmortemStatus)
