"""ResponsePolicy: how an organisation runs incidents.

The built-in values are the two tables of the process: names, criteria, response times, cadence and
escalation by severity, and what raises a severity by itself. A policy says what differs.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from .base import LINES, ONE_LINE, PATTERN_MESSAGE, ApiModel, Duration, at_least_a_second
from .common import Condition, ObjectMeta, Severity
from .notices import Audience, ChannelName, NoticeKind

__all__ = [
    "ApprovalRules",
    "BusinessHours",
    "Channel",
    "Day",
    "Escalation",
    "EscalationTrigger",
    "PostmortemNeed",
    "ResponsePolicy",
    "ResponsePolicySpec",
    "ResponsePolicyStatus",
    "Role",
    "RuleSwitch",
    "SeverityRule",
    "SeverityRules",
    "Template",
]


class SeverityRule(StrEnum):
    """What raises the severity by itself, at once, and never lowers it."""

    IMPACT_DOUBLED = "ImpactDoubled"
    PAYING_CUSTOMERS = "PayingCustomers"
    QUARTER_OF_USERS = "QuarterOfUsers"
    ALL_USERS = "AllUsers"
    DATA_INTEGRITY = "DataIntegrity"
    SECURITY_BREACH = "SecurityBreach"
    NO_ROOT_CAUSE = "NoRootCause"


class RuleSwitch(ApiModel):
    """Whether a rule is in force."""

    name: SeverityRule = Field(description="Name of the rule.")
    enabled: bool = Field(default=True, description="False: it raises nothing.")


class PostmortemNeed(StrEnum):
    """Whether an Incident of a severity owes a Postmortem."""

    REQUIRED = "Required"
    ON_ROLLBACK = "OnRollback"
    NONE = "None"


class EscalationTrigger(StrEnum):
    """What has not happened in time."""

    NOT_ACKNOWLEDGED = "NotAcknowledged"
    NO_ROOT_CAUSE = "NoRootCause"
    APPROVAL_WAITING = "ApprovalWaiting"


class Escalation(ApiModel):
    """Whom to tell when something has not happened in time."""

    after: Duration | None = Field(
        default=None,
        description="How long to wait; 0s: at once, whatever happens. Absent: until the next "
        "business day begins.",
    )
    to: Annotated[str, Field(min_length=1, max_length=63, json_schema_extra=ONE_LINE)] = Field(
        description="Who is told: the channel of that name, or, where there is none, the "
        "executive channels, else the internal ones."
    )
    trigger: EscalationTrigger = Field(
        description="NotAcknowledged (since the declaration), NoRootCause (since the declaration, "
        "until the request root-cause or until the fix is verified) or ApprovalWaiting (since a "
        "proposal could be approved)."
    )


class Role(StrEnum):
    """Who does what in an Incident."""

    COMMANDER = "commander"
    TECH_LEAD = "techLead"
    COMMS = "comms"
    SCRIBE = "scribe"


class SeverityRules(ApiModel):
    """What holds for Incidents of one severity. What is absent has the built-in value."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {"x-kubernetes-validations": at_least_a_second("updateEvery")}
    }

    name: Severity = Field(description="SEV1 to SEV4.")
    title: Annotated[str, Field(max_length=63, json_schema_extra=ONE_LINE)] | None = Field(
        default=None, description="Its plain name."
    )
    criteria: Annotated[str, Field(max_length=512, json_schema_extra=LINES)] | None = Field(
        default=None, description="When an incident has it."
    )
    respond_within: Duration | None = Field(
        default=None,
        description="When somebody is to have acknowledged and taken command. Default: 5m, 15m, "
        "1h; for SEV4 the end of the next business day.",
    )
    first_update_within: Duration = Field(
        default=timedelta(minutes=5), description="When the first update is due."
    )
    update_every: Duration | None = Field(
        default=None, description="Time between two updates. Default: 15m, 30m, 2h, 24h."
    )
    roles: Annotated[list[Role], Field(max_length=4)] | None = Field(
        default=None,
        description="Roles that somebody is to have within respondWithin. Default: commander, "
        "techLead and comms for SEV1 and SEV2, else commander.",
    )
    escalation: Annotated[list[Escalation], Field(max_length=8)] | None = Field(
        default=None, description="Whom to tell when. Default: the table of the process."
    )
    monitor_for: Duration = Field(
        default=timedelta(minutes=30), description="How long a fix is watched."
    )
    postmortem: PostmortemNeed | None = Field(
        default=None,
        description="Required, OnRollback or None. Default: Required for SEV1 and SEV2, else "
        "OnRollback.",
    )
    postmortem_within: Duration = Field(
        default=timedelta(hours=48), description="When the Postmortem is due."
    )

    def completed(self) -> SeverityRules:
        """Give the same with nothing absent that has a built-in value."""
        built_in = _BUILT_IN[self.name]
        absent = {name for name in _BY_SEVERITY if getattr(self, name) is None}
        return self.model_copy(update={name: getattr(built_in, name) for name in absent})

    @property
    def cadence(self) -> timedelta:
        """Time between two updates."""
        return self.completed().update_every or timedelta(hours=24)

    @property
    def postmortem_need(self) -> PostmortemNeed:
        """Whether a Postmortem is owed."""
        return self.completed().postmortem or PostmortemNeed.ON_ROLLBACK


def _escalations(*lines: tuple[str, EscalationTrigger, timedelta | None]) -> list[Escalation]:
    return [Escalation(after=after, to=to, trigger=trigger) for to, trigger, after in lines]


_NOBODY: Final = EscalationTrigger.NOT_ACKNOWLEDGED
_NO_CAUSE: Final = EscalationTrigger.NO_ROOT_CAUSE
_WAITING: Final = EscalationTrigger.APPROVAL_WAITING
_LEAD: Final = [Role.COMMANDER, Role.TECH_LEAD, Role.COMMS]
_BY_SEVERITY: Final = (
    *("title", "criteria", "respond_within", "update_every"),
    *("roles", "escalation", "postmortem"),
)
"""Fields whose built-in value depends on the severity."""

_BUILT_IN: Final = {
    rules.name: rules
    for rules in (
        SeverityRules(
            name=Severity.SEV1,
            title="Critical",
            criteria="Full service outage, data loss risk, security breach",
            respond_within=timedelta(minutes=5),
            update_every=timedelta(minutes=15),
            roles=_LEAD,
            escalation=_escalations(
                ("vp-engineering", _NOBODY, timedelta()),
                ("cto", _NOBODY, timedelta()),
                ("engineering-manager", _WAITING, timedelta(minutes=5)),
                ("executives", _NO_CAUSE, timedelta(minutes=30)),
            ),
            postmortem=PostmortemNeed.REQUIRED,
        ),
        SeverityRules(
            name=Severity.SEV2,
            title="Major",
            criteria="Degraded service for more than 25 % of users, key feature down",
            respond_within=timedelta(minutes=15),
            update_every=timedelta(minutes=30),
            roles=_LEAD,
            escalation=_escalations(
                ("engineering-manager", _NOBODY, timedelta(minutes=15)),
                ("engineering-manager", _WAITING, timedelta(minutes=10)),
                ("vp-engineering", _NO_CAUSE, timedelta(hours=2)),
            ),
            postmortem=PostmortemNeed.REQUIRED,
        ),
        SeverityRules(
            name=Severity.SEV3,
            title="Moderate",
            criteria="Minor feature broken, workaround available",
            respond_within=timedelta(hours=1),
            update_every=timedelta(hours=2),
            roles=[Role.COMMANDER],
            escalation=_escalations(("team-lead", _NOBODY, None)),
            postmortem=PostmortemNeed.ON_ROLLBACK,
        ),
        SeverityRules(
            name=Severity.SEV4,
            title="Low",
            criteria="Cosmetic issue, no user impact, tech debt trigger",
            update_every=timedelta(hours=24),
            roles=[Role.COMMANDER],
            escalation=_escalations(("backlog-triage", _NOBODY, None)),
            postmortem=PostmortemNeed.ON_ROLLBACK,
        ),
    )
}


class Day(StrEnum):
    """A day of the week."""

    MON = "Mon"
    TUE = "Tue"
    WED = "Wed"
    THU = "Thu"
    FRI = "Fri"
    SAT = "Sat"
    SUN = "Sun"


TimeOfDay = Annotated[
    str,
    Field(
        max_length=5,
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        json_schema_extra={PATTERN_MESSAGE: "a time of day such as 09:00"},
    ),
]


class BusinessHours(ApiModel):
    """When people work who are not on call."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.from) || !has(self.to) || self.from < self.to",
                    "message": "businessHours.to must be later than businessHours.from",
                    "fieldPath": ".to",
                }
            ]
        }
    }

    time_zone: Annotated[
        str,
        Field(
            max_length=64,
            pattern=r"^[A-Za-z][A-Za-z0-9_+/-]*$",
            json_schema_extra={PATTERN_MESSAGE: "the name of a time zone such as Europe/Berlin"},
        ),
    ] = Field(default="UTC", description="Time zone, such as Europe/Berlin (IANA).")
    days: Annotated[list[Day], Field(min_length=1, max_length=7)] = Field(
        default_factory=lambda: [Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI],
        description="Business days.",
    )
    from_: TimeOfDay = Field(default="09:00", alias="from", description="They begin.")
    to: TimeOfDay = Field(default="17:00", description="They end.")


class Channel(ApiModel):
    """Where notices are sent. Its URL stands in the Secret beside the operator, under its name."""

    name: ChannelName = Field(description="Key in the Secret with the channels' URLs.")
    audience: Audience = Field(
        description="Internal (everything), Executive (the same, with templates of their own) or "
        "External (no causes, titles or names; never for drills)."
    )
    severities: Annotated[list[Severity], Field(max_length=4)] = Field(
        default_factory=list, description="Only Incidents of these; none: of all."
    )


AllowedLink = Annotated[
    str,
    Field(
        max_length=253,
        pattern=r"^https://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9_./~-]*)?$",
        json_schema_extra={
            PATTERN_MESSAGE: "https://, a host in lower case and, if wanted, a path: "
            "https://status.example/shop"
        },
    ),
]


class Template(ApiModel):
    """The words of one kind of notice, in Jinja2."""

    audience: Audience = Field(description="For whom.")
    kind: NoticeKind = Field(description="First, Update, Resolved, Escalation or PostmortemDue.")
    subject: (
        Annotated[str, Field(min_length=1, max_length=160, json_schema_extra=ONE_LINE)] | None
    ) = Field(default=None, description="Subject line. Default: the built-in one.")
    text: Annotated[str, Field(min_length=1, max_length=1024, json_schema_extra=LINES)] = Field(
        description="Text. docs/updates.md lists what it can name, by audience."
    )


class ApprovalRules(ApiModel):
    """What holds for approvals."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {"x-kubernetes-validations": at_least_a_second("expireAfter")}
    }

    expire_after: Duration = Field(
        default=timedelta(minutes=15), description="How long a proposal can be approved."
    )
    cooldown: Duration = Field(
        default=timedelta(minutes=5), description="Least time between two actions on a target."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Remediations per Incident, and per target within the window."
    )
    window: Duration = Field(
        default=timedelta(hours=1),
        description="Within this time a target gets no more than maxAttempts remediations, whichever "
        "Incidents they are for.",
    )


class ResponsePolicySpec(ApiModel):
    """How incidents are run."""

    model_config: ClassVar[ConfigDict] = {
        "json_schema_extra": {"x-kubernetes-validations": at_least_a_second("rediagnoseEvery")}
    }

    severities: Annotated[list[SeverityRules], Field(max_length=4)] = Field(
        default_factory=list,
        description="Rules by severity; what is absent has the default.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    rules: Annotated[list[RuleSwitch], Field(max_length=16)] = Field(
        default_factory=list,
        description="Rules that raise the severity; those that are not named are in force.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    business_hours: BusinessHours = Field(
        default_factory=BusinessHours,
        description="What `next business day` means. Default: Monday to Friday, 09:00 to 17:00 UTC.",
    )
    channels: Annotated[list[Channel], Field(max_length=8)] = Field(
        default_factory=list,
        description="Where updates and escalations are sent.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    templates: Annotated[list[Template], Field(max_length=8)] = Field(
        default_factory=list,
        description="Words of your own for notices.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["audience", "kind"],
        },
    )
    allowed_links: Annotated[list[AllowedLink], Field(max_length=8)] = Field(
        default_factory=list,
        description="How links may begin that people's words may carry to outsiders, such as the "
        "status page. Words with any other link, an address or a telephone number are held back.",
    )
    retention: Duration | None = Field(
        default=None,
        description="How long an ended Incident is kept, with its timeline and its Postmortem. It "
        "is deleted then, unless action items are open. Absent: for ever. The operator may delete "
        "only where the chart is installed with retention.enabled.",
    )
    approvals: ApprovalRules = Field(
        default_factory=ApprovalRules, description="What holds for approvals."
    )
    rediagnose_every: Duration = Field(
        default=timedelta(minutes=5),
        description="While people investigate, diagnose again this often.",
    )

    def rules_for(self, severity: Severity) -> SeverityRules:
        """The rules of a severity: what is written down, completed by the built-in values."""
        for rules in self.severities:
            if rules.name is severity:
                return rules.completed()
        return _BUILT_IN[severity]

    def channels_for(self, audience: Audience, severity: Severity) -> list[Channel]:
        """Give the channels of an audience that want Incidents of a severity."""
        return [
            channel
            for channel in self.channels
            if channel.audience is audience
            and (not channel.severities or severity in channel.severities)
        ]

    def differing(self) -> ResponsePolicySpec:
        """Give what differs from the built-in values: small enough to be pinned in a status."""
        kept = []
        for rules in self.severities:
            built_in = _BUILT_IN[rules.name]
            own = {
                name: value
                for name in type(rules).model_fields
                if (value := getattr(rules, name)) is not None and value != getattr(built_in, name)
            }
            if own:
                kept.append(SeverityRules(name=rules.name).model_copy(update=own))
        pruned = self.model_copy(update={"severities": kept})
        # Read back, so that nothing counts as said that only has its built-in value.
        said = pruned.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return ResponsePolicySpec.model_validate(said)


class ResponsePolicyStatus(ApiModel):
    """Whether the policy can be used."""

    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation that was judged."
    )
    conditions: Annotated[list[Condition], Field(max_length=8)] = Field(
        default_factory=list,
        description="Ready: it can be used.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )


class ResponsePolicy(ApiModel):
    """How an organisation runs incidents."""

    metadata: ObjectMeta
    spec: ResponsePolicySpec = Field(default_factory=ResponsePolicySpec)
    status: ResponsePolicyStatus = Field(default_factory=ResponsePolicyStatus)
