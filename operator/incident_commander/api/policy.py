"""ResponsePolicy: how an organisation runs incidents. This operator reads a part of it so far."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from .base import ApiModel, Duration, at_least_a_second
from .common import Condition, ObjectMeta, Severity

__all__ = [
    "ApprovalRules",
    "PostmortemNeed",
    "ResponsePolicy",
    "ResponsePolicySpec",
    "ResponsePolicyStatus",
    "RuleSwitch",
    "SeverityRule",
    "SeverityRules",
]

from enum import StrEnum

_CADENCE: Final = {
    Severity.SEV1: timedelta(minutes=15),
    Severity.SEV2: timedelta(minutes=30),
    Severity.SEV3: timedelta(hours=2),
    Severity.SEV4: timedelta(hours=24),
}


class SeverityRule(StrEnum):
    """What raises the severity by itself, at once, and never lowers it."""

    IMPACT_DOUBLED = "ImpactDoubled"
    PAYING_CUSTOMERS = "PayingCustomers"
    QUARTER_OF_USERS = "QuarterOfUsers"
    ALL_USERS = "AllUsers"
    DATA_INTEGRITY = "DataIntegrity"
    SECURITY_BREACH = "SecurityBreach"


class RuleSwitch(ApiModel):
    """Whether a rule is in force."""

    name: SeverityRule = Field(description="Name of the rule.")
    enabled: bool = Field(default=True, description="False: it raises nothing.")


class PostmortemNeed(StrEnum):
    """Whether an Incident of a severity owes a Postmortem."""

    REQUIRED = "Required"
    ON_ROLLBACK = "OnRollback"
    NONE = "None"


class SeverityRules(ApiModel):
    """What holds for Incidents of one severity."""

    name: Severity = Field(description="SEV1 to SEV4.")
    title: Annotated[str, Field(max_length=63)] = Field(default="", description="Its plain name.")
    criteria: Annotated[str, Field(max_length=512)] = Field(
        default="", description="When an incident has it."
    )
    respond_within: Duration | None = Field(
        default=None,
        description="When somebody is to have acknowledged; absent: on the next business day.",
    )
    first_update_within: Duration = Field(
        default=timedelta(minutes=5), description="When the first update is due."
    )
    update_every: Duration | None = Field(
        default=None, description="Time between two updates. Default: 15m, 30m, 2h, 24h."
    )
    monitor_for: Duration = Field(
        default=timedelta(minutes=30), description="How long a fix is watched."
    )
    postmortem: PostmortemNeed | None = Field(
        default=None,
        description="Required, OnRollback or None. Default: Required for SEV1 and SEV2, else "
        "OnRollback.",
    )

    @property
    def cadence(self) -> timedelta:
        """Time between two updates: what is written down, else the table of the seeds."""
        return self.update_every or _CADENCE[self.name]

    @property
    def postmortem_need(self) -> PostmortemNeed:
        """What holds, where nothing is said by the default of the severity."""
        if self.postmortem is not None:
            return self.postmortem
        grave = self.name in {Severity.SEV1, Severity.SEV2}
        return PostmortemNeed.REQUIRED if grave else PostmortemNeed.ON_ROLLBACK

    postmortem_within: Duration = Field(
        default=timedelta(hours=48), description="When the Postmortem is due."
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
    approvals: ApprovalRules = Field(
        default_factory=ApprovalRules, description="What holds for approvals."
    )
    rediagnose_every: Duration = Field(
        default=timedelta(minutes=5),
        description="While people investigate, diagnose again this often.",
    )

    def rules_for(self, severity: Severity) -> SeverityRules:
        """The rules of a severity: those written down, else the defaults of the contract."""
        for rules in self.severities:
            if rules.name is severity:
                return rules
        return SeverityRules(name=severity)


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
